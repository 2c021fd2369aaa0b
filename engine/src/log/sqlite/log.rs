//! The log's writer.

use std::path::{Path, PathBuf};

use convoy_core::id::Seq;

use super::super::chain;
use super::super::contract::{EventLog, Record, Snapshot, Stored, Tail};
use super::super::error::{AppendError, OpenError, ReadError, SnapshotError};
use super::super::snapshot;
use super::reader::{self, Verified};
use super::rows::Rows;
use super::witness::Witness;
use super::{fail, open};

/// From this size on the write-ahead file is folded when there is nothing else to do.
const WAL_IDLE_BYTES: u64 = 1024 * 1024;
/// At this size it is folded in the way of an append: it bounds the disk used, and the time to open.
const WAL_BYTES_MAX: u64 = 16 * 1024 * 1024;
/// What one record writes besides its body: parts of pages, frame heads, now and then a new page.
const WAL_OVERHEAD_BYTES: u64 = 6 * 1024;

/// The log in a state folder, open for its one writer.
#[derive(Debug)]
pub struct SqliteLog {
    rows: Rows,
    dir: PathBuf,
    tail: Tail,
    witness: Witness,
    /// An estimate of what was written to the write-ahead file since it was last folded.
    wal_bytes: u64,
    /// An append's outcome is unknown: this connection must not be used for another.
    stopped: bool,
}

/// Why a stopped log takes no appends.
#[derive(Debug, thiserror::Error)]
#[error("an earlier append has an unknown outcome")]
struct Stopped;

impl SqliteLog {
    /// Opens the log in the state folder `dir`, or makes an empty one if there is no trace of a log. Checks the
    /// last few records, and that nothing that was ever acknowledged is missing from the end. The folder must
    /// exist and the caller must hold the workspace's lock.
    ///
    /// # Errors
    /// See [`OpenError`]. Damage is never repaired here, nor taken for an empty log.
    pub fn open(dir: &Path) -> Result<Self, OpenError> {
        open::check_library()?;
        if !open::exists(dir)? {
            open::create(dir)?;
        }
        let has_wal = open::has_wal(dir)?;
        let rows = open::writer(dir)?;
        if !has_wal {
            // SQLite makes the write-ahead file now; it ignores it when this fails.
            open::sync_folder(dir)?;
        }
        let file = rows.file.clone();
        let tail = rows.tail().map_err(|error| fail::opened(error, &file))?;
        let acknowledged =
            reader::check_witness(&rows, dir, tail).map_err(|error| fail::opened(error, &file))?;
        let witness = Witness::open(dir).map_err(|error| fail::io(error, &file))?;
        let wal_bytes = std::fs::metadata(open::wal(dir)).map_or(0, |metadata| metadata.len());
        let mut log = Self { rows, dir: dir.to_owned(), tail, witness, wal_bytes, stopped: false };
        if acknowledged != Some(tail) {
            log.adopt().map_err(|error| fail::open(error, &file))?;
        }
        Ok(log)
    }

    /// Makes durable what is at the end of the log but was never acknowledged. Such records may so far be in the
    /// system's memory only, even after a sync that failed, so they are written again, into the main file.
    fn adopt(&mut self) -> rusqlite::Result<()> {
        self.checkpoint("TRUNCATE")?;
        self.witness.set(self.tail);
        Ok(())
    }

    fn checkpoint(&mut self, mode: &str) -> rusqlite::Result<()> {
        self.rows.conn.query_row(&format!("PRAGMA wal_checkpoint({mode})"), [], |_| Ok(()))?;
        self.wal_bytes = 0;
        Ok(())
    }

    /// Folds the write-ahead file once it has reached `limit`.
    fn fold(&mut self, limit: u64) -> Result<(), AppendError> {
        if self.stopped || self.wal_bytes < limit {
            return Ok(());
        }
        // Whatever fails here, the records are safe where they are; only a failed sync is not to be lived with.
        match self.checkpoint("PASSIVE").map_err(|error| fail::append(error, &self.dir, true)) {
            Err(fatal @ AppendError::Fatal(_)) => {
                self.stopped = true;
                Err(fatal)
            }
            Ok(()) | Err(_) => Ok(()),
        }
    }

    /// Checks every page and every record; see [`super::Reader::verify`].
    ///
    /// # Errors
    /// The first damage.
    pub fn verify(&self, progress: &mut dyn FnMut(Seq)) -> Result<Verified, ReadError> {
        reader::verify(&self.rows, &self.dir, progress)
    }
}

impl EventLog for SqliteLog {
    fn tail(&self) -> Tail {
        self.tail
    }

    fn append(&mut self, expected: Seq, records: &[Record]) -> Result<Tail, AppendError> {
        if self.stopped {
            return Err(AppendError::Unknown(Box::new(Stopped)));
        }
        let tails = chain::extend(self.tail, expected, records)?;
        let Some(&tail) = tails.last() else { return Ok(self.tail) };
        self.fold(WAL_BYTES_MAX)?;
        if let Err(error) = self.rows.insert(self.tail, records, &tails) {
            let error = fail::append(error, &self.dir, self.rows.conn.is_autocommit());
            self.stopped = matches!(error, AppendError::Unknown(_) | AppendError::Fatal(_));
            return Err(error);
        }
        self.tail = tail;
        self.witness.set(tail);
        self.wal_bytes +=
            records.iter().map(|record| record.body.len() as u64 + WAL_OVERHEAD_BYTES).sum::<u64>();
        Ok(tail)
    }

    fn read(&self, after: Seq, limit: usize) -> Result<Vec<Stored>, ReadError> {
        let page = self.rows.read(after, limit)?;
        if page.is_empty() && limit > 0 && after < self.tail.seq {
            let why = format!("the log ended at event {} and now ends here", self.tail.seq);
            return Err(self.rows.damage(after, why).into());
        }
        Ok(page)
    }

    fn snapshot_get(&self) -> Result<Option<Snapshot>, SnapshotError> {
        let found = match snapshot::read(&self.dir) {
            Ok(found) => found,
            Err(error) if error.kind() == std::io::ErrorKind::InvalidData => None,
            Err(source) => return Err(SnapshotError::Io { file: snapshot::path(&self.dir), source }),
        };
        if let Some(found) = found
            && self.rows.hash_at(found.seq)? == Some(found.hash)
        {
            return Ok(Some(found));
        }
        snapshot::remove(&self.dir)
            .map_err(|source| SnapshotError::Io { file: snapshot::path(&self.dir), source })?;
        Ok(None)
    }

    fn snapshot_put(&mut self, snapshot: &Snapshot) -> Result<(), SnapshotError> {
        if self.rows.hash_at(snapshot.seq)? != Some(snapshot.hash) {
            return Err(SnapshotError::Mismatch { seq: snapshot.seq });
        }
        snapshot::write(&self.dir, snapshot)
            .map_err(|source| SnapshotError::Io { file: snapshot::path(&self.dir), source })
    }

    fn maintain(&mut self) -> Result<(), AppendError> {
        if self.wal_bytes < WAL_IDLE_BYTES {
            return Ok(());
        }
        self.fold(WAL_IDLE_BYTES)?;
        self.witness.sync().map_err(|error| AppendError::Fatal(Box::new(error)))
    }
}
