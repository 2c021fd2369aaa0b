//! Sessions: one attempt of a worker, one supervisor, one epoch.

use serde::{Deserialize, Serialize};

use crate::id::{Epoch, SessionId, WorkerId};
use crate::issue::DiffStat;
use crate::money::Money;
use crate::report::{Exit, Tokens};
use crate::review::{OfSession, Reviewing};
use crate::template::Product;
use crate::time::Time;

/// A session as it is wanted.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct NewSession {
    /// Its id.
    pub id: SessionId,
    /// Whose attempt.
    pub worker: WorkerId,
    /// Its number among all sessions of the workspace.
    pub epoch: Epoch,
    /// Its number among the worker's sessions, from 1.
    pub number: u32,
    /// The model, if it is not the worker's: after failures a stronger one is tried.
    #[serde(default)]
    pub model: Option<String>,
    /// Why that model.
    #[serde(default)]
    pub model_rationale: Option<String>,
    /// The session whose conversation it goes on with, if its agent can.
    #[serde(default)]
    pub resume: Option<SessionId>,
    /// What it may spend at first, if any limit applies to it. It is reserved from now on.
    #[serde(default)]
    pub ceiling: Option<Money>,
}

/// Where a session works.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Workdir {
    /// The folder.
    pub path: String,
    /// The branch of the work.
    pub branch: String,
    /// The commit that it began from, a full object id.
    pub base: String,
    /// Where the base branch was then, if the work began from something older: what its agent may merge.
    #[serde(default)]
    pub onto: Option<String>,
}

/// What a session is at. The variants hold what is only true then.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub enum SessionState {
    /// Its workdir is to be made.
    Wanted,
    /// Its workdir is ready; a supervisor is to start the agent, or may have done so already.
    Starting {
        /// Where.
        workdir: Workdir,
    },
    /// Its agent runs.
    Running {
        /// Where.
        workdir: Workdir,
        /// The agent's process id on its host.
        pid: u32,
    },
    /// Its whole process tree is dead; what it left is to be looked at.
    Ended {
        /// Where.
        workdir: Workdir,
        /// How; none if its supervisor vanished without saying.
        exit: Option<Box<Exit>>,
    },
    /// It is over.
    Over {
        /// Where it was, if it got that far.
        workdir: Option<Workdir>,
        /// How its agent ended; none if its supervisor vanished or never started.
        exit: Option<Box<Exit>>,
        /// What it came to.
        outcome: Outcome,
    },
}

/// What a session came to.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It left a branch to land.
    Submitted,
    /// Nothing had to be changed, it says, and nothing was.
    NoChange,
    /// It gave the report of its role.
    Delivered {
        /// What.
        product: Product,
    },
    /// It gave a report that cannot be read; it is asked once to mend it.
    Unreadable {
        /// What is wrong with it.
        why: String,
    },
    /// The task failed.
    Failed {
        /// How.
        why: String,
    },
    /// Something that has nothing to do with the task failed.
    Infrastructure {
        /// What.
        why: String,
    },
    /// Its supervisor vanished.
    Lost {
        /// What is known.
        why: String,
    },
    /// It was ended on purpose.
    Stopped,
    /// The agent asks for a person.
    Blocked {
        /// Why.
        why: String,
    },
    /// A budget was used up. Nobody failed: it goes on when there is more.
    BudgetExceeded {
        /// Which.
        why: String,
    },
    /// Its model's service takes no more work before then.
    RateLimited {
        /// When it takes work again.
        until: Time,
        /// What the agent said about it.
        why: String,
    },
}

/// What is found in a workdir after its agent is dead.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Findings {
    /// The work is saved in the repository, on the session's branch.
    Work {
        /// The tip, a full object id; the base if nothing was done.
        tip: String,
        /// What changed.
        diff: DiffStat,
        /// Edits that the agent had not committed were committed for it.
        leftovers: bool,
        /// Why it must not land, however good it is.
        #[serde(default)]
        unfit: Option<String>,
    },
    /// What it left does not descend from where it began, so it is saved but nothing to go on from.
    Rewritten {
        /// The reference or branch in the repository that has it.
        kept_at: String,
    },
    /// It could not be saved, for a reason that has nothing to do with the task. It stays in the workdir.
    Unsaved {
        /// The reason.
        why: String,
    },
    /// A role's report, in the output folder of its convoy.
    Output {
        /// It.
        product: Product,
    },
    /// A role left no report that could be used.
    NoOutput {
        /// Why.
        why: String,
        /// It could be mended by asking once more: what it wrote cannot be read.
        repairable: bool,
    },
    /// The workdir is gone or is no longer a repository.
    Gone {
        /// What is wrong with it.
        why: String,
    },
}

