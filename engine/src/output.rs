//! Reading what an agent printed: as it is, or made readable.

use std::fs::File;
use std::io::{BufRead, BufReader, Seek, SeekFrom};

use convoy_api::{Code, Failure};
use convoy_core::id::SessionId;
use serde_json::Value;

use crate::agent::Output;
use crate::os::watch::Watcher;
use crate::supervisor::files::SessionDir;
use crate::workspace::Workspace;

/// How many lines of an earlier attempt's output become part of the next prompt.
const TAIL_LINES: usize = 20;
/// The longest text of one item that is shown.
const SHOWN_CHARS_MAX: usize = 2000;

/// Hands every line of a session's output to `show`, and with `follow` the lines to come until the session has
/// ended. `raw` gives the lines as the agent printed them.
///
/// # Errors
/// When there is no output of that session, or `show` fails.
pub fn lines(
    workspace: &Workspace,
    session: &SessionId,
    raw: bool,
    follow: bool,
    show: &mut dyn FnMut(&str) -> std::io::Result<()>,
) -> Result<(), Failure> {
    let mut wait = |watcher: &Watcher| watcher.wait().map(|()| true);
    read(workspace, session, raw, None, follow.then_some(&mut wait), show)
}

/// The same for somebody who may look away at any moment: the last `tail_bytes` of it and all that is to come, until the
/// session has ended, or `away` can be read or has no other side.
///
/// # Errors
/// As of `lines`.
pub fn followed(
    workspace: &Workspace,
    session: &SessionId,
    tail_bytes: u64,
    away: &impl std::os::fd::AsFd,
    show: &mut dyn FnMut(&str) -> std::io::Result<()>,
) -> Result<(), Failure> {
    let mut wait = |watcher: &Watcher| watcher.wait_unless(away);
    read(workspace, session, false, Some(tail_bytes), Some(&mut wait), show)
}

/// Waits for more to read; whether there may be some.
type Wait<'a> = &'a mut dyn FnMut(&Watcher) -> std::io::Result<bool>;

fn read(
    workspace: &Workspace,
    session: &SessionId,
    raw: bool,
    tail_bytes: Option<u64>,
    mut wait: Option<Wait<'_>>,
    show: &mut dyn FnMut(&str) -> std::io::Result<()>,
) -> Result<(), Failure> {
    let dir = SessionDir::new(workspace.sessions_dir().join(session.as_str()));
    let wrong =
        |error: std::io::Error| Failure::new(Code::Unavailable, format!("output of {session}: {error}"));
    let translator = dir.spec().map(|spec| spec.translator).unwrap_or(Output::Plain);
    let file = match File::open(dir.output()) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err(Failure::new(Code::NotFound, format!("there is no output of {session}"))
                .hint("its agent has not started yet, or the output was kept no longer"));
        }
        Err(error) => return Err(wrong(error)),
    };
    let watcher = Watcher::new([dir.path()]).map_err(wrong)?;
    let length = file.metadata().map_err(wrong)?.len();
    let mut reader = BufReader::new(file);
    let mut line = Vec::new();
    let skipped = tail_bytes.map_or(0, |bytes| length.saturating_sub(bytes));
    if skipped > 0 {
        // From within a line: what is left of that belongs to what was skipped.
        reader.seek(SeekFrom::Start(skipped)).map_err(wrong)?;
        reader.read_until(b'\n', &mut line).map_err(wrong)?;
        line.clear();
    }
    loop {
        // Whether it has ended is asked before the file is read to its end, or its last lines could be missed.
        let ended = dir.exit().is_ok_and(|exit| exit.is_some());
        while reader.read_until(b'\n', &mut line).map_err(wrong)? > 0 {
            if line.last() != Some(&b'\n') && !ended && wait.is_some() {
                break;
            }
            let text = String::from_utf8_lossy(&line);
            let text = text.trim_end_matches(['\n', '\r']);
            let shown = if raw { Some(text.to_owned()) } else { readable(translator, text) };
            if let Some(shown) = shown {
                show(&shown).map_err(wrong)?;
            }
            line.clear();
        }
        let Some(wait) = wait.as_mut().filter(|_| !ended) else { return Ok(()) };
        if !wait(&watcher).map_err(wrong)? {
            return Ok(());
        }
    }
}

