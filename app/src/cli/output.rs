//! `convoy output`: what the roles of a template convoy wrote.

use std::fmt::Write as _;
use std::path::PathBuf;

use clap::Args;
use convoy_core::view::ConvoyView;

use super::context::Context;
use super::roles;
use crate::error::{DONE, Error};
use crate::reports::{FileView, OutputView, all, by, find, one, report};
use crate::text;

/// Print what a template convoy has written
///
/// Without a role: its report, or while there is none, the files of its roles.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  convoy output hq-cv-abc12 > review.md\n  convoy output hq-cv-abc12 security\n  \
    convoy output hq-cv-abc12 security --json"
)]
pub(super) struct Output {
    /// The convoy, or a unique prefix of its id
    convoy: String,
    /// Only what this role wrote
    role: Option<String>,
}

impl Output {
    pub(super) fn run(self, ctx: &mut Context) -> Result<u8, Error> {
        let (convoy, reports) = find(ctx, &self.convoy)?;
        if let Some(name) = &self.role {
            let view = one(&mut by(ctx), &convoy, &reports, name)?;
            return print(ctx, &view);
        }
        if !ctx.out.json
            && let Some(report) = report(&convoy, &reports)?
        {
            return print(ctx, &report);
        }
        let view = all(&mut by(ctx), &convoy, &reports)?;
        ctx.out.json(&view)?;
        ctx.out.say(&listed(&convoy, &view))?;
        Ok(DONE)
    }
}

fn listed(convoy: &ConvoyView, view: &OutputView) -> String {
    let mut said = format!("🚚 {}: no report of all roles\n\n", convoy.id);
    for role in &view.roles {
        let _ = writeln!(said, "  {} {}", roles::glyph(&role.status), text::line(&role.role));
        let mut name = |path: &PathBuf, aside: &str| {
            let _ = writeln!(said, "      {}{aside}", text::line(&path.display().to_string()));
        };
        role.files.iter().for_each(|path| name(path, ""));
        role.left.iter().for_each(|path| name(path, "  (left by an attempt that came to nothing)"));
    }
    let _ = writeln!(said, "\nNext: convoy output {} <role>    (what one of them wrote)", convoy.id);
    said
}

fn print(ctx: &mut Context, view: &FileView) -> Result<u8, Error> {
    ctx.out.json(view)?;
    if !ctx.out.json {
        ctx.out.raw(&format!("{}\n", text::block(&view.content).trim_end()))?;
    }
    Ok(DONE)
}
