//! The ledger: what may be spent, what is spent, and what is promised to sessions that run.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::id::{ConvoyId, EpicName, SessionId, WorkerId};
use crate::money::Money;

/// What a limit applies to.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// One attempt.
    Session(SessionId),
    /// All attempts of a worker.
    Worker(WorkerId),
    /// All workers of a convoy.
    Convoy(ConvoyId),
    /// All convoys and sessions of an epic.
    Epic(EpicName),
    /// The whole workspace, each day (UTC) anew.
    Day,
}

impl Level {
    /// The id of what it applies to, as text.
    pub fn id(&self) -> &str {
        match self {
            Self::Session(id) => id.as_str(),
            Self::Worker(id) => id.as_str(),
            Self::Convoy(id) => id.as_str(),
            Self::Epic(name) => name.as_str(),
            Self::Day => "day",
        }
    }
}

/// One limit.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Limit {
    /// How much.
    pub amount: Money,
    /// Whether it was said that most of it is used up.
    pub warned: bool,
    /// Whether it was said that all of it is used up.
    pub exceeded: bool,
}

/// The limits that were set, and what is known of them.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Ledger {
    /// By what they apply to.
    pub limits: BTreeMap<Level, Limit>,
}
