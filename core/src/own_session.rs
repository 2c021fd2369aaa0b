//! Own sessions: a person's work in a checkout of their own, within an epic. Nothing supervises them.

use serde::{Deserialize, Serialize};

use crate::id::{CheckpointId, EpicName, RigName, SessionId};
use crate::money::Money;
use crate::time::Time;

/// An own session as it begins.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct NewOwnSession {
    /// Its id.
    pub id: SessionId,
    /// The epic.
    pub epic: EpicName,
    /// Its number within the epic, from 1.
    pub number: u32,
    /// The session that it goes on from, which may have been on another machine.
    pub parent: Option<SessionId>,
    /// The checkpoint that it goes on from.
    pub from: Option<CheckpointId>,
    /// The rig in whose checkout it works.
    pub rig: RigName,
    /// The checkout.
    pub path: String,
    /// The number of that checkpoint: those of this session come after it.
    #[serde(default)]
    pub sequence: u64,
    /// What earlier sessions of the epic cost that this workspace knows only from a checkpoint.
    pub carried: Money,
}

/// What an own session came to.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Ended {
    /// It did what it was for.
    Success,
    /// It did not.
    Failure,
    /// A part of it.
    Partial,
    /// The conversation grew too long to go on.
    ContextOverflow,
}

/// What an own session is at.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum OwnState {
    /// Somebody works.
    Open,
    /// Somebody will go on later, in another session.
    Paused {
        /// When.
        at: Time,
        /// Why.
        reason: Option<String>,
    },
    /// It is done with.
    Completed {
        /// When.
        at: Time,
        /// What it came to.
        outcome: Ended,
    },
}

/// An own session as it stands.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct OwnSession {
    /// What it began as.
    pub content: NewOwnSession,
    /// What it is at.
    pub state: OwnState,
    /// Who works.
    pub by: String,
    /// When it began.
    pub started_at: Time,
}
