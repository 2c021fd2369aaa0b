//! The end of what agents have printed, as it was when the page was made. What follows comes by the stream.

use convoy_core::id::SessionId;
use convoy_engine::tails::Tail;
use convoy_engine::workspace::Workspace;

use super::parts::block;
use crate::text;

/// How much of the end is read, in bytes: some lines.
const READ_BYTES: u64 = 4 * 1024;
/// The longest last line, in characters.
const LINE_CHARS: usize = 160;

/// The last lines; nothing if there are none, or they are kept no longer.
pub(super) fn lines(workspace: &Workspace, session: &SessionId) -> Vec<String> {
    let tail = Tail::new(workspace, session);
    let read = || {
        let from = tail.before_end(READ_BYTES)?;
        tail.part(from, usize::try_from(READ_BYTES).unwrap_or(usize::MAX), false)
    };
    read().map(|part| part.lines.iter().map(|line| block(&line.text)).collect()).unwrap_or_default()
}

/// The last line that says something.
pub(super) fn last(workspace: &Workspace, session: &SessionId) -> Option<String> {
    let lines = lines(workspace, session);
    let line = lines.iter().flat_map(|text| text.lines()).rfind(|line| !line.trim().is_empty())?;
    Some(text::cut(line.trim(), LINE_CHARS))
}
