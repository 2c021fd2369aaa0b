//! Reading what an agent printed: as it is, or made readable. `items` says what stands in a line, `page` reads a part.

mod items;
mod page;

use std::collections::VecDeque;
use std::os::fd::BorrowedFd;

use convoy_api::{Code, Failure};
use convoy_core::id::SessionId;

use crate::agent::Output;
use crate::os::watch::Watcher;
use crate::tails::{Line, Tail};
use crate::workspace::Workspace;

pub use items::{Item, ItemKind, items};
pub use page::{Conversation, PAGE_BYTES, Page, conversation, page, prompt};

/// How much is read at a time, in bytes.
const PART_BYTES: u64 = 256 * 1024;
/// How many lines of an earlier attempt's output become part of the next prompt.
const TAIL_LINES: usize = 20;
/// The longest text of one item that is shown.
const SHOWN_CHARS_MAX: usize = 2000;

/// Every line that a session has printed up to now. `raw` gives them as the agent printed them.
///
/// # Errors
/// When there is no output of that session.
pub fn lines(workspace: &Workspace, session: &SessionId, raw: bool) -> Result<Lines<'static>, Failure> {
    let tail = Tail::new(workspace, session);
    let until = Until::Place(tail.size()?);
    Ok(Lines { tail, raw, at: 0, read: Vec::new().into_iter(), until })
}

/// The same with the lines to come, until the session has ended or `away` has no other side any more.
///
/// # Errors
/// As `lines`, and when the system has no more watches.
pub fn followed<'a>(
    workspace: &Workspace,
    session: &SessionId,
    raw: bool,
    away: BorrowedFd<'a>,
) -> Result<Lines<'a>, Failure> {
    let tail = Tail::new(workspace, session);
    tail.size()?;
    let until = Until::Away(tail.watcher()?, away);
    Ok(Lines { tail, raw, at: 0, read: Vec::new().into_iter(), until })
}

/// Lines of an output, read as they are taken.
pub struct Lines<'a> {
    tail: Tail,
    raw: bool,
    at: u64,
    read: std::vec::IntoIter<Line>,
    until: Until<'a>,
}

/// Until when it is read on.
enum Until<'a> {
    /// Up to this place.
    Place(u64),
    /// To its end, or until somebody goes away.
    Away(Watcher, BorrowedFd<'a>),
    /// No longer.
    Over,
}

impl Lines<'_> {
    /// Reads the next part, or waits for it.
    fn read(&mut self) -> Result<(), Failure> {
        let so_far = matches!(self.until, Until::Place(_));
        let read = if so_far { Tail::part_so_far } else { Tail::part };
        let part = read(&self.tail, self.at, PART_BYTES, self.raw)?;
        let moved = part.next > self.at;
        self.at = part.next;
        self.read = part.lines.into_iter();
        let over = match &self.until {
            Until::Place(end) => self.at >= *end || !moved,
            Until::Away(..) if part.ended || moved => part.ended,
            Until::Away(watcher, away) => !watcher.wait_while(away).map_err(|error| {
                Failure::new(Code::Unavailable, format!("what is printed cannot be followed: {error}"))
            })?,
            Until::Over => true,
        };
        if over {
            self.until = Until::Over;
        }
        Ok(())
    }
}

impl Iterator for Lines<'_> {
    type Item = Result<String, Failure>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(line) = self.read.next() {
                return Some(Ok(line.text));
            }
            if matches!(self.until, Until::Over) {
                return None;
            }
            if let Err(failure) = self.read() {
                self.until = Until::Over;
                return Some(Err(failure));
            }
        }
    }
}

/// The end of what a session printed, made readable; nothing if it is kept no longer.
pub(crate) fn tail(workspace: &Workspace, session: &SessionId) -> String {
    let mut last = VecDeque::new();
    for line in lines(workspace, session, false).into_iter().flatten().map_while(Result::ok) {
        if last.len() == TAIL_LINES {
            last.pop_front();
        }
        last.push_back(cut(&line));
    }
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
mod tests;
