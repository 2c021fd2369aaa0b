//! `convoy close`.

use clap::Args;
use convoy_core::command::Request;

use super::context::Context;
use super::values;
use crate::error::Error;

/// Close a convoy, whatever its issues are
///
/// With open issues left it is abandoned: its workers are stopped and their work is kept.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  convoy close hq-cv-abc12 --reason 'superseded by v2.1'")]
pub(super) struct Close {
    /// The convoy, or a unique prefix of its id
    convoy: String,
    /// Why, for those who are told
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// Who else is told; may be repeated, '--human' is the person
    #[arg(long, value_name = "ADDR", allow_hyphen_values = true, value_parser = values::subscriber)]
    notify: Vec<String>,
    /// Accepted for scripts, and changes nothing
    #[arg(long)]
    force: bool,
}

impl Close {
    pub(super) fn run(self, ctx: &mut Context) -> Result<u8, Error> {
        let Self { convoy, reason, notify, force: _ } = self;
        let outcome = ctx.act(Request::ConvoyClose { convoy, reason, notify }, false)?;
        ctx.out.item(&outcome.items, "Closed convoy")
    }
}
