//! Convoys.

use axum::Json;
use axum::extract::{OriginalUri, State};
use convoy_api::query::ConvoyFilter;
use convoy_api::{Answer, Code, Failure, Query as Ask};
use convoy_core::command::Request;
use convoy_core::convoy::MergeStrategy;
use convoy_core::time::Time;
use convoy_core::view::{ConvoyView, WorkerView};
use schemars::JsonSchema;
use serde::Deserialize;

use super::values;
use crate::ask;
use crate::http::give::{Cut, Did, DidAll, Made, Page};
use crate::http::take::{Body, Caller, Id, Path, Query, Ref};
use crate::http::{Error, Site};
use crate::reports::{self, FileView, OutputView};

/// Which convoys.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Which {
    /// A status, `closed` for both that end one, or the outcome of a template convoy.
    status: Option<String>,
    /// Also closed ones.
    #[serde(default)]
    all: bool,
    /// Of this epic.
    epic: Option<String>,
    /// Only those that should have landed before now.
    #[serde(default)]
    overdue: bool,
    /// At most so many: 1 to 1000, 100 if not given.
    limit: Option<usize>,
    /// Without the first so many.
    #[serde(default)]
    skip: usize,
}

pub(super) async fn list(
    State(site): State<Site>,
    uri: OriginalUri,
    Query(which): Query<Which>,
) -> Result<Page<ConvoyView>, Error> {
    let Which { status, all, epic, overdue, limit, skip } = which;
    let cut = Cut::new(limit, skip, uri)?;
    let filter = ConvoyFilter { status, all, epic, overdue, limit: Some(cut.limit), skip };
    let found = site.ask(move |service| service.ask(Ask::Convoys(filter))).await?;
    let Answer::Convoys { convoys, total } = found else { return Err(other().into()) };
    Ok(cut.cut(convoys, total))
}

fn other() -> Failure {
    Failure::new(Code::Unavailable, "the engine gave an answer to another question")
}

pub(super) async fn show(State(site): State<Site>, Path(id): Path<Id>) -> Result<Json<ConvoyView>, Error> {
    let (convoy, _) = site.ask(move |service| ask::convoy(service, &id.text())).await?;
    Ok(Json(convoy))
}

/// A convoy to be made.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct New {
    /// What people call it; the epic's title if not given with `from_epic`.
    #[serde(default)]
    name: String,
    /// Issues that it tracks.
    #[serde(default)]
    issues: Vec<String>,
    /// Track what can be worked on of this issue of type epic.
    from_epic: Option<String>,
    /// The epic that it belongs to: a name that groups convoys and sessions.
    epic: Option<String>,
    /// No observer lands it: its owner does.
    #[serde(default)]
    owned: bool,
    /// When it should have landed.
    due_at: Option<Time>,
    /// The most that may be spent on it, in US dollars: "2.50".
    budget_usd: Option<String>,
    /// Who is told when it lands; the person if not given.
    owner: Option<String>,
    /// Who else is told.
    #[serde(default)]
    notify: Vec<String>,
    /// How branches land.
    merge: Option<MergeStrategy>,
    /// The branch that they land in.
    base: Option<String>,
    /// How many agents may work on it at once.
    max_parallel: Option<u32>,
    /// Have it worked on at once.
    #[serde(default)]
    run: bool,
}

pub(super) async fn create(
    State(site): State<Site>,
    caller: Caller,
    Body(new): Body<New>,
) -> Result<Made<ConvoyView>, Error> {
    let request = Request::ConvoyCreate {
        name: new.name,
        issues: new.issues,
        owner: new.owner,
        notify: values::addresses("notify", new.notify)?,
        merge: new.merge,
        base: new.base,
        max_parallel: values::at_least_one("max_parallel", new.max_parallel)?,
        start: new.run,
        from_epic: new.from_epic,
        epic: new.epic,
        owned: new.owned,
        due: new.due_at,
        budget: new.budget_usd.as_deref().map(values::dollars).transpose()?,
    };
    let show = |service: &dyn convoy_api::Service, id: &str| ask::convoy(service, id);
    let ((convoy, _), changed) = site.make(request, caller, show).await?;
    Ok(made(convoy, changed))
}

pub(super) fn made(convoy: ConvoyView, changed: bool) -> Made<ConvoyView> {
    Made { location: format!("/api/convoys/{}", convoy.id), value: convoy, changed }
}

pub(super) async fn start(
    State(site): State<Site>,
    Path(id): Path<Id>,
    caller: Caller,
) -> Result<Did, Error> {
    Ok(Did::of(site.act(Request::ConvoyStart { convoy: id.text() }, caller).await?)?.accepted())
}

