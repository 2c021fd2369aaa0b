//! Issues: units of work, their dependencies and their states.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::id::{ConvoyId, IssueId, RigName, WorkerId};
use crate::import::{Hold, Origin};
use crate::money::Money;
use crate::template::Step;
use crate::time::{Span, Time};
use crate::tracker::{Mirror, Standing};

/// The longest title, in characters.
pub const TITLE_CHARS_MAX: usize = 512;
/// The longest body, note or acceptance text, in bytes.
pub const TEXT_BYTES_MAX: usize = 1024 * 1024;
/// The most labels of one issue.
pub const LABELS_MAX: usize = 100;
/// The most dependencies of one issue.
pub const NEEDS_MAX: usize = 1000;

/// What sort of work it is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum IssueType {
    /// Work that is none of the others.
    #[default]
    Task,
    /// Something is wrong.
    Bug,
    /// Something is to be added.
    Feature,
    /// Upkeep.
    Chore,
    /// A group of issues; never worked on itself.
    Epic,
    /// A role of a template convoy.
    Step,
    /// A type of another tracker that we have no name for; never worked on.
    Other,
}

impl IssueType {
    /// All of them, with the names that people write.
    pub const NAMES: [(&'static str, Self); 7] = [
        ("task", Self::Task),
        ("bug", Self::Bug),
        ("feature", Self::Feature),
        ("chore", Self::Chore),
        ("epic", Self::Epic),
        ("step", Self::Step),
        ("other", Self::Other),
    ];
    /// Its name.
    pub fn name(self) -> &'static str {
        Self::NAMES.iter().find(|(_, t)| *t == self).map_or("task", |(name, _)| name)
    }
}

/// How one issue depends on another.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum DependencyType {
    /// The other must be closed first. The only one that holds work back.
    Blocks,
    /// The other is watched.
    Tracks,
    /// They have to do with each other.
    Related,
    /// The other is its parent.
    ParentChild,
}

/// Why an issue was closed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CloseReason {
    /// The work is done.
    Completed,
    /// Its branch is in the base branch.
    Merged,
    /// It will not be done.
    Dropped,
    /// Another issue stands for it.
    Duplicate,
    /// A step used up its attempts.
    Failed,
}

/// What shows that an issue was worked on as it says.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Evidence {
    /// The branch with the work, if there is one.
    pub branch: Option<String>,
    /// The tip of that branch, a full object id.
    pub commit: Option<String>,
    /// The commit by which it came into the base branch.
    pub merge_commit: Option<String>,
    /// What changed.
    pub diff: Option<DiffStat>,
    /// The request on the forge by which it was merged.
    #[serde(default)]
    pub request: Option<String>,
    /// The gates that were run on the merged tree.
    pub gates: Vec<GateResult>,
    /// What the attempts of the worker cost together, as far as is known.
    pub cost: Option<MoneyView>,
    /// Which attempt it was, from 1.
    pub attempt: u32,
    /// The agent said that nothing had to be changed.
    pub no_change: bool,
}

/// Money as scripts read it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct MoneyView {
    /// Dollars, as decimal text.
    pub usd: String,
    /// Micro-dollars.
    pub micros: i64,
}

impl From<Money> for MoneyView {
    fn from(money: Money) -> Self {
        Self { usd: money.to_string(), micros: money.as_micros() }
    }
}

/// How much a branch changes against its base.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct DiffStat {
    /// Commits.
    pub commits: u32,
    /// Files that differ.
    pub files: u32,
    /// Lines that were added.
    pub insertions: u32,
    /// Lines that were removed.
    pub deletions: u32,
}

/// One gate, run once.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct GateResult {
    /// The gate's name in the configuration.
    pub name: String,
    /// Whether it passed.
    pub passed: bool,
    /// Exit status, if it exited.
    pub code: Option<i32>,
    /// How long it took.
    #[serde(rename = "duration_ms")]
    #[schemars(with = "i64")]
    pub duration: Span,
}

/// The state of an issue. Whether it is blocked is derived from its dependencies.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub enum Status {
    /// Nobody is working on it.
    Open,
    /// A worker has it.
    InProgress {
        /// Which.
        worker: WorkerId,
    },
    /// Its branch is ready and waits for its gates and its merge.
    Submitted {
        /// Whose branch.
        worker: WorkerId,
    },
    /// Nothing goes on before a person has looked.
    NeedsHuman {
        /// Why, for the person.
        why: String,
    },
    /// Done with.
    Closed(Closed),
}

