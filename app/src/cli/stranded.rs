//! `convoy stranded`.

use std::fmt::Write as _;

use clap::Args;

use super::ask;
use super::context::Context;
use crate::error::{DONE, Error};
use crate::output::{BAD, BOLD, FAINT, paint};
use crate::text;

/// List open convoys in which nothing is moving
///
/// Each with its category and the command that would help.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  convoy stranded --json")]
pub(super) struct Stranded {}

impl Stranded {
    pub(super) fn run(self, ctx: &mut Context) -> Result<u8, Error> {
        let stranded = ctx.with(ask::stranded)?;
        ctx.out.json(&stranded)?;
        if stranded.is_empty() {
            ctx.out.say("Nothing is stranded.\n")?;
        }
        for convoy in &stranded {
            let title = paint(BOLD, text::title(&convoy.title));
            let mut said = format!("{} {}: {title}\n", paint(BAD, "!"), convoy.convoy_id);
            let _ = writeln!(said, "    {}: {}", text::line(&convoy.category), text::line(&convoy.detail));
            let _ = writeln!(said, "    {} {}", paint(FAINT, "try:"), text::line(&convoy.command));
            ctx.out.say(&said)?;
        }
        Ok(DONE)
    }
}
