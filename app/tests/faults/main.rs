//! Crashes and faults: the real binary with agents at work, with something killed, full, cut, forged or in the way.
//!
//! Each test does one thing to a room, lets Convoy go on, and then asks the one oracle (`oracle`) whether every
//! promise still holds. The quick versions run with the other tests; `cargo xtask faults` runs the same tests
//! with all points instead of a sample of them.

#![expect(clippy::unwrap_used, reason = "a test: what cannot be had fails it")]

mod agents;
mod commands;
mod disk;
mod engine;
mod input;
mod merging;
mod oracle;
mod outbox;
mod room;
mod secrets;
mod templates;

use std::time::Duration;

/// The longest that anything here may take; what takes longer hangs.
const PATIENCE: Duration = Duration::from_secs(100);

/// Whether every point is tried, not a sample.
#[expect(clippy::disallowed_methods, reason = "a switch for the person who runs the tests")]
fn long() -> bool {
    std::env::var_os("CONVOY_FAULTS_LONG").is_some()
}

/// The first of these in the quick version, the second in the long one.
fn count(quick: usize, all: usize) -> usize {
    if long() { all } else { quick }
}

/// A test that this machine cannot run says so.
#[expect(clippy::print_stderr, reason = "a test that was not run says so")]
fn skip(why: &str) {
    eprintln!("skipped: {why}");
}
