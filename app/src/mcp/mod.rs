//! The Model Context Protocol over stdin and stdout: the same `Service`, as tools for an assistant.
//!
//! Two sets of tools. A *person's* assistant looks at the workspace, and changes things where it was let. A *worker*
//! inside a session says what `convoy done`, `note` and the like say, to its own supervisor and nobody else.
//!
//! The loop is our own: JSON-RPC 2.0, one message a line, one request after the other and a thread for each that waits, no
//! async. `rmcp` would bring 88 packages and 140 seconds of build for it, and what it is good for beyond that (HTTP,
//! authorization) is not wanted here. No decision is made in this module: a tool is a short translation into calls of the
//! `Service`, and its result is what the command of the same sense prints with `--json`.
//!
//! `wire` reads lines and writes them, `protocol` says what they mean, `server` answers, `tool` is what a tool is, and
//! `tools` has one file for each noun.

mod bound;
mod desk;
mod protocol;
mod schema;
mod server;
mod tool;
mod tools;
mod wire;

pub(crate) use server::{Offer, serve};
