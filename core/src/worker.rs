//! Workers: the assignment of one issue to one agent, over all its attempts.

use serde::{Deserialize, Serialize};

use crate::id::{
    AgentName, ConvoyId, EpicName, Epoch, IssueId, RigName, Seq, SessionId, WorkerId, WorkerName,
};
use crate::issue::{DiffStat, GateResult};
use crate::review::Raised;
use crate::time::Time;

/// A worker as it is assigned.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct NewWorker {
    /// Its id.
    pub id: WorkerId,
    /// The rig that it works in.
    pub rig: RigName,
    /// What it works on.
    pub issue: IssueId,
    /// The convoy for which.
    pub convoy: Option<ConvoyId>,
    /// Which agent.
    pub agent: AgentName,
    /// Which model, if not the agent's own default.
    pub model: Option<String>,
    /// Why that model.
    pub model_rationale: String,
    /// The branch that its work lands in, if not the rig's default.
    pub base: Option<String>,
    /// The worker whose branch and brief it takes over.
    pub takes_over: Option<WorkerId>,
    /// What people call it within its rig, if not by its id.
    #[serde(default)]
    pub name: Option<WorkerName>,
    /// A person wants it to work also while its rig is parked.
    #[serde(default)]
    pub although_parked: bool,
    /// The epic that it belongs to, if that is not for its convoy to say: it works in the background of a person's
    /// session.
    #[serde(default)]
    pub epic: Option<EpicName>,
    /// A person asked for just that model.
    #[serde(default)]
    pub model_fixed: bool,
}

impl NewWorker {
    /// `rig/name`, as people read it.
    pub fn full_name(&self) -> String {
        match &self.name {
            Some(name) => format!("{}/{name}", self.rig),
            None => format!("{}/{}", self.rig, self.id),
        }
    }
}

/// What a worker is at.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub enum WorkerState {
    /// It wants a session as soon as there is room.
    Assigned,
    /// It has a session, which may still be starting, or be dead and not yet judged.
    Running {
        /// Which.
        session: SessionId,
    },
    /// It tries again later.
    Waiting {
        /// When.
        until: Time,
        /// After what.
        why: String,
    },
    /// Its branch waits for its gates and its merge.
    Submitted(Box<Submission>),
    /// Its issue is closed by its work.
    Done,
    /// It has used up its attempts.
    Failed {
        /// What went wrong last.
        why: String,
    },
    /// Its issue was taken from it.
    Released,
    /// A person stopped it. Nothing but a person resumes it.
    Stopped {
        /// Who.
        by: String,
    },
}

impl WorkerState {
    /// The name that scripts read.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Assigned => "assigned",
            Self::Running { .. } => "running",
            Self::Waiting { .. } => "waiting",
            Self::Submitted(_) => "submitted",
            Self::Done => "done",
            Self::Failed { .. } => "failed",
            Self::Released => "released",
            Self::Stopped { .. } => "stopped",
        }
    }
    /// Whether anything may still happen to it by itself.
    pub fn is_active(&self) -> bool {
        match self {
            Self::Assigned | Self::Running { .. } | Self::Waiting { .. } | Self::Submitted(_) => true,
            Self::Done | Self::Failed { .. } | Self::Released | Self::Stopped { .. } => false,
        }
    }
}

/// A branch that is ready to land.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Submission {
    /// The session that made it.
    pub session: SessionId,
    /// The branch.
    pub branch: String,
    /// Its tip, a full object id.
    pub tip: String,
    /// What it changes.
    pub diff: DiffStat,
    /// When it was submitted.
    pub at: Time,
    /// Which try to land it this is, from 1.
    pub round: u32,
    /// How often its base branch moved while it was tried.
    #[serde(default)]
    pub moved: u32,
    /// What keeps it from landing until the person's checkout changes.
    pub blocked: Option<MergeBlock>,
    /// The batch of the merge queue that it is in: the event that formed it.
    #[serde(default)]
    pub batch: Option<Seq>,
    /// How often its merge broke for reasons that have nothing to do with the work.
    #[serde(default)]
    pub broken: u32,
    /// When it is tried again after that, and what went wrong.
    #[serde(default)]
    pub pause: Option<MergePause>,
    /// The request on the forge that asks for its merge.
    #[serde(default)]
    pub request: Option<MergeRequest>,
    /// The template convoy that reviews it before it lands.
    #[serde(default)]
    pub review: Option<ConvoyId>,
}

