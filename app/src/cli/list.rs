//! `convoy list`.

use std::fmt::Write as _;

use clap::{Args, ValueEnum};
use convoy_api::query::ConvoyFilter;

use super::context::Context;
use super::{ask, status};
use crate::error::{DONE, Error};
use crate::output::{BOLD, FAINT, paint};
use crate::text;

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum State {
    Open,
    /// Landed or abandoned
    Closed,
    Landed,
    Abandoned,
}

/// List convoys
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  convoy list\n  convoy list --all\n  convoy list --status closed --json")]
pub(super) struct List {
    /// Also those that are closed
    #[arg(long)]
    all: bool,
    /// Those with this status
    #[arg(long)]
    status: Option<State>,
}

impl List {
    pub(super) fn run(self, ctx: &mut Context) -> Result<u8, Error> {
        let status = self.status.and_then(|state| Some(state.to_possible_value()?.get_name().to_owned()));
        let filtered = status.is_some();
        let filter = ConvoyFilter { status, all: self.all };
        let convoys = ctx.with(|service| ask::convoys(service, filter))?;
        ctx.out.json(&convoys)?;
        if ctx.out.json {
            return Ok(DONE);
        }
        let mut text = format!("{}\n\n", paint(BOLD, "Convoys"));
        for convoy in &convoys {
            if ctx.out.quiet {
                ctx.out.raw(&format!("{}\n", convoy.id))?;
            }
            let (id, title) = (&convoy.id, text::title(&convoy.title));
            let _ = writeln!(text, "  🚚 {id}: {title} {}", status::convoy_glyph(&convoy.status));
        }
        let _ = writeln!(text, "\n{}", paint(FAINT, "Use 'convoy status <id>' for detailed view."));
        if convoys.is_empty() {
            let which = if filtered || self.all { "such" } else { "open" };
            text = format!("No {which} convoys.\n\nNext: convoy create <name> <issue>…\n");
        }
        ctx.out.say(&text)?;
        Ok(DONE)
    }
}
