//! The witness: a few bytes beside the log that name the last acknowledged record.
//!
//! SQLite takes a write-ahead file that was cut short, or lost, for one whose writer was interrupted, and goes
//! on without the end of it. The witness tells the two apart: it is written only after a record is durable, so
//! a log that does not reach it has lost something that was acknowledged. It is not synced with every record;
//! after a loss of power it may name an older record, never a later one than the log holds.

use std::fs::File;
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use convoy_core::id::Seq;

use super::super::chain::Hash;
use super::super::contract::Tail;

const MAGIC: &[u8; 8] = b"cvyack01";
const CHECK: usize = 16;
const BYTES: usize = 8 + 8 + 32 + CHECK;

/// The witness's path in a state folder.
pub(super) fn path(dir: &Path) -> PathBuf {
    dir.join("log.ack")
}

/// The witness, open for writing.
#[derive(Debug)]
pub(super) struct Witness {
    file: File,
}

impl Witness {
    pub(super) fn open(dir: &Path) -> io::Result<Self> {
        let file = File::options().write(true).create(true).truncate(false).mode(0o600).open(path(dir))?;
        Ok(Self { file })
    }
    /// Names `tail`. A failure only leaves an older witness, which is weaker and still true.
    pub(super) fn set(&self, tail: Tail) {
        let _ = self.file.write_all_at(&encode(tail), 0);
    }
    /// Brings it to the disk.
    pub(super) fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }
}

fn encode(tail: Tail) -> [u8; BYTES] {
    let mut bytes = [0; BYTES];
    bytes[..8].copy_from_slice(MAGIC);
    bytes[8..16].copy_from_slice(&tail.seq.0.to_le_bytes());
    bytes[16..48].copy_from_slice(&tail.hash.0);
    let check = Hash::of(&bytes[..48]);
    bytes[48..].copy_from_slice(&check.0[..CHECK]);
    bytes
}

/// What the witness in `dir` names. One that is torn or unknown reads as none: it is a second opinion, and the
/// chain in the log is the first.
pub(crate) fn read(dir: &Path) -> io::Result<Option<Tail>> {
    let bytes = match std::fs::read(path(dir)) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let Some(seq) = bytes.get(8..16).and_then(|seq| seq.try_into().ok()) else { return Ok(None) };
    let Some(hash) = bytes.get(16..48).and_then(Hash::from_slice) else { return Ok(None) };
    let tail = Tail { seq: Seq(u64::from_le_bytes(seq)), hash };
    Ok((encode(tail)[..] == bytes[..]).then_some(tail))
}
