//! Codex's `exec --json`, as version 0.169.0 prints it.
//!
//! What is known to mislead, and what is done about it:
//!
//! - `turn.completed.usage` counts the whole thread, runs that it was resumed from included. What it had used before
//!   this run is known from its transcript, and subtracted.
//! - `input_tokens` includes what was read from the cache and written to it; reasoning is part of `output_tokens`.
//! - Usage comes with the end of a turn that succeeds. A run that fails or is stopped prints none: only the
//!   transcript has it.
//! - An `item.completed` of type `error` is a warning, and so is a line of type `error` while the connection is tried
//!   again. What failed is said by `turn.failed`.
//! - No line says which model answers: it is the one that was asked for.
//! - Commands that its own sandbox refuses print nothing; only those that are `declined` can be counted.
//!
//! Lines that are not understood are passed over.

use std::borrow::Cow;
use std::collections::VecDeque;

use convoy_core::report::{AgentResult, Report, Tokens};
use serde::Deserialize;
use serde_json::Value;

use super::json::{message_in, minus, short, text};
use super::translate::{Asked, Translator};

/// How many tools can be at work at once, as far as they are told apart.
const OPEN_MAX: usize = 256;
/// What a line of type `error` begins with that is no end.
const AGAIN: &str = "Reconnecting...";
/// What comes before an HTTP status in the words of such a line.
const STATUS_MARKS: [&str; 2] = ["last status: ", "unexpected status "];

/// The translator.
#[derive(Debug)]
pub(super) struct Codex {
    model: Option<String>,
    thread: Option<String>,
    /// What the thread had used when it was last heard of.
    used: Tokens,
    /// Tools that were reported when they began.
    open: VecDeque<String>,
    denied: u32,
}

#[derive(Deserialize)]
struct Kind<'a> {
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
}

impl Codex {
    /// For a run of which this was asked.
    pub(super) fn new(asked: &Asked) -> Self {
        let (model, used) = (asked.model.clone(), asked.used);
        Self { model, thread: None, used, open: VecDeque::new(), denied: 0 }
    }

    fn thread(&mut self, line: &Value) -> Vec<Report> {
        let id = text(line, "thread_id").map(short);
        if id.is_none() || id == self.thread {
            return Vec::new();
        }
        self.thread.clone_from(&id);
        let model = self.model.clone();
        id.map(|id| Report::Conversation { id, model }).into_iter().collect()
    }

    fn begun(&mut self, line: &Value) -> Vec<Report> {
        let Some((id, name)) = line.get("item").and_then(tool) else { return Vec::new() };
        if self.open.contains(&id) {
            return Vec::new();
        }
        if self.open.len() == OPEN_MAX {
            self.open.pop_front();
        }
        self.open.push_back(id);
        vec![Report::Tool { name }]
    }

    fn ended(&mut self, line: &Value) -> Vec<Report> {
        // Some kinds only say that they have ended.
        let reports = self.begun(line);
        let status = line.get("item").and_then(|item| text(item, "status"));
        self.denied = self.denied.saturating_add(u32::from(status == Some("declined")));
        reports
    }

    fn again(&self, line: &Value) -> Vec<Report> {
        let words = text(line, "message").unwrap_or_default();
        if !words.starts_with(AGAIN) {
            return Vec::new();
        }
        let status = STATUS_MARKS.iter().find_map(|mark| {
            let (_, rest) = words.split_once(mark)?;
            rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
        });
        vec![Report::Retrying { status, delay_ms: 0 }]
    }

    fn completed(&mut self, line: &Value) -> Vec<Report> {
        let total = tokens(line.get("usage"));
        // A thread that counts anew has counted less than before: then this is all there is.
        let shrunk = total.input < self.used.input || total.output < self.used.output;
        let tokens = if shrunk { total } else { minus(total, self.used) };
        self.used = total;
        let mut reports = Vec::new();
        if tokens != Tokens::default() {
            let thread = self.thread.as_deref().unwrap_or("thread");
            reports.push(Report::Usage {
                // The sum so far: unique in the thread, whichever run of it this is.
                message_id: format!("{thread}-{}", sum(total)),
                model: self.model.clone(),
                tokens,
                cache_write_1h: 0,
                cost: None,
                price: None,
            });
        }
        reports.push(self.result(None, (tokens != Tokens::default()).then_some(tokens)));
        reports
    }

    fn failed(&mut self, line: &Value) -> Vec<Report> {
        let words = line.get("error").and_then(|error| text(error, "message"));
        let error = words.map_or_else(|| "its turn failed".to_owned(), message_in);
        vec![self.result(Some(error), None)]
    }

    fn result(&self, error: Option<String>, tokens: Option<Tokens>) -> Report {
        let (ok, denied) = (error.is_none(), self.denied);
        Report::Result(AgentResult { ok, error, cost: None, tokens, denied, retry_at: None })
    }
}

impl Translator for Codex {
    fn line(&mut self, line: &[u8]) -> Vec<Report> {
        let Ok(Kind { kind }) = serde_json::from_slice(line) else { return Vec::new() };
        let handle: fn(&mut Self, &Value) -> Vec<Report> = match kind.as_ref() {
            "thread.started" => Self::thread,
            "item.started" => Self::begun,
            "item.completed" => Self::ended,
            "error" => |this, line| this.again(line),
            "turn.completed" => Self::completed,
            "turn.failed" => Self::failed,
            _ => return Vec::new(),
        };
        serde_json::from_slice(line).map(|value: Value| handle(self, &value)).unwrap_or_default()
    }

    fn end(&mut self) -> Vec<Report> {
        Vec::new()
    }
}

/// The id and the name of a tool that an item uses; `None` if it uses none.
fn tool(item: &Value) -> Option<(String, String)> {
    let name = match text(item, "type")? {
        "agent_message" | "reasoning" | "error" | "todo_list" => return None,
        "mcp_tool_call" => {
            let part = |key| text(item, key).unwrap_or("unknown");
            format!("mcp__{}__{}", part("server"), part("tool"))
        }
        kind => kind.to_owned(),
    };
    Some((short(text(item, "id")?), short(&name)))
}

/// Usage as Codex counts it, told apart so that nothing is in two figures.
pub(super) fn tokens(usage: Option<&Value>) -> Tokens {
    let count = |key| usage.and_then(|usage| usage.get(key)).and_then(Value::as_u64).unwrap_or_default();
    let (cache_read, cache_write) = (count("cached_input_tokens"), count("cache_write_input_tokens"));
    Tokens {
        input: count("input_tokens").saturating_sub(cache_read).saturating_sub(cache_write),
        output: count("output_tokens"),
        cache_read,
        cache_write,
    }
}

fn sum(tokens: Tokens) -> u64 {
    [tokens.input, tokens.output, tokens.cache_read, tokens.cache_write]
        .iter()
        .fold(0, |a, b| a.saturating_add(*b))
}

#[cfg(test)]
mod tests;
