//! Reading what an agent printed: as it is, or made readable. `items` says what stands in a line, `page` reads a part.

mod items;
mod page;

use std::fs::File;
use std::io::{BufRead, BufReader, Seek, SeekFrom};

use convoy_api::{Code, Failure};
use convoy_core::id::SessionId;

use crate::agent::Output;
use crate::os::watch::Watcher;
use crate::supervisor::files::SessionDir;
use crate::workspace::Workspace;

pub use items::{Item, ItemKind, items};
pub use page::{Conversation, PAGE_BYTES, Page, conversation, page, prompt};

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
