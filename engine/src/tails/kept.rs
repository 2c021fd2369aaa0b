//! What is kept of an output, read as one text in which bytes keep their places: also while it grows beyond its limit, and
//! after it has been put together at its end. `supervisor/output.rs` writes it.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use super::LINE_BYTES_MAX;
use crate::supervisor::files::{SessionDir, open_plain};
use crate::supervisor::output::{dropped, segments};

/// How much is looked through at a time for the beginning of a line.
const BLOCK_BYTES: u64 = 64 * 1024;
/// The longest line that says how much was dropped.
const DROPPED_BYTES_MAX: usize = 128;

/// Some bytes without a gap.
struct Piece {
    /// The place of the first of them in all that was printed.
    at: u64,
    len: u64,
    file: Arc<File>,
    /// Where that one is in the file.
    offset: u64,
}

impl Piece {
    fn end(&self) -> u64 {
        self.at.saturating_add(self.len)
    }
}

/// What there was when it was opened.
pub(super) struct Kept {
    /// In order; one at least.
    pieces: Vec<Piece>,
}

impl Kept {
    /// Opens all of it; so much is at its beginning before anything is dropped.
    pub(super) fn open(dir: &SessionDir, head_bytes: u64) -> io::Result<Self> {
        let output = dir.output();
        // In this order: what is listed is in the segments until it is in the head as well.
        let mut later = Vec::new();
        for (at, path) in segments(&output)?.into_iter().filter(|(at, _)| *at >= head_bytes) {
            match open_plain(&path) {
                Ok(file) => later.push((at, file)),
                // Its bytes were dropped meanwhile, or it has ended.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        let file = Arc::new(open_plain(&output)?);
        let size = file.metadata()?.len();
        let piece = |at, len, offset| Piece { at, len, file: Arc::clone(&file), offset };
        let mut pieces = vec![piece(0, size.min(head_bytes), 0)];
        let mut growing = Vec::with_capacity(later.len());
        for (at, file) in later {
            growing.push(Piece { at, len: file.metadata()?.len(), file: Arc::new(file), offset: 0 });
        }
        // What was put together after the head.
        let (missing, line) = if size > head_bytes { missing(&file, head_bytes)? } else { (0, 0) };
        let offset = head_bytes.saturating_add(line);
        let whole = piece(head_bytes.saturating_add(missing), size.saturating_sub(offset), offset);
        if growing.last().is_some_and(|last| last.end() > whole.end()) {
            pieces.append(&mut growing);
        } else if size > head_bytes {
            pieces.push(whole);
        }
        Ok(Self { pieces })
    }

    /// How much was printed up to the last byte that is there.
    pub(super) fn end(&self) -> u64 {
        self.pieces.last().map_or(0, Piece::end)
    }

    /// What comes from a place on, up to its end or a gap.
    pub(super) fn bytes_from(&self, at: u64) -> Bytes<'_> {
        Bytes { kept: self, at }
    }

    /// How many bytes are missing from a place on.
    pub(super) fn gap(&self, at: u64) -> Option<u64> {
        let next = self.pieces.iter().find(|piece| piece.end() > at)?;
        next.at.checked_sub(at).filter(|missing| *missing > 0)
    }

    /// Where the line begins that a place is in; of a very long one, or one whose beginning is missing, a place within it.
    pub(super) fn line_start(&self, at: u64) -> io::Result<u64> {
        let (mut begin, mut end) = (0, 0);
        for piece in self.pieces.iter().take_while(|piece| piece.at <= at) {
            begin = if piece.at == end { begin } else { piece.at };
            end = piece.end();
        }
        let mut end = end.min(at);
        let begin = begin.max(end.saturating_sub(LINE_BYTES_MAX as u64));
        let mut block = Vec::new();
        while end > begin {
            let start = end.saturating_sub(BLOCK_BYTES).max(begin);
            block.clear();
            self.bytes_from(start).take(end - start).read_to_end(&mut block)?;
            if let Some(newline) = block.iter().rposition(|byte| *byte == b'\n') {
                return Ok(start + newline as u64 + 1);
            }
            end = start;
        }
        Ok(begin)
    }
}

/// How many bytes are missing at this place of a file that was put together, and how long the line is that says so.
fn missing(file: &File, at: u64) -> io::Result<(u64, u64)> {
    let mut buffer = [0; DROPPED_BYTES_MAX];
    let count = file.read_at(&mut buffer, at)?;
    let text = String::from_utf8_lossy(buffer.get(..count).unwrap_or_default());
    let number = text.split(' ').nth(1).and_then(|number| number.parse().ok()).unwrap_or_default();
    let line = format!("\n{}\n", dropped(number));
    Ok(if number > 0 && text.starts_with(&line) { (number, line.len() as u64) } else { (0, 0) })
}

/// Bytes without a gap.
pub(super) struct Bytes<'a> {
    kept: &'a Kept,
    at: u64,
}

impl Read for Bytes<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let here = |piece: &&Piece| (piece.at..piece.end()).contains(&self.at);
        let Some(piece) = self.kept.pieces.iter().find(here) else { return Ok(0) };
        let left = usize::try_from(piece.end() - self.at).unwrap_or(usize::MAX).min(buffer.len());
        let count = piece.file.read_at(&mut buffer[..left], piece.offset + (self.at - piece.at))?;
        self.at += count as u64;
        Ok(count)
    }
}
