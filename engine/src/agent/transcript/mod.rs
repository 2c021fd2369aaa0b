//! What an agent used by its own transcript: read when it is dead, for what nobody heard while it lived.
//!
//! A **transcript** is the file in which an agent's program keeps a conversation, below the home directory that its
//! environment had. Sub-agents have files of their own. Seen with Claude Code 2.1.197, Codex 0.169.0 and Gemini CLI
//! 0.61.0.
//!
//! What stands there was written by the agent's program, or by anybody who runs with its rights: only figures are taken
//! out of it, in bounded amounts, and a line that does not make sense is passed over.

mod claude;
mod codex;
pub(super) mod files;
mod gemini;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use convoy_core::report::Tokens;
use convoy_core::time::Time;

use super::translate::Output;

/// The longest name of a model or of a message that is taken over, in bytes.
const NAME_BYTES_MAX: usize = 200;
/// The most messages of one session; at a second each, a day of them.
const MESSAGES_MAX: usize = 100_000;

/// Whose transcript.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// Claude Code's.
    Claude,
    /// Codex's.
    Codex,
    /// Gemini CLI's.
    Gemini,
}

impl Kind {
    /// Whose transcript an agent has whose output is of this kind, if it has one that is known.
    pub fn of(output: Output) -> Option<Self> {
        match output {
            Output::Plain => None,
            Output::Claude => Some(Self::Claude),
            Output::Codex => Some(Self::Codex),
            Output::Gemini => Some(Self::Gemini),
        }
    }
}

/// What was heard of an agent while it lived.
#[derive(Clone, PartialEq, Debug)]
pub struct Heard {
    /// Its name for its conversation.
    pub conversation: String,
    /// When it was started: what stands in the transcript from before is of earlier sessions.
    pub began: Time,
    /// Usage by message.
    pub messages: BTreeMap<String, Tokens>,
    /// When it said last what all that it did had used, if it did.
    pub told_at: Option<Time>,
}

/// Usage of one message that was not heard, or the part of it that was not.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Message {
    /// The vendor's id; for a part, one that is made of it. The same whenever the same file is read.
    pub id: String,
    /// The model.
    pub model: Option<String>,
    /// Tokens.
    pub tokens: Tokens,
    /// How many of those written to a cache were written for an hour.
    pub cache_write_1h: u64,
    /// When.
    pub at: Time,
}

/// What stands in the transcripts of an agent with this environment beyond what was heard of it.
pub fn read(kind: Kind, env: &BTreeMap<String, String>, heard: &Heard) -> Vec<Message> {
    if !files::is_id(&heard.conversation) {
        return Vec::new();
    }
    match kind {
        Kind::Claude => claude::read(env, heard),
        Kind::Codex => codex::read(env, heard),
        Kind::Gemini => gemini::read(env, heard),
    }
}

impl Heard {
    /// Whether something of this time is of this session, and was not in a sum that the agent told.
    fn is_news(&self, at: Time) -> bool {
        at >= self.began && self.told_at.is_none_or(|told| at > told)
    }
}

/// A name as it may be kept.
fn name(text: &str) -> Option<String> {
    let fits = !text.is_empty() && text.len() <= NAME_BYTES_MAX && !text.contains(crate::text::is_hostile);
    fits.then(|| text.to_owned())
}

/// A time as all of them write it.
fn time(text: &str) -> Option<Time> {
    let at: jiff::Timestamp = text.parse().ok()?;
    Some(Time::from_millis(at.as_millisecond()))
}
