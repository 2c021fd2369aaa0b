//! The engine itself, and what is about everything: the overview, what is stranded, why, the merge queue, events, rigs.

use axum::Json;
use axum::extract::{OriginalUri, State};
use axum::http::StatusCode;
use convoy_api::query::{EngineView, WhyView};
use convoy_core::event::Envelope;
use convoy_core::id::Seq;
use convoy_core::view::{
    EpicView, FactsView, OverviewView, QueueItemView, RigStatusView, RigView, StrandedView,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::templates::Part;
use crate::ask;
use crate::http::give::{Cut, PAGE_MAX, Page, Shaped};
use crate::http::take::{Id, Path, Query};
use crate::http::{Error, Site};
use crate::shapes::{Engine, Event, WhyShape};

/// How many events are given at once if nobody says how many.
const EVENTS: usize = 100;

/// That the engine serves.
#[derive(Serialize, JsonSchema)]
pub(super) struct Health {
    /// `ok`.
    status: &'static str,
    /// The version of the program.
    version: &'static str,
}

pub(super) async fn health() -> Json<Health> {
    Json(Health { status: "ok", version: env!("CARGO_PKG_VERSION") })
}

pub(super) async fn overview(State(site): State<Site>) -> Result<Json<OverviewView>, Error> {
    Ok(Json(site.ask(ask::overview).await?))
}

pub(super) async fn status(State(site): State<Site>) -> Result<Shaped<Engine, EngineView>, Error> {
    Ok(Shaped::new(site.ask(ask::engine).await?))
}

pub(super) async fn facts(State(site): State<Site>) -> Result<Json<FactsView>, Error> {
    Ok(Json(site.ask(ask::facts).await?))
}

pub(super) async fn why(
    State(site): State<Site>,
    Path(id): Path<Id>,
) -> Result<Shaped<WhyShape, WhyView>, Error> {
    Ok(Shaped::new(site.ask(move |service| ask::why(service, &id.text())).await?))
}

/// Which stranded convoys.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Stranded {
    /// Only those that should have landed before now.
    #[serde(default)]
    overdue: bool,
    /// At most so many: 1 to 1000, 100 if not given.
    limit: Option<usize>,
    /// Without the first so many.
    #[serde(default)]
    skip: usize,
}

pub(super) async fn stranded(
    State(site): State<Site>,
    uri: OriginalUri,
    Query(Stranded { overdue, limit, skip }): Query<Stranded>,
) -> Result<Page<StrandedView>, Error> {
    let cut = Cut::new(limit, skip, uri)?;
    let mut stranded = site.ask(ask::stranded).await?;
    stranded.retain(|convoy| convoy.overdue || !overdue);
    Ok(cut.of(stranded))
}

/// What of the merge queue.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Queue {
    /// Only of this rig.
    rig: Option<String>,
    /// Only this one: its issue, worker or session.
    issue: Option<String>,
    /// At most so many: 1 to 1000, 100 if not given.
    limit: Option<usize>,
    /// Without the first so many.
    #[serde(default)]
    skip: usize,
}

pub(super) async fn queue(
    State(site): State<Site>,
    uri: OriginalUri,
    Query(Queue { rig, issue, limit, skip }): Query<Queue>,
) -> Result<Page<QueueItemView>, Error> {
    let cut = Cut::new(limit, skip, uri)?;
    Ok(cut.of(site.ask(move |service| ask::queue(service, rig, issue)).await?))
}

pub(super) async fn rigs(
    State(site): State<Site>,
    uri: OriginalUri,
    Query(Part { limit, skip }): Query<Part>,
) -> Result<Page<RigView>, Error> {
    let cut = Cut::new(limit, skip, uri)?;
    Ok(cut.of(site.ask(ask::rigs).await?))
}

pub(super) async fn rig(State(site): State<Site>, Path(id): Path<Id>) -> Result<Json<RigStatusView>, Error> {
    Ok(Json(site.ask(move |service| ask::rig(service, &id.text())).await?))
}

pub(super) async fn epics(
    State(site): State<Site>,
    uri: OriginalUri,
    Query(Part { limit, skip }): Query<Part>,
) -> Result<Page<EpicView>, Error> {
    let cut = Cut::new(limit, skip, uri)?;
    Ok(cut.of(site.ask(|service| ask::epics(service, true)).await?))
}

/// Which events.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Since {
    /// After this number.
    #[serde(default)]
    since: u64,
    /// Only those whose dotted type begins so.
    #[serde(rename = "type")]
    kind: Option<String>,
    /// At most so many: 1 to 1000, 100 if not given.
    limit: Option<usize>,
}

/// A part of what happened.
#[derive(Serialize, JsonSchema)]
pub(super) struct EventsView {
    /// What happened, oldest first.
    #[schemars(with = "Vec<Event>")]
    events: Vec<Envelope>,
    /// Up to this number that is all that fits: where to go on.
    seq: Seq,
}

pub(super) async fn events(
    State(site): State<Site>,
    Query(Since { since, kind, limit }): Query<Since>,
) -> Result<Json<EventsView>, Error> {
    let limit = limit.unwrap_or(EVENTS);
    if !(1..=PAGE_MAX).contains(&limit) {
        let wrong = format!("limit={limit} is not accepted: expected 1 to {PAGE_MAX}");
        return Err(Error::new(StatusCode::BAD_REQUEST, "invalid", wrong));
    }
    let (events, seq) = site.ask(move |service| ask::events(service, Seq(since), limit, kind)).await?;
    Ok(Json(EventsView { events, seq }))
}
