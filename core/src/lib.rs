//! The domain of Convoy: what issues, convoys, workers and sessions are, and what may happen to them.
//!
//! Everything here is synchronous and deterministic. The clock, fresh randomness and the outside world come
//! in as arguments; nothing is read, written or started. See `ARCHITECTURE.md` for how the loop uses it.

pub mod id;
pub mod money;
pub mod report;
pub mod time;
