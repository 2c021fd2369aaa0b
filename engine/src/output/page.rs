//! A part of what an agent printed: so many bytes of whole lines, and where the parts before and after it begin.

use std::io::{Read, Seek, SeekFrom};

use convoy_api::{Code, Failure};
use convoy_core::id::SessionId;

use super::items::{Item, items};
use crate::agent::Output;
use crate::supervisor::files::{SessionDir, open_plain};
use crate::workspace::Workspace;

/// How much of the output one page has, in bytes: some thousand lines, read in a moment.
pub const PAGE_BYTES: u64 = 256 * 1024;

/// A part of what an agent printed.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Page {
    /// Its lines, as they were printed, without their ends.
    pub lines: Vec<String>,
    /// Where it begins, in bytes.
    pub from: u64,
    /// Where the next one begins.
    pub to: u64,
    /// How much there is.
    pub size: u64,
    /// Whether its agent has ended, so that no more comes.
    pub ended: bool,
}

/// The same, made readable.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Conversation {
    /// What its agent said, did and met with.
    pub items: Vec<Item>,
    /// Where it is; without its lines.
    pub place: Page,
}

/// The lines that begin in the `PAGE_BYTES` from a place on; without one, the last of them.
///
/// # Errors
/// When there is no output of that session.
pub fn page(workspace: &Workspace, session: &SessionId, from: Option<u64>) -> Result<Page, Failure> {
    read(&SessionDir::new(workspace.sessions_dir().join(session.as_str())), session, from, PAGE_BYTES)
}

/// The same part, made readable.
///
/// # Errors
/// As `page`.
pub fn conversation(
    workspace: &Workspace,
    session: &SessionId,
    from: Option<u64>,
) -> Result<Conversation, Failure> {
    let dir = SessionDir::new(workspace.sessions_dir().join(session.as_str()));
    let translator = dir.spec().map(|spec| spec.translator).unwrap_or(Output::Plain);
    let mut place = read(&dir, session, from, PAGE_BYTES)?;
    let lines = std::mem::take(&mut place.lines);
    Ok(Conversation { items: lines.iter().flat_map(|line| items(translator, line)).collect(), place })
}

/// What its agent was told at first, as much of it as a page has; nothing if that is not kept.
///
/// # Errors
/// When the file cannot be read.
pub fn prompt(workspace: &Workspace, session: &SessionId) -> Result<Option<String>, Failure> {
    let dir = SessionDir::new(workspace.sessions_dir().join(session.as_str()));
    let mut bytes = Vec::new();
    let read = open_plain(&dir.prompt()).and_then(|file| file.take(PAGE_BYTES).read_to_end(&mut bytes));
    match read {
        Ok(_) => Ok(Some(String::from_utf8_lossy(&bytes).into_owned())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => {
            Err(Failure::new(Code::Unavailable, format!("what {session} was told cannot be read: {error}")))
        }
    }
}

fn read(dir: &SessionDir, session: &SessionId, from: Option<u64>, bytes: u64) -> Result<Page, Failure> {
    let wrong = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::NotFound => {
            Failure::new(Code::NotFound, format!("there is no output of {session}"))
                .hint("its agent has not started yet, or the output was kept no longer")
        }
        _ => Failure::new(Code::Unavailable, format!("output of {session}: {error}")),
    };
    // Asked before the file is read, or its last lines could be missed.
    let ended = dir.exit().is_ok_and(|exit| exit.is_some());
    let mut file = open_plain(&dir.output()).map_err(wrong)?;
    let size = file.metadata().map_err(wrong)?.len();
    let from = from.unwrap_or_else(|| size.saturating_sub(bytes)).min(size);
    // One byte more shows whether a line begins here.
    let begin = from.saturating_sub(1);
    file.seek(SeekFrom::Start(begin)).map_err(wrong)?;
    let mut part = Vec::new();
    file.take(bytes + from - begin).read_to_end(&mut part).map_err(wrong)?;
    let whole = begin + part.len() as u64 >= size;
    let mut place = Page { from, to: size, size, ended, lines: Vec::new() };
    let after_end = |at: Option<usize>| at.map(|at| at + 1);
    let first = if from == 0 { Some(0) } else { after_end(part.iter().position(|byte| *byte == b'\n')) };
    let last = if whole { Some(part.len()) } else { after_end(part.iter().rposition(|byte| *byte == b'\n')) };
    match (first, last) {
        (Some(first), Some(last)) if first < last => {
            (place.from, place.to) = (begin + first as u64, begin + last as u64);
            let text = String::from_utf8_lossy(&part[first..last]);
            place.lines = text.lines().map(str::to_owned).collect();
        }
        // A line that is longer than a page.
        (_, _) if !whole => {
            place.to = begin + part.len() as u64;
            place.lines = vec![format!("[convoy: a line of more than {bytes} bytes is not shown]")];
        }
        _ => {}
    }
    Ok(place)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(content: &str, from: Option<u64>, bytes: u64) -> Page {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("output.log"), content).unwrap();
        let session = SessionId::new("s-aaaaaaaa").unwrap();
        read(&SessionDir::new(folder.path()), &session, from, bytes).unwrap()
    }

    #[test]
    fn pages_have_whole_lines_and_together_everything() {
        let content: String = (0..100).map(|n| format!("line {n}\n")).collect();
        let last = of(&content, None, 50);
        assert_eq!((last.to, last.size), (content.len() as u64, content.len() as u64));
        assert_eq!(last.lines.last().unwrap(), "line 99");
        let (mut at, mut all) = (0, Vec::new());
        while at < last.size {
            let page = of(&content, Some(at), 50);
            assert!(page.from == at && page.to > at, "{page:?}");
            at = page.to;
            all.extend(page.lines);
        }
        assert_eq!(all, content.lines().collect::<Vec<_>>());
        // From the middle of a line: the next one.
        assert_eq!(of(&content, Some(3), 50).lines[0], "line 1");
        assert_eq!(of(&content, Some(7), 50).lines[0], "line 1");
        assert_eq!(of(&content, Some(9_999), 50).lines, [""; 0]);
    }

    #[test]
    fn a_line_without_an_end_is_shown_and_one_that_is_too_long_is_said() {
        assert_eq!(of("a\nb", None, 50).lines, ["a", "b"]);
        assert_eq!(of("", None, 50), Page { ended: false, ..Page::default() });
        let long = of(&format!("{}\nb\n", "x".repeat(200)), Some(0), 50);
        assert!(long.lines[0].contains("more than 50 bytes"), "{long:?}");
        assert_eq!(long.to, 50);
    }
}