/// What the agent itself said through `convoy done` and the like.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Said {
    /// The issue is done.
    Done {
        /// Without a change.
        no_change: bool,
        /// What it says about it.
        note: Option<String>,
    },
    /// It cannot go on.
    Blocked {
        /// Why.
        reason: String,
    },
    /// Something to remember.
    Note {
        /// The text.
        text: String,
    },
    /// A person should know, and it goes on.
    Escalated {
        /// What.
        reason: String,
    },
}

/// Something that was said to an agent while it worked.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Nudged {
    /// When.
    pub at: Time,
    /// By whom, if that is known.
    pub by: Option<String>,
    /// What.
    pub text: String,
}

/// What was used of one model.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Use {
    /// All tokens.
    pub tokens: Tokens,
    /// What those with a known price cost.
    pub cost: Money,
    /// Those of them whose price nobody knows.
    pub unpriced: Tokens,
}

/// The usage of one message, as a transcript has it.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct TranscriptUsage {
    /// The vendor's message id.
    pub message_id: String,
    /// The model.
    pub model: Option<String>,
    /// Tokens of this message.
    pub tokens: Tokens,
    /// What it cost; none if nobody knows a price.
    pub cost: Option<Money>,
    /// Whose price that was, and its version.
    pub price: Option<String>,
}

/// A session as it stands.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Session {
    /// What it was wanted as.
    pub content: NewSession,
    /// What it is at.
    pub state: SessionState,
    /// It is to be ended; the order is repeated until it is dead.
    pub stopping: bool,
    /// The number of the last observation that is in the log.
    pub observed: u64,
    /// Tokens so far.
    pub usage: Tokens,
    /// Message ids whose usage is counted, while the session lives.
    pub counted: std::collections::BTreeSet<String>,
    /// What the agent reported that it cost. See [`Session::cost`] for what it costs.
    pub reported: Option<Money>,
    /// What was used after that report, priced.
    pub since_report: Option<Money>,
    /// What its usage costs, by model; tokens without a price are in `unpriced` besides.
    pub by_model: std::collections::BTreeMap<String, Use>,
    /// The same by day and model.
    pub uses: crate::cost::Uses,
    /// What was settled of it, by day; together what it costs.
    pub by_day: std::collections::BTreeMap<crate::cost::Day, Money>,
    /// What a file of the agent says that it cost.
    pub self_reported: Option<Money>,
    /// What it may spend, if any limit applies to it: what was reserved for it at first and since.
    pub ceiling: Option<Money>,
    /// What was left below its ceiling when it was granted something last.
    pub slice: Option<Money>,
    /// The agent's own name for its conversation.
    pub conversation: Option<String>,
    /// The model that answered.
    pub model: Option<String>,
    /// What the agent said last about its issue.
    pub said: Option<Said>,
    /// What it wanted remembered.
    pub notes: Vec<String>,
    /// The review of one of its checkpoints that is under way.
    #[serde(default)]
    pub reviewing: Option<Reviewing>,
    /// The last review of one of its checkpoints.
    #[serde(default)]
    pub review: Option<OfSession>,
    /// What the witness has found out about it.
    pub witness: crate::health::Standing,
    /// What it wanted a person to know; each was told once.
    pub escalated: Vec<String>,
    /// What was said to it while it worked.
    pub nudged: Vec<Nudged>,
    /// When it was wanted.
    pub created_at: Time,
    /// When its agent started.
    pub started_at: Option<Time>,
    /// When its tree was dead.
    pub ended_at: Option<Time>,
}

impl Session {
    /// Whether its agent runs, or could.
    pub fn is_live(&self) -> bool {
        match self.state {
            SessionState::Wanted | SessionState::Starting { .. } | SessionState::Running { .. } => true,
            SessionState::Ended { .. } | SessionState::Over { .. } => false,
        }
    }
    /// What its usage costs so far, as far as there are prices.
    pub fn priced(&self) -> Money {
        self.by_model.values().fold(Money::default(), |sum, used| sum.plus(used.cost))
    }
    /// Where it works or worked.
    pub fn workdir(&self) -> Option<&Workdir> {
        match &self.state {
            SessionState::Wanted => None,
            SessionState::Starting { workdir }
            | SessionState::Running { workdir, .. }
            | SessionState::Ended { workdir, .. } => Some(workdir),
            SessionState::Over { workdir, .. } => workdir.as_ref(),
        }
    }
}
