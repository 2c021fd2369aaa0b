//! `convoy stop`.

use clap::Args;
use convoy_core::command::Request;

use super::context::Context;
use crate::error::Error;

/// Stop the agents of a convoy
///
/// A template convoy is over then, with what its roles have written by then. Of any other, the work is kept and nothing
/// new begins until it is started again; 'convoy cancel' abandons it.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  convoy stop hq-cv-abc12")]
pub(super) struct Stop {
    /// The convoy, or a unique prefix of its id
    convoy: String,
    /// Accepted for scripts of other tools; nobody is asked
    #[arg(long, hide = true)]
    force: bool,
}

impl Stop {
    pub(super) fn run(self, ctx: &mut Context) -> Result<u8, Error> {
        let outcome = ctx.act(Request::ConvoyStop { convoy: self.convoy }, false)?;
        ctx.out.item(&outcome.items, "Stopped convoy")
    }
}
