//! An agent's own conversation: whether it is still there, so that another run can go on with it.
//!
//! Agents keep what was said in files below the home directory, one for each conversation (**transcript**). Seen with
//! Claude Code 2.1.197, Codex 0.169.0 and Gemini CLI 0.61.0: each of them goes on with a conversation that began in
//! another folder and was interrupted or killed there, Codex by its id, the other two by its file. An id that is not
//! known ends a run at once, so a conversation whose transcript is not found is not gone on with.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use convoy_core::report::Tokens;
use serde_json::Value;

use super::translate::Output;
use super::{codex, json};

/// The longest id that is looked for.
const ID_BYTES_MAX: usize = 128;
/// How many letters of its id are in the name of a Gemini transcript.
const GEMINI_ID_CHARS: usize = 8;
/// How many entries of a folder are looked at; agents keep one for each project or day.
const ENTRIES_MAX: usize = 100_000;
/// How much of a transcript is read to know what it used.
const READ_BYTES_MAX: u64 = 1024 * 1024 * 1024;

/// A conversation that can be gone on with.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Conversation {
    /// The agent's id of it.
    pub id: String,
    /// Its file.
    pub transcript: PathBuf,
    /// What it has used by its agent's own count, where that count goes on.
    pub used: Tokens,
}

/// The conversation of this id, as an agent with this environment finds it.
pub(super) fn find(output: Output, id: &str, env: &BTreeMap<String, String>) -> Option<Conversation> {
    // The id comes from an agent's output, and becomes part of a path and of an argument.
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if id.is_empty() || id.len() > ID_BYTES_MAX || id.starts_with('-') || !id.chars().all(plain) {
        return None;
    }
    let home = |names: &[&str], below: &str| {
        let own = names.iter().find_map(|name| env.get(*name)).filter(|path| !path.is_empty());
        own.map(PathBuf::from).or_else(|| Some(Path::new(env.get("HOME")?).join(below)))
    };
    let (candidates, used): (Vec<PathBuf>, fn(&Path) -> Tokens) = match output {
        Output::Plain => return None,
        Output::Claude => {
            let projects = home(&["CLAUDE_CONFIG_DIR"], ".claude")?.join("projects");
            let name = format!("{id}.jsonl");
            (entries(&projects).map(|project| project.join(&name)).collect(), |_| Tokens::default())
        }
        Output::Codex => {
            let sessions = home(&["CODEX_HOME"], ".codex")?.join("sessions");
            let end = format!("-{id}.jsonl");
            let days = entries(&sessions).flat_map(|year| entries(&year).collect::<Vec<_>>());
            let files = days.flat_map(|month| entries(&month).collect::<Vec<_>>());
            let files = files.flat_map(|day| entries(&day).collect::<Vec<_>>());
            (files.filter(|file| named(file).ends_with(&end)).collect(), codex_total)
        }
        Output::Gemini => {
            let root = match env.get("GEMINI_CLI_HOME").filter(|path| !path.is_empty()) {
                Some(own) => Path::new(own).join(".gemini"),
                None => home(&[], ".gemini")?,
            };
            let end = format!("-{}.jsonl", id.get(..GEMINI_ID_CHARS)?);
            let files = entries(&root.join("tmp"))
                .flat_map(|project| entries(&project.join("chats")).collect::<Vec<_>>());
            let its = |file: &PathBuf| named(file).ends_with(&end) && gemini_id(file).as_deref() == Some(id);
            (files.filter(its).collect(), |_| Tokens::default())
        }
    };
    // One that was gone on with elsewhere may be there twice; the newest has it all.
    let written = |file: &PathBuf| fs::metadata(file).ok().filter(fs::Metadata::is_file)?.modified().ok();
    let newest = candidates.into_iter().filter_map(|file| Some((written(&file)?, file))).max();
    let (_, transcript) = newest?;
    Some(Conversation { id: id.to_owned(), used: used(&transcript), transcript })
}

fn entries(dir: &Path) -> impl Iterator<Item = PathBuf> + use<> {
    fs::read_dir(dir).into_iter().flatten().take(ENTRIES_MAX).flatten().map(|entry| entry.path())
}

