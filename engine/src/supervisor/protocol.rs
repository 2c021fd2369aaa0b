//! The lines that go over a supervisor's socket: JSON, one value a line, in both directions.
//!
//! Version 1. Requests: `{"subscribe":{"after":N}}`, `{"stop":{"epoch":E}}`, `{"ceiling":{"epoch":E,"micros":N}}`,
//! `{"nudge":{"epoch":E,"text":…}}`, `{"report":{…}}`, `{"vitals":{}}`, which is answered by `{"vitals":{…}}`. Each is
//! answered, in
//! order, by `{"ok":{…}}` or `{"error":{"code":…,"message":…}}`. After a subscription, lines
//! `{"observation":{…}}` come as they happen and one `{"exit":{…}}` at the end, between answers to later
//! requests. Unknown fields are ignored; an unknown request is an error and ends nothing.

use convoy_core::health::Vitals;
use convoy_core::id::Epoch;
use convoy_core::report::{Exit, Observation, Report};
use serde::{Deserialize, Serialize};

/// The version of this protocol.
pub const VERSION: u32 = 1;
/// The longest request: a note of an agent is text for people, not a transport.
pub const REQUEST_BYTES_MAX: usize = 64 * 1024;
/// The longest text that is said to an agent at once: a hint, not another task.
pub const NUDGE_BYTES_MAX: usize = 16 * 1024;
/// How often an agent may be told something.
pub const NUDGES_MAX: u32 = 1_000;
/// How many reports of its own an agent may make: more is a loop, not news.
pub const REPORTS_MAX: u32 = 10_000;

/// What a client asks.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Request {
    /// Send all observations with a higher number, past and future, then the exit, then close.
    Subscribe {
        /// The number that the client has seen already; 0 for none.
        after: u64,
    },
    /// Stop the agent.
    Stop {
        /// The attempt that is meant.
        epoch: Epoch,
    },
    /// Say how the agent does.
    Vitals {},
    /// The agent may spend this much in all from now on, if that is more than before.
    Ceiling {
        /// The attempt that is meant.
        epoch: Epoch,
        /// How much, in millionths of a US dollar.
        micros: i64,
    },
    /// Say something to the agent while it works.
    Nudge {
        /// The attempt that is meant.
        epoch: Epoch,
        /// What.
        text: String,
        /// Who says it.
        #[serde(default)]
        by: Option<String>,
    },
    /// The agent says something about its own work.
    Report(OwnReport),
}

/// What an agent can say by itself: `convoy done` and the like, and what the hooks of its program say for it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OwnReport {
    /// Its issue is done.
    Done {
        /// Nothing had to be changed.
        #[serde(default)]
        no_change: bool,
        /// What it wants to say about it.
        #[serde(default)]
        note: Option<String>,
    },
    /// It cannot go on.
    Blocked {
        /// Why.
        reason: String,
    },
    /// It wants something remembered.
    Note {
        /// The text.
        text: String,
    },
    /// It wants what it has done so far kept.
    Checkpoint {
        /// What it wants to say about it.
        #[serde(default)]
        note: Option<String>,
    },
    /// It goes on, and wants a person to know.
    Escalated {
        /// What.
        reason: String,
    },
    /// Its conversation has an id.
    Conversation {
        /// The vendor's id.
        id: String,
        /// The model that answers.
        #[serde(default)]
        model: Option<String>,
    },
    /// It waits for a person.
    Waiting {
        /// For what.
        what: String,
    },
    /// It is alive, and no more than that.
    Alive,
}

impl OwnReport {
    /// The observation that it becomes, if it becomes one.
    pub fn report(self) -> Option<Report> {
        match self {
            Self::Done { no_change, note } => Some(Report::Done { no_change, note }),
            Self::Blocked { reason } => Some(Report::Blocked { reason }),
            Self::Note { text } => Some(Report::Note { text }),
            Self::Checkpoint { note } => Some(Report::CheckpointAsked { note }),
            Self::Escalated { reason } => Some(Report::Escalated { reason }),
            Self::Conversation { id, model } => Some(Report::Conversation { id, model }),
            Self::Waiting { what } => Some(Report::Waiting { what }),
            Self::Alive => None,
        }
    }
}

/// What a supervisor says.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reply {
    /// The request was carried out; what it reported is durable.
    Ok {
        /// The number of the observation that it became.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        n: Option<u64>,
        /// The version of this protocol, in the answer to a subscription.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        version: Option<u32>,
    },
    /// The request was not carried out.
    Error {
        /// Why, for programs.
        code: Code,
        /// Why, for people.
        message: String,
    },
    /// How the agent does.
    Vitals(Vitals),
    /// An observation.
    Observation(Observation),
    /// The end; nothing follows.
    Exit(Exit),
}

/// Why a request was not carried out.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Code {
    /// It is not a request of this version.
    BadRequest,
    /// It is longer than a request may be.
    TooLong,
    /// It concerns another attempt.
    Stale,
    /// The agent has ended.
    Ended,
    /// Too many of this kind.
    Limit,
    /// The agent takes nothing in while it works.
    NoInput,
    /// The agent has not read what was said to it before; nothing was sent.
    Busy,
    /// The agent has not read what was said to it before; a part was sent, and the rest follows when it reads.
    Partial,
    /// It comes out of another session.
    Stranger,
    /// It could not be made durable.
    Storage,
    /// A code of a newer version.
    #[serde(other)]
    Unknown,
}