/// A merge that broke is tried again later.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct MergePause {
    /// When.
    pub until: Time,
    /// What went wrong.
    pub error: String,
}

/// A request on a forge that asks for the merge of a branch.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct MergeRequest {
    /// Its number in the repository.
    pub number: u64,
    /// Where people read it.
    pub url: String,
    /// The gates that passed before it was made.
    pub gates: Vec<GateResult>,
}

/// A person's checkout is in the way of a merge.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct MergeBlock {
    /// What is wrong, in git's words.
    pub why: String,
    /// The files.
    pub files: Vec<String>,
}

/// What will become of a worker once its live session has ended.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Intent {
    /// A person wants it stopped.
    Stop {
        /// Who.
        by: String,
    },
    /// Its issue is closed or its convoy is, or it was released.
    Release {
        /// Why.
        why: String,
    },
}

/// A worker as it stands.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Worker {
    /// What it was assigned as.
    pub content: NewWorker,
    /// What it is at.
    pub state: WorkerState,
    /// What a live session is being ended for.
    pub intent: Option<Intent>,
    /// Attempts that count: failures of the task and of its gates.
    pub failures: u32,
    /// Sessions that were lost; they do not count as failures.
    pub lost: u32,
    /// Merge conflicts; they do not count as failures either.
    pub conflicts: u32,
    /// Reviews that found what blocks its branch; no failures either.
    #[serde(default)]
    pub reviews: u32,
    /// The tip that a review found nothing in that blocks it.
    #[serde(default)]
    pub reviewed: Option<String>,
    /// Its sessions, oldest first.
    pub sessions: Vec<SessionId>,
    /// Those of them that count as failures, in the order in which they failed.
    pub failed_in: Vec<SessionId>,
    /// What earlier attempts came to, for the next one's prompt.
    pub lessons: Vec<Lesson>,
    /// The tip that the next attempt goes on from.
    pub resume_from: Option<String>,
    /// The event by which its branch was submitted last.
    pub submitted: Seq,
    /// When it was assigned.
    pub assigned_at: Time,
    /// When something was last heard of it.
    pub active_at: Time,
}

/// What an attempt came to, for the prompt of the next.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Lesson {
    /// Which session.
    pub session: SessionId,
    /// What went wrong.
    pub what: String,
    /// The end of the output that shows it, or nothing.
    pub detail: String,
    /// Where its work is.
    pub branch: Option<String>,
    /// The files in which its branch conflicts with the base branch, if that is what went wrong.
    #[serde(default)]
    pub conflicts: Vec<String>,
    /// What a review found in its branch, the gravest first, if that is what went wrong.
    #[serde(default)]
    pub findings: Vec<Raised>,
}

/// How a try to land a branch ended.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum MergeOutcome {
    /// It is in the base branch, or left as it is with `local`.
    Landed {
        /// The commit in the base branch; none for `local`.
        merge_commit: Option<String>,
        /// The gates that passed.
        gates: Vec<GateResult>,
    },
    /// The base branch moved meanwhile; it is tried again on the new base.
    Moved {
        /// Where the base branch is now.
        now: String,
    },
    /// It does not merge.
    Conflict {
        /// Files in conflict.
        files: Vec<String>,
        /// What the base branch did to them meanwhile: a line for each commit.
        theirs: Vec<String>,
    },
    /// It merges with the base branch, but not with what comes before it in its batch.
    SetAside {
        /// Files in conflict.
        files: Vec<String>,
    },
    /// A gate did not pass.
    GateFailed {
        /// The gates that ran; the last one failed.
        gates: Vec<GateResult>,
        /// The end of its output.
        output: String,
    },
    /// A person's checkout is in the way.
    Blocked(MergeBlock),
    /// Something that has nothing to do with the work went wrong.
    Broken {
        /// What.
        error: String,
    },
    /// The same, and trying again without a person cannot help.
    Unable {
        /// What is missing.
        why: String,
    },
    /// Its merge was asked for on the forge.
    Requested(MergeRequest),
    /// The request was closed without a merge.
    Declined {
        /// What is known of it.
        why: String,
    },
}

/// One of the branches that are merged together.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Member {
    /// Whose.
    pub worker: WorkerId,
    /// The epoch of the session that made it.
    pub epoch: Epoch,
    /// Which try.
    pub round: u32,
}
