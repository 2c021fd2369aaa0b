//! Gemini CLI's transcripts: `tmp/<project>/chats/session-<time>-<beginning of its id>.jsonl`, the whole id in the first
//! line; those of sub-agents in a folder with the id of the conversation beside it.
//!
//! A message is written again when it changes, alone or among others in a `$set` line: the last one of an id holds.
//! `input` includes what was read from the cache; what was thought is paid for as output, and what tools put in as
//! input.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use convoy_core::report::Tokens;
use serde::Deserialize;

use super::files::{self, FILES_MAX};
use super::{Heard, MESSAGES_MAX, Message, name, time};

/// How many letters of its id are in the name of a transcript.
const ID_CHARS: usize = 8;

#[derive(Deserialize)]
struct Line {
    #[serde(flatten)]
    message: Said,
    #[serde(rename = "$set")]
    set: Option<Set>,
}

#[derive(Deserialize)]
struct Set {
    #[serde(default)]
    messages: Vec<Said>,
}

#[derive(Deserialize)]
struct Said {
    id: Option<String>,
    timestamp: Option<String>,
    model: Option<String>,
    tokens: Option<Counts>,
}

#[derive(Deserialize)]
struct Counts {
    #[serde(default)]
    input: u64,
    #[serde(default)]
    output: u64,
    #[serde(default)]
    cached: u64,
    #[serde(default)]
    thoughts: u64,
    #[serde(default)]
    tool: u64,
}

#[derive(Deserialize)]
struct First<'a> {
    #[serde(borrow, rename = "sessionId")]
    id: Cow<'a, str>,
}

pub(super) fn read(env: &BTreeMap<String, String>, heard: &Heard) -> Vec<Message> {
    let root = match env.get("GEMINI_CLI_HOME").filter(|path| !path.is_empty()) {
        Some(own) => Path::new(own).join(".gemini"),
        None => match files::root(env, "", ".gemini") {
            Some(root) => root,
            None => return Vec::new(),
        },
    };
    let mut messages = BTreeMap::new();
    for file in transcripts(&root.join("tmp"), heard) {
        files::lines(&file, |line| {
            if files::has(line, "\"tokens\"")
                && let Ok(line) = serde_json::from_slice::<Line>(line)
            {
                let set = line.set.map(|set| set.messages).unwrap_or_default();
                let news = set.into_iter().chain([line.message]).filter_map(|said| message(said, heard));
                messages.extend(news.map(|message| (message.id.clone(), message)));
            }
            messages.len() < MESSAGES_MAX
        });
    }
    messages.into_values().collect()
}

fn transcripts(tmp: &Path, heard: &Heard) -> Vec<PathBuf> {
    let Some(start) = heard.conversation.get(..ID_CHARS) else { return Vec::new() };
    let end = format!("-{start}.jsonl");
    let mut found = Vec::new();
    for project in files::entries(tmp) {
        let chats = project.join("chats");
        let own = files::entries(&chats).into_iter().filter(|file| files::name(file).ends_with(&end));
        found.extend(own.filter(|file| id(file).as_deref() == Some(&*heard.conversation)));
        found.extend(files::entries(&chats.join(&heard.conversation)));
    }
    found.retain(|file| files::name(file).ends_with(".jsonl") && files::was_written(file, heard.began));
    found.sort();
    found.truncate(FILES_MAX);
    found
}

fn id(file: &Path) -> Option<String> {
    let mut id = None;
    files::lines(file, |line| {
        id = serde_json::from_slice::<First<'_>>(line).ok().map(|first| first.id.into_owned());
        false
    });
    id
}

fn message(said: Said, heard: &Heard) -> Option<Message> {
    let counts = said.tokens?;
    let at = time(&said.timestamp?).filter(|at| heard.is_news(*at))?;
    let id = name(&said.id?)?;
    let tokens = Tokens {
        input: counts.input.saturating_sub(counts.cached).saturating_add(counts.tool),
        output: counts.output.saturating_add(counts.thoughts),
        cache_read: counts.cached,
        cache_write: 0,
    };
    Some(Message { id, model: said.model.as_deref().and_then(name), tokens, cache_write_1h: 0, at })
}
