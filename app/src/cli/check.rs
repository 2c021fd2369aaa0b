//! `convoy check`.

use clap::Args;
use convoy_core::command::Request;

use super::context::Context;
use crate::error::Error;

/// Land every convoy whose issues are all closed
///
/// They land by themselves when the last issue is closed; this looks once more.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  convoy check\n  convoy check hq-cv-abc12 --dry-run")]
pub(super) struct Check {
    /// Only this convoy
    convoy: Option<String>,
    /// Say what would land, and change nothing
    #[arg(long)]
    dry_run: bool,
}

impl Check {
    pub(super) fn run(self, ctx: &mut Context) -> Result<u8, Error> {
        let outcome = ctx.act(Request::ConvoyCheck { convoy: self.convoy }, self.dry_run)?;
        if outcome.items.is_empty() {
            ctx.out.say("No convoy is ready to land.\n")?;
        }
        ctx.out.items(&outcome.items, if self.dry_run { "Would land" } else { "Landed" })
    }
}
