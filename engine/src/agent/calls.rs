//! Which tools an agent uses, when each use began and ended, and with what.
//!
//! Reports name a tool only. Whether an agent goes round in circles, or waits for a long test, is seen by what it calls
//! and what comes of it, and the supervisor needs no more than a fingerprint of that: nothing here is kept.

use std::borrow::Cow;
use std::hash::{DefaultHasher, Hash, Hasher};

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;

use super::translate::Output;

/// The longest name that is taken over, in characters.
const NAME_CHARS_MAX: usize = 80;
/// How much of an error is compared, in characters.
const ERROR_CHARS_MAX: usize = 400;

/// The beginning or the end of a use of a tool.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Call {
    /// It began.
    Began {
        /// The vendor's id of this use.
        id: String,
        /// Who uses it: an agent may have others work for it.
        by: String,
        /// The tool.
        name: String,
        /// The fingerprint of name and input.
        print: u64,
    },
    /// It ended.
    Ended {
        /// The vendor's id of this use.
        id: String,
        /// Who used it.
        by: String,
        /// What went wrong, with its fingerprint.
        error: Option<(String, u64)>,
    },
}

#[derive(Deserialize)]
struct Kind<'a> {
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
}

/// What of it a line says. What is not understood says nothing.
pub(super) fn of(output: Output, line: &[u8]) -> Vec<Call> {
    if output == Output::Plain {
        return Vec::new();
    }
    // Most lines are parts of a text. Only those that matter are built up.
    let Ok(Kind { kind }) = serde_json::from_slice(line) else { return Vec::new() };
    let value = || serde_json::from_slice::<Value>(line).unwrap_or_default();
    match (output, kind.as_ref()) {
        (Output::Claude, "assistant") => claude_began(&value()),
        (Output::Claude, "user") => claude_ended(line),
        (Output::Codex, "item.started" | "item.completed") => codex(&value(), kind == "item.completed"),
        (Output::Gemini, "tool_use") => gemini_began(&value()),
        (Output::Gemini, "tool_result") => gemini_ended(&value()),
        _ => Vec::new(),
    }
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}

fn name(text: &str) -> String {
    text.lines().next().unwrap_or_default().chars().take(NAME_CHARS_MAX).collect()
}

fn fingerprint(parts: &[&str]) -> u64 {
    let mut hasher = DefaultHasher::new();
    parts.hash(&mut hasher);
    hasher.finish()
}

fn began(id: &str, by: &str, tool: &str, input: &Value) -> Call {
    let print = fingerprint(&[tool, &input.to_string()]);
    Call::Began { id: id.to_owned(), by: by.to_owned(), name: name(tool), print }
}

/// An error without what differs from one time to the next: numbers of lines, times, addresses.
fn error(words: &str) -> (String, u64) {
    let plain: String = words
        .chars()
        .take(ERROR_CHARS_MAX)
        .filter(|c| !c.is_ascii_digit())
        .collect::<String>()
        .to_lowercase();
    (name(words.trim_start()), fingerprint(&[plain.trim()]))
}

fn claude_began(line: &Value) -> Vec<Call> {
    let by = text(line, "parent_tool_use_id");
    let content = line.get("message").and_then(|message| message.get("content")).and_then(Value::as_array);
    let tools = content.into_iter().flatten().filter(|block| text(block, "type") == "tool_use");
    let input = |block: &Value| block.get("input").cloned().unwrap_or_default();
    tools.map(|block| began(text(block, "id"), by, text(block, "name"), &input(block))).collect()
}

/// Commands and tools of other servers. Some kinds of items only say that they have ended: those were never at work.
fn codex(line: &Value, ended: bool) -> Vec<Call> {
    let Some(item) = line.get("item") else { return Vec::new() };
    let (id, kind) = (text(item, "id"), text(item, "type"));
    let (tool, input) = match kind {
        "command_execution" => (kind, item.get("command")),
        "mcp_tool_call" => (text(item, "tool"), item.get("arguments")),
        _ => return Vec::new(),
    };
    if !ended {
        return vec![began(id, "", tool, input.unwrap_or(&Value::Null))];
    }
    let failed = text(item, "status") == "failed";
    let words = item.get("aggregated_output").or(item.get("error"));
    let words = words.map(|words| words.as_str().map_or_else(|| words.to_string(), str::to_owned));
    let error = failed.then(|| error(&words.unwrap_or_default()));
    vec![Call::Ended { id: id.to_owned(), by: String::new(), error }]
}

fn gemini_began(line: &Value) -> Vec<Call> {
    let input = line.get("parameters").unwrap_or(&Value::Null);
    vec![began(text(line, "tool_id"), "", text(line, "tool_name"), input)]
}

