//! Claude Code's `stream-json`, as versions 2.1.197 and 2.1.329 print it with `--include-partial-messages`.
//!
//! What is known to mislead, and what is done about it:
//!
//! - `assistant` lines repeat, for each content block, the usage of a message's *beginning* (one output token). The
//!   final usage is in the `message_delta` of `stream_event` lines, and only that is counted where there is one.
//! - Sub-agents have no `stream_event` lines, and sub-agents of sub-agents print nothing at all. The former are
//!   counted once for each message id by their `assistant` line; what is missing against `modelUsage`, which covers
//!   the whole process, is reported with the result as usage of its own (**rest**).
//! - `result.usage` is all zeros when a budget was reached; `modelUsage` and `total_cost_usd` are right.
//! - `subtype` is `success` for a failed request; `is_error` tells. A run whose tools were refused ends as a success:
//!   refusals are counted.
//! - The order of keys changes between versions; nothing is found by position.
//!
//! Lines that are not understood are passed over: standard output may hold anything.

use std::borrow::Cow;
use std::collections::{BTreeMap, VecDeque};

use convoy_core::money::Money;
use convoy_core::report::{AgentResult, Report, Tokens};
use serde::Deserialize;
use serde_json::Value;

use super::duplex::{Aside, Ask};
use super::json::{minus, short, text};
use super::translate::Translator;

/// How many message ids are remembered as counted. Repetitions follow at once.
const SETTLED_MAX: usize = 512;
/// How many messages can be unfinished at once: one for each agent that speaks.
const OPEN_MAX: usize = 64;
/// How many models one run may name.
const MODELS_MAX: usize = 64;
/// The model that stands in messages which no model wrote.
const NO_MODEL: &str = "<synthetic>";

/// The translator.
#[derive(Debug, Default)]
pub(super) struct Claude {
    conversation: Option<String>,
    /// Messages that have begun and not ended, by the tool use of the agent that speaks.
    open: Vec<(String, Message)>,
    settled: VecDeque<String>,
    /// Whether messages of the main agent come in parts, so that its whole messages are repetitions.
    in_parts: bool,
    /// What was reported, by model.
    reported: BTreeMap<String, Tokens>,
    rests: u32,
    asides: Vec<Aside>,
}

#[derive(Debug)]
struct Message {
    id: String,
    model: Option<String>,
    tokens: Tokens,
    /// Tokens written to the cache that keeps them for an hour.
    hour: u64,
}

#[derive(Deserialize)]
struct Kind<'a> {
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
}

impl Translator for Claude {
    fn line(&mut self, line: &[u8]) -> Vec<Report> {
        // Most lines are of no interest, and the longest among them hold whole files: they are not built up.
        let Ok(Kind { kind }) = serde_json::from_slice(line) else { return Vec::new() };
        let handle: fn(&mut Self, &Value) -> Vec<Report> = match kind.as_ref() {
            "system" => Self::system,
            "stream_event" => Self::part,
            "assistant" => Self::whole,
            "result" => Self::result,
            "control_request" => Self::asks,
            _ => return Vec::new(),
        };
        serde_json::from_slice(line).map(|value: Value| handle(self, &value)).unwrap_or_default()
    }

    fn end(&mut self) -> Vec<Report> {
        let open = std::mem::take(&mut self.open);
        open.into_iter().filter_map(|(_, message)| self.settle(message)).collect()
    }

    fn asides(&mut self) -> Vec<Aside> {
        std::mem::take(&mut self.asides)
    }
}

impl Claude {
    fn system(&mut self, line: &Value) -> Vec<Report> {
        match text(line, "subtype") {
            Some("init") => {
                self.asides.push(Aside::TurnBegun);
                let id = text(line, "session_id").map(short);
                if id.is_none() || id == self.conversation {
                    return Vec::new();
                }
                self.conversation.clone_from(&id);
                let model = text(line, "model").map(short);
                id.map(|id| Report::Conversation { id, model }).into_iter().collect()
            }
            Some("api_retry") => {
                let status = line
                    .get("error_status")
                    .and_then(Value::as_u64)
                    .and_then(|status| u16::try_from(status).ok());
                // A float in JSON; negative and absurd values become the nearest whole number.
                let delay_ms = line.get("retry_delay_ms").and_then(Value::as_f64).unwrap_or_default() as u64;
                vec![Report::Retrying { status, delay_ms }]
            }
            _ => Vec::new(),
        }
    }

