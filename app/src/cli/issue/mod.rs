//! `convoy issue`: the built-in tracker.

mod close;
mod create;
mod dep;
mod export;
pub(super) mod import;
mod list;
mod show;
mod update;

use clap::Subcommand;

use super::context::Context;
use crate::error::Error;

/// Make, show, change and close issues
#[derive(Debug, Subcommand)]
pub(super) enum Issue {
    Create(create::Create),
    List(list::List),
    Show(show::Show),
    Update(update::Update),
    Close(close::Close),
    Reopen(close::Reopen),
    #[command(subcommand)]
    Dep(dep::Dep),
    Import(import::Import),
    Export(export::Export),
}

impl Issue {
    pub(super) fn run(self, ctx: &mut Context) -> Result<u8, Error> {
        match self {
            Self::Create(command) => command.run(ctx),
            Self::List(command) => command.run(ctx),
            Self::Show(command) => command.run(ctx),
            Self::Update(command) => command.run(ctx),
            Self::Close(command) => command.run(ctx),
            Self::Reopen(command) => command.run(ctx),
            Self::Dep(command) => command.run(ctx),
            Self::Import(command) => command.run(ctx),
            Self::Export(command) => command.run(ctx),
        }
    }
}
