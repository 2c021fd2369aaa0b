//! `convoy stranded`.

use std::fmt::Write as _;

use clap::Args;
use convoy_core::view::Category;

use super::ask;
use super::context::Context;
use crate::error::{DONE, Error};
use crate::output::{BAD, BOLD, FAINT, paint};
use crate::text;

/// List open convoys in which nothing is moving, or that are overdue
///
/// Each with its category and the command that would help. A convoy that does well is never among them.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  convoy stranded\n  convoy stranded --overdue --json")]
pub(super) struct Stranded {
    /// Only those that should have landed before now
    #[arg(long)]
    overdue: bool,
}

impl Stranded {
    pub(super) fn run(self, ctx: &mut Context) -> Result<u8, Error> {
        let mut stranded = ctx.with(ask::stranded)?;
        stranded.retain(|convoy| convoy.overdue || !self.overdue);
        ctx.out.json(&stranded)?;
        if stranded.is_empty() {
            ctx.out.say(if self.overdue { "Nothing is overdue.\n" } else { "Nothing is stranded.\n" })?;
        }
        for convoy in &stranded {
            let title = paint(BOLD, text::title(&convoy.title));
            let mut said = format!("{} {}: {title}\n", paint(BAD, "!"), convoy.convoy_id);
            let _ = writeln!(said, "    {}: {}", convoy.category.name(), text::line(&convoy.detail));
            if convoy.overdue && convoy.category != Category::Overdue {
                said.push_str("    overdue\n");
            }
            let _ = writeln!(said, "    {} {}", paint(FAINT, "try:"), text::line(&convoy.command));
            ctx.out.say(&said)?;
        }
        Ok(DONE)
    }
}
