//! Issues.

use axum::Json;
use axum::extract::{OriginalUri, State};
use convoy_api::query::IssueFilter;
use convoy_core::command::Request;
use convoy_core::event::IssueChange;
use convoy_core::issue::{CloseReason, IssueType};
use convoy_core::view::IssueView;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::ask;
use crate::http::give::{Cut, Did, Made, Page};
use crate::http::take::{Body, Caller, Id, Path, Query};
use crate::http::{Error, Site};

/// How urgent an issue is if nobody says so.
const PRIORITY: u8 = 2;
/// Which issues.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Which {
    /// With this status: open, in_progress, submitted, needs_human, closed or unknown.
    status: Option<String>,
    /// With this label; `convoy:<id>` means tracked by that convoy.
    label: Option<String>,
    /// Of this rig.
    rig: Option<String>,
    /// Tracked by this convoy.
    convoy: Option<String>,
    /// Of this type.
    #[serde(rename = "type")]
    kind: Option<IssueType>,
    /// Only what could be worked on now.
    #[serde(default)]
    ready: bool,
    /// Also closed ones, and the roles of template convoys.
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
    Query(which): Query<Which>,
) -> Result<Page<IssueView>, Error> {
    let Which { status, label, rig, convoy, kind, ready, all, limit, skip } = which;
    let cut = Cut::new(limit, skip, uri)?;
    let filter = IssueFilter {
        status,
        label,
        rig,
        convoy,
        issue_type: kind,
        ready,
        all,
        limit: Some(cut.limit),
        skip,
        no_steps: false,
    };
    let (issues, total) = site.ask(move |service| ask::issues(service, filter.as_listed())).await?;
    Ok(cut.cut(issues, total))
}

pub(super) async fn show(State(site): State<Site>, Path(id): Path<Id>) -> Result<Json<IssueView>, Error> {
    Ok(Json(site.ask(move |service| ask::issue(service, &id.text())).await?))
}

/// An issue to be made.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct New {
    /// One line.
    title: String,
    /// Its id; made up if not given.
    id: Option<String>,
    /// The rig whose repository it is about; read from the prefix of its id if not given.
    rig: Option<String>,
    /// What sort of work.
    #[serde(rename = "type", default)]
    kind: IssueType,
    /// The whole story.
    #[serde(default)]
    body: String,
    /// From 0, most urgent, to 4; 2 if not given.
    #[schemars(range(min = 0, max = 4))]
    priority: Option<u8>,
    /// Labels.
    #[serde(default)]
    labels: Vec<String>,
    /// The issue that it is part of.
    parent: Option<String>,
    /// Issues that must be closed first.
    #[serde(default)]
    needs: Vec<String>,
    /// When it counts as done.
    #[serde(default)]
    acceptance: Vec<String>,
}

pub(super) async fn create(
    State(site): State<Site>,
    caller: Caller,
    Body(new): Body<New>,
) -> Result<Made<IssueView>, Error> {
    let New { title, id, rig, kind, body, priority, labels, parent, needs, acceptance } = new;
    let priority = priority.unwrap_or(PRIORITY);
    let request = Request::IssueCreate {
        id,
        rig,
        title,
        body,
        issue_type: kind,
        priority,
        labels,
        parent,
        needs,
        acceptance,
    };
    let (value, changed) = site.make(request, caller, ask::issue).await?;
    Ok(Made { location: format!("/api/issues/{}", value.id), value, changed })
}

/// What of an issue is changed; what is absent stays.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Change {
    /// New title.
    title: Option<String>,
    /// New text.
    body: Option<String>,
    /// From 0, most urgent, to 4.
    #[schemars(range(min = 0, max = 4))]
    priority: Option<u8>,
    /// What sort of work.
    #[serde(rename = "type")]
    kind: Option<IssueType>,
    /// Labels to add.
    #[serde(default)]
    add_labels: Vec<String>,
    /// Labels to take away.
    #[serde(default)]
    remove_labels: Vec<String>,
    /// When it counts as done, in place of what was said before.
    acceptance: Option<Vec<String>>,
}

pub(super) async fn update(
    State(site): State<Site>,
    Path(id): Path<Id>,
    caller: Caller,
    Body(change): Body<Change>,
) -> Result<Did, Error> {
    let Change { title, body, priority, kind, add_labels, remove_labels, acceptance } = change;
    let change = IssueChange {
        title,
        body,
        priority,
        issue_type: kind,
        add_labels,
        remove_labels,
        hold: None,
        acceptance,
    };
    Did::of(site.act(Request::IssueUpdate { ids: vec![id.text()], change }, caller).await?)
}

/// Why an issue is closed.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Closing {
    /// completed, merged, dropped or duplicate; completed if not given.
    reason: Option<CloseReason>,
    /// The issue that stands for it, of a duplicate.
    duplicate_of: Option<String>,
    /// What is to be said about it.
    note: Option<String>,
}

pub(super) async fn close(
    State(site): State<Site>,
    Path(id): Path<Id>,
    caller: Caller,
    Body(Closing { reason, duplicate_of, note }): Body<Closing>,
) -> Result<Did, Error> {
    let reason = reason.unwrap_or(CloseReason::Completed);
    let request = Request::IssueClose { ids: vec![id.text()], reason, duplicate_of, note };
    Did::of(site.act(request, caller).await?)
}

pub(super) async fn reopen(
    State(site): State<Site>,
    Path(id): Path<Id>,
    caller: Caller,
) -> Result<Did, Error> {
    Did::of(site.act(Request::IssueReopen { ids: vec![id.text()] }, caller).await?)
}
