//! Talking with Claude Code while it works: `--input-format stream-json`, as versions 2.1.197 and 2.1.329 read it.
//!
//! Seen of both: a message that comes while a tool runs is taken up with the tool's result, in the same turn; one that
//! comes during the last reply begins another turn; and what was written before standard input is closed is still
//! answered. So a turn's end is the moment to close it, and nothing that was said before is lost.

use convoy_core::report::Report;
use serde_json::{Value, json};

/// The longest description of what it asks, in characters.
const ASKED_CHARS_MAX: usize = 200;
/// What it hears when it asks for a permission.
const NOBODY: &str = "Nobody is there to allow this. Go on without it; if you cannot, run `convoy blocked \"why\"` and end \
                      your turn.";

/// A message of its user, as a line.
pub(crate) fn message(text: &str) -> Vec<u8> {
    let content = json!([{ "type": "text", "text": text }]);
    line(&json!({ "type": "user", "message": { "role": "user", "content": content } }))
}

/// What its output says beside reports: where it stands in the conversation.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Aside {
    /// It begins to work on what was said to it.
    TurnBegun,
    /// It has done so.
    TurnOver,
    /// It waits for an answer.
    Asks(Ask),
}

/// Something to which it waits for an answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Ask {
    /// May it use a tool?
    Permission {
        /// The request that is to be answered.
        request: String,
        /// Which, and for what.
        tool: String,
    },
    /// Something that is not understood.
    Unknown {
        /// The request that is to be answered.
        request: String,
    },
}

impl Ask {
    /// What a `control_request` line asks.
    pub(super) fn of(line: &Value) -> Option<Self> {
        let text = |value: &Value, key: &str| value.get(key).and_then(Value::as_str).map(str::to_owned);
        let request = text(line, "request_id")?;
        let asked = line.get("request")?;
        if text(asked, "subtype").as_deref() != Some("can_use_tool") {
            return Some(Self::Unknown { request });
        }
        let name = text(asked, "tool_name").unwrap_or_else(|| "a tool".to_owned());
        let input = asked.get("input");
        let detail = ["command", "file_path", "url", "description"]
            .iter()
            .find_map(|key| input.and_then(|input| text(input, key)))
            .or_else(|| text(asked, "description"));
        let whole = detail.map_or(name.clone(), |detail| format!("{name}: {detail}"));
        let tool = whole.lines().next().unwrap_or_default().chars().take(ASKED_CHARS_MAX).collect();
        Some(Self::Permission { request, tool })
    }

    /// The answer, as a line. Whoever could allow something is not there, so nothing is allowed beyond what was from
    /// the beginning; the agent hears so and goes on.
    pub(crate) fn answer(&self) -> Vec<u8> {
        let response = match self {
            Self::Permission { request, .. } => json!({
                "subtype": "success", "request_id": request,
                "response": { "behavior": "deny", "message": NOBODY },
            }),
            Self::Unknown { request } => json!({
                "subtype": "error", "request_id": request, "error": "this is not supported here",
            }),
        };
        line(&json!({ "type": "control_response", "response": response }))
    }

    /// What is to be known of it.
    pub(crate) fn report(&self) -> Option<Report> {
        match self {
            Self::Permission { tool, .. } => {
                Some(Report::Waiting { what: format!("a permission, which it was refused: {tool}") })
            }
            Self::Unknown { .. } => None,
        }
    }
}

fn line(value: &Value) -> Vec<u8> {
    let mut bytes = value.to_string().into_bytes();
    bytes.push(b'\n');
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_one_line_whatever_it_says() {
        let text = "two\nlines, \"quotes\" and \u{1b}[2J";
        let bytes = message(text);
        assert_eq!(bytes.iter().filter(|byte| **byte == b'\n').count(), 1);
        let value: Value = serde_json::from_slice(&bytes).unwrap();
        assert_eq!(value["message"]["content"][0]["text"], text);
    }

    #[test]
    fn whoever_asks_gets_an_answer() {
        let line = br#"{"type":"control_request","request_id":"r1","request":{"subtype":"can_use_tool","tool_name":"Bash",
            "input":{"command":"rm -rf build\nls"}}}"#;
        let ask = Ask::of(&serde_json::from_slice(line).unwrap()).unwrap();
        assert_eq!(ask, Ask::Permission { request: "r1".into(), tool: "Bash: rm -rf build".into() });
        let answer: Value = serde_json::from_slice(&ask.answer()).unwrap();
        assert_eq!(answer["response"]["response"]["behavior"], "deny");
        let other = br#"{"type":"control_request","request_id":"r2","request":{"subtype":"hook_callback"}}"#;
        let ask = Ask::of(&serde_json::from_slice(other).unwrap()).unwrap();
        let answer: Value = serde_json::from_slice(&ask.answer()).unwrap();
        assert_eq!(
            (&answer["response"]["subtype"], &answer["response"]["request_id"]),
            (&"error".into(), &"r2".into())
        );
        assert_eq!(ask.report(), None);
        assert_eq!(Ask::of(&serde_json::json!({ "type": "control_request" })), None);
    }
}
