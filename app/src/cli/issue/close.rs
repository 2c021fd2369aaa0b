//! `convoy issue close` and `reopen`.

use clap::Args;
use convoy_core::command::Request;

use crate::cli::context::Context;
use crate::error::Error;
use crate::values;

/// Close issues
///
/// A convoy whose last issue is closed lands in the same step.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  convoy issue close gt-abc gt-def\n  \
    convoy issue close gt-abc --reason duplicate --duplicate-of gt-def\n  \
    convoy issue close gt-abc --reason dropped --note 'no longer needed'")]
pub(in crate::cli) struct Close {
    /// Issues, or unique prefixes of their ids
    #[arg(value_name = "ID", required = true)]
    ids: Vec<String>,
    /// Why
    #[arg(long, default_value = "completed")]
    reason: values::Reason,
    /// The issue that stands for it, of a duplicate
    #[arg(long, value_name = "ID")]
    duplicate_of: Option<String>,
    /// What is to be said about it
    #[arg(long, value_name = "TEXT")]
    note: Option<String>,
}

impl Close {
    pub(super) fn run(self, ctx: &mut Context) -> Result<u8, Error> {
        let Self { ids, reason, duplicate_of, note } = self;
        let request = Request::IssueClose { ids, reason: reason.into(), duplicate_of, note };
        let (outcome, landed) = ctx.act_and_land(request)?;
        let status = ctx.out.items(&outcome.items, "Closed")?;
        ctx.out.landed(&landed)?;
        Ok(status)
    }
}

/// Open closed issues again
#[derive(Debug, Args)]
pub(in crate::cli) struct Reopen {
    /// Issues, or unique prefixes of their ids
    #[arg(value_name = "ID", required = true)]
    ids: Vec<String>,
}

impl Reopen {
    pub(super) fn run(self, ctx: &mut Context) -> Result<u8, Error> {
        let outcome = ctx.act(Request::IssueReopen { ids: self.ids }, false)?;
        ctx.out.items(&outcome.items, "Reopened")
    }
}
