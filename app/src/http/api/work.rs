//! Workers, their sessions, and what their agents print.

use axum::Json;
use axum::extract::{OriginalUri, State};
use axum::http::StatusCode;
use convoy_api::{Answer, Code, Failure, Query as Ask};
use convoy_core::command::Request;
use convoy_core::id::SessionId;
use convoy_core::view::{SessionView, WorkerView};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::values;
use crate::ask;
use crate::http::give::{Cut, Did, DidAll, Page};
use crate::http::stream::OutputView;
use crate::http::take::{Body, Caller, Id, Path, Query, Speaker};
use crate::http::{Error, Site, tasks};
use crate::tell::tell;

/// How much of an output is given at once if nobody says how much, in bytes.
const OUTPUT_BYTES: usize = 256 * 1024;
/// The most.
const OUTPUT_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Which workers or sessions.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Which {
    /// All that ever were.
    #[serde(default)]
    all: bool,
    /// At most so many: 1 to 1000, 100 if not given.
    limit: Option<usize>,
    /// Without the first so many.
    #[serde(default)]
    skip: usize,
}

pub(super) async fn list(
    State(site): State<Site>,
    uri: OriginalUri,
    Query(Which { all, limit, skip }): Query<Which>,
) -> Result<Page<WorkerView>, Error> {
    let cut = Cut::new(limit, skip, uri)?;
    Ok(cut.of(site.ask(move |service| ask::workers(service, all)).await?))
}

pub(super) async fn show(State(site): State<Site>, Path(id): Path<Id>) -> Result<Json<WorkerView>, Error> {
    Ok(Json(site.ask(move |service| ask::worker(service, &id.text())).await?))
}

pub(super) async fn sessions(
    State(site): State<Site>,
    uri: OriginalUri,
    Query(Which { all, limit, skip }): Query<Which>,
) -> Result<Page<SessionView>, Error> {
    let cut = Cut::new(limit, skip, uri)?;
    match site.ask(move |service| service.ask(Ask::Sessions { all })).await? {
        Answer::Sessions { sessions } => Ok(cut.of(sessions)),
        _ => Err(Failure::new(Code::Unavailable, "the engine gave an answer to another question").into()),
    }
}

pub(super) async fn session(
    State(site): State<Site>,
    Path(id): Path<Id>,
) -> Result<Json<SessionView>, Error> {
    let id = id.text();
    let of = id.clone();
    let worker = site.ask(move |service| ask::worker(service, &of)).await?;
    let named = worker.sessions.into_iter().find(|session| session.id.as_str().starts_with(&id));
    named.map(Json).ok_or_else(|| {
        Error::new(StatusCode::NOT_FOUND, "not_found", format!("{id} is no session"))
            .hint(format!("those of its worker: /api/work/{id}"))
    })
}

pub(super) async fn retry(
    State(site): State<Site>,
    Path(id): Path<Id>,
    caller: Caller,
) -> Result<Did, Error> {
    Ok(Did::of(site.act(Request::WorkRetry { issue: id.text() }, caller).await?)?.accepted())
}

pub(super) async fn stop(State(site): State<Site>, Path(id): Path<Id>, caller: Caller) -> Result<Did, Error> {
    Ok(Did::of(site.act(Request::WorkStop { issue: id.text() }, caller).await?)?.accepted())
}

pub(super) async fn release(
    State(site): State<Site>,
    Path(id): Path<Id>,
    caller: Caller,
) -> Result<Did, Error> {
    Ok(Did::of(site.act(Request::WorkRelease { issue: id.text() }, caller).await?)?.accepted())
}

/// Whom to set to an issue.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Assignment {
    /// A convoy that tracks the issue.
    convoy: String,
    /// The agent.
    agent: Option<String>,
    /// The model.
    model: Option<String>,
    /// The most that its worker may spend, in US dollars: "2.50".
    budget_usd: Option<String>,
}

