//! Convoys: looking at them, and what can be done with one.

use convoy_api::query::ConvoyFilter;
use convoy_core::command::Request;
use convoy_core::convoy::MergeStrategy;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::super::desk::Desk;
use super::super::tool::{Answer, Kind, Tool, page};
use super::values;
use crate::ask;
use crate::error::Error;

/// See how things stand: what needs a person, who is at work, which convoys there are, what landed today, what it costs.
/// Begin with this. Lists hold the first 50; the counts are of all.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Status {}

/// List convoys, as `convoy list` does: without a status or `all`, those that are open.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct List {
    /// Those with this status. The last five are of template convoys.
    status: Option<State>,
    /// Also closed ones.
    #[serde(default)]
    all: bool,
    /// Those of this epic.
    epic: Option<String>,
    /// Only those that should have landed before now.
    #[serde(default)]
    overdue: bool,
    /// How many to leave out at the beginning: next_offset of the page before.
    offset: Option<usize>,
    /// How many at most; 50 if not given.
    limit: Option<usize>,
}

#[derive(Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum State {
    Open,
    Staged,
    Closed,
    Landed,
    Abandoned,
    Running,
    Completed,
    Failed,
    Partial,
    Stopped,
}

/// Show a convoy with all that it tracks: its issues or roles, progress, costs, what its roles found.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Show {
    /// The convoy, or a unique prefix of its id.
    convoy: String,
}

/// Say why an issue, convoy or worker is not running or has not landed: every reason, and the command that would change
/// it.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Why {
    /// An issue, convoy or worker, or a unique prefix of its id.
    id: String,
}

/// List open convoys in which nothing moves, or that are overdue, each with what would help.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Stranded {
    /// Only those that should have landed before now.
    #[serde(default)]
    overdue: bool,
    /// How many to leave out at the beginning: next_offset of the page before.
    offset: Option<usize>,
    /// How many at most; 50 if not given.
    limit: Option<usize>,
}

/// Bundle issues into a convoy, which lands when all of them are closed. It only tracks them unless it is started.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Create {
    /// What people call it; may be left out with from_epic.
    name: Option<String>,
    /// Ids of the issues that it tracks.
    #[serde(default)]
    issues: Vec<String>,
    /// Track what can be worked on of this issue of type epic.
    from_epic: Option<String>,
    /// Have agents work on it at once, in the background.
    #[serde(default)]
    start: bool,
    /// The epic that it belongs to: a name that groups convoys and sessions.
    epic: Option<String>,
    /// Who is told when it lands; the person if not given.
    owner: Option<String>,
    /// Who else is told: addresses; --human is the person.
    #[serde(default)]
    notify: Vec<String>,
    /// How branches land.
    merge: Option<Merge>,
    /// The branch that they land in.
    base: Option<String>,
    /// How many agents may work on it at once.
    max_parallel: Option<u32>,
    /// When it should have landed: a date, a time with its zone, or so long from now, such as 3d.
    due: Option<String>,
    /// The most that may be spent on it, in US dollars.
    budget_usd: Option<f64>,
    /// No observer lands it: its owner does.
    #[serde(default)]
    owned: bool,
}

#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Merge {
    Direct,
    Queue,
    Pr,
    Local,
}

/// Have a convoy track more issues. A closed one is opened again by it.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Add {
    /// The convoy, or a unique prefix of its id.
    convoy: String,
    /// Ids of the issues.
    issues: Vec<String>,
}

/// Have agents work on all issues of a convoy, in the background. Use `wait` to follow it.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Run {
    /// The convoy, or a unique prefix of its id.
    convoy: String,
}

/// Stop the agents of a convoy. A template convoy is over then; of any other the work is kept, and it can be started
/// again.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Stop {
    /// The convoy, or a unique prefix of its id.
    convoy: String,
}

/// Land every convoy whose issues are all closed. They land by themselves; this looks once more.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Check {
    /// Only this convoy.
    convoy: Option<String>,
    /// Say what would land, and change nothing.
    #[serde(default)]
    dry_run: bool,
}

/// Close a convoy, whatever its issues are. With open issues left it is abandoned: its workers are stopped, and their
/// work is kept.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Close {
    /// The convoy, or a unique prefix of its id.
    convoy: String,
    /// Why, for those who are told.
    reason: Option<String>,
    /// Who else is told: addresses; --human is the person.
    #[serde(default)]
    notify: Vec<String>,
}

impl Tool for Status {
    const NAME: &'static str = "status";
    const TITLE: &'static str = "How things stand";
    const KIND: Kind = Kind::Looks;
    const MORE: Option<&'static str> = Some("convoy_list, worker_list, stranded");

    fn call(self, desk: &mut Desk<'_>) -> Result<Answer, Error> {
        Answer::of(&desk.ctx.with(ask::overview)?)
    }
}

impl Tool for List {
    const NAME: &'static str = "convoy_list";
    const TITLE: &'static str = "List convoys";
    const KIND: Kind = Kind::Looks;
    const MORE: Option<&'static str> = Some("convoy_show with one id, or a smaller limit and next_offset");

    fn call(self, desk: &mut Desk<'_>) -> Result<Answer, Error> {
        let status = self.status.as_ref().and_then(values::word);
        let page = page(self.offset, self.limit);
        let filter = ConvoyFilter {
            status,
            all: self.all,
            epic: self.epic,
            overdue: self.overdue,
            skip: page.offset,
            limit: Some(page.limit),
        };
        let (convoys, total) = desk.ctx.with(|service| ask::convoy_page(service, filter))?;
        Answer::part(&convoys, &page, total)
    }
}

