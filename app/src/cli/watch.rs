//! `convoy watch` and `convoy unwatch`.

use clap::Args;
use convoy_core::command::Request;

use super::context::Context;
use super::values;
use crate::error::Error;

/// Be told when a convoy lands or is closed
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  convoy watch hq-cv-abc12\n  convoy watch hq-cv-abc12 --addr mayor/")]
pub(super) struct Watch {
    /// The convoy, or a unique prefix of its id
    convoy: String,
    /// Who is told; you if not given
    #[arg(long, value_name = "ADDR", allow_hyphen_values = true, value_parser = values::subscriber)]
    addr: Option<String>,
}

/// Be told of a convoy no more
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  convoy unwatch hq-cv-abc12")]
pub(super) struct Unwatch {
    /// The convoy, or a unique prefix of its id
    convoy: String,
    /// Who is told no more; you if not given
    #[arg(long, value_name = "ADDR", allow_hyphen_values = true, value_parser = values::subscriber)]
    addr: Option<String>,
}

impl Watch {
    pub(super) fn run(self, ctx: &mut Context) -> Result<u8, Error> {
        let outcome = ctx.act(Request::ConvoyWatch { convoy: self.convoy, address: self.addr }, false)?;
        ctx.out.item(&outcome.items, "Watching")
    }
}

impl Unwatch {
    pub(super) fn run(self, ctx: &mut Context) -> Result<u8, Error> {
        let outcome = ctx.act(Request::ConvoyUnwatch { convoy: self.convoy, address: self.addr }, false)?;
        ctx.out.item(&outcome.items, "No longer watching")
    }
}
