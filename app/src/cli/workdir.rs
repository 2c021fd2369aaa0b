//! `convoy workdir`: where agents worked.

use clap::Subcommand;
use convoy_engine::housekeeping::{Cleaned, Housekeeper, WorkdirView};

use super::context::Context;
use super::values;
use crate::error::{DONE, Error, PARTIAL};
use crate::text;

/// See and clean the folders that agents worked in
#[derive(Debug, Subcommand)]
pub(super) enum Workdir {
    /// List them
    List,
    /// Remove those of ended work
    ///
    /// What is only there is saved to refs/convoy/salvage/<session> first.
    Clean {
        /// Only what ended longer ago than this; the configured retention if not given
        #[arg(long, value_name = "DURATION", value_parser = values::duration)]
        older_than: Option<convoy_core::time::Span>,
        /// All of ended work, however young
        #[arg(long, conflicts_with = "older_than")]
        all: bool,
        /// Say what would go, and change nothing
        #[arg(long)]
        dry_run: bool,
    },
}

impl Workdir {
    pub(super) fn run(self, ctx: &mut Context) -> Result<u8, Error> {
        let keeper = Housekeeper::new(&ctx.workspace()?, &ctx.env)?;
        match self {
            Self::List => {
                let views = ctx.with(|service| keeper.list(service))?;
                ctx.out.json(&views)?;
                ctx.out.say(&listing(&views))?;
                Ok(DONE)
            }
            Self::Clean { older_than, all, dry_run } => {
                let retention = keeper.retention()?;
                let older_than =
                    if all { convoy_core::time::Span::default() } else { older_than.unwrap_or(retention) };
                let cleaned = ctx.with(|service| keeper.clean(service, older_than, dry_run))?;
                ctx.out.json(&cleaned)?;
                let nothing = if all { "" } else { " See also: convoy workdir clean --all" };
                ctx.out.say(&report(&cleaned, dry_run, nothing))?;
                let failed = cleaned.iter().filter(|one| !one.ok).count();
                Ok(if failed == 0 {
                    DONE
                } else if failed == cleaned.len() {
                    1
                } else {
                    PARTIAL
                })
            }
        }
    }
}

fn listing(views: &[WorkdirView]) -> String {
    if views.is_empty() {
        return "No workdirs.\n".to_owned();
    }
    let mut rows = vec![["SESSION", "ISSUE", "STATE", "BRANCH", "PATH"].map(str::to_owned).to_vec()];
    for view in views {
        let state = match (view.unknown, view.ended) {
            (true, _) => "unknown",
            (false, true) => "ended",
            (false, false) => "at work",
        };
        rows.push(vec![
            view.session_id.clone(),
            view.issue_id.as_ref().map(ToString::to_string).unwrap_or_default(),
            state.to_owned(),
            text::line(view.branch.as_deref().unwrap_or_default()).into_owned(),
            text::line(&view.path).into_owned(),
        ]);
    }
    text::table(&rows)
}

fn report(cleaned: &[Cleaned], dry_run: bool, nothing: &str) -> String {
    if cleaned.is_empty() {
        return format!("Nothing to clean.{nothing}\n");
    }
    let mut said = String::new();
    for one in cleaned {
        let line = match (&one.error, &one.salvaged, dry_run) {
            (Some(error), ..) => format!("✗ {}: {}\n", one.id, text::line(error)),
            (None, _, true) => format!("  {} would go\n", one.id),
            (None, Some(place), false) => {
                format!("✓ {} removed; what was only there is in {place}\n", one.id)
            }
            (None, None, false) => format!("✓ {} removed\n", one.id),
        };
        said.push_str(&line);
    }
    said
}
