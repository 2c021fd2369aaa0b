//! Issues.

use convoy_api::query::IssueFilter;
use convoy_core::command::Request;
use convoy_core::issue::{IssueType, PRIORITY};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::super::desk::Desk;
use super::super::tool::{Answer, Kind, Tool, page};
use super::values;
use crate::ask;
use crate::error::Error;

/// List issues, as `convoy issue list` does: without a status or `all`, those that are not closed.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct List {
    /// With this status.
    status: Option<State>,
    /// With this label; convoy:<id> means tracked by that convoy.
    label: Option<String>,
    /// Of this rig, which is a repository.
    rig: Option<String>,
    /// Tracked by this convoy.
    convoy: Option<String>,
    /// Of this type; step is a role of a template convoy.
    r#type: Option<Sort>,
    /// Only what could be worked on now.
    #[serde(default)]
    ready: bool,
    /// Also closed ones.
    #[serde(default)]
    all: bool,
    /// How many to leave out at the beginning: next_offset of the page before.
    offset: Option<usize>,
    /// How many at most; 50 if not given.
    limit: Option<usize>,
}

#[derive(Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum State {
    Open,
    InProgress,
    Submitted,
    NeedsHuman,
    Closed,
    Unknown,
}

#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Sort {
    Task,
    Bug,
    Feature,
    Chore,
    Epic,
    Step,
}

impl From<Sort> for IssueType {
    fn from(sort: Sort) -> Self {
        match sort {
            Sort::Task => Self::Task,
            Sort::Bug => Self::Bug,
            Sort::Feature => Self::Feature,
            Sort::Chore => Self::Chore,
            Sort::Epic => Self::Epic,
            Sort::Step => Self::Step,
        }
    }
}

/// Show an issue: its text, what it depends on, who works on it, what came of it.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Show {
    /// The issue, or a unique prefix of its id.
    issue: String,
}

/// Make an issue: a unit of work that one agent can do. Nobody works on it yet: see sling and convoy_create.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Create {
    /// One line.
    title: String,
    /// The whole story: it becomes the agent's prompt.
    #[serde(default)]
    body: String,
    /// What sort of work; task if not given.
    r#type: Option<Sort>,
    /// From 0, most urgent, to 4; 2 if not given.
    priority: Option<u8>,
    /// Labels.
    #[serde(default)]
    labels: Vec<String>,
    /// Ids of issues that must be closed first.
    #[serde(default)]
    needs: Vec<String>,
    /// When it counts as done, a line each.
    #[serde(default)]
    acceptance: Vec<String>,
    /// The issue that it is part of.
    parent: Option<String>,
    /// The rig whose repository it is about.
    rig: Option<String>,
    /// Its id; made up if not given.
    id: Option<String>,
}

impl Tool for List {
    const NAME: &'static str = "issue_list";
    const TITLE: &'static str = "List issues";
    const KIND: Kind = Kind::Looks;
    const MORE: Option<&'static str> = Some("issue_show with one id, or a smaller limit and next_offset");

    fn call(self, desk: &mut Desk<'_>) -> Result<Answer, Error> {
        let page = page(self.offset, self.limit);
        let filter = IssueFilter {
            status: self.status.as_ref().and_then(values::word),
            label: self.label,
            rig: self.rig,
            convoy: self.convoy,
            issue_type: self.r#type.map(Into::into),
            ready: self.ready,
            all: self.all,
            skip: page.offset,
            limit: Some(page.limit),
            ..IssueFilter::default()
        };
        let (issues, total) = desk.ctx.with(|service| ask::issues(service, filter.as_listed()))?;
        Answer::part(&issues, &page, total)
    }
}

impl Tool for Show {
    const NAME: &'static str = "issue_show";
    const TITLE: &'static str = "Show an issue";
    const KIND: Kind = Kind::Looks;

    fn call(self, desk: &mut Desk<'_>) -> Result<Answer, Error> {
        Answer::of(&desk.ctx.with(|service| ask::issue(service, &self.issue))?)
    }
}

impl Tool for Create {
    const NAME: &'static str = "issue_create";
    const TITLE: &'static str = "Make an issue";
    const KIND: Kind = Kind::Changes { destroys: false, again: false, outside: false };

    fn call(self, desk: &mut Desk<'_>) -> Result<Answer, Error> {
        let request = Request::IssueCreate {
            id: self.id,
            rig: self.rig,
            title: self.title,
            body: self.body,
            issue_type: self.r#type.map_or(IssueType::Task, Into::into),
            priority: self.priority.unwrap_or(PRIORITY),
            labels: self.labels,
            parent: self.parent,
            needs: self.needs,
            acceptance: self.acceptance,
        };
        Answer::of(&desk.ctx.act_and_ask(request, ask::issue)?.1)
    }
}