    fn part(&mut self, line: &Value) -> Vec<Report> {
        self.in_parts = true;
        let Some(event) = line.get("event") else { return Vec::new() };
        let speaker = text(line, "parent_tool_use_id").unwrap_or_default();
        match text(event, "type") {
            Some("message_start") => {
                let unfinished = self.take_open(speaker).and_then(|message| self.settle(message));
                if let Some(message) = event.get("message").and_then(message)
                    && !self.settled.contains(&message.id)
                    && self.open.len() < OPEN_MAX
                {
                    self.open.push((speaker.to_owned(), message));
                }
                unfinished.into_iter().collect()
            }
            Some("message_delta") => {
                let Some(mut message) = self.take_open(speaker) else { return Vec::new() };
                message.tokens = tokens(event.get("usage"), message.tokens);
                message.hour = hour(event.get("usage"), message.hour);
                self.settle(message).into_iter().collect()
            }
            Some("content_block_start") => event.get("content_block").and_then(tool).into_iter().collect(),
            _ => Vec::new(),
        }
    }

    fn whole(&mut self, line: &Value) -> Vec<Report> {
        let Some(content) = line.get("message") else { return Vec::new() };
        let Some(message) = message(content) else { return Vec::new() };
        let main = text(line, "parent_tool_use_id").is_none();
        let repeats = self.open.iter().any(|(_, open)| open.id == message.id);
        if (main && self.in_parts) || repeats || message.model.as_deref() == Some(NO_MODEL) {
            return Vec::new();
        }
        let tools = content.get("content").and_then(Value::as_array).into_iter().flatten().filter_map(tool);
        self.settle(message).into_iter().chain(tools).collect()
    }

    fn asks(&mut self, line: &Value) -> Vec<Report> {
        self.asides.extend(Ask::of(line).map(Aside::Asks));
        Vec::new()
    }

    fn result(&mut self, line: &Value) -> Vec<Report> {
        self.asides.push(Aside::TurnOver);
        let mut reports = self.end();
        let models: BTreeMap<String, Tokens> = line
            .get("modelUsage")
            .and_then(Value::as_object)
            .into_iter()
            .flatten()
            .take(MODELS_MAX)
            .map(|(model, usage)| (short(model), model_tokens(usage)))
            .collect();
        reports.extend(self.rest(&models));
        let whole = models.values().fold(Tokens::default(), |sum, tokens| sum.plus(*tokens));
        let told = tokens(line.get("usage"), Tokens::default());
        let subtype = text(line, "subtype").unwrap_or("no subtype");
        let failed = line.get("is_error").and_then(Value::as_bool).unwrap_or(false);
        let ok = !failed && subtype == "success";
        let cost = line.get("total_cost_usd").and_then(Value::as_f64).and_then(Money::from_dollars);
        let denied = line.get("permission_denials").and_then(Value::as_array).map_or(0, Vec::len);
        reports.push(Report::Result(AgentResult {
            ok,
            error: (!ok).then(|| reason(line, subtype)),
            cost,
            tokens: [whole, told].into_iter().find(|tokens| *tokens != Tokens::default()),
            denied: u32::try_from(denied).unwrap_or(u32::MAX),
            retry_at: None,
        }));
        reports
    }

