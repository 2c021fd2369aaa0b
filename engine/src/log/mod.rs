//! The event log: the one durable truth of a workspace.
//!
//! [`EventLog`] is the contract, [`sqlite`] the log that is kept on disk, [`memory`] the one for tests and
//! simulations, [`faulty`] a wrapper that fails on purpose. What the bytes of a record mean is not known here.

mod chain;
mod contract;
mod error;
pub mod faulty;
pub mod memory;
pub mod snapshot;
pub mod sqlite;

pub use chain::Hash;
pub use contract::{
    BODY_BYTES_MAX, EventLog, READ_BYTES_MAX, READ_RECORDS_MAX, RECORD_EVENTS_MAX, Record, Snapshot, Stored,
    Tail,
};
pub use error::{AppendError, Damage, OpenError, ReadError, SnapshotError, Source};