fn named(file: &Path) -> String {
    file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

/// The id in the first line of a Gemini transcript.
fn gemini_id(file: &Path) -> Option<String> {
    let value: Value = serde_json::from_str(&lines(file).next()?).ok()?;
    json::text(&value, "sessionId").map(str::to_owned)
}

/// What a Codex thread has used so far, from the last count in its transcript.
fn codex_total(file: &Path) -> Tokens {
    let count = |line: &str| {
        let value: Value = serde_json::from_str(line).ok()?;
        let info = value.pointer("/payload/info/total_token_usage")?;
        (value.pointer("/payload/type")? == "token_count").then(|| codex::tokens(Some(info)))
    };
    // Few lines are counts, and the others can be long.
    lines(file)
        .filter(|line| line.contains("token_count"))
        .filter_map(|line| count(&line))
        .last()
        .unwrap_or_default()
}

fn lines(file: &Path) -> impl Iterator<Item = String> + use<> {
    let file = File::open(file).ok();
    file.into_iter().flat_map(|file| BufReader::new(file.take(READ_BYTES_MAX)).lines().map_while(Result::ok))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "01a1fd8d-2754-7020-b598-8bbe9d9d719c";

    fn room(files: &[(&str, &str)]) -> (tempfile::TempDir, BTreeMap<String, String>) {
        let home = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = home.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let env = [("HOME".to_owned(), home.path().to_str().unwrap().to_owned())].into();
        (home, env)
    }

    #[test]
    fn each_agents_conversation_is_found_where_that_agent_keeps_it() {
        let claude = format!(".claude/projects/-w-a-b/{ID}.jsonl");
        let rollout = format!(".codex/sessions/2026/11/21/rollout-2026-11-21T10-00-48-{ID}.jsonl");
        let counts = "{\"type\":\"event_msg\",\"payload\":{\"type\":\"token_count\",\"info\":null}}\n\
            {\"payload\":{\"type\":\"token_count\",\"info\":{\"total_token_usage\":{\"input_tokens\":1500,\"cached_input_tokens\":500,\"output_tokens\":50}}}}\n\
            {\"payload\":{\"type\":\"agent_message\",\"message\":\"token_count\"}}\n";
        let chat = ".gemini/tmp/w/chats/session-2026-11-21T10-01-01a1fd8d.jsonl";
        let other = ".gemini/tmp/v/chats/session-2026-11-21T10-02-01a1fd8d.jsonl";
        let first = format!("{{\"sessionId\":\"{ID}\"}}\n");
        let (home, env) = room(&[
            (&claude, "{}\n"),
            (&rollout, counts),
            (chat, &first),
            (other, "{\"sessionId\":\"01a1fd8d-x\"}\n"),
        ]);
        let found = |output| find(output, ID, &env).unwrap();
        assert_eq!(found(Output::Claude).transcript, home.path().join(&claude));
        assert_eq!(found(Output::Codex).transcript, home.path().join(&rollout));
        let used = Tokens { input: 1000, output: 50, cache_read: 500, cache_write: 0 };
        assert_eq!(found(Output::Codex).used, used);
        assert_eq!(found(Output::Gemini).transcript, home.path().join(chat));
        assert_eq!(find(Output::Plain, ID, &env), None);
        for output in [Output::Claude, Output::Codex, Output::Gemini] {
            assert_eq!(find(output, "01a1fd8d-0000", &env), None);
        }
    }

    #[test]
    fn an_id_leads_nowhere_else_and_is_no_option() {
        let (home, mut env) =
            room(&[("own/projects/p/c1.jsonl", ""), (".claude/projects/x.jsonl", ""), ("x.jsonl", "")]);
        for id in ["", "../x", "--help", "-r", "a/b", "c1\n", "é"] {
            assert_eq!(find(Output::Claude, id, &env), None, "{id:?}");
        }
        assert_eq!(find(Output::Claude, "c1", &env), None);
        env.insert("CLAUDE_CONFIG_DIR".to_owned(), home.path().join("own").to_str().unwrap().to_owned());
        assert!(find(Output::Claude, "c1", &env).is_some());
    }
}
