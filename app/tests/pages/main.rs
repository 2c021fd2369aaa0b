//! The pages from outside: the built program, a browser's bytes, and what the command line says of the same workspace.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do, by panicking")]

mod agree;
mod browser;
mod criterion;
mod details;
mod forms;
mod hostile;
mod long;
#[path = "../loop/room.rs"]
#[expect(dead_code, reason = "the room of the loop's tests; not all of it is needed here")]
mod room;
