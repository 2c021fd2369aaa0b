//! A log that fails on purpose, around a real one. For tests and simulations.

use std::collections::BTreeMap;

use convoy_core::id::Seq;

use super::contract::{EventLog, Record, Snapshot, Stored, Tail};
use super::error::{AppendError, ReadError, SnapshotError};

/// What happens to one append.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
    /// It is recorded, but the answer is lost.
    AckLost,
    /// It is not recorded, and no answer comes.
    RequestLost,
    /// It is refused for want of room.
    Full,
    /// It is refused as the log takes no writes.
    ReadOnly,
    /// It is refused as if somebody else had appended.
    Conflict,
    /// It is recorded, but the disk does not confirm it.
    FatalRecorded,
    /// It is not recorded, and the disk says that it failed.
    FatalLost,
}

/// Runs every append through a schedule of faults. After an unknown or fatal outcome it refuses all further
/// appends, like every log: take the real one out with [`Faulty::into_inner`], or open it again.
#[derive(Debug)]
pub struct Faulty<L> {
    inner: L,
    /// The tail that the caller was told of; the inner one may be further.
    tail: Tail,
    faults: BTreeMap<u64, Fault>,
    appends: u64,
    stopped: bool,
}

/// The source of every injected error.
#[derive(Debug, thiserror::Error)]
#[error("injected fault")]
struct Injected;

impl<L: EventLog> Faulty<L> {
    /// Fails the appends whose numbers are in `faults`; the first append has number 1.
    pub fn new(inner: L, faults: impl IntoIterator<Item = (u64, Fault)>) -> Self {
        let tail = inner.tail();
        Self { inner, tail, faults: faults.into_iter().collect(), appends: 0, stopped: false }
    }
    /// Makes the next append fail.
    pub fn fail_next(&mut self, fault: Fault) {
        self.faults.insert(self.appends + 1, fault);
    }
    /// How many appends were tried.
    pub fn appends(&self) -> u64 {
        self.appends
    }
    /// The log within, in whatever state it is.
    pub fn into_inner(self) -> L {
        self.inner
    }

    fn fail(&mut self, fault: Fault, expected: Seq, records: &[Record]) -> Result<Tail, AppendError> {
        match fault {
            Fault::AckLost | Fault::FatalRecorded => {
                self.inner.append(expected, records)?;
            }
            Fault::RequestLost | Fault::FatalLost | Fault::Full | Fault::ReadOnly | Fault::Conflict => {}
        }
        Err(match fault {
            Fault::AckLost | Fault::RequestLost => AppendError::Unknown(Box::new(Injected)),
            Fault::FatalRecorded | Fault::FatalLost => AppendError::Fatal(Box::new(Injected)),
            Fault::Full => AppendError::Full,
            Fault::ReadOnly => AppendError::ReadOnly,
            Fault::Conflict => AppendError::Conflict { expected, actual: Seq(expected.0 + 1) },
        })
    }
}

impl<L: EventLog> EventLog for Faulty<L> {
    fn tail(&self) -> Tail {
        self.tail
    }

    fn append(&mut self, expected: Seq, records: &[Record]) -> Result<Tail, AppendError> {
        if self.stopped {
            return Err(AppendError::Unknown(Box::new(Injected)));
        }
        self.appends += 1;
        let result = match self.faults.remove(&self.appends) {
            None => self.inner.append(expected, records),
            Some(fault) => self.fail(fault, expected, records),
        };
        match &result {
            Ok(tail) => self.tail = *tail,
            Err(AppendError::Unknown(_) | AppendError::Fatal(_)) => self.stopped = true,
            Err(
                AppendError::Conflict { .. }
                | AppendError::Invalid { .. }
                | AppendError::Full
                | AppendError::ReadOnly,
            ) => {}
        }
        result
    }

    fn read(&self, after: Seq, limit: usize) -> Result<Vec<Stored>, ReadError> {
        self.inner.read(after, limit)
    }
    fn snapshot_get(&self) -> Result<Option<Snapshot>, SnapshotError> {
        self.inner.snapshot_get()
    }
    fn snapshot_put(&mut self, snapshot: &Snapshot) -> Result<(), SnapshotError> {
        self.inner.snapshot_put(snapshot)
    }
    fn maintain(&mut self) -> Result<(), AppendError> {
        self.inner.maintain()
    }
}