impl Tool for Show {
    const NAME: &'static str = "convoy_show";
    const TITLE: &'static str = "Show a convoy";
    const KIND: Kind = Kind::Looks;
    const MORE: Option<&'static str> = Some("issue_list with this convoy and all, which has pages");

    fn call(self, desk: &mut Desk<'_>) -> Result<Answer, Error> {
        Answer::of(&desk.ctx.with(|service| Ok(ask::convoy(service, &self.convoy)?.0))?)
    }
}

impl Tool for Why {
    const NAME: &'static str = "why";
    const TITLE: &'static str = "Why it does not move";
    const KIND: Kind = Kind::Looks;

    fn call(self, desk: &mut Desk<'_>) -> Result<Answer, Error> {
        Answer::of(&desk.ctx.with(|service| ask::why(service, &self.id))?)
    }
}

impl Tool for Stranded {
    const NAME: &'static str = "stranded";
    const TITLE: &'static str = "Convoys that need somebody";
    const KIND: Kind = Kind::Looks;
    const MORE: Option<&'static str> = Some("why with one convoy");

    fn call(self, desk: &mut Desk<'_>) -> Result<Answer, Error> {
        let mut stranded = desk.ctx.with(ask::stranded)?;
        stranded.retain(|convoy| convoy.overdue || !self.overdue);
        Answer::page(&stranded, &page(self.offset, self.limit))
    }
}

impl Tool for Create {
    const NAME: &'static str = "convoy_create";
    const TITLE: &'static str = "Make a convoy";
    const KIND: Kind = Kind::Changes { destroys: false, again: false, outside: true };

    fn call(self, desk: &mut Desk<'_>) -> Result<Answer, Error> {
        if self.from_epic.is_none() && (self.name.is_none() || self.issues.is_empty()) {
            return Err(Error::usage("name, issues: both are needed, or from_epic"));
        }
        let request = Request::ConvoyCreate {
            name: self.name.unwrap_or_default(),
            issues: self.issues,
            owner: self.owner,
            notify: values::addresses("notify", self.notify)?,
            merge: self.merge.map(Into::into),
            base: self.base,
            max_parallel: values::at_least_one("max_parallel", self.max_parallel)?,
            start: self.start,
            from_epic: self.from_epic,
            epic: self.epic,
            owned: self.owned,
            due: self.due.as_deref().map(values::due).transpose()?,
            budget: self.budget_usd.map(values::budget).transpose()?,
        };
        Answer::of(&desk.ctx.act_and_ask(request, |service, id| Ok(ask::convoy(service, id)?.0))?.1)
    }
}

impl From<Merge> for MergeStrategy {
    fn from(merge: Merge) -> Self {
        match merge {
            Merge::Direct => Self::Direct,
            Merge::Queue => Self::Queue,
            Merge::Pr => Self::Pr,
            Merge::Local => Self::Local,
        }
    }
}

impl Tool for Add {
    const NAME: &'static str = "convoy_add";
    const TITLE: &'static str = "Track more issues";
    const KIND: Kind = Kind::Changes { destroys: false, again: true, outside: true };

    fn call(self, desk: &mut Desk<'_>) -> Result<Answer, Error> {
        let request =
            Request::ConvoyAdd { convoy: self.convoy, issues: values::some("issues", self.issues)? };
        Answer::items(&desk.ctx.act(request, false)?.items)
    }
}

impl Tool for Run {
    const NAME: &'static str = "convoy_run";
    const TITLE: &'static str = "Start a convoy";
    const KIND: Kind = Kind::Changes { destroys: false, again: true, outside: true };

    fn call(self, desk: &mut Desk<'_>) -> Result<Answer, Error> {
        Answer::item(&desk.ctx.act(Request::ConvoyStart { convoy: self.convoy }, false)?.items)
    }
}

impl Tool for Stop {
    const NAME: &'static str = "convoy_stop";
    const TITLE: &'static str = "Stop a convoy";
    const KIND: Kind = Kind::Changes { destroys: true, again: true, outside: false };

    fn call(self, desk: &mut Desk<'_>) -> Result<Answer, Error> {
        Answer::item(&desk.ctx.act(Request::ConvoyStop { convoy: self.convoy }, false)?.items)
    }
}

impl Tool for Check {
    const NAME: &'static str = "convoy_check";
    const TITLE: &'static str = "Land what is complete";
    const KIND: Kind = Kind::Changes { destroys: false, again: true, outside: false };

    fn call(self, desk: &mut Desk<'_>) -> Result<Answer, Error> {
        Answer::items(&desk.ctx.act(Request::ConvoyCheck { convoy: self.convoy }, self.dry_run)?.items)
    }
}

impl Tool for Close {
    const NAME: &'static str = "convoy_close";
    const TITLE: &'static str = "Close a convoy";
    const KIND: Kind = Kind::Changes { destroys: true, again: true, outside: false };

    fn call(self, desk: &mut Desk<'_>) -> Result<Answer, Error> {
        let notify = values::addresses("notify", self.notify)?;
        let request = Request::ConvoyClose { convoy: self.convoy, reason: self.reason, notify };
        Answer::item(&desk.ctx.act(request, false)?.items)
    }
}
