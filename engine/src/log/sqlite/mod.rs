//! The log on disk: one SQLite file, write-ahead, every acknowledged record synced.
//!
//! Files of a state folder that are owned here: `log.db`; `log.db-wal`, as much a part of it; `log.ack`, the
//! witness of the last acknowledged record; `snapshot`, a cache. The caller holds the workspace's lock.

mod fail;
mod log;
mod open;
mod reader;
mod rows;
mod witness;

pub use log::SqliteLog;
pub use reader::{Reader, Verified};
pub(crate) use witness::read as acknowledged;

/// What this version calls itself in a log that it makes.
pub const WRITER: &str = concat!("convoy ", env!("CARGO_PKG_VERSION"));
/// The form of the log that this version writes, and the latest that it reads.
pub const FORMAT: i64 = 1;
/// Marks the file as ours: "cvoy".
pub const APPLICATION_ID: i64 = 0x6376_6f79;
/// The first SQLite without the fault that can corrupt a write-ahead log when it is reset.
const LIBRARY_MIN: i32 = 3_051_003;
