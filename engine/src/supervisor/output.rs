//! `output.log`: what the agent printed, as bytes, and never more than its limit on disk.
//!
//! The first half of the limit, the **head**, is kept as it comes. Beyond it the latest output goes to two **segments**,
//! files that are named after the place at which they begin; a third one takes the place of the oldest. So at least a
//! quarter of the limit of the latest output is there at any time. At the end a line that says how much was dropped and
//! the segments follow the head, and `output.log` is whole again. Memory does not grow with output. `tails/kept.rs` reads
//! all of it.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// The least output that is kept, so that a small limit does not mean a file for every byte.
const BYTES_MIN: u64 = 16 * 1024;

/// How many segments there are.
const SEGMENTS: usize = 2;

/// How much of the beginning is kept, of an output with this limit.
pub(crate) fn head_bytes(limit: u64) -> u64 {
    limit.max(BYTES_MIN) / 2
}

/// Where the segment is that begins at this place.
fn segment_path(output: &Path, at: u64) -> PathBuf {
    let mut name = output.as_os_str().to_owned();
    name.push(format!(".{at}"));
    PathBuf::from(name)
}

/// The segments that there are, by where they begin; only those that a supervisor keeps.
pub(crate) fn segments(output: &Path) -> io::Result<Vec<(u64, PathBuf)>> {
    let (Some(dir), Some(name)) = (output.parent(), output.file_name().and_then(|name| name.to_str())) else {
        return Ok(Vec::new());
    };
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir)? {
        let entry = entry?;
        let begins = |file: &str| file.strip_prefix(name)?.strip_prefix('.')?.parse().ok();
        found.extend(entry.file_name().to_str().and_then(begins).map(|at| (at, entry.path())));
    }
    found.sort_unstable();
    found.drain(..found.len().saturating_sub(SEGMENTS));
    Ok(found)
}

/// The line that stands where so many bytes are missing.
pub(crate) fn dropped(bytes: u64) -> String {
    format!("[convoy: {bytes} bytes of output were dropped here]")
}

/// The bounded log of one agent's output.
#[derive(Debug)]
pub(crate) struct OutputLog {
    path: PathBuf,
    head: File,
    head_bytes: u64,
    segment_bytes: u64,
    /// How much was printed, kept or not.
    printed: u64,
    older: Option<Segment>,
    /// The one that is written now.
    newer: Option<Segment>,
    dropped: u64,
}

#[derive(Debug)]
struct Segment {
    path: PathBuf,
    file: File,
    bytes: u64,
}

fn create(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).create(true).truncate(true).mode(0o600).open(path)
}

impl OutputLog {
    pub(crate) fn create(path: PathBuf, limit: u64) -> io::Result<Self> {
        Ok(Self {
            head: create(&path)?,
            path,
            head_bytes: head_bytes(limit),
            segment_bytes: head_bytes(limit) / 2,
            printed: 0,
            older: None,
            newer: None,
            dropped: 0,
        })
    }

    /// Bytes that are not kept.
    pub(super) fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Keeps these bytes, or counts them as dropped: a full disk must not end an agent's work.
    pub(crate) fn write(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let done = match self.write_some(bytes) {
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(_) => {
                    self.dropped += bytes.len() as u64;
                    bytes.len()
                }
            };
            self.printed += done as u64;
            bytes = &bytes[done..];
        }
    }

    fn write_some(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let fit = |room: u64| &bytes[..bytes.len().min(usize::try_from(room).unwrap_or(usize::MAX))];
        if self.printed < self.head_bytes {
            return self.head.write(fit(self.head_bytes - self.printed));
        }
        if let Some(full) = self.newer.take_if(|newer| newer.bytes >= self.segment_bytes)
            && let Some(oldest) = self.older.replace(full)
        {
            self.dropped += oldest.bytes;
            std::fs::remove_file(&oldest.path)?;
        }
        let newer = match &mut self.newer {
            Some(newer) => newer,
            none => {
                let path = segment_path(&self.path, self.printed);
                none.insert(Segment { file: create(&path)?, path, bytes: 0 })
            }
        };
        let count = newer.file.write(fit(self.segment_bytes - newer.bytes))?;
        newer.bytes += count as u64;
        Ok(count)
    }

    /// Makes `output.log` whole. Nothing is to be written afterwards.
    pub(crate) fn finish(&mut self) -> io::Result<()> {
        let segments: Vec<Segment> = self.older.take().into_iter().chain(self.newer.take()).collect();
        if self.dropped > 0 && !segments.is_empty() {
            write!(self.head, "\n{}\n", dropped(self.dropped))?;
        }
        for segment in &segments {
            io::copy(&mut File::open(&segment.path)?, &mut self.head)?;
        }
        // The older one first: whoever finds the other one reads what reaches as far, and that is all of it.
        segments.iter().try_for_each(|segment| std::fs::remove_file(&segment.path))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_the_first_and_the_last_and_says_how_much_is_missing() {
        let dir = tempfile::tempdir().unwrap();
        for (total, whole) in [(10_000, true), (20_000, true), (20_001, false), (200_000, false)] {
            let path = dir.path().join("output.log");
            let mut log = OutputLog::create(path.clone(), 20_000).unwrap();
            let all: Vec<u8> = (0..total).map(|n| b'a' + (n % 26) as u8).collect();
            for chunk in all.chunks(700) {
                log.write(chunk);
            }
            let dropped = usize::try_from(log.dropped()).unwrap();
            log.finish().unwrap();
            let kept = std::fs::read(&path).unwrap();
            assert_eq!(whole, dropped == 0, "{total}");
            assert_eq!(&kept[..10_000], &all[..10_000]);
            let mark = format!("\n[convoy: {dropped} bytes of output were dropped here]\n");
            let expected = if whole {
                all.clone()
            } else {
                [&all[..10_000], mark.as_bytes(), &all[10_000 + dropped..]].concat()
            };
            assert_eq!(kept, expected, "{total}");
            assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
        }
    }
}
