//! The engine's interface for programs, its streams and its pages from outside: the built program and a client of raw bytes.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do, by panicking")]

mod api;
mod attacks;
mod client;
mod document;
mod floods;
#[path = "../loop/room.rs"]
#[expect(dead_code, reason = "the room of the loop's tests; not all of it is needed here")]
mod room;
mod schema;
mod streams;
mod written;
