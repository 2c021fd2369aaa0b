//! Supervisors: one small process for each session, which owns one agent from its start to its proven end.
//!
//! - **session directory**: everything that a session leaves on disk; its files are in [`files`] and [`spec`].
//! - **run record** (`run.json`): created once, by the supervisor before it starts the agent, or by recovery as a
//!   **fence**, after which nobody can start it. It decides, whatever else was lost.
//! - **observation**: a numbered line about the agent. **Exit**: the one line at its end.
//! - **ladder**: the signals that ask an agent to stop, each with its patience, and SIGKILL at their end.
//! - **nudge**: a message to a running agent, whose standard input then stays open until its turn is over.
//! - **signal file**: a file by which an agent that can only write files says what `convoy done` and the like say.
//! - **leaked**: a process that was still there after the agent's own had ended.
//!
//! The supervisor is one thread with one poll loop (`run`): no async runtime, no dispatcher, no log, no network. It
//! lives on when the engine is gone, and serves an engine one version older or newer. The engine's side is
//! [`launch`], the agent's and the engine's door to it is [`client`].

pub mod client;
mod clients;
mod duplex;
pub mod files;
pub mod launch;
mod limits;
pub mod look;
mod nudge;
mod observations;
pub(crate) mod output;
mod peer;
mod plain;
pub mod protocol;
mod run;
mod serve;
pub(crate) mod signal;
pub mod spec;
pub mod start;
mod terminal;
#[cfg(test)]
mod tests;
mod tree;
mod vitals;

pub use nudge::{Error as NudgeError, nudge};
pub use run::{STATUS_CLAIMED, STATUS_FAILED, STATUS_SPEC, run};
pub use start::SOCKET;
pub use tree::MARK;
