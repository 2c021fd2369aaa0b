//! `convoy land`.

use clap::Args;
use convoy_core::command::Request;

use super::context::Context;
use crate::error::Error;

/// Land an owned convoy
///
/// Its issues are all closed, and no observer lands it, because it was made with --owned.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  convoy land hq-cv-abc12")]
pub(super) struct Land {
    /// The convoy, or a unique prefix of its id
    convoy: String,
}

impl Land {
    pub(super) fn run(self, ctx: &mut Context) -> Result<u8, Error> {
        let outcome = ctx.act(Request::ConvoyLand { convoy: self.convoy }, false)?;
        ctx.out.item(&outcome.items, "Landed convoy")
    }
}
