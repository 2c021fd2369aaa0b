//! `convoy confine`: becomes an agent's program that may write only below given folders. Supervisors call it; people do
//! not.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, FromArgMatches};
use convoy_engine::os::confine;

/// Become a program that may write only below some folders
#[derive(Debug, Args)]
pub(super) struct Confine {
    /// A folder, or a file, that may be written
    #[arg(long = "write", value_name = "DIR")]
    write: Vec<PathBuf>,
    /// What the program is told that it is called
    #[arg(long, value_name = "NAME", allow_hyphen_values = true)]
    arg0: Option<OsString>,
    /// The program's file
    program: PathBuf,
    /// Its arguments
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<OsString>,
}

impl Confine {
    /// From the words after `convoy confine`, without the definitions of all other commands: an agent waits for it.
    pub(super) fn parse(words: &[OsString]) -> Result<Self, clap::Error> {
        let command = Self::augment_args(clap::Command::new("confine").no_binary_name(true));
        Self::from_arg_matches(&command.try_get_matches_from(words)?)
    }

    #[expect(clippy::print_stderr, reason = "what is said here belongs to the agent's output")]
    pub(super) fn run(&self) -> ExitCode {
        let name = self.arg0.as_deref().unwrap_or(self.program.as_os_str());
        let (status, why) = confine::become_confined(&self.write, &self.program, name, &self.arguments);
        eprintln!("convoy: {why}");
        ExitCode::from(status)
    }
}