    /// What the whole process used beyond what was reported message by message.
    fn rest(&mut self, models: &BTreeMap<String, Tokens>) -> Vec<Report> {
        let missing: Vec<(Option<String>, Tokens)> = if self
            .reported
            .keys()
            .all(|model| models.contains_key(model))
        {
            let against = |model| self.reported.get(model).copied().unwrap_or_default();
            models.iter().map(|(model, used)| (Some(model.clone()), minus(*used, against(model)))).collect()
        } else {
            // Messages and sums name their models differently, so only the sums of all can be compared.
            let sum = |all: &BTreeMap<String, Tokens>| {
                all.values().fold(Tokens::default(), |sum, one| sum.plus(*one))
            };
            vec![(None, minus(sum(models), sum(&self.reported)))]
        };
        let mut reports = Vec::new();
        for (model, tokens) in missing {
            if tokens != Tokens::default() {
                self.rests += 1;
                let id = format!("rest-{}-{}", self.conversation.as_deref().unwrap_or("unknown"), self.rests);
                reports.extend(self.settle(Message { id, model, tokens, hour: 0 }));
            }
        }
        reports
    }

    fn take_open(&mut self, speaker: &str) -> Option<Message> {
        let at = self.open.iter().position(|(who, _)| who == speaker)?;
        Some(self.open.swap_remove(at).1)
    }

    /// Reports a message's usage, unless that was done.
    fn settle(&mut self, message: Message) -> Option<Report> {
        if self.settled.contains(&message.id) {
            return None;
        }
        if self.settled.len() == SETTLED_MAX {
            self.settled.pop_front();
        }
        self.settled.push_back(message.id.clone());
        let model = message.model.clone().unwrap_or_default();
        if self.reported.len() < MODELS_MAX || self.reported.contains_key(&model) {
            let sum = self.reported.entry(model).or_default();
            *sum = sum.plus(message.tokens);
        }
        Some(Report::Usage {
            message_id: message.id,
            model: message.model,
            tokens: message.tokens,
            cache_write_1h: message.hour,
            cost: None,
            price: None,
        })
    }
}

fn message(value: &Value) -> Option<Message> {
    Some(Message {
        id: short(text(value, "id")?),
        model: text(value, "model").map(short),
        tokens: tokens(value.get("usage"), Tokens::default()),
        hour: hour(value.get("usage"), 0),
    })
}

fn tool(block: &Value) -> Option<Report> {
    (text(block, "type") == Some("tool_use"))
        .then(|| Report::Tool { name: text(block, "name").map_or_else(String::new, short) })
}

/// Usage as the service reports it; what is absent stays as it was.
fn tokens(usage: Option<&Value>, before: Tokens) -> Tokens {
    let count =
        |key, before| usage.and_then(|usage| usage.get(key)).and_then(Value::as_u64).unwrap_or(before);
    Tokens {
        input: count("input_tokens", before.input),
        output: count("output_tokens", before.output),
        cache_read: count("cache_read_input_tokens", before.cache_read),
        cache_write: count("cache_creation_input_tokens", before.cache_write),
    }
}

/// What of it was written to the cache that keeps it for an hour; as it was, where that is not said.
fn hour(usage: Option<&Value>, before: u64) -> u64 {
    let written = usage.and_then(|usage| usage.pointer("/cache_creation/ephemeral_1h_input_tokens"));
    written.and_then(Value::as_u64).unwrap_or(before)
}

fn model_tokens(usage: &Value) -> Tokens {
    let count = |key| usage.get(key).and_then(Value::as_u64).unwrap_or_default();
    Tokens {
        input: count("inputTokens"),
        output: count("outputTokens"),
        cache_read: count("cacheReadInputTokens"),
        cache_write: count("cacheCreationInputTokens"),
    }
}

/// Why a run failed, in the agent's words, or else by the name of its ending.
fn reason(line: &Value, subtype: &str) -> String {
    let first = line
        .get("errors")
        .and_then(Value::as_array)
        .and_then(|errors| errors.first())
        .and_then(Value::as_str);
    let said = text(line, "result").filter(|said| !said.is_empty());
    let words = if subtype == "success" { said.or(first) } else { first.or(said) };
    match words {
        Some(words) if subtype == "success" => short(words),
        Some(words) => short(&format!("{subtype}: {words}")),
        None => short(subtype),
    }
}

#[cfg(test)]
mod tests;
