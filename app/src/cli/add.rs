//! `convoy add`.

use clap::Args;
use convoy_core::command::Request;

use super::context::Context;
use crate::error::Error;

/// Have a convoy track more issues
///
/// A closed convoy is opened again by it.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  convoy add hq-cv-abc12 gt-ghi gt-jkl")]
pub(super) struct Add {
    /// The convoy, or a unique prefix of its id
    convoy: String,
    /// Issues
    #[arg(value_name = "ISSUE", required = true)]
    issues: Vec<String>,
}

impl Add {
    pub(super) fn run(self, ctx: &mut Context) -> Result<u8, Error> {
        let outcome = ctx.act(Request::ConvoyAdd { convoy: self.convoy, issues: self.issues }, false)?;
        ctx.out.items(&outcome.items, "Added")
    }
}
