//! The main loop from end to end: the built program, real git, real processes, real agents.
//!
//! One module for each theme. Nobody sleeps: tests wait for what the program, its agents or the model server say.
//! What only the command line does (words, shapes, statuses) is tested elsewhere.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do, by panicking")]

mod along;
mod asked;
mod attempts;
mod budgets;
mod codex;
mod conflicts;
mod conversations;
mod costs;
mod criteria;
mod engine;
mod gemini;
mod hooks;
mod include;
mod mcp;
mod merging;
mod notify;
mod nudge;
mod observers;
mod order;
mod outputs;
mod people;
mod queue;
mod real;
mod real_duplex;
mod repositories;
mod requests;
mod reviews;
mod rigs;
mod room;
mod rounds;
mod session;
mod sessions;
mod staged;
mod steps;
mod templates;
mod tmux;
mod top;
mod witness;
