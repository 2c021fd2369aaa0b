//! Gemini CLI's `stream-json`, as version 0.61.0 prints it.
//!
//! What is known to mislead, and what is done about it:
//!
//! - Usage comes once, with the result, as sums of this run by model. `input_tokens` includes what was read from the
//!   cache; `output_tokens` leaves out what was thought, which only `total_tokens` has.
//! - On SIGINT and SIGTERM it exits with status 0 and prints no result. So a run that began and has no result has
//!   failed, whatever its status.
//! - A failed request ends it with the HTTP status modulo 256, which says nothing to anybody; the reason is in the
//!   result.
//! - Requests that are tried again are not printed. What they cost in time is silence.
//! - A tool that is refused is a `tool_result` with `policy_violation`; tools that need a person's permission are not
//!   offered to the model at all.
//!
//! Lines that are not understood are passed over.

use std::borrow::Cow;
use std::collections::BTreeMap;

use convoy_core::report::{AgentResult, Report, Tokens};
use serde::Deserialize;
use serde_json::Value;

use super::json::{message_in, short, text};
use super::translate::Translator;

/// How many models one run may name.
const MODELS_MAX: usize = 64;
/// What the agent puts around the service's own words.
const API_ERROR: (&str, &str) = ("[API Error: ", "]");

/// The translator.
#[derive(Debug, Default)]
pub(super) struct Gemini {
    conversation: Option<String>,
    /// What it called an error and went on after.
    complaint: Option<String>,
    over: bool,
    denied: u32,
}

#[derive(Deserialize)]
struct Kind<'a> {
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
}

impl Gemini {
    fn init(&mut self, line: &Value) -> Vec<Report> {
        let id = text(line, "session_id").map(short);
        self.over = false;
        if id.is_none() || id == self.conversation {
            return Vec::new();
        }
        self.conversation.clone_from(&id);
        let model = text(line, "model").map(short);
        id.map(|id| Report::Conversation { id, model }).into_iter().collect()
    }

    fn tool(&mut self, line: &Value) -> Vec<Report> {
        vec![Report::Tool { name: text(line, "tool_name").map_or_else(String::new, short) }]
    }

    fn tool_result(&mut self, line: &Value) -> Vec<Report> {
        let kind = line.get("error").and_then(|error| text(error, "type"));
        self.denied = self.denied.saturating_add(u32::from(kind == Some("policy_violation")));
        Vec::new()
    }

    fn error(&mut self, line: &Value) -> Vec<Report> {
        if text(line, "severity") == Some("error") {
            self.complaint = text(line, "message").map(short);
        }
        Vec::new()
    }

    fn result(&mut self, line: &Value) -> Vec<Report> {
        self.over = true;
        let models: BTreeMap<String, Tokens> = line
            .pointer("/stats/models")
            .and_then(Value::as_object)
            .into_iter()
            .flatten()
            .take(MODELS_MAX)
            .map(|(model, stats)| (short(model), tokens(stats)))
            .filter(|(_, tokens)| *tokens != Tokens::default())
            .collect();
        let sum = models.values().fold(Tokens::default(), |sum, one| sum.plus(*one));
        let error = line
            .get("error")
            .map(|error| text(error, "message").map_or_else(|| short(&error.to_string()), reason));
        let error = match text(line, "status") {
            Some("success") => error,
            status => error.or(self.complaint.take()).or(Some(short(status.unwrap_or("no status")))),
        };
        // The run's own time: a conversation that goes on has one result for each run.
        let run = text(line, "timestamp").map(short).unwrap_or_default();
        let conversation = self.conversation.as_deref().unwrap_or("session");
        let usage = models.iter().map(|(model, tokens)| Report::Usage {
            message_id: format!("{conversation}-{run}-{model}"),
            model: Some(model.clone()),
            tokens: *tokens,
            cache_write_1h: 0,
            cost: None,
            price: None,
        });
        let mut reports: Vec<Report> = usage.collect();
        reports.push(self.ending(error, (sum != Tokens::default()).then_some(sum)));
        reports
    }

    fn ending(&self, error: Option<String>, tokens: Option<Tokens>) -> Report {
        let (ok, denied) = (error.is_none(), self.denied);
        Report::Result(AgentResult { ok, error, cost: None, tokens, denied, retry_at: None })
    }
}

impl Translator for Gemini {
    fn line(&mut self, line: &[u8]) -> Vec<Report> {
        let Ok(Kind { kind }) = serde_json::from_slice(line) else { return Vec::new() };
        let handle: fn(&mut Self, &Value) -> Vec<Report> = match kind.as_ref() {
            "init" => Self::init,
            "tool_use" => Self::tool,
            "tool_result" => Self::tool_result,
            "error" => Self::error,
            "result" => Self::result,
            _ => return Vec::new(),
        };
        serde_json::from_slice(line).map(|value: Value| handle(self, &value)).unwrap_or_default()
    }

    fn end(&mut self) -> Vec<Report> {
        if self.conversation.is_none() || std::mem::replace(&mut self.over, true) {
            return Vec::new();
        }
        let why = self.complaint.take().unwrap_or_else(|| "it ended in the middle of its turn".to_owned());
        vec![self.ending(Some(why), None)]
    }
}

fn reason(words: &str) -> String {
    let inner = words.strip_prefix(API_ERROR.0).and_then(|rest| rest.strip_suffix(API_ERROR.1));
    message_in(inner.unwrap_or(words))
}

fn tokens(stats: &Value) -> Tokens {
    let count = |key| stats.get(key).and_then(Value::as_u64).unwrap_or_default();
    let (prompt, cached) = (count("input_tokens"), count("cached"));
    Tokens {
        input: prompt.saturating_sub(cached),
        output: count("total_tokens").saturating_sub(prompt).max(count("output_tokens")),
        cache_read: cached,
        cache_write: 0,
    }
}

#[cfg(test)]
mod tests;
