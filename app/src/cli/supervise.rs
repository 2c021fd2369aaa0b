//! `convoy supervise`: the small process that owns one agent. The engine starts it; people do not.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

/// Supervise the session in a folder
#[derive(Debug, Args)]
pub(super) struct Supervise {
    /// The session's folder
    dir: PathBuf,
}

impl Supervise {
    pub(super) fn run(&self) -> ExitCode {
        convoy_engine::supervisor::run(&self.dir)
    }
}
