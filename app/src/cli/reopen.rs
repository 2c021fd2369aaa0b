//! `convoy reopen`.

use clap::Args;
use convoy_core::command::Request;

use super::context::Context;
use crate::error::Error;

/// Open a closed convoy again
///
/// With every issue closed it is held open until one of them, or what it tracks, changes.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  convoy reopen hq-cv-abc12")]
pub(super) struct Reopen {
    /// The convoy, or a unique prefix of its id
    convoy: String,
}

impl Reopen {
    pub(super) fn run(self, ctx: &mut Context) -> Result<u8, Error> {
        let outcome = ctx.act(Request::ConvoyReopen { convoy: self.convoy }, false)?;
        ctx.out.item(&outcome.items, "Reopened convoy")
    }
}
