//! Claude Code's transcripts: `projects/<folder>/<conversation>.jsonl`, those of sub-agents in the folder of that name.
//!
//! A line of type `assistant` stands there for each block of a message's content, each with the usage of the message so
//! far, the last with all of it. What the stream said at a message's beginning (sub-agents', and the one at which it was
//! cut off) is less: the difference is reported as usage of its own.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use convoy_core::report::Tokens;
use convoy_core::time::Time;
use serde::Deserialize;

use super::files::{self, FILES_MAX};
use super::{Heard, MESSAGES_MAX, Message, name, time};

/// How deep sub-agents' folders are.
const DEPTH_MAX: usize = 3;
/// The model that stands in messages which no model wrote.
const NO_MODEL: &str = "<synthetic>";

#[derive(Deserialize)]
struct Line<'a> {
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
    #[serde(borrow, rename = "sessionId")]
    conversation: Cow<'a, str>,
    #[serde(borrow)]
    timestamp: Cow<'a, str>,
    #[serde(borrow)]
    message: Said<'a>,
}

#[derive(Deserialize)]
struct Said<'a> {
    #[serde(borrow)]
    id: Cow<'a, str>,
    #[serde(borrow)]
    model: Option<Cow<'a, str>>,
    usage: Usage,
}

#[derive(Deserialize)]
struct Usage {
    input_tokens: Option<u64>,
    output_tokens: Option<u64>,
    cache_read_input_tokens: Option<u64>,
    cache_creation_input_tokens: Option<u64>,
    cache_creation: Option<Written>,
}

#[derive(Deserialize)]
struct Written {
    ephemeral_1h_input_tokens: Option<u64>,
}

/// A message as far as it was read.
struct Known {
    model: Option<String>,
    tokens: Tokens,
    hour: u64,
    at: Time,
}

pub(super) fn read(env: &BTreeMap<String, String>, heard: &Heard) -> Vec<Message> {
    let Some(root) = files::root(env, "CLAUDE_CONFIG_DIR", ".claude") else { return Vec::new() };
    let mut messages: BTreeMap<String, Known> = BTreeMap::new();
    for file in transcripts(&root.join("projects"), heard) {
        files::lines(&file, |line| {
            // Both are in every line that counts.
            if files::has(line, "\"assistant\"")
                && files::has(line, "\"usage\"")
                && let Ok(line) = serde_json::from_slice(line)
            {
                take(&mut messages, line, heard);
            }
            messages.len() < MESSAGES_MAX
        });
    }
    messages.into_iter().filter_map(|(id, known)| news(id, known, heard)).collect()
}

/// The files of a conversation that were written while the agent lived.
fn transcripts(projects: &Path, heard: &Heard) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for project in files::entries(projects) {
        let own = project.join(format!("{}.jsonl", heard.conversation));
        if !own.is_file() {
            continue;
        }
        found.push(own);
        below(&project.join(&heard.conversation), DEPTH_MAX, &mut found);
        // Where older versions keep those of sub-agents, of all conversations; each line says of which it is.
        let beside =
            files::entries(&project).into_iter().filter(|file| files::name(file).starts_with("agent-"));
        found.extend(beside.filter(|file| is_transcript(file)));
    }
    found.retain(|file| files::was_written(file, heard.began));
    found.sort();
    found.truncate(FILES_MAX);
    found
}

fn is_transcript(file: &Path) -> bool {
    file.extension().is_some_and(|end| end == "jsonl")
}

fn below(dir: &Path, depth: usize, into: &mut Vec<PathBuf>) {
    for entry in files::entries(dir) {
        if is_transcript(&entry) {
            into.push(entry);
        } else if depth > 1 && entry.symlink_metadata().is_ok_and(|facts| facts.is_dir()) {
            below(&entry, depth - 1, into);
        }
    }
}

fn take(messages: &mut BTreeMap<String, Known>, line: Line<'_>, heard: &Heard) {
    let Some(at) = time(&line.timestamp).filter(|at| heard.is_news(*at)) else { return };
    let model = line.message.model.as_deref().filter(|model| *model != NO_MODEL);
    if line.kind != "assistant" || line.conversation != heard.conversation || model.is_none() {
        return;
    }
    let Some(id) = name(&line.message.id) else { return };
    let usage = line.message.usage;
    let tokens = Tokens {
        input: usage.input_tokens.unwrap_or_default(),
        output: usage.output_tokens.unwrap_or_default(),
        cache_read: usage.cache_read_input_tokens.unwrap_or_default(),
        cache_write: usage.cache_creation_input_tokens.unwrap_or_default(),
    };
    let hour = usage.cache_creation.and_then(|written| written.ephemeral_1h_input_tokens).unwrap_or_default();
    let known = messages.entry(id).or_insert(Known {
        model: model.and_then(name),
        tokens: Tokens::default(),
        hour: 0,
        at,
    });
    // The greatest of each: what stands there only grows, and no order of lines is relied on.
    known.tokens = known.tokens.plus(tokens.minus(known.tokens));
    known.hour = known.hour.max(hour);
}

fn news(id: String, known: Known, heard: &Heard) -> Option<Message> {
    let Known { model, tokens, hour, at } = known;
    match heard.messages.get(&id) {
        None => Some(Message { id, model, tokens, cache_write_1h: hour, at }),
        Some(said) => {
            let rest = tokens.minus(*said);
            let id = format!("rest-of-{id}");
            let message = Message { id, model, tokens: rest, cache_write_1h: hour.min(rest.cache_write), at };
            (rest != Tokens::default()).then_some(message)
        }
    }
}
