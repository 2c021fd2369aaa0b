//! `stdout`: what an agent printed to its standard output and nothing else, for whoever reads it as data.
//!
//! `output.log` has both streams mixed and its middle cut out, which is right for people. Here the beginning is kept as
//! it came. Of an output that is longer than its limit one byte more than that is there, and no more.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// The beginning of what an agent printed.
#[derive(Debug)]
pub(super) struct PlainOutput {
    file: File,
    left: u64,
    /// What could not be kept: half an output must not be taken for a whole.
    failed: Option<io::Error>,
}

impl PlainOutput {
    pub(super) fn create(path: &Path, limit: u64) -> io::Result<Self> {
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
        Ok(Self { file, left: limit.saturating_add(1), failed: None })
    }

    pub(super) fn write(&mut self, bytes: &[u8]) {
        let fit = usize::try_from(self.left).unwrap_or(usize::MAX).min(bytes.len());
        let kept = bytes.get(..fit).unwrap_or_default();
        if self.failed.is_none()
            && let Err(error) = self.file.write_all(kept)
        {
            self.failed = Some(error);
        }
        self.left -= fit as u64;
    }

    /// Brings it to the disk.
    pub(super) fn finish(&mut self) -> io::Result<()> {
        match self.failed.take() {
            Some(error) => Err(error),
            None => self.file.sync_data(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_beginning_is_kept_and_one_byte_says_that_there_was_more() {
        let dir = tempfile::tempdir().unwrap();
        for (total, kept) in [(0, 0), (10, 10), (11, 11), (500, 11)] {
            let path = dir.path().join(total.to_string());
            let mut plain = PlainOutput::create(&path, 10).unwrap();
            let all: Vec<u8> = (0..total).map(|n| b'a' + (n % 26) as u8).collect();
            all.chunks(7).for_each(|piece| plain.write(piece));
            plain.finish().unwrap();
            assert_eq!(std::fs::read(&path).unwrap(), &all[..kept], "{total}");
        }
    }
}
