//! `convoy why`.

use std::fmt::Write as _;

use clap::Args;

use super::ask;
use super::context::Context;
use crate::error::{DONE, Error};
use crate::output::{BOLD, FAINT, paint};
use crate::text;

/// Say why something is not running, or has not landed
///
/// Every reason, and the command that would change it.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  convoy why gt-abc\n  convoy why hq-cv-abc12\n  convoy why w-k3j9x")]
pub(super) struct Why {
    /// An issue, a convoy or a worker
    #[arg(value_name = "ID")]
    id: String,
}

impl Why {
    pub(super) fn run(self, ctx: &mut Context) -> Result<u8, Error> {
        let why = ctx.with(|service| ask::why(service, &self.id))?;
        ctx.out.json(&why)?;
        let mut said =
            format!("{} {} is {}\n", why.kind, paint(BOLD, text::line(&why.id)), text::line(&why.status));
        for reason in &why.reasons {
            let _ = writeln!(said, "\n  {}", text::line(&reason.text));
            if let Some(command) = &reason.command {
                let _ = writeln!(said, "    {} {}", paint(FAINT, "try:"), text::line(command));
            }
        }
        ctx.out.say(&said)?;
        Ok(DONE)
    }
}
