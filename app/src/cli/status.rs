//! `convoy status`, and how a convoy is shown.

use std::fmt::Write as _;
use std::io::IsTerminal as _;

use clap::Args;
use convoy_api::query::ConvoyFilter;
use convoy_api::{Failure, Service};
use convoy_core::event::Envelope;
use convoy_core::id::Seq;
use convoy_core::ledger::WARN_PERCENT;
use convoy_core::view::{ConvoyView, TrackedView};

use super::context::Context;
use super::cost::limit_line;
use super::daemon::undelivered;
use super::follow::{End, Follow, Look};
use super::{ask, progress, roles};
use crate::error::{DONE, Error};
use crate::output::{BAD, BOLD, BUSY, FAINT, GOOD, paint};
use crate::text;

/// Clears a terminal and begins at its top.
const CLEAR: &str = "\x1b[H\x1b[2J";

/// Show a convoy, or every active one
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  convoy status\n  convoy status hq-cv-abc12\n  convoy status hq-abc --watch"
)]
pub(super) struct Status {
    /// The convoy, or a unique prefix of its id
    convoy: Option<String>,
    /// Show it again whenever something changes, until it is closed; with --json one value a line
    #[arg(long)]
    watch: bool,
}

impl Status {
    pub(super) fn run(self, ctx: &mut Context) -> Result<u8, Error> {
        let one = self.convoy.as_deref();
        if self.watch {
            return watch(ctx, one);
        }
        let ((convoys, _), engine) = ctx.with(|service| Ok((shown(service, one)?, ask::engine(service)?)))?;
        match (one, convoys.as_slice()) {
            (Some(_), [convoy]) => ctx.out.json(convoy)?,
            _ => ctx.out.json(&convoys)?,
        }
        ctx.out.say(&text_of(&convoys))?;
        if let Some(line) = undelivered(&engine) {
            ctx.out.say(&format!("\n{}\n", paint(BAD, line)))?;
        }
        Ok(DONE)
    }
}

/// What is to be shown, and an event up to which that is true.
fn shown(service: &dyn Service, one: Option<&str>) -> Result<(Vec<ConvoyView>, Seq), Failure> {
    let Some(id) = one else {
        // What happens between the two is looked at again.
        let seq = ask::engine(service)?.seq;
        return Ok((ask::convoys(service, ConvoyFilter::default())?, seq));
    };
    let (convoy, seq) = ask::convoy(service, id)?;
    Ok((vec![convoy], seq))
}

fn watch(ctx: &mut Context, one: Option<&str>) -> Result<u8, Error> {
    let mut out = ctx.out.clone();
    let look = |service: &dyn Service| -> Result<Look<()>, Error> {
        let (convoys, seq) = shown(service, one)?;
        match (out.json, one, convoys.as_slice()) {
            (true, Some(_), [convoy]) => out.json_line(convoy)?,
            (true, ..) => out.json_line(&convoys)?,
            (false, ..) if std::io::stdout().is_terminal() => {
                out.raw(&format!("{CLEAR}{}", text_of(&convoys)))?;
            }
            (false, ..) => out.raw(&format!("{}\n", text_of(&convoys)))?,
        }
        let over = one.is_some() && convoys.iter().all(|convoy| convoy.closed_at.is_some());
        Ok(Look { end: (over || out.is_closed()).then_some(()), seq })
    };
    let see = |event: &Envelope| Ok(progress::see(&event.event, true));
    match Follow::new(ctx.workspace()?, None).while_read()?.until(|| ctx.staying(), look, see)? {
        End::Reached(()) | End::TimeOut | End::Interrupted | End::Unseen => Ok(DONE),
    }
}

fn text_of(convoys: &[ConvoyView]) -> String {
    let blocks: Vec<String> = convoys.iter().map(details).collect();
    if blocks.is_empty() {
        return "No active convoys.\n\nNext: convoy create <name> <issue>…\n".to_owned();
    }
    blocks.join("\n")
}

/// The sign of a convoy's status.
pub(super) fn convoy_glyph(status: &str) -> String {
    match status {
        "open" => paint(BUSY, "●"),
        "landed" => paint(GOOD, "✓"),
        "abandoned" => paint(BAD, "✗"),
        "staged" => "→".to_owned(),
        _ => "?".to_owned(),
    }
}

/// The sign of an issue's status.
pub(super) fn issue_glyph(status: &str) -> String {
    match status {
        "open" => "○".to_owned(),
        "in_progress" => paint(BUSY, "▶"),
        "submitted" => paint(BUSY, "◐"),
        "needs_human" => paint(BAD, "!"),
        "closed" => paint(GOOD, "✓"),
        _ => "?".to_owned(),
    }
}

/// A convoy with all that it tracks.
pub(super) fn details(convoy: &ConvoyView) -> String {
    if convoy.template.is_some() {
        return roles::details(convoy);
    }
    let mut text = format!("🚚 {}: {}\n\n", convoy.id, paint(BOLD, text::line(&convoy.title)));
    let _ = writeln!(text, "  Status:    {}", convoy_glyph(&convoy.status));
    let _ = writeln!(text, "  Progress:  {}/{} completed", convoy.completed, convoy.total);
    let _ = writeln!(text, "  Created:   {}", text::time(convoy.created_at));
    text.push_str("\n  Tracked Issues:\n");
    for issue in &convoy.tracked {
        text.push_str(&tracked(issue));
    }
    if convoy.tracked.is_empty() {
        let _ = writeln!(text, "    none; add some: convoy add {} <issue>", convoy.id);
    }
    text.push('\n');
    for (name, value) in facts(convoy) {
        let _ = writeln!(text, "  {:<10} {value}", format!("{name}:"));
    }
    text
}

