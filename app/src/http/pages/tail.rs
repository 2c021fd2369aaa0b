//! The end of what agents have printed, as it was when the page was made. What follows comes by the stream.

use convoy_core::id::SessionId;
use convoy_engine::tails::{Line, Tail};
use convoy_engine::workspace::Workspace;

use super::parts::block;
use crate::text;

/// How much of the end is read, in bytes: some lines.
const READ_BYTES: u64 = 4 * 1024;
/// The longest last line, in characters.
const LINE_CHARS: usize = 160;

/// How much of one of the last lines is shown, in bytes.
const LONG_BYTES: usize = 4 * 1024;

/// The last lines; nothing if there are none, or they are kept no longer.
pub(super) fn lines(workspace: &Workspace, session: &SessionId) -> Vec<String> {
    let shown = |line: Line| match line.text.floor_char_boundary(LONG_BYTES) {
        end if end < line.text.len() => format!("{}…", block(&line.text[..end])),
        _ => block(&line.text),
    };
    let part = Tail::new(workspace, session).last_lines(READ_BYTES, false);
    part.map(|part| part.lines.into_iter().map(shown).collect()).unwrap_or_default()
}

/// The last line that says something.
pub(super) fn last(workspace: &Workspace, session: &SessionId) -> Option<String> {
    let says = |line: &str| (!line.trim().is_empty()).then(|| text::cut(line.trim(), LINE_CHARS));
    Tail::new(workspace, session).last_line(says)
}
