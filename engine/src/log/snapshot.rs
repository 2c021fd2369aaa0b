//! The snapshot's file: a cache beside the log, replaced by rename, not synced, and never trusted.
//!
//! Form: magic, format, seq, chain hash, length of the body (all little-endian), the SHA-256 of all that and
//! of the body, then the body. After a crash the file may be torn, old or gone; each of these reads as none.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use convoy_core::id::Seq;
use sha2::{Digest, Sha256};

use super::chain::Hash;
use super::contract::Snapshot;

/// Most bytes in the body of a snapshot; a larger one would not fit the engine's memory beside the state.
pub const SNAPSHOT_BYTES_MAX: u64 = 1 << 30;

const MAGIC: &[u8; 8] = b"cvysnap1";
const HEAD: usize = 8 + 4 + 8 + 32 + 8;
const CHECK: usize = 32;

/// The snapshot's path in a state folder.
pub(super) fn path(dir: &Path) -> PathBuf {
    dir.join("snapshot")
}

fn head(snapshot: &Snapshot) -> [u8; HEAD] {
    let mut head = [0; HEAD];
    head[..8].copy_from_slice(MAGIC);
    head[8..12].copy_from_slice(&snapshot.format.to_le_bytes());
    head[12..20].copy_from_slice(&snapshot.seq.0.to_le_bytes());
    head[20..52].copy_from_slice(&snapshot.hash.0);
    head[52..].copy_from_slice(&(snapshot.body.len() as u64).to_le_bytes());
    head
}

fn check(head: &[u8; HEAD], body: &[u8]) -> [u8; CHECK] {
    let mut hash = Sha256::new();
    hash.update(head);
    hash.update(body);
    hash.finalize().into()
}

/// Writes `snapshot` in place of the one that was there.
pub(super) fn write(dir: &Path, snapshot: &Snapshot) -> io::Result<()> {
    let fresh = dir.join("snapshot.new");
    let result = (|| {
        let mut file = File::options().write(true).create(true).truncate(true).mode(0o600).open(&fresh)?;
        let head = head(snapshot);
        file.write_all(&head)?;
        file.write_all(&check(&head, &snapshot.body))?;
        file.write_all(&snapshot.body)?;
        drop(file);
        fs::rename(&fresh, path(dir))
    })();
    if result.is_err() {
        // Half a snapshot would only take room from the log; that it stays is no further harm.
        let _ = fs::remove_file(&fresh);
    }
    result
}

/// The snapshot in `dir` if it is whole. What is there but not whole reads as `Err(InvalidData)`.
pub(super) fn read(dir: &Path) -> io::Result<Option<Snapshot>> {
    let mut file = match File::open(path(dir)) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let bad = || io::Error::new(io::ErrorKind::InvalidData, "not a whole snapshot");
    let size = file.metadata()?.len();
    let start = (HEAD + CHECK) as u64;
    if size < start || size - start > SNAPSHOT_BYTES_MAX {
        return Err(bad());
    }
    let (mut head, mut stored) = ([0; HEAD], [0; CHECK]);
    file.read_exact(&mut head)?;
    file.read_exact(&mut stored)?;
    let mut body = Vec::with_capacity(usize::try_from(size - start).map_err(|_| bad())?);
    file.read_to_end(&mut body)?;
    let number = |range: std::ops::Range<usize>| {
        head[range].iter().rev().fold(0_u64, |sum, byte| (sum << 8) | u64::from(*byte))
    };
    if &head[..8] != MAGIC || number(52..60) != body.len() as u64 || check(&head, &body) != stored {
        return Err(bad());
    }
    Ok(Some(Snapshot {
        format: u32::try_from(number(8..12)).map_err(|_| bad())?,
        seq: Seq(number(12..20)),
        hash: Hash::from_slice(&head[20..52]).ok_or_else(bad)?,
        body,
    }))
}

/// Deletes the snapshot, if there is one.
pub(super) fn remove(dir: &Path) -> io::Result<()> {
    match fs::remove_file(path(dir)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
