//! `convoy doctor`.

use std::fmt::Write as _;

use clap::Args;
use convoy_engine::doctor::{self, Health, Report};

use super::context::Context;
use crate::error::{DONE, Error};
use crate::output::{BAD, BUSY, GOOD, paint};
use crate::text;

/// Say what is missing, damaged or stale, and how to mend it
#[derive(Debug, Args)]
pub(super) struct Doctor {
    /// Mend what can be mended without losing anything
    #[arg(long)]
    fix: bool,
}

impl Doctor {
    pub(super) fn run(self, ctx: &mut Context) -> Result<u8, Error> {
        let report = doctor::examine(&ctx.workspace()?, &ctx.env, self.fix);
        ctx.out.json(&report)?;
        ctx.out.say(&said(&report))?;
        Ok(if report.health == Health::Error { 1 } else { DONE })
    }
}

fn said(report: &Report) -> String {
    let mut said = String::new();
    for finding in &report.findings {
        let mark = match finding.health {
            Health::Ok => paint(GOOD, '✓'),
            Health::Warning => paint(BUSY, '!'),
            Health::Error => paint(BAD, '✗'),
        };
        let _ = writeln!(said, "{mark} {}: {}", finding.check, text::line(&finding.detail));
        if let Some(fix) = &finding.fix {
            let _ = writeln!(said, "    try: {}", text::line(fix));
        }
    }
    for fixed in &report.fixed {
        let _ = writeln!(said, "{} {}", paint(GOOD, "fixed:"), text::line(fixed));
    }
    said.push_str(match report.health {
        Health::Ok => "\nAll is well.\n",
        Health::Warning => "\nNothing is wrong; some things are worth knowing.\n",
        Health::Error => "\nSomething is to be mended.\n",
    });
    said
}
