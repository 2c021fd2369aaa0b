//! Convoys: sets of tracked issues that land as one.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::address::Address;
use crate::id::{ConvoyId, IssueId};
use crate::stage::Finding;
use crate::template::{Progress, ReportKind, Run};
use crate::time::Time;

/// The longest convoy name, in characters.
pub const NAME_CHARS_MAX: usize = 200;
/// The most issues of one convoy.
pub const TRACKED_MAX: usize = 20_000;

/// How a finished branch comes into its base branch.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum MergeStrategy {
    /// A merge commit, made without touching anybody's checkout, and a compare-and-swap of the branch.
    #[default]
    Direct,
    /// As `Direct`, but several branches at a time: their gates run once, on all of them merged together.
    Queue,
    /// By a request on the forge that hosts the repository; whoever maintains it merges that.
    Pr,
    /// Not at all: the branch is left for a person.
    Local,
}

impl MergeStrategy {
    /// The name that scripts read.
    pub fn name(self) -> &'static str {
        match self {
            Self::Direct => "direct",
            Self::Queue => "queue",
            Self::Pr => "pr",
            Self::Local => "local",
        }
    }
}

/// Who noticed that a convoy is complete.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Observer {
    /// The close of the issue itself.
    Close,
    /// The merger, after landing a branch.
    Merger,
    /// The witness, after verifying a worker's end.
    Witness,
    /// The watch on a tracker's data, after a close that somebody made there.
    Tracker,
    /// The patrol, by its timer: the backup of all others.
    Patrol,
    /// A person, by command.
    Person,
}

impl Observer {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Close => "close",
            Self::Merger => "merger",
            Self::Witness => "witness",
            Self::Tracker => "tracker",
            Self::Patrol => "patrol",
            Self::Person => "person",
        }
    }
}

/// The state of a convoy.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub enum Status {
    /// It was analysed, and waits to be launched. Nothing of it is dispatched, and it does not land.
    Staged(Staged),
    /// It tracks, and works once it is started.
    Open,
    /// Every tracked issue is closed.
    Landed {
        /// Who noticed.
        observer: Observer,
        /// When.
        at: Time,
    },
    /// Somebody closed it before that.
    Abandoned {
        /// Why.
        reason: Option<String>,
        /// What was still open.
        open: Vec<IssueId>,
        /// When.
        at: Time,
    },
}

impl Status {
    /// The name that scripts read.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Staged(_) => "staged",
            Self::Open => "open",
            Self::Landed { .. } => "landed",
            Self::Abandoned { .. } => "abandoned",
        }
    }
}

/// What a staged convoy was staged as.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Staged {
    /// The epic whose parts it tracks.
    pub epic: Option<IssueId>,
    /// What the analysis warned of.
    pub findings: Vec<Finding>,
}

/// A convoy as it is made.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct NewConvoy {
    /// Its id.
    pub id: ConvoyId,
    /// What people call it.
    pub title: String,
    /// What it tracks, in the order given.
    pub tracked: Vec<IssueId>,
    /// Who is told when it lands.
    pub owner: Address,
    /// Who else is told.
    pub notify: Vec<Address>,
    /// How its branches land.
    pub merge: MergeStrategy,
    /// The branch that they land in; the rig's default branch if not given.
    pub base: Option<String>,
    /// How many agents may work on it at once.
    pub max_parallel: Option<u32>,
    /// The agent that works on it, if not the workspace's.
    #[serde(default)]
    pub agent: Option<crate::id::AgentName>,
    /// The model, if it was chosen for the convoy.
    #[serde(default)]
    pub model: Option<String>,
    /// The epic that it belongs to: a name that groups convoys and sessions.
    #[serde(default)]
    pub epic: Option<crate::id::EpicName>,
    /// No observer closes it: its owner lands it.
    #[serde(default)]
    pub owned: bool,
    /// When it should have landed.
    #[serde(default)]
    pub due: Option<Time>,
    /// What its roles are about, of a template convoy.
    #[serde(default)]
    pub run: Option<Box<Run>>,
}

/// A convoy as it stands.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Convoy {
    /// What it was made as, with what was added since.
    pub content: NewConvoy,
    /// Its state.
    pub status: Status,
    /// Its place in the order of creation.
    pub number: u64,
    /// Who made it.
    pub created_by: String,
    /// When it was made.
    pub created_at: Time,
    /// When somebody had it worked on as a whole. One that nobody started only tracks.
    pub started_at: Option<Time>,
    /// Who asked to be told as well, since it was made.
    pub watchers: BTreeSet<Address>,
    /// Reopened with every issue closed: no observer lands it before one of its issues or its membership changes.
    pub held: bool,
    /// How often it has landed or been abandoned.
    pub landing_epoch: u32,
    /// How many tracked issues are not closed. Derived; kept so that landing costs the same in any workspace.
    pub open_count: usize,
    /// How its run goes, of a template convoy.
    pub progress: Progress,
}

impl Convoy {
    /// Whether it may still land.
    pub fn is_open(&self) -> bool {
        matches!(self.status, Status::Open)
    }
    /// Whether it has landed or was abandoned.
    pub fn is_closed(&self) -> bool {
        matches!(self.status, Status::Landed { .. } | Status::Abandoned { .. })
    }
    /// What it was staged as, if it waits to be launched.
    pub fn staged(&self) -> Option<&Staged> {
        match &self.status {
            Status::Staged(staged) => Some(staged),
            Status::Open | Status::Landed { .. } | Status::Abandoned { .. } => None,
        }
    }
    /// Whether everything that it tracks is closed. An empty convoy is never complete.
    pub fn is_complete(&self) -> bool {
        self.open_count == 0 && !self.content.tracked.is_empty()
    }
    /// Whether an observer that comes by lands it.
    pub fn is_due_to_land(&self) -> bool {
        self.is_open() && self.is_complete() && !self.held && !self.content.owned && !self.lacks_report()
    }
    /// Whether it lands only when the report of its roles was made.
    pub fn lacks_report(&self) -> bool {
        let makes = self.content.run.as_ref().is_some_and(|run| run.report != ReportKind::None);
        makes && !self.progress.is_final
    }
    /// Which making of its report is due, if one is: every role has ended, or somebody asked for it again.
    pub fn report_due(&self) -> Option<u32> {
        self.content.run.as_ref().filter(|run| run.report != ReportKind::None)?;
        let made = self.progress.report.as_ref().map_or(0, |report| report.round);
        if self.is_open() && self.is_complete() && !self.progress.is_final {
            return Some(self.progress.wanted.max(made + 1));
        }
        (self.progress.wanted > made).then_some(self.progress.wanted)
    }
    /// Whether it should have landed before `now`.
    pub fn is_overdue(&self, now: Time) -> bool {
        !self.is_closed() && self.content.due.is_some_and(|due| due < now)
    }
    /// Whether it was begun to review what a worker does: its branch before that lands, or a checkpoint.
    pub fn is_gate(&self) -> bool {
        self.content.run.as_ref().is_some_and(|run| run.reviews.is_some())
    }
    /// Owner, notify list and watchers, each once. What comes of a review before a merge is told with the branch: only
    /// who watches the review itself is told of its end.
    pub fn recipients(&self) -> Vec<Address> {
        if self.is_gate() {
            return self.watchers.iter().cloned().collect();
        }
        let mut all = vec![self.content.owner.clone()];
        for address in self.content.notify.iter().chain(&self.watchers) {
            if !all.contains(address) {
                all.push(address.clone());
            }
        }
        all
    }
}
