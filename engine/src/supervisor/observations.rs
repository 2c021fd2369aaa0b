//! Writing `observations.ndjson`, and following it for a subscriber without holding any of it.
//!
//! A line is written by one call. If the call fails, the file is cut back to its last whole line, so that the file
//! is always a sequence of whole lines and a follower needs nothing but an offset.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

use convoy_core::id::Epoch;
use convoy_core::report::{Observation, Report};

use crate::clock;

/// The observations of one session, being written.
#[derive(Debug)]
pub(super) struct Writer {
    file: File,
    epoch: Epoch,
    last_n: u64,
    bytes: u64,
    unsynced: bool,
}

impl Writer {
    pub(super) fn create(path: &Path, epoch: Epoch) -> io::Result<Self> {
        let file = OpenOptions::new().read(true).append(true).create_new(true).mode(0o600).open(path)?;
        Ok(Self { file, epoch, last_n: 0, bytes: 0, unsynced: false })
    }

    pub(super) fn last_n(&self) -> u64 {
        self.last_n
    }
    /// The length of all whole lines.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Numbers and writes a report; its number.
    pub(super) fn append(&mut self, report: Report) -> io::Result<u64> {
        let observation = Observation { n: self.last_n + 1, at: clock::now(), epoch: self.epoch, report };
        let mut line = serde_json::to_vec(&observation)?;
        line.push(b'\n');
        if let Err(error) = self.file.write_all(&line) {
            self.file.set_len(self.bytes)?;
            return Err(error);
        }
        self.last_n = observation.n;
        self.bytes += line.len() as u64;
        self.unsynced = true;
        Ok(self.last_n)
    }

    /// Makes durable what was written.
    pub(super) fn sync(&mut self) -> io::Result<()> {
        if self.unsynced {
            self.file.sync_data()?;
            self.unsynced = false;
        }
        Ok(())
    }

    /// Reads whole lines from `offset` on into `buffer`; how many bytes of it are whole lines.
    ///
    /// The buffer is larger than any line, so that there is always progress.
    pub(super) fn read(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.bytes.saturating_sub(offset)).unwrap_or(usize::MAX).min(buffer.len());
        let count = self.file.read_at(buffer.get_mut(..left).unwrap_or_default(), offset)?;
        Ok(buffer.iter().take(count).rposition(|b| *b == b'\n').map_or(0, |at| at + 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_from_one_and_reads_whole_lines() {
        let dir = tempfile::tempdir().unwrap();
        let mut writer = Writer::create(&dir.path().join("o"), Epoch(3)).unwrap();
        for n in 1..=3 {
            assert_eq!(writer.append(Report::Note { text: "x\ny".to_owned() }).unwrap(), n);
        }
        let line = usize::try_from(writer.bytes()).unwrap() / 3;
        let mut buffer = vec![0; line * 2 + 5];
        assert_eq!(writer.read(0, &mut buffer).unwrap(), line * 2);
        assert_eq!(writer.read(line as u64 * 2, &mut buffer).unwrap(), line);
        assert_eq!(writer.read(line as u64 * 3, &mut buffer).unwrap(), 0);
        assert!(Writer::create(&dir.path().join("o"), Epoch(3)).is_err());
    }
}
