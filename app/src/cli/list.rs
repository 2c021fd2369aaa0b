//! `convoy list`.

use std::fmt::Write as _;

use clap::{Args, ValueEnum};
use convoy_api::query::ConvoyFilter;
use convoy_core::view::{ConvoyView, TrackedView};

use super::context::Context;
use super::{ask, status};
use crate::error::{DONE, Error};
use crate::output::{BAD, BOLD, FAINT, paint};
use crate::text;

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum State {
    Open,
    /// Analysed, and not launched yet
    Staged,
    /// Landed or abandoned
    Closed,
    Landed,
    Abandoned,
    /// A template convoy that has not ended
    Running,
    /// A template convoy whose roles are all done
    Completed,
    /// A template convoy of which nothing came
    Failed,
    /// A template convoy some of whose roles failed
    Partial,
    /// A template convoy that somebody ended
    Stopped,
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
    /// Those that belong to this epic
    #[arg(long, value_name = "NAME")]
    epic: Option<String>,
    /// Those that should have landed before now
    #[arg(long)]
    overdue: bool,
    /// With what each tracks
    #[arg(long)]
    tree: bool,
}

impl List {
    pub(super) fn run(self, ctx: &mut Context) -> Result<u8, Error> {
        let status = self.status.and_then(|state| Some(state.to_possible_value()?.get_name().to_owned()));
        let filtered = status.is_some() || self.epic.is_some() || self.overdue;
        let filter = ConvoyFilter {
            status,
            all: self.all,
            epic: self.epic,
            overdue: self.overdue,
            ..ConvoyFilter::default()
        };
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
            let overdue = if convoy.overdue { paint(BAD, " overdue") } else { String::new() };
            let glyph = status::convoy_glyph(&convoy.status);
            let of_template = of_template(convoy);
            if self.tree {
                let progress = format!("({}/{})", convoy.completed, convoy.total);
                let _ = writeln!(text, "  🚚 {id}: {title} {progress} {glyph}{of_template}{overdue}");
                branches(&mut text, &convoy.tracked);
            } else {
                let _ = writeln!(text, "  🚚 {id}: {title} {glyph}{of_template}{overdue}");
            }
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

/// Of a template convoy: its template, and how it goes or went.
fn of_template(convoy: &ConvoyView) -> String {
    let Some(template) = &convoy.template else { return String::new() };
    let (done, all) =
        (convoy.roles.iter().filter(|role| role.status == "completed").count(), convoy.roles.len());
    let state = convoy.outcome.as_deref().unwrap_or("running");
    let text = format!("  {} {}, {done}/{all} roles", text::line(template), text::line(state));
    paint(FAINT, text)
}

/// What a convoy tracks, as branches below it.
fn branches(text: &mut String, tracked: &[TrackedView]) {
    for (n, issue) in tracked.iter().enumerate() {
        let branch = if n + 1 == tracked.len() { "└──" } else { "├──" };
        let (glyph, title) = (status::issue_glyph(&issue.status), text::title(&issue.title));
        let _ = writeln!(text, "     {branch} {glyph} {}: {title}", issue.id);
    }
}
