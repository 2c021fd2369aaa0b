//! Checkpoints: what a session had done at some moment, kept in git.
//!
//! A checkpoint is wanted first, with its id and number in the log; then made, idempotently by its id; then announced.
//! So none is announced that is not in git. Which was the latest is a matter of numbers, never of file times.

use serde::{Deserialize, Serialize};

use crate::id::{CheckpointId, RigName, SessionId};
use crate::time::Time;

/// Why a checkpoint is made.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// Its session has begun.
    Started,
    /// So much time has gone by, in which something changed.
    Interval,
    /// An issue was completed.
    IssueCompleted {
        /// Which.
        issue: crate::id::IssueId,
    },
    /// Something went wrong.
    Error {
        /// What.
        what: String,
    },
    /// A good part of a budget is used up.
    BudgetThreshold {
        /// Which, and how much of it.
        what: String,
    },
    /// The session is being paused.
    Paused {
        /// Why.
        why: Option<String>,
    },
    /// The session is being stopped.
    Stopping {
        /// Why.
        why: String,
    },
    /// The session is completed.
    Completed,
    /// Somebody asked for one: a person, or the agent.
    Asked {
        /// What they said about it.
        note: Option<String>,
    },
}

impl Reason {
    /// The name that scripts read.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Started => "started",
            Self::Interval => "interval",
            Self::IssueCompleted { .. } => "issue_completed",
            Self::Error { .. } => "error",
            Self::BudgetThreshold { .. } => "budget_threshold",
            Self::Paused { .. } => "paused",
            Self::Stopping { .. } => "stopping",
            Self::Completed => "completed",
            Self::Asked { .. } => "asked",
        }
    }

    /// Whether it is of the moment before its session is stopped, so that no other is needed for that.
    pub fn is_before_a_stop(&self) -> bool {
        match self {
            Self::BudgetThreshold { .. } | Self::Paused { .. } | Self::Stopping { .. } => true,
            Self::Started
            | Self::Interval
            | Self::IssueCompleted { .. }
            | Self::Error { .. }
            | Self::Completed
            | Self::Asked { .. } => false,
        }
    }
}

/// As people read it.
impl std::fmt::Display for Reason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Started => f.write_str("the session began"),
            Self::Interval => f.write_str("something changed since the last one"),
            Self::IssueCompleted { issue } => write!(f, "{issue} was completed"),
            Self::Error { what } => write!(f, "something went wrong: {what}"),
            Self::BudgetThreshold { what } => write!(f, "budget: {what}"),
            Self::Paused { why: Some(why) } => write!(f, "paused: {why}"),
            Self::Paused { why: None } => f.write_str("paused"),
            Self::Stopping { why } => write!(f, "before a stop: {why}"),
            Self::Completed => f.write_str("the session was completed"),
            Self::Asked { note: Some(note) } => write!(f, "asked for: {note}"),
            Self::Asked { note: None } => f.write_str("asked for"),
        }
    }
}

/// A checkpoint as it is wanted.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct NewCheckpoint {
    /// Its id.
    pub id: CheckpointId,
    /// Of which session: an attempt of a worker, or a person's own.
    pub session: SessionId,
    /// The folder that it is kept in: its epic, else its convoy, else its issue.
    pub folder: String,
    /// Its number within the folder, from 1.
    pub sequence: u64,
    /// The repository in whose state reference it is kept.
    pub rig: RigName,
    /// Why.
    pub reason: Reason,
    /// The number of the agent's report that asks for it, which is known from now on.
    #[serde(default)]
    pub asked: Option<u64>,
}

/// A checkpoint as it was made.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Made {
    /// The commit on the state reference that has it.
    pub commit: String,
    /// Where the session's branch was; none before the first commit.
    pub git_commit: Option<String>,
    /// The commit of all files as they were; none if nothing differs from `git_commit`.
    pub wip_commit: Option<String>,
    /// How many files differ from where the session began.
    pub files_changed: u32,
    /// The tree of all files, to see whether anything changed since.
    pub tree: Option<String>,
}

impl Made {
    /// The commit of the files as they were; none if there was nothing yet.
    pub fn files(&self) -> Option<&String> {
        self.wip_commit.as_ref().or(self.git_commit.as_ref())
    }
}

/// What a checkpoint is at.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub enum CheckpointState {
    /// It is to be made.
    Wanted,
    /// It is in git.
    Made(Made),
    /// It could not be made.
    Failed {
        /// Why.
        why: String,
    },
}

/// A checkpoint as it stands.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Checkpoint {
    /// What it was wanted as.
    pub content: NewCheckpoint,
    /// What it is at.
    pub state: CheckpointState,
    /// When it was wanted.
    pub at: Time,
    /// How many notes of its session there were then.
    pub notes: u32,
}