fn gemini_ended(line: &Value) -> Vec<Call> {
    let words = line.get("error").map_or_else(|| text(line, "output").to_owned(), Value::to_string);
    let error = (text(line, "status") == "error").then(|| error(&words));
    vec![Call::Ended { id: text(line, "tool_id").to_owned(), by: String::new(), error }]
}

#[derive(Deserialize)]
struct User<'a> {
    #[serde(borrow)]
    message: Message<'a>,
    #[serde(borrow)]
    parent_tool_use_id: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct Message<'a> {
    #[serde(borrow)]
    content: Vec<Block<'a>>,
}

#[derive(Deserialize)]
struct Block<'a> {
    #[serde(borrow)]
    tool_use_id: Option<Cow<'a, str>>,
    #[serde(default)]
    is_error: bool,
    #[serde(rename = "content")]
    _content: Option<IgnoredAny>,
}

/// Results hold whole files: only those of errors are looked into.
fn claude_ended(line: &[u8]) -> Vec<Call> {
    let Ok(User { message, parent_tool_use_id }) = serde_json::from_slice(line) else { return Vec::new() };
    let by = parent_tool_use_id.unwrap_or_default();
    let words = |id: &str| {
        let whole: Value = serde_json::from_slice(line).unwrap_or_default();
        let blocks =
            whole.get("message").and_then(|message| message.get("content")).and_then(Value::as_array);
        let block = blocks.into_iter().flatten().find(|block| text(block, "tool_use_id") == id);
        match block.and_then(|block| block.get("content")) {
            Some(Value::String(words)) => words.clone(),
            Some(Value::Array(parts)) => parts.iter().map(|part| text(part, "text")).collect(),
            _ => String::new(),
        }
    };
    let ended = |block: &Block<'_>| {
        let id = block.tool_use_id.as_deref()?;
        let error = block.is_error.then(|| error(&words(id)));
        Some(Call::Ended { id: id.to_owned(), by: by.clone().into_owned(), error })
    };
    message.content.iter().filter_map(ended).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_uses_of_a_recorded_run_begin_and_end() {
        let lines = include_bytes!("fixtures/claude_2.1.197_commit.jsonl");
        let calls: Vec<Call> =
            lines.split(|b| *b == b'\n').flat_map(|line| of(Output::Claude, line)).collect();
        let ids = |calls: &[Call]| -> Vec<String> {
            let id = |call: &Call| match call {
                Call::Began { id, name, .. } => format!("{name} {id}"),
                Call::Ended { id, error, .. } => format!("end {id} {}", error.is_some()),
            };
            calls.iter().map(id).collect()
        };
        assert_eq!(
            ids(&calls),
            [
                "Write toolu_c562133575314d358e26",
                "end toolu_c562133575314d358e26 false",
                "Bash toolu_1e746ccc83264c649fc2",
                "end toolu_1e746ccc83264c649fc2 false",
            ]
        );
    }

    #[test]
    fn other_vendors_begin_and_end_what_they_use() {
        let runs: [(Output, &[u8]); 2] = [
            (Output::Codex, include_bytes!("fixtures/codex_0.169.0_commit.jsonl")),
            (Output::Gemini, include_bytes!("fixtures/gemini_0.61.0_commit.jsonl")),
        ];
        for (output, lines) in runs {
            let calls: Vec<Call> = lines.split(|b| *b == b'\n').flat_map(|line| of(output, line)).collect();
            let began = calls.iter().filter(|call| matches!(call, Call::Began { .. })).count();
            let ended = calls.iter().filter(|call| matches!(call, Call::Ended { error: None, .. })).count();
            assert_eq!((began, ended), (2, 2), "{output:?}: {calls:?}");
        }
    }

    #[test]
    fn the_same_error_at_another_line_is_the_same() {
        let one = error("error[E0308] at src/lib.rs:12: mismatched types");
        let two = error("error[E0308] at src/lib.rs:340: mismatched types");
        assert_eq!(one.1, two.1);
        assert_ne!(one.1, error("no such file").1);
    }

    #[test]
    fn an_error_is_read_out_of_its_result() {
        let line =
            br#"{"type":"user","message":{"role":"user","content":[{"tool_use_id":"t1","type":"tool_result",
            "content":[{"type":"text","text":"boom\nmore"}],"is_error":true}]},"parent_tool_use_id":"task"}"#;
        let line: Vec<u8> = line.iter().copied().filter(|b| *b != b'\n').collect();
        let Some(Call::Ended { id, by, error: Some((what, _)) }) = of(Output::Claude, &line).pop() else {
            panic!("an end with an error")
        };
        assert_eq!((id.as_str(), by.as_str(), what.as_str()), ("t1", "task", "boom"));
    }
}
