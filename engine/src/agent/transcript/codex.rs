//! Codex's transcripts: `sessions/<year>/<month>/<day>/rollout-<time>-<thread>.jsonl`, one for each thread.
//!
//! A `token_usage_record` follows each reply, with its id. A `token_count`, which versions without that have, comes only
//! when the reply's tools have ended, and is used where there is nothing better. Sub-agents are threads of their own,
//! whose first line names the session that they belong to. The stream says nothing of what those used, not even in the
//! sum at the end of a turn.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use convoy_core::report::Tokens;
use serde::Deserialize;

use super::files::{self, FILES_MAX};
use super::{Heard, MESSAGES_MAX, Message, name, time};

#[derive(Deserialize)]
struct Line<'a> {
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    timestamp: Cow<'a, str>,
    #[serde(borrow)]
    payload: Payload<'a>,
}

#[derive(Deserialize)]
struct Payload<'a> {
    #[serde(borrow, rename = "type", default)]
    kind: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    session_id: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    model: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    response_id: Option<Cow<'a, str>>,
    #[serde(default)]
    usage: Option<Usage>,
    #[serde(default)]
    info: Option<Info>,
}

#[derive(Deserialize)]
struct Info {
    total_token_usage: Usage,
    last_token_usage: Usage,
}

#[derive(Clone, Copy, Deserialize)]
struct Usage {
    #[serde(default)]
    input_tokens: u64,
    #[serde(default)]
    cached_input_tokens: u64,
    #[serde(default)]
    cache_write_input_tokens: u64,
    #[serde(default)]
    output_tokens: u64,
}

impl Usage {
    /// Input includes both that was read from the cache and that was written to it.
    fn tokens(self) -> Tokens {
        let (cache_read, cache_write) = (self.cached_input_tokens, self.cache_write_input_tokens);
        Tokens {
            input: self.input_tokens.saturating_sub(cache_read).saturating_sub(cache_write),
            output: self.output_tokens,
            cache_read,
            cache_write,
        }
    }
}

pub(super) fn read(env: &BTreeMap<String, String>, heard: &Heard) -> Vec<Message> {
    let Some(root) = files::root(env, "CODEX_HOME", ".codex") else { return Vec::new() };
    let mut days: Vec<PathBuf> = vec![root.join("sessions")];
    for _ in ["year", "month", "day"] {
        days = days.iter().flat_map(|dir| files::entries(dir)).collect();
    }
    let mut rollouts: Vec<PathBuf> = days.iter().flat_map(|day| files::entries(day)).collect();
    rollouts.retain(|file| files::was_written(file, heard.began));
    rollouts.sort();
    let (mut messages, mut read) = (Vec::new(), 0);
    let own = format!("-{}.jsonl", heard.conversation);
    for file in rollouts {
        let is_own = files::name(&file).ends_with(&own);
        if (is_own || session(&file).as_deref() == Some(&*heard.conversation)) && read < FILES_MAX {
            read += 1;
            messages.extend(thread(&file, is_own, heard));
        }
    }
    messages.retain(|message| !heard.messages.contains_key(&message.id));
    messages.truncate(MESSAGES_MAX);
    messages
}

/// The session that a thread belongs to, by its first line.
fn session(file: &Path) -> Option<String> {
    let mut session = None;
    files::lines(file, |line| {
        let line: Option<Line<'_>> = serde_json::from_slice(line).ok();
        session = line
            .filter(|line| line.kind == "session_meta")
            .and_then(|line| line.payload.session_id)
            .map(Into::into);
        false
    });
    session
}

/// What a thread used, reply by reply.
fn thread(file: &Path, is_own: bool, heard: &Heard) -> Vec<Message> {
    let (mut records, mut counts) = (Vec::new(), Vec::new());
    let mut model = None;
    let stem = file.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    files::lines(file, |line| {
        let wanted = ["token_usage_record", "token_count", "turn_context"];
        if !wanted.iter().any(|kind| files::has(line, kind)) {
            return true;
        }
        let Ok(line) = serde_json::from_slice::<Line<'_>>(line) else { return true };
        let Some(at) = time(&line.timestamp) else { return true };
        let payload = line.payload;
        // What the end of a turn told is the sum of the agent's own thread, of nobody else's.
        let is_news = if is_own { heard.is_news(at) } else { at >= heard.began };
        let message = |id: Option<String>, usage: Usage| {
            let message =
                |id| Message { id, model: model.clone(), tokens: usage.tokens(), cache_write_1h: 0, at };
            id.filter(|_| is_news).map(message)
        };
        match (&*line.kind, payload.kind.as_deref()) {
            ("turn_context", _) => model = payload.model.as_deref().and_then(name),
            ("token_usage_record", _) => {
                let usage = payload.usage.into_iter();
                records.extend(
                    usage.filter_map(|usage| message(payload.response_id.as_deref().and_then(name), usage)),
                );
            }
            ("event_msg", Some("token_count")) => counts.extend(payload.info.and_then(|info| {
                let total = info.total_token_usage.tokens().all();
                message(name(&format!("{stem}-{total}")), info.last_token_usage)
            })),
            _ => {}
        }
        records.len().max(counts.len()) < MESSAGES_MAX
    });
    let mut messages = if records.is_empty() { counts } else { records };
    messages.retain(|message| message.tokens != Tokens::default());
    // The same count is told more than once.
    let mut seen = std::collections::BTreeSet::new();
    messages.retain(|message| seen.insert(message.id.clone()));
    messages
}
