//! A log in memory, for tests and simulations. Its [`Disk`] outlives it, so that a restart can be played.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use convoy_core::id::Seq;

use super::chain;
use super::contract::{EventLog, READ_BYTES_MAX, READ_RECORDS_MAX, Record, Snapshot, Stored, Tail};
use super::error::{AppendError, Damage, ReadError, SnapshotError};

#[derive(Default, Debug)]
struct Content {
    records: Vec<Stored>,
    snapshot: Option<Snapshot>,
}

/// What stays when the log is dropped. Clones are the same disk.
#[derive(Clone, Default, Debug)]
pub struct Disk(Arc<Mutex<Content>>);

impl Disk {
    fn content(&self) -> MutexGuard<'_, Content> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A log on a [`Disk`].
#[derive(Debug)]
pub struct MemoryLog {
    disk: Disk,
    tail: Tail,
}

impl MemoryLog {
    /// A new, empty log.
    pub fn new() -> Self {
        Self::open(&Disk::default())
    }
    /// The log that is on `disk`.
    pub fn open(disk: &Disk) -> Self {
        let tail = disk.content().records.last().map_or_else(genesis, Stored::tail);
        Self { disk: disk.clone(), tail }
    }
}

impl Default for MemoryLog {
    fn default() -> Self {
        Self::new()
    }
}

fn genesis() -> Tail {
    chain::genesis(b"memory")
}

/// Where the record that holds the event after `after` is.
fn position(records: &[Stored], after: Seq) -> usize {
    records.partition_point(|record| record.last() <= after)
}

impl EventLog for MemoryLog {
    fn tail(&self) -> Tail {
        self.tail
    }

    fn append(&mut self, expected: Seq, records: &[Record]) -> Result<Tail, AppendError> {
        let mut content = self.disk.content();
        let actual = content.records.last().map_or(Seq(0), Stored::last);
        if actual != self.tail.seq {
            return Err(AppendError::Conflict { expected, actual });
        }
        let tails = chain::extend(self.tail, expected, records)?;
        for (record, tail) in records.iter().zip(tails) {
            let first = Seq(self.tail.seq.0 + 1);
            content.records.push(Stored {
                first,
                count: record.count,
                body: record.body.clone(),
                hash: tail.hash,
            });
            self.tail = tail;
        }
        Ok(self.tail)
    }

    fn read(&self, after: Seq, limit: usize) -> Result<Vec<Stored>, ReadError> {
        let content = self.disk.content();
        let start = position(&content.records, after);
        let mut tail = match start.checked_sub(1) {
            None => genesis(),
            Some(before) => content.records[before].tail(),
        };
        let (mut page, mut bytes) = (Vec::new(), 0);
        for record in content.records[start..].iter().take(limit.min(READ_RECORDS_MAX)) {
            tail = chain::check(tail, record).map_err(|why| Damage {
                file: PathBuf::from("(memory)"),
                offset: None,
                after: Some(tail.seq),
                why,
            })?;
            bytes += record.body.len();
            page.push(record.clone());
            if bytes >= READ_BYTES_MAX {
                break;
            }
        }
        Ok(page)
    }

    fn snapshot_get(&self) -> Result<Option<Snapshot>, SnapshotError> {
        Ok(self.disk.content().snapshot.clone())
    }

    fn snapshot_put(&mut self, snapshot: &Snapshot) -> Result<(), SnapshotError> {
        let mut content = self.disk.content();
        let at = match position(&content.records, snapshot.seq).checked_sub(1) {
            None => genesis(),
            Some(index) => content.records[index].tail(),
        };
        if at != (Tail { seq: snapshot.seq, hash: snapshot.hash }) {
            return Err(SnapshotError::Mismatch { seq: snapshot.seq });
        }
        content.snapshot = Some(snapshot.clone());
        Ok(())
    }
}
