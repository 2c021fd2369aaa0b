//! The tests of the core. Most are scripts: files of commands with what came of each, read by [`script`].

#![expect(clippy::unwrap_used, reason = "clippy counts only functions marked as tests; all of this is one")]

mod convergence;
mod cost;
mod crowded;
mod door;
mod golden;
mod import;
mod mailing;
mod observed;
mod own;
mod perform;
mod properties;
mod request;
mod reviewing;
mod script;
mod show;
mod spending;
mod staged;
mod staging;
mod stories;
mod templated;
mod tracker;
mod turns;
mod witness;
mod witnessed;