/// The end of what a session printed, made readable; nothing if it is kept no longer.
pub(crate) fn tail(workspace: &Workspace, session: &SessionId) -> String {
    let mut last = std::collections::VecDeque::new();
    let _ = lines(workspace, session, false, false, &mut |line| {
        if last.len() == TAIL_LINES {
            last.pop_front();
        }
        last.push_back(cut(line));
        Ok(())
    });
    Vec::from(last).join("\n")
}

/// One line of output as people read it; nothing if it is only for programs.
pub(crate) fn readable(output: Output, line: &str) -> Option<String> {
    match output {
        Output::Plain => Some(line.to_owned()),
        Output::Claude => structured(line, claude),
        Output::Codex => structured(line, codex),
        Output::Gemini => structured(line, gemini),
    }
}

fn structured(line: &str, readable: fn(&Value) -> Option<String>) -> Option<String> {
    match serde_json::from_str::<Value>(line) {
        Ok(value) => readable(&value),
        // What is no JSON was meant for people, or is a mistake worth seeing.
        Err(_) => Some(line.to_owned()),
    }
}

fn said(value: &Value) -> String {
    value.as_str().map_or_else(|| cut(&value.to_string()), cut)
}

fn codex(value: &Value) -> Option<String> {
    let item = &value["item"];
    match (value["type"].as_str()?, item["type"].as_str().unwrap_or_default()) {
        ("item.completed", "agent_message") => Some(said(&item["text"])),
        ("item.started", "command_execution") => Some(format!("> {}", said(&item["command"]))),
        ("item.started", "mcp_tool_call") => {
            Some(format!("> {} {} {}", said(&item["server"]), said(&item["tool"]), said(&item["arguments"])))
        }
        ("item.completed", "file_change") => Some(format!("> file_change {}", said(&item["changes"]))),
        ("item.completed", "command_execution") if item["status"] != "completed" => {
            Some(format!("! {}", said(&item["aggregated_output"])))
        }
        ("item.completed", "error") => Some(format!("~ {}", said(&item["message"]))),
        ("error", _) => Some(format!("~ {}", said(&value["message"]))),
        ("turn.completed", _) => Some("= its turn is over".to_owned()),
        ("turn.failed", _) => Some(format!("= its turn failed: {}", said(&value["error"]["message"]))),
        _ => None,
    }
}

fn gemini(value: &Value) -> Option<String> {
    match value["type"].as_str()? {
        "message" if value["role"] == "assistant" => Some(said(&value["content"])),
        "tool_use" => Some(format!("> {} {}", said(&value["tool_name"]), said(&value["parameters"]))),
        "tool_result" if value["status"] == "error" => Some(format!("! {}", said(&value["output"]))),
        "error" => Some(format!("~ {}", said(&value["message"]))),
        "result" if value["error"].is_null() => Some(format!("= {}", said(&value["status"]))),
        "result" => Some(format!("= {}: {}", said(&value["status"]), said(&value["error"]["message"]))),
        _ => None,
    }
}

fn claude(value: &Value) -> Option<String> {
    let content = || value.pointer("/message/content").and_then(Value::as_array).into_iter().flatten();
    let text = |value: &Value| cut(value.as_str().unwrap_or_default());
    let parts: Vec<String> = match value["type"].as_str()? {
        "assistant" => content()
            .filter_map(|block| match block["type"].as_str()? {
                "text" => Some(text(&block["text"])),
                "tool_use" => {
                    Some(format!("> {} {}", text(&block["name"]), cut(&block["input"].to_string())))
                }
                _ => None,
            })
            .collect(),
        "user" => content()
            .filter(|block| block["type"] == "tool_result" && block["is_error"] == true)
            .map(|block| format!("! {}", cut(&block["content"].to_string())))
            .collect(),
        "result" => vec![format!("= {}: {}", text(&value["subtype"]), text(&value["result"]))],
        "system" if value["subtype"] == "api_retry" => {
            vec![format!("~ the model's service failed ({}); it tries again", value["error_status"])]
        }
        _ => Vec::new(),
    };
    (!parts.is_empty()).then(|| parts.join("\n"))
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(SHOWN_CHARS_MAX) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}
