//! Reading what an agent printed: as it is, or made readable. `items` says what stands in a line, `page` reads a part.

mod items;
mod page;

use std::fs::File;
use std::io::{BufRead, BufReader, Read as _, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use convoy_api::{Code, Failure};
use convoy_core::id::SessionId;

use crate::agent::Output;
use crate::os::watch::Watcher;
use crate::supervisor::files::SessionDir;
use crate::workspace::Workspace;

pub use items::{Item, ItemKind, items};
pub use page::{Conversation, PAGE_BYTES, Page, conversation, page, prompt};

/// How much of the end of an output is looked at for its last line. Single lines of some agents have a few KiB.
const GLANCE_BYTES: u64 = 64 * 1024;
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

/// Sees whenever a session's agent prints something.
///
/// # Errors
/// When the session has no folder, or the system has no more watches.
pub fn watch(workspace: &Workspace, session: &SessionId) -> std::io::Result<Watcher> {
    Watcher::new([workspace.sessions_dir().join(session.as_str())])
}

/// The last line that a session's agent has printed and `wanted` makes something of; nothing if there is none. It is
/// text of the agent's, made readable, and not fit for a terminal yet.
pub fn last_line(
    workspace: &Workspace,
    session: &SessionId,
    wanted: impl Fn(&str) -> Option<String>,
) -> Option<String> {
    let dir = SessionDir::new(workspace.sessions_dir().join(session.as_str()));
    let translator = dir.spec().map(|spec| spec.translator).unwrap_or(Output::Plain);
    let (end, whole) = end_of(&newest(&dir)?).ok()?;
    last_of(translator, &end, whole, wanted)
}

/// The last line of the end of an output; `whole` says whether it is all of it.
fn last_of(
    translator: Output,
    end: &str,
    whole: bool,
    wanted: impl Fn(&str) -> Option<String>,
) -> Option<String> {
    // A line that has no end yet may be a prompt for people, but half a JSON value says nothing.
    let text = match translator {
        Output::Plain => end,
        Output::Claude | Output::Codex | Output::Gemini => {
            end.rsplit_once('\n').map_or("", |(whole, _)| whole)
        }
    };
    // What stands before the first line's end began before what was read.
    let text = if whole { text } else { text.split_once('\n').map_or("", |(_, whole)| whole) };
    let readable = |line: &str| readable(translator, line)?.lines().rev().find_map(&wanted);
    text.rsplit(['\n', '\r']).filter(|line| !line.is_empty()).find_map(readable)
}

/// The end of a file, and whether that is all of it.
fn end_of(path: &Path) -> std::io::Result<(String, bool)> {
    let mut file = File::open(path)?;
    let before = file.metadata()?.len().saturating_sub(GLANCE_BYTES);
    file.seek(SeekFrom::Start(before))?;
    let mut bytes = Vec::new();
    file.take(GLANCE_BYTES).read_to_end(&mut bytes)?;
    Ok((String::from_utf8_lossy(&bytes).into_owned(), before == 0))
}

/// The file that was written last: a long output is in several while it grows.
fn newest(dir: &SessionDir) -> Option<PathBuf> {
    let written = |path: PathBuf| Some((path.metadata().ok()?.modified().ok()?, path));
    dir.outputs().into_iter().filter_map(written).max_by_key(|(at, _)| *at).map(|(_, path)| path)
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
    let items = items(output, line);
    let shown: Vec<String> = items.iter().filter_map(Item::shown).collect();
    (!shown.is_empty()).then(|| shown.join("\n"))
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(SHOWN_CHARS_MAX) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_line_is_one_that_says_something() {
        let last = |output, end, whole| {
            last_of(output, end, whole, |line| (!line.trim().is_empty()).then(|| line.trim().to_owned()))
        };
        let plain = |end| last(Output::Plain, end, true);
        assert_eq!(plain("").as_deref(), None);
        assert_eq!(plain("one\ntwo\n \n\n").as_deref(), Some("two"));
        assert_eq!(plain("one\nGo on? ").as_deref(), Some("Go on?"));
        assert_eq!(plain("10%\r20%\r").as_deref(), Some("20%"));
        // What was cut is no line.
        assert_eq!(last(Output::Plain, "ne without its beginning\n", false).as_deref(), None);
        let said = |text: &str| {
            format!(
                "{{\"type\":\"assistant\",\"message\":{{\"content\":[{{\"type\":\"text\",\"text\":{text:?}}}]}}}}\n"
            )
        };
        let end = format!("{}{{\"type\":\"user\"}}\n{{\"type\":\"assi", said("first\nsecond\n"));
        assert_eq!(last(Output::Claude, &end, true).as_deref(), Some("second"));
        assert_eq!(last(Output::Claude, "{\"type\":\"system\"}\n", true).as_deref(), None);
    }

    #[test]
    fn of_a_long_output_only_the_end_is_read() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("output.log");
        let long = GLANCE_BYTES as usize + 10;
        std::fs::write(&path, [vec![b'x'; long], b"\nlast".to_vec()].concat()).unwrap();
        let (end, whole) = end_of(&path).unwrap();
        assert_eq!((end.len(), whole), (GLANCE_BYTES as usize, false));
        assert!(end.ends_with("x\nlast"));
    }
}
