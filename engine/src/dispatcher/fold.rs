//! The state out of the log: the snapshot if there is a good one, then every batch after it.

use convoy_api::{Code, Failure};
use convoy_core::event::Batch;
use convoy_core::id::Seq;
use convoy_core::state::State;

use crate::log::{EventLog, Hash, READ_RECORDS_MAX, ReadError, Snapshot, Tail};

/// What tells this program from every other build of it. The snapshot's compact form has no names in it: another
/// build, whose state may hold other things, would read nonsense out of it, so it takes none but its own.
fn format() -> u32 {
    use std::os::unix::fs::MetadataExt;
    let build = std::env::current_exe().and_then(std::fs::metadata).map(|file| {
        format!("{} {} {} {}", env!("CARGO_PKG_VERSION"), file.len(), file.mtime(), file.mtime_nsec())
    });
    let hash = Hash::of(build.unwrap_or_default().as_bytes()).0;
    u32::from_le_bytes([hash[0], hash[1], hash[2], hash[3]])
}

/// Why the state could not be made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The log cannot be read.
    #[error("the log cannot be read")]
    Read(#[from] ReadError),
    /// A record is whole but is not a batch of events.
    #[error("the record at event {at} does not make sense: {detail}")]
    Meaning {
        /// Where.
        at: Seq,
        /// What is wrong.
        detail: String,
    },
}

impl Error {
    pub(crate) fn failure(&self) -> Failure {
        let detail = std::error::Error::source(self).map(|source| format!(": {source}")).unwrap_or_default();
        Failure::new(Code::Corrupt, format!("{self}{detail}"))
            .hint("nothing was changed; see what is wrong: convoy doctor")
    }
}

/// Folds the log. The number is how many events the snapshot on disk is behind.
///
/// # Errors
/// When the log is damaged; there is never a state that leaves something out.
pub(crate) fn fold(log: &mut dyn EventLog) -> Result<(State, u64), Error> {
    let mut state = from_snapshot(log).unwrap_or_default();
    let mut unsaved = 0;
    loop {
        let records = log.read(state.seq, READ_RECORDS_MAX)?;
        if records.is_empty() {
            return Ok((state, unsaved));
        }
        for record in records {
            let batch: Batch = serde_json::from_slice(&record.body)
                .map_err(|error| Error::Meaning { at: record.first, detail: error.to_string() })?;
            if batch.events.len() as u64 != u64::from(record.count) || record.first.0 != state.seq.0 + 1 {
                let detail = "its events are not as many as it says, or not where they belong".to_owned();
                return Err(Error::Meaning { at: record.first, detail });
            }
            unsaved += u64::from(record.count);
            state.apply_batch(&batch);
        }
    }
}

/// The state of the snapshot, if there is one that is whole, of this form and of this log.
fn from_snapshot(log: &dyn EventLog) -> Option<State> {
    let snapshot = log.snapshot_get().ok()??;
    if snapshot.format != format() {
        return None;
    }
    let mut state: State = postcard::from_bytes(&snapshot.body).ok()?;
    if state.seq != snapshot.seq {
        return None;
    }
    state.recount();
    Some(state)
}

/// The state as a snapshot at the log's tail.
pub(super) fn to_snapshot(state: &State, tail: Tail) -> Option<Snapshot> {
    let body = postcard::to_stdvec(state).ok()?;
    (state.seq == tail.seq).then_some(Snapshot { seq: tail.seq, hash: tail.hash, format: format(), body })
}
