//! What a worker says inside its session: the same as `convoy done` and the like, to the same supervisor.

use std::io::Read as _;

use convoy_engine::supervisor::protocol::OwnReport;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use super::super::desk::Desk;
use super::super::tool::{Answer, Kind, Tool};
use crate::error::Error;
use crate::own;

/// How much of a brief is given at once, in bytes.
const BRIEF_BYTES: usize = 32 * 1024;
/// The longest brief: an issue's body, and what earlier attempts came to.
const BRIEF_BYTES_MAX: u64 = 8 * 1024 * 1024;

/// Say that your issue is done. Commit your work before: whether it is done is then judged by what is there. End your
/// turn after it.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Done {
    /// Nothing had to be changed.
    #[serde(default)]
    no_change: bool,
    /// What is to be said about it.
    note: Option<String>,
}

/// Say that you cannot go on without a person. Commit what you have, and end your turn after it.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Blocked {
    /// Why.
    reason: String,
}

/// Have something remembered for whoever goes on with this issue.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Note {
    /// What.
    text: String,
}

/// Have a person know something, while you go on.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Escalate {
    /// What.
    reason: String,
}

/// Have what you did so far kept: the whole work tree, committed or not, without a change to the branch.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Checkpoint {
    /// What is to be said about it.
    message: Option<String>,
}

/// Read what you were asked: the issue, what earlier attempts came to, and how to work.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Brief {
    /// Go on at this byte: next_offset of the part before.
    #[serde(default)]
    offset: usize,
}

fn tell(desk: &Desk<'_>, report: OwnReport, said: &str) -> Result<Answer, Error> {
    let n = own::tell(&desk.ctx.env, report)?;
    Ok(Answer::of(&own::told(n))?.note(said))
}

fn some(name: &str, text: String) -> Result<String, Error> {
    if text.trim().is_empty() { Err(Error::usage(format!("{name}: expected a text"))) } else { Ok(text) }
}

impl Tool for Done {
    const NAME: &'static str = "done";
    const TITLE: &'static str = "The issue is done";
    const KIND: Kind = Kind::Own { looks: false };

    fn call(self, desk: &mut Desk<'_>) -> Result<Answer, Error> {
        tell(desk, OwnReport::Done { no_change: self.no_change, note: self.note }, own::DONE_SAID)
    }
}

impl Tool for Blocked {
    const NAME: &'static str = "blocked";
    const TITLE: &'static str = "A person is needed";
    const KIND: Kind = Kind::Own { looks: false };

    fn call(self, desk: &mut Desk<'_>) -> Result<Answer, Error> {
        tell(desk, OwnReport::Blocked { reason: some("reason", self.reason)? }, own::BLOCKED_SAID)
    }
}

impl Tool for Note {
    const NAME: &'static str = "note";
    const TITLE: &'static str = "Remember this";
    const KIND: Kind = Kind::Own { looks: false };

    fn call(self, desk: &mut Desk<'_>) -> Result<Answer, Error> {
        tell(desk, OwnReport::Note { text: some("text", self.text)? }, own::NOTE_SAID)
    }
}

impl Tool for Escalate {
    const NAME: &'static str = "escalate";
    const TITLE: &'static str = "Tell a person";
    const KIND: Kind = Kind::Own { looks: false };

    fn call(self, desk: &mut Desk<'_>) -> Result<Answer, Error> {
        tell(desk, OwnReport::Escalated { reason: some("reason", self.reason)? }, own::ESCALATED_SAID)
    }
}

impl Tool for Checkpoint {
    const NAME: &'static str = "checkpoint";
    const TITLE: &'static str = "Keep what is done so far";
    const KIND: Kind = Kind::Own { looks: false };

    fn call(self, desk: &mut Desk<'_>) -> Result<Answer, Error> {
        tell(desk, OwnReport::Checkpoint { note: self.message }, own::CHECKPOINT_SAID)
    }
}

impl Tool for Brief {
    const NAME: &'static str = "brief";
    const TITLE: &'static str = "What was asked";
    const KIND: Kind = Kind::Own { looks: true };

    fn call(self, desk: &mut Desk<'_>) -> Result<Answer, Error> {
        let env = &desk.ctx.env;
        let Some(path) = env.get("CONVOY_BRIEF_FILE").filter(|path| !path.is_empty()) else {
            return Err(Error::refused(
                "this tool is for agents, inside a session: CONVOY_BRIEF_FILE is not set",
            ));
        };
        let unreadable = |error: std::io::Error| {
            Error::refused(format!("the brief of this session cannot be read: {error}"))
        };
        let file = std::fs::File::open(path).map_err(unreadable)?;
        let mut bytes = Vec::new();
        file.take(BRIEF_BYTES_MAX).read_to_end(&mut bytes).map_err(unreadable)?;
        let text = String::from_utf8_lossy(&bytes);
        let begin = text.floor_char_boundary(self.offset);
        let end = text.floor_char_boundary(begin.saturating_add(BRIEF_BYTES));
        let value = |name: &str| env.text(name);
        Answer::of(&json!({
            "session_id": value("CONVOY_SESSION"), "worker_id": value("CONVOY_WORKER"),
            "issue_id": value("CONVOY_ISSUE"), "convoy_id": value("CONVOY_CONVOY"),
            "brief": &text[begin..end], "next_offset": (end < text.len()).then_some(end),
        }))
    }
}