pub(super) async fn stop(State(site): State<Site>, Path(id): Path<Id>, caller: Caller) -> Result<Did, Error> {
    Ok(Did::of(site.act(Request::ConvoyStop { convoy: id.text() }, caller).await?)?.accepted())
}

/// Why a convoy is closed.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Closing {
    /// For those who are told.
    reason: Option<String>,
    /// Who else is told.
    notify: Vec<String>,
}

pub(super) async fn close(
    State(site): State<Site>,
    Path(id): Path<Id>,
    caller: Caller,
    Body(Closing { reason, notify }): Body<Closing>,
) -> Result<Did, Error> {
    let notify = values::addresses("notify", notify)?;
    Did::of(site.act(Request::ConvoyClose { convoy: id.text(), reason, notify }, caller).await?)
}

pub(super) async fn reopen(
    State(site): State<Site>,
    Path(id): Path<Id>,
    caller: Caller,
) -> Result<Did, Error> {
    Did::of(site.act(Request::ConvoyReopen { convoy: id.text() }, caller).await?)
}

pub(super) async fn land(State(site): State<Site>, Path(id): Path<Id>, caller: Caller) -> Result<Did, Error> {
    Did::of(site.act(Request::ConvoyLand { convoy: id.text() }, caller).await?)
}

/// Issues.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Issues {
    /// Their ids, or unique prefixes of them.
    #[schemars(length(min = 1))]
    issues: Vec<String>,
}

pub(super) async fn add(
    State(site): State<Site>,
    Path(id): Path<Id>,
    caller: Caller,
    Body(Issues { issues }): Body<Issues>,
) -> Result<DidAll, Error> {
    Ok(DidAll::of(site.act(Request::ConvoyAdd { convoy: id.text(), issues }, caller).await?))
}

pub(super) async fn remove(
    State(site): State<Site>,
    Path(id): Path<Id>,
    caller: Caller,
    Body(Issues { issues }): Body<Issues>,
) -> Result<DidAll, Error> {
    Ok(DidAll::of(site.act(Request::ConvoyRemove { convoy: id.text(), issues }, caller).await?))
}

pub(super) async fn check(
    State(site): State<Site>,
    Path(id): Path<Id>,
    caller: Caller,
) -> Result<DidAll, Error> {
    Ok(DidAll::of(site.act(Request::ConvoyCheck { convoy: Some(id.text()) }, caller).await?))
}

pub(super) async fn check_all(State(site): State<Site>, caller: Caller) -> Result<DidAll, Error> {
    Ok(DidAll::of(site.act(Request::ConvoyCheck { convoy: None }, caller).await?))
}

/// How a report is made.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Making {
    /// Change the issues that it is about as its judgements say.
    apply: bool,
}

pub(super) async fn synthesize(
    State(site): State<Site>,
    Path(id): Path<Id>,
    caller: Caller,
    Body(Making { apply }): Body<Making>,
) -> Result<Did, Error> {
    let request = Request::ConvoySynthesize { convoy: id.text(), apply };
    Ok(Did::of(site.act(request, caller).await?)?.accepted())
}

pub(super) async fn output(State(site): State<Site>, Path(id): Path<Id>) -> Result<Json<OutputView>, Error> {
    let workspace = site.workspace().clone();
    let id = id.text();
    let read = move |service: &dyn convoy_api::Service| {
        let convoy = ask::convoy(service, &id)?.0;
        Ok(reports::written_by(&workspace, &convoy)
            .and_then(|reports| reports::all(&mut |issue| worker(service, issue), &convoy, &reports)))
    };
    Ok(Json(site.ask(read).await??))
}

/// What a role of a convoy wrote.
#[derive(Deserialize, JsonSchema)]
pub(super) struct OfRole {
    /// The convoy's id, or a unique prefix of it.
    id: Ref,
    /// The role.
    role: Ref,
}

pub(super) async fn output_of_role(
    State(site): State<Site>,
    Path(OfRole { id, role }): Path<OfRole>,
) -> Result<Json<FileView>, Error> {
    let workspace = site.workspace().clone();
    let read = move |service: &dyn convoy_api::Service| {
        let convoy = ask::convoy(service, &id.text())?.0;
        let who = &mut |issue: &str| worker(service, issue);
        Ok(reports::written_by(&workspace, &convoy)
            .and_then(|reports| reports::one(who, &convoy, &reports, &role.text())))
    };
    Ok(Json(site.ask(read).await??))
}

fn worker(service: &dyn convoy_api::Service, issue: &str) -> Option<WorkerView> {
    ask::worker(service, issue).ok()
}
