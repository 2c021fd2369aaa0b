//! `convoy completions`.

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use super::context::Context;
use crate::error::{DONE, Error};

/// Print completions for a shell
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  convoy completions bash > ~/.local/share/bash-completion/completions/convoy"
)]
pub(super) struct Completions {
    /// The shell
    shell: Shell,
}

impl Completions {
    pub(super) fn run(self, ctx: &mut Context) -> Result<u8, Error> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut super::Cli::command(), "convoy", &mut script);
        ctx.out.raw(&String::from_utf8_lossy(&script))?;
        Ok(DONE)
    }
}
