//! An agent's own conversation: whether it is still there, so that another run can go on with it.
//!
//! Agents keep what was said in files below the home directory, one for each conversation (**transcript**). Seen with
//! Claude Code 2.1.197, Codex 0.169.0 and Gemini CLI 0.61.0: each of them goes on with a conversation that began in
//! another folder and was interrupted or killed there, Codex by its id, the other two by its file. An id that is not
//! known ends a run at once, so a conversation whose transcript is not found is not gone on with.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use convoy_core::report::Tokens;
use serde_json::Value;

use super::transcript::files::{self, entries};
use super::translate::Output;
use super::{codex, json};

/// How many letters of its id are in the name of a Gemini transcript.
const GEMINI_ID_CHARS: usize = 8;

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
    if !files::is_id(id) {
        return None;
    }
    let (candidates, used): (Vec<PathBuf>, fn(&Path) -> Tokens) = match output {
        Output::Plain => return None,
        Output::Claude => {
            let projects = files::root(env, "CLAUDE_CONFIG_DIR", ".claude")?.join("projects");
            let name = format!("{id}.jsonl");
            (entries(&projects).iter().map(|project| project.join(&name)).collect(), |_| Tokens::default())
        }
        Output::Codex => {
            let mut files = vec![files::root(env, "CODEX_HOME", ".codex")?.join("sessions")];
            for _ in ["year", "month", "day", "file"] {
                files = files.iter().flat_map(|dir| entries(dir)).collect();
            }
            let end = format!("-{id}.jsonl");
            files.retain(|file| files::name(file).ends_with(&end));
            (files, codex_total)
        }
        Output::Gemini => {
            let root = match env.get("GEMINI_CLI_HOME").filter(|path| !path.is_empty()) {
                Some(own) => Path::new(own).join(".gemini"),
                None => files::root(env, "", ".gemini")?,
            };
            let end = format!("-{}.jsonl", id.get(..GEMINI_ID_CHARS)?);
            let projects = entries(&root.join("tmp"));
            let mut files: Vec<PathBuf> =
                projects.iter().flat_map(|project| entries(&project.join("chats"))).collect();
            files.retain(|file| files::name(file).ends_with(&end) && gemini_id(file).as_deref() == Some(id));
            (files, |_| Tokens::default())
        }
    };
    // One that was gone on with elsewhere may be there twice; the newest has it all.
    let written =
        |file: &PathBuf| fs::symlink_metadata(file).ok().filter(fs::Metadata::is_file)?.modified().ok();
    let newest = candidates.into_iter().filter_map(|file| Some((written(&file)?, file))).max();
    let (_, transcript) = newest?;
    Some(Conversation { id: id.to_owned(), used: used(&transcript), transcript })
}

/// The model that answers in a conversation, where only its transcript says so.
pub fn model_of(output: Output, id: &str, env: &BTreeMap<String, String>) -> Option<String> {
    if output != Output::Codex {
        return None;
    }
    let mut model = None;
    files::lines(&find(output, id, env)?.transcript, |line| {
        if files::has(line, "turn_context") {
            let value: Option<Value> = serde_json::from_slice(line).ok();
            let turn = value.as_ref().filter(|value| json::text(value, "type") == Some("turn_context"));
            let answers = turn.and_then(|turn| json::text(turn.get("payload")?, "model"));
            model = answers.map(json::short).or(model.take());
        }
        true
    });
    model
}

/// The id in the first line of a Gemini transcript.
fn gemini_id(file: &Path) -> Option<String> {
    let mut id = None;
    files::lines(file, |line| {
        let value: Option<Value> = serde_json::from_slice(line).ok();
        id = value.as_ref().and_then(|value| json::text(value, "sessionId")).map(str::to_owned);
        false
    });
    id
}

/// What a Codex thread has used by its own count: that is what it goes on from, whatever its replies took.
fn codex_total(file: &Path) -> Tokens {
    let count = |line: &[u8]| {
        let value: Value = serde_json::from_slice(line).ok()?;
        let info = value.pointer("/payload/info/total_token_usage")?;
        (value.pointer("/payload/type")? == "token_count").then(|| codex::tokens(Some(info)))
    };
    let mut total = Tokens::default();
    files::lines(file, |line| {
        // Few lines are counts, and the others can be long.
        if files::has(line, "token_count") {
            total = count(line).unwrap_or(total);
        }
        true
    });
    total
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
        let counts = "{\"type\":\"turn_context\",\"payload\":{\"model\":\"gpt-x\"}}\n{\"type\":\"event_msg\",\"payload\":{\"type\":\"token_count\",\"info\":null}}\n\
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
        assert_eq!(model_of(Output::Codex, ID, &env).as_deref(), Some("gpt-x"));
        assert_eq!(model_of(Output::Claude, ID, &env), None);
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
