//! `output.log`: what the agent printed, as bytes, and never more than its limit on disk.
//!
//! The first half of the limit is kept as it comes. Beyond it the latest output goes to two **segments** in turn,
//! `output.log.0` and `.1`, of which the older is emptied for the newer; so at least a quarter of the limit of the
//! latest output is there at any time. At the end a line that says how much was dropped and the segments follow
//! the first half, and `output.log` is whole again. Memory does not grow with output.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// The bounded log of one agent's output.
#[derive(Debug)]
pub(super) struct OutputLog {
    path: PathBuf,
    head: File,
    head_left: u64,
    segment_bytes: u64,
    /// The segment that is written now, its index and its length.
    segment: Option<(File, usize, u64)>,
    /// The length of the other segment, which is the older.
    older_bytes: u64,
    dropped: u64,
}

/// Where a part of a long output is while it grows.
pub(super) fn segment_path(path: &Path, index: usize) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{index}"));
    PathBuf::from(name)
}

fn create(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).create(true).truncate(true).mode(0o600).open(path)
}

impl OutputLog {
    pub(super) fn create(path: PathBuf, limit: u64) -> io::Result<Self> {
        Ok(Self {
            head: create(&path)?,
            path,
            head_left: limit / 2,
            segment_bytes: (limit / 4).max(1),
            segment: None,
            older_bytes: 0,
            dropped: 0,
        })
    }

    /// Bytes that are not kept.
    pub(super) fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Keeps these bytes, or counts them as dropped: a full disk must not end an agent's work.
    pub(super) fn write(&mut self, bytes: &[u8]) {
        let fit = usize::try_from(self.head_left).unwrap_or(usize::MAX).min(bytes.len());
        let (first, rest) = bytes.split_at(fit);
        if !first.is_empty() {
            self.head_left -= first.len() as u64;
            if self.head.write_all(first).is_err() {
                self.dropped += first.len() as u64;
            }
        }
        if !rest.is_empty() && self.write_tail(rest).is_err() {
            self.dropped += rest.len() as u64;
        }
    }

    fn write_tail(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let full = self.segment.as_ref().is_none_or(|(_, _, length)| *length >= self.segment_bytes);
            if full {
                let index = self.segment.as_ref().map_or(0, |(_, index, _)| 1 - index);
                let file = create(&segment_path(&self.path, index))?;
                self.dropped += self.older_bytes;
                self.older_bytes = self.segment.take().map_or(0, |(_, _, length)| length);
                self.segment = Some((file, index, 0));
            }
            let Some((file, _, length)) = &mut self.segment else { continue };
            let fit = usize::try_from(self.segment_bytes - *length).unwrap_or(usize::MAX).min(bytes.len());
            let (now, later) = bytes.split_at(fit);
            file.write_all(now)?;
            *length += now.len() as u64;
            bytes = later;
        }
        Ok(())
    }

    /// Makes `output.log` whole. Later writes go nowhere.
    pub(super) fn finish(&mut self) -> io::Result<()> {
        self.head_left = 0;
        let Some((_, index, _)) = self.segment.take() else { return Ok(()) };
        if self.dropped > 0 {
            write!(self.head, "\n[convoy: {} bytes of output were dropped here]\n", self.dropped)?;
        }
        for (index, used) in [(1 - index, self.older_bytes > 0), (index, true)] {
            let path = segment_path(&self.path, index);
            if used {
                io::copy(&mut File::open(&path)?, &mut self.head)?;
                std::fs::remove_file(&path)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_the_first_and_the_last_and_says_how_much_is_missing() {
        let dir = tempfile::tempdir().unwrap();
        for (total, whole) in [(50, true), (100, true), (101, false), (1000, false)] {
            let path = dir.path().join("output.log");
            let mut log = OutputLog::create(path.clone(), 100).unwrap();
            let all: Vec<u8> = (0..total).map(|n| b'a' + (n % 26) as u8).collect();
            for chunk in all.chunks(7) {
                log.write(chunk);
            }
            let dropped = usize::try_from(log.dropped()).unwrap();
            log.finish().unwrap();
            let kept = std::fs::read(&path).unwrap();
            assert_eq!(whole, dropped == 0, "{total}");
            assert_eq!(&kept[..50], &all[..50]);
            let mark = format!("\n[convoy: {dropped} bytes of output were dropped here]\n");
            let expected = if whole {
                all.clone()
            } else {
                [&all[..50], mark.as_bytes(), &all[50 + dropped..]].concat()
            };
            assert_eq!(kept, expected, "{total}");
            assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
        }
    }
}
