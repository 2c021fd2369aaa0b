//! `convoy cancel`.

use clap::Args;
use convoy_core::command::Request;

use super::context::Context;
use crate::error::Error;

/// Stop a convoy and abandon it
///
/// Its workers are stopped, and their work is kept.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  convoy cancel hq-cv-abc12 --reason 'not needed any more'")]
pub(super) struct Cancel {
    /// The convoy, or a unique prefix of its id
    convoy: String,
    /// Why, for those who are told
    #[arg(long, value_name = "TEXT", default_value = "cancelled")]
    reason: String,
}

impl Cancel {
    pub(super) fn run(self, ctx: &mut Context) -> Result<u8, Error> {
        let Self { convoy, reason } = self;
        let request = Request::ConvoyClose { convoy, reason: Some(reason), notify: Vec::new() };
        let outcome = ctx.act(request, false)?;
        ctx.out.item(&outcome.items, "Cancelled convoy")
    }
}