pub(super) async fn assign(
    State(site): State<Site>,
    Path(id): Path<Id>,
    caller: Caller,
    Body(Assignment { convoy, agent, model, budget_usd }): Body<Assignment>,
) -> Result<Did, Error> {
    let budget = budget_usd.map(values::dollars).transpose()?;
    let request = Request::Assign { issue: id.text(), convoy, agent, model, budget };
    Ok(Did::of(site.act(request, caller).await?)?.accepted())
}

/// Issues to be worked on, each in a convoy.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Sling {
    /// The issues.
    #[schemars(length(min = 1))]
    issues: Vec<String>,
    /// A rig, or a rig and a name for the worker.
    target: Option<String>,
    /// The agent.
    agent: Option<String>,
    /// The model.
    model: Option<String>,
    /// The branch that the work lands in.
    base: Option<String>,
    /// The most that each of their workers may spend, in US dollars: "2.50".
    budget_usd: Option<String>,
    /// Make no convoy.
    #[serde(default)]
    no_convoy: bool,
    /// Also in a rig that is parked.
    #[serde(default)]
    force: bool,
}

pub(super) async fn sling(
    State(site): State<Site>,
    caller: Caller,
    Body(sling): Body<Sling>,
) -> Result<DidAll, Error> {
    let Sling { issues, target, agent, model, base, budget_usd, no_convoy, force } = sling;
    let budget = budget_usd.map(values::dollars).transpose()?;
    let request = Request::Sling { issues, target, agent, model, base, no_convoy, force, budget };
    Ok(DidAll::of(site.act(request, caller).await?))
}

/// What to tell an agent.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Word {
    /// What.
    text: String,
}

/// That an agent was told something.
#[derive(Serialize, JsonSchema)]
pub(super) struct Told {
    ok: bool,
    session_id: SessionId,
    /// The number of it among what its supervisor reports.
    n: u64,
}

pub(super) async fn nudge(
    State(site): State<Site>,
    Path(id): Path<Id>,
    Speaker(by): Speaker,
    Body(Word { text }): Body<Word>,
) -> Result<Json<Told>, Error> {
    let (_, session) = found(&site, &id.text()).await?;
    let workspace = site.workspace().clone();
    let to = session.clone();
    let told = tasks::blocking(move || Ok(tell(&workspace, &to, to.as_str(), &text, &by))).await?;
    Ok(Json(Told { ok: true, session_id: session, n: told? }))
}

/// The worker, and the session that is meant.
async fn found(site: &Site, id: &str) -> Result<(WorkerView, SessionId), Error> {
    let of = id.to_owned();
    let worker = site.ask(move |service| ask::worker(service, &of)).await?;
    let session = ask::session_of(&worker, id)?.clone();
    Ok((worker, session))
}

/// Which part of an output.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Piece {
    /// From this byte on; without it from the beginning.
    #[serde(default)]
    offset: u64,
    /// About so many bytes: up to 4 MiB, 256 KiB if not given.
    limit: Option<usize>,
    /// As it was printed, not made readable.
    #[serde(default)]
    raw: bool,
}

pub(super) async fn output(
    State(site): State<Site>,
    Path(id): Path<Id>,
    Query(Piece { offset, limit, raw }): Query<Piece>,
) -> Result<Json<OutputView>, Error> {
    let limit = limit.unwrap_or(OUTPUT_BYTES);
    if !(1..=OUTPUT_BYTES_MAX).contains(&limit) {
        let wrong = format!("limit={limit} is not accepted: expected 1 to {OUTPUT_BYTES_MAX}");
        return Err(Error::new(StatusCode::BAD_REQUEST, "invalid", wrong));
    }
    let (worker, session) = found(&site, &id.text()).await?;
    let (tails, of) = (site.streams().tails(), session.clone());
    let part = tasks::blocking(move || tails.tail(&of).part(offset, limit as u64, raw)).await?;
    Ok(Json(OutputView::new(&session, Some(&worker.id), part)))
}
