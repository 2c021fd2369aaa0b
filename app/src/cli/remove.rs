//! `convoy remove`.

use clap::Args;
use convoy_core::command::Request;

use super::context::Context;
use crate::error::Error;

/// Have a convoy track issues no more
///
/// If nothing that is left is open, it lands.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  convoy remove hq-cv-abc12 gt-ghi")]
pub(super) struct Remove {
    /// The convoy, or a unique prefix of its id
    convoy: String,
    /// Issues
    #[arg(value_name = "ISSUE", required = true)]
    issues: Vec<String>,
}

impl Remove {
    pub(super) fn run(self, ctx: &mut Context) -> Result<u8, Error> {
        let (outcome, landed) =
            ctx.act_and_land(Request::ConvoyRemove { convoy: self.convoy, issues: self.issues })?;
        let status = ctx.out.items(&outcome.items, "Removed")?;
        ctx.out.landed(&landed)?;
        Ok(status)
    }
}