/// How an issue was closed.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Closed {
    /// Why.
    pub reason: CloseReason,
    /// When.
    pub at: Time,
    /// Evidence, when a worker did it.
    pub evidence: Option<Box<Evidence>>,
    /// The issue that stands for it, of a duplicate.
    pub duplicate_of: Option<IssueId>,
    /// What was said about it.
    pub note: Option<String>,
}

impl Status {
    /// The name that scripts read.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::InProgress { .. } => "in_progress",
            Self::Submitted { .. } => "submitted",
            Self::NeedsHuman { .. } => "needs_human",
            Self::Closed(_) => "closed",
        }
    }
}

/// The priority of issues that are made without one.
pub const PRIORITY: u8 = 2;

/// The content of an issue as it is made.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct NewIssue {
    /// Its id.
    pub id: IssueId,
    /// The rig whose repository it is about.
    pub rig: RigName,
    /// One line.
    pub title: String,
    /// The whole story.
    pub body: String,
    /// What sort of work.
    pub issue_type: IssueType,
    /// From 0, most urgent, to 4.
    pub priority: u8,
    /// Labels.
    pub labels: BTreeSet<String>,
    /// The issue that it is part of.
    pub parent: Option<IssueId>,
    /// What it depends on.
    pub needs: BTreeMap<IssueId, DependencyType>,
    /// When it counts as done, in words.
    pub acceptance: Vec<String>,
    /// The role that it is, of a step of a template convoy; its body is the prompt, not rendered yet.
    #[serde(default)]
    pub step: Option<Box<Step>>,
}

/// An issue as it stands.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Issue {
    /// What it is about.
    pub content: NewIssue,
    /// Its state.
    pub status: Status,
    /// Its place in the order of creation.
    pub number: u64,
    /// Who made it.
    pub created_by: String,
    /// When it was made.
    pub created_at: Time,
    /// When it last changed.
    pub updated_at: Time,
    /// The worker that has it or had it last.
    pub worker: Option<WorkerId>,
    /// Convoys that track it.
    pub convoys: BTreeSet<ConvoyId>,
    /// Issues that wait for it (`blocks`).
    pub dependents: BTreeSet<IssueId>,
    /// Why it is not worked on although it is open: what the tracker that it came from says. Until somebody opens it.
    pub held: Option<Hold>,
    /// What else is known from that tracker.
    pub origin: Option<Box<Origin>>,
    /// What its tracker last said of it; none if it is kept here.
    pub mirror: Option<Box<Mirror>>,
}

impl Issue {
    /// Whether it counts as done. What cannot be read does not.
    pub fn is_closed(&self) -> bool {
        self.was_closed() && !self.is_unknown()
    }
    /// Whether it was closed, as far as is known.
    pub fn was_closed(&self) -> bool {
        matches!(self.status, Status::Closed(_))
    }
    /// Whether its tracker cannot be read, or does not list it any more.
    pub fn is_unknown(&self) -> bool {
        self.mirror.as_ref().is_some_and(|mirror| mirror.missing || mirror.lost)
    }
    /// The name of its state that scripts read. Somebody may be at it whom only its tracker knows.
    pub fn status_name(&self) -> &'static str {
        match (&self.status, self.mirror.as_deref()) {
            _ if self.is_unknown() => "unknown",
            (Status::Open, Some(Mirror { standing: Standing::InProgress, .. })) => "in_progress",
            (status, _) => status.name(),
        }
    }
    /// Whether its tracker lets us set an agent to it: nobody else has it, and it is not put off.
    pub fn is_free(&self) -> bool {
        match self.mirror.as_deref() {
            None => true,
            Some(mirror) => !self.is_unknown() && mirror.standing == Standing::Open,
        }
    }
    /// What it needs closed first.
    pub fn blockers(&self) -> impl Iterator<Item = &IssueId> {
        self.content.needs.iter().filter(|(_, kind)| **kind == DependencyType::Blocks).map(|(id, _)| id)
    }
    /// Whether an agent could be set to it at all by a person. A role of a template convoy is only its convoy's.
    pub fn is_workable(&self) -> bool {
        match self.content.issue_type {
            IssueType::Task | IssueType::Bug | IssueType::Feature | IssueType::Chore => true,
            IssueType::Epic | IssueType::Step | IssueType::Other => false,
        }
    }
}
