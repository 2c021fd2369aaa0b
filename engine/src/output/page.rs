//! A part of what an agent printed, as a page has it, and where the parts before and after it begin; what it was told.

use std::io::Read;

use convoy_api::{Code, Failure};
use convoy_core::id::SessionId;

use super::items::Item;
use crate::supervisor::files::{SessionDir, open_plain};
use crate::tails::Tail;
use crate::workspace::Workspace;

/// About how much of the output one page has, in bytes: some thousand lines, read in a moment.
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
}

/// The same, made readable.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Conversation {
    /// What its agent said, did and met with.
    pub items: Vec<Item>,
    /// Where it is; without its lines.
    pub place: Page,
}

/// The lines from a place on; without one, the last of them.
///
/// # Errors
/// When there is no output of that session.
pub fn page(workspace: &Workspace, session: &SessionId, from: Option<u64>) -> Result<Page, Failure> {
    read(&Tail::new(workspace, session), from, PAGE_BYTES)
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
    let tail = Tail::new(workspace, session);
    let mut place = read(&tail, from, PAGE_BYTES)?;
    let lines = std::mem::take(&mut place.lines);
    Ok(Conversation { items: lines.iter().flat_map(|line| tail.items(line)).collect(), place })
}

fn read(tail: &Tail, from: Option<u64>, bytes: u64) -> Result<Page, Failure> {
    let size = tail.size()?;
    let part = match from {
        Some(from) => tail.part(tail.line_at(from)?, bytes, true)?,
        None => tail.last_lines(bytes, true)?,
    };
    let lines = part.lines.into_iter().map(|line| line.text).collect();
    Ok(Page { lines, from: part.from, to: part.next, size: size.max(part.next) })
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

#[cfg(test)]
mod tests {
    use super::*;

    fn of(content: &str, from: Option<u64>, bytes: u64) -> Page {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("output.log"), content).unwrap();
        let session = SessionId::new("s-aaaaaaaa").unwrap();
        read(&Tail::at(folder.path(), &session), from, bytes).unwrap()
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
        // From the middle of a line: all of that line.
        assert_eq!(of(&content, Some(3), 50).lines[0], "line 0");
        assert_eq!(of(&content, Some(9_999), 50).lines, [""; 0]);
        assert_eq!(of("", None, 50), Page::default());
        let long = format!("{}\nb\n", "x".repeat(200));
        assert_eq!(of(&long, Some(0), 50).lines, ["x".repeat(200)]);
        // Without a place all is there up to the end, however long the line is in which that begins.
        let end = of(&long, None, 50);
        assert_eq!((end.lines, end.to, end.size), (vec!["x".repeat(200), "b".to_owned()], 203, 203));
    }
}
