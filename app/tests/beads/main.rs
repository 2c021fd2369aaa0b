//! Issues that beads keeps, from end to end: the built program, a stand-in for `bd`, real processes.
//!
//! Nobody sleeps: tests wait for what the programs say, or write.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do, by panicking")]

mod crashes;
mod hooks;
mod landing;
mod room;
mod telling;