fn tracked(issue: &TrackedView) -> String {
    let glyph = issue_glyph(&issue.status);
    let kind = paint(FAINT, format_args!("[{}]", issue.issue_type.name()));
    let mut text = format!("    {glyph} {}: {} {kind}", issue.id, text::title(&issue.title));
    if let Some(worker) = &issue.worker {
        let _ = write!(text, "  @{}", text::line(worker));
        if let Some(age) = issue.worker_age_s {
            let _ = write!(text, " ({})", text::age(age));
        }
    } else if issue.blocked {
        text.push_str("  (blocked)");
    }
    text.push('\n');
    text
}

/// What else there is to know of it.
pub(super) fn facts(convoy: &ConvoyView) -> Vec<(&'static str, String)> {
    let mut facts = vec![("Owner", text::line(&convoy.owner).into_owned())];
    if !convoy.notify.is_empty() {
        facts.push(("Notify", text::line(&convoy.notify.join(", ")).into_owned()));
    }
    let merge = serde_json::to_value(convoy.merge).ok();
    let merge = merge.as_ref().and_then(|name| name.as_str()).unwrap_or_default();
    let base = convoy.base_branch.as_deref().map(|base| format!(" into {}", text::line(base)));
    // Roles write reports: nothing of theirs lands anywhere.
    if convoy.template.is_none() {
        facts.push(("Merge", format!("{merge}{}", base.unwrap_or_default())));
    }
    // What roles may write is limited wherever the system can do that, whatever their agent does itself.
    if convoy.template.is_none() && convoy.tracked.iter().any(|issue| issue.sandboxed == Some(false)) {
        facts.push(("Sandbox", "none: its agents run unsandboxed, with your rights".to_owned()));
    }
    if let Some(max) = convoy.max_parallel {
        facts.push(("Parallel", format!("at most {max}")));
    }
    if !convoy.watchers.is_empty() {
        facts.push(("Watchers", text::line(&convoy.watchers.join(", ")).into_owned()));
    }
    if let Some(epic) = &convoy.epic_id {
        facts.push(("Epic", text::line(epic).into_owned()));
    }
    if convoy.owned && convoy.closed_at.is_none() {
        facts.push(("Owned", format!("yes: its owner lands it with convoy land {}", convoy.id)));
    }
    if convoy.held {
        facts.push(("Held", format!("open with every issue closed; land it: convoy check {}", convoy.id)));
    }
    if let Some(due) = convoy.due_at {
        facts.push(("Due", format!("{}{}", text::time(due), if convoy.overdue { " (overdue)" } else { "" })));
    }
    if let Some(budget) = &convoy.budget {
        let used = i128::from(convoy.spent.micros) * 100;
        let reached = |percent: i64| used >= i128::from(budget.micros) * i128::from(percent);
        facts.push(("Budget", limit_line(&convoy.spent, budget, reached(WARN_PERCENT), reached(100))));
        if convoy.reserved.micros > 0 {
            facts.push(("Reserved", format!("{} for what runs", text::money(&convoy.reserved))));
        }
        if convoy.overrun.micros > 0 {
            facts.push(("Overrun", format!("{} beyond the budget", text::money(&convoy.overrun))));
        }
    } else if convoy.spent.micros != 0 {
        facts.push(("Spent", text::money(&convoy.spent)));
    }
    if convoy.status == "staged" {
        let (id, count) = (&convoy.id, convoy.findings.len());
        let warned =
            if count > 0 { format!(" with {}", text::count(count, "warning")) } else { String::new() };
        let force = if count > 0 { " --force" } else { "" };
        facts.push(("Staged", format!("waits{warned}; launch it: convoy launch {id}{force}")));
        facts
            .extend(convoy.findings.iter().map(|found| ("Warning", text::line(&found.message).into_owned())));
        return facts;
    }
    match (convoy.started_at, convoy.closed_at) {
        // There is nothing left to start.
        (None, None) if convoy.total > 0 && convoy.completed == convoy.total => {}
        (None, None) => {
            let how = if convoy.in_progress > 0 { "only single issues of it" } else { "no, it only tracks" };
            facts.push(("Started", format!("{how}; start it: convoy run {}", convoy.id)));
        }
        (Some(at), _) => facts.push(("Started", text::time(at))),
        (None, Some(_)) => {}
    }
    if let Some(at) = convoy.closed_at {
        facts.push(("Closed", format!("{} ({})", text::time(at), closing(convoy))));
    }
    if !convoy.health.healthy && convoy.closed_at.is_none() {
        let stuck = text::count(convoy.health.failed, "issue");
        facts.push(("Attention", format!("{stuck} waiting for a person; see: convoy why {}", convoy.id)));
    }
    facts
}

fn closing(convoy: &ConvoyView) -> String {
    let status = text::line(&convoy.status);
    let why = convoy.close_reason.as_deref().map(|why| format!(": {}", text::line(why)));
    let by = convoy.landed_by.as_deref().map(|by| format!(", noticed by {by}"));
    let after = convoy.duration_s.map(|s| format!(" after {}", text::age(s)));
    format!("{status}{}{}{}", after.unwrap_or_default(), by.unwrap_or_default(), why.unwrap_or_default())
}
