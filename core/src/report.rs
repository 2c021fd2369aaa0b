//! What a supervisor says about its agent: numbered observations while it runs, one exit at its end.
//!
//! These are the lines of `observations.ndjson` and the content of `exit.json`. They are read by engines one
//! version older and newer: fields are only ever added, and unknown reports are skipped.

use serde::{Deserialize, Serialize};

use crate::id::Epoch;
use crate::money::Money;
use crate::time::Time;

/// One numbered line about a running agent. Numbers of a session begin at 1 and have no gaps.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Observation {
    /// Its number in the session.
    pub n: u64,
    /// When the supervisor saw it.
    pub at: Time,
    /// The attempt that it belongs to.
    pub epoch: Epoch,
    /// What was seen.
    pub report: Report,
}

/// What can be seen of an agent.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Report {
    /// The agent's process exists.
    Started {
        /// Its process id.
        pid: u32,
        /// Its start time in clock ticks since boot; with the boot id and the pid, its identity.
        start_ticks: u64,
    },
    /// The agent's own conversation has an id, by which it could be resumed.
    Conversation {
        /// The vendor's id, opaque.
        id: String,
        /// The model that answers, if the agent says.
        model: Option<String>,
    },
    /// The final usage of one message of a model. One per message id.
    Usage {
        /// The vendor's message id; usage is settled once for each.
        message_id: String,
        /// The model.
        model: Option<String>,
        /// Tokens of this message.
        tokens: Tokens,
        /// How many of those written to a cache were written for an hour, which costs more.
        #[serde(default, skip_serializing_if = "is_zero")]
        cache_write_1h: u64,
        /// What it cost, by the price of that day; none if nobody knows a price.
        #[serde(default)]
        cost: Option<Money>,
        /// Whose price that was, and its version.
        #[serde(default)]
        price: Option<String>,
    },
    /// The agent began to use a tool.
    Tool {
        /// The tool's name.
        name: String,
    },
    /// The model's service refused or failed, and the agent will try again.
    Retrying {
        /// HTTP status, if known.
        status: Option<u16>,
        /// When it will try again, in milliseconds from now.
        delay_ms: u64,
    },
    /// The agent's own end-of-turn result.
    Result(AgentResult),
    /// The agent says that its issue is done.
    Done {
        /// It says that nothing had to be changed.
        no_change: bool,
        /// What it wants to say about it.
        note: Option<String>,
    },
    /// The agent says that it cannot go on.
    Blocked {
        /// Why.
        reason: String,
    },
    /// The agent wants something remembered.
    Note {
        /// The text.
        text: String,
    },
    /// The agent, or a hook of its program, wants what it has done so far kept.
    CheckpointAsked {
        /// What it wants to say about it.
        note: Option<String>,
    },
    /// The agent goes on, and wants a person to know.
    Escalated {
        /// What.
        reason: String,
    },
    /// What a file of the agent says that it cost: its own word, from nobody else.
    SelfReported {
        /// In all, not since the last time.
        cost: Money,
    },
    /// The agent waits for a person: for a permission, or an answer.
    Waiting {
        /// For what.
        what: String,
    },
    /// The same call, or the same error, again and again.
    Looping {
        /// Which.
        what: String,
        /// How often in a row; zero when it is over.
        count: u32,
        /// Whether the agent can be given a text while it works.
        #[serde(default)]
        takes_input: bool,
    },
    /// A text was handed to the agent while it works.
    Nudged {
        /// Which.
        text: String,
        /// By whom.
        #[serde(default)]
        by: Option<String>,
    },
    /// The supervisor begins to stop the agent.
    Stopping {
        /// Why.
        why: StopWhy,
    },
    /// A report that this version does not know.
    #[serde(other)]
    Unknown,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
fn is_zero(count: &u64) -> bool {
    *count == 0
}

/// Tokens, as billed: the four never overlap.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Tokens {
    /// Fresh input.
    pub input: u64,
    /// Output.
    pub output: u64,
    /// Input read from a cache.
    pub cache_read: u64,
    /// Input written to a cache.
    pub cache_write: u64,
}

impl Tokens {
    /// The sum of both.
    pub fn plus(self, other: Self) -> Self {
        Self {
            input: self.input.saturating_add(other.input),
            output: self.output.saturating_add(other.output),
            cache_read: self.cache_read.saturating_add(other.cache_read),
            cache_write: self.cache_write.saturating_add(other.cache_write),
        }
    }
    /// What of it is not in the other; nothing where that has more.
    pub fn minus(self, other: Self) -> Self {
        Self {
            input: self.input.saturating_sub(other.input),
            output: self.output.saturating_sub(other.output),
            cache_read: self.cache_read.saturating_sub(other.cache_read),
            cache_write: self.cache_write.saturating_sub(other.cache_write),
        }
    }
    /// All of them.
    pub fn all(self) -> u64 {
        self.input
            .saturating_add(self.output)
            .saturating_add(self.cache_read)
            .saturating_add(self.cache_write)
    }
}

/// What the agent itself said at its end. Never believed alone: see `evidence`.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct AgentResult {
    /// It says that it succeeded. Already corrected for the vendors' known untruths.
    pub ok: bool,
    /// What went wrong, in its words, cut to a line.
    pub error: Option<String>,
    /// What it says that it cost.
    pub cost: Option<Money>,
    /// Tokens of the whole process, where the agent reports them.
    pub tokens: Option<Tokens>,
    /// How many tool uses were refused: an agent whose tools are refused ends well having done nothing.
    pub denied: u32,
    /// The service took no more work, and says when it will again.
    #[serde(default)]
    pub retry_at: Option<Time>,
}

/// Why a supervisor stops its agent.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum StopWhy {
    /// A person or the engine ordered it.
    Ordered,
    /// It ran longer than it may.
    WallTime,
    /// It showed no sign of life for longer than it may.
    Silence,
    /// It spent more than it may.
    Spend,
    /// What it reports can no longer be kept: the disk is full or fails.
    Storage,
    /// A limit applies to what it spends, and it used a model that nobody knows a price of.
    Unpriced,
}

/// How an agent's process ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ExitKind {
    /// By itself, with a status or a signal that nobody here sent.
    Exited,
    /// It was stopped by its supervisor.
    Stopped(StopWhy),
    /// It could not be started: missing program, bad format, no such directory.
    StartFailed,
    /// It was not started, because a hook before it failed: no fault of the task. The detail is a line about it, and
    /// the end of the hook's output in the lines after it. No supervisor says so.
    HookFailed,
}

/// The content of `exit.json`, written once, after the whole tree of the agent is dead.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Exit {
    /// The attempt.
    pub epoch: Epoch,
    /// Exit status, if it exited.
    pub code: Option<i32>,
    /// Signal, if one ended it.
    pub signal: Option<i32>,
    /// How.
    pub kind: ExitKind,
    /// Why it could not start, or what else the supervisor has to say.
    pub detail: Option<String>,
    /// Processes that the agent left behind, killed by the supervisor.
    pub leaked: u32,
    /// The agent's own last result, if it gave one.
    pub result: Option<AgentResult>,
    /// The number of the last observation.
    pub last_n: u64,
    /// Bytes of its output that were dropped, because there was more than may be kept.
    #[serde(default)]
    pub dropped_bytes: u64,
    /// How long it ran by a clock that nobody sets, in milliseconds.
    #[serde(default)]
    pub elapsed_ms: u64,
    /// When the agent was started, if it was.
    pub started_at: Option<Time>,
    /// When its whole tree was dead.
    pub ended_at: Time,
}
