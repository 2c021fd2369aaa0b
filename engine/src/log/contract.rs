//! What every event log promises, in the words of the dispatcher.
//!
//! A *record* is one committed batch of events as opaque bytes; it is stored as one row and never changes. The
//! *tail* is the last event of the log and the hash of the chain up to it. Records are appended in groups: all
//! of a group is durable when `append` returns, or none of it ever was.

use convoy_core::id::Seq;

use super::chain::Hash;
use super::error::{AppendError, ReadError, SnapshotError};

/// Most bytes in one record: heavy data belongs in files, and a record is held in memory several times over.
pub const BODY_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Most events in one record: far above what one command can cause.
pub const RECORD_EVENTS_MAX: u32 = 1_000_000;
/// Most records that one `read` returns, whatever limit was asked for.
pub const READ_RECORDS_MAX: usize = 10_000;
/// A `read` stops early once it holds this many bytes, so that a page of large records stays within memory.
pub const READ_BYTES_MAX: usize = 8 * 1024 * 1024;

/// One batch to be committed: opaque bytes that hold `count` events.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Record {
    /// How many events the body holds, 1 to [`RECORD_EVENTS_MAX`].
    pub count: u32,
    /// The events, at most [`BODY_BYTES_MAX`].
    pub body: Vec<u8>,
}

/// One committed batch.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Stored {
    /// The place of its first event.
    pub first: Seq,
    /// How many events it holds; at least one.
    pub count: u32,
    /// The bytes as they were appended.
    pub body: Vec<u8>,
    /// Covers this record and all before it.
    pub hash: Hash,
}

impl Stored {
    /// The place of its last event.
    pub fn last(&self) -> Seq {
        Seq(self.first.0.saturating_add(u64::from(self.count)).saturating_sub(1))
    }
    /// The log's tail as it was when this was the last record.
    pub fn tail(&self) -> Tail {
        Tail { seq: self.last(), hash: self.hash }
    }
}

/// The end of a log.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Tail {
    /// The last event; 0 in an empty log.
    pub seq: Seq,
    /// The hash of the last record, or the log's own first hash when it is empty.
    pub hash: Hash,
}

/// A folded state, as bytes, that makes reading the log up to `seq` unnecessary. A cache and nothing more.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Snapshot {
    /// The last event that is in it; always the last of a record.
    pub seq: Seq,
    /// The log's hash at `seq`: proves that the snapshot belongs to this log.
    pub hash: Hash,
    /// Which form the body has; known to the caller only.
    pub format: u32,
    /// The state.
    pub body: Vec<u8>,
}

/// A durable, totally ordered log with one writer.
///
/// Implementations are used by one thread at a time. After [`AppendError::Unknown`] the log refuses to append
/// until it was opened again.
pub trait EventLog: Send {
    /// The end of the log, as far as this writer has been told that it is durable.
    fn tail(&self) -> Tail;

    /// Appends all records in one durable step. `expected` is the event after which they must come.
    /// No records at all is an empty step: it only checks `expected`.
    ///
    /// # Errors
    /// See [`AppendError`]: every kind says whether anything was recorded.
    fn append(&mut self, expected: Seq, records: &[Record]) -> Result<Tail, AppendError>;

    /// The records that hold events later than `after`, in order, at most `limit` of them (and at most
    /// [`READ_RECORDS_MAX`], and about [`READ_BYTES_MAX`]); empty only at the end of the log or for a limit of 0.
    /// When `after` lies within a record, that record is returned whole. Each is checked against the chain.
    ///
    /// # Errors
    /// When a record is damaged or cannot be read; nothing of the page is returned then.
    fn read(&self, after: Seq, limit: usize) -> Result<Vec<Stored>, ReadError>;

    /// The latest snapshot that is whole and belongs to this log. One that is not is deleted and reported as none.
    ///
    /// # Errors
    /// When it cannot be told whether there is one.
    fn snapshot_get(&self) -> Result<Option<Snapshot>, SnapshotError>;

    /// Replaces the snapshot. It may vanish in a crash.
    ///
    /// # Errors
    /// When it cannot be written, or is not at a record of this log. The log itself is unharmed.
    fn snapshot_put(&mut self, snapshot: &Snapshot) -> Result<(), SnapshotError>;

    /// Work that keeps appends quick, such as folding a write-ahead file; to be called when nothing else is to
    /// do. Costs nothing when there is nothing to fold.
    ///
    /// # Errors
    /// [`AppendError::Fatal`] ends the process, like in `append`; all others are harmless here.
    fn maintain(&mut self) -> Result<(), AppendError> {
        Ok(())
    }
}

impl<L: EventLog + ?Sized> EventLog for Box<L> {
    fn tail(&self) -> Tail {
        (**self).tail()
    }
    fn append(&mut self, expected: Seq, records: &[Record]) -> Result<Tail, AppendError> {
        (**self).append(expected, records)
    }
    fn read(&self, after: Seq, limit: usize) -> Result<Vec<Stored>, ReadError> {
        (**self).read(after, limit)
    }
    fn snapshot_get(&self) -> Result<Option<Snapshot>, SnapshotError> {
        (**self).snapshot_get()
    }
    fn snapshot_put(&mut self, snapshot: &Snapshot) -> Result<(), SnapshotError> {
        (**self).snapshot_put(snapshot)
    }
    fn maintain(&mut self) -> Result<(), AppendError> {
        (**self).maintain()
    }
}
