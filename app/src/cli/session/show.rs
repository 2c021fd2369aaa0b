//! `convoy session status` and `convoy session list`.

use std::fmt::Write as _;

use clap::Args;
use convoy_core::view::{CheckpointView, EpicView, SessionView};

use super::here;
use crate::cli::ask;
use crate::cli::context::Context;
use crate::error::{DONE, Error};
use crate::output::{BAD, BOLD, BUSY, FAINT, paint};
use crate::text;

/// How much of a reason is shown, in characters.
const REASON_CHARS: usize = 80;

/// Show how an epic stands: its open session, last checkpoint, budget and convoys
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  convoy session status --epic login")]
pub(in crate::cli) struct Status {
    /// The epic; every active one if not given
    #[arg(long, value_name = "EPIC")]
    epic: Option<String>,
}

/// List the sessions of an epic with their checkpoints, the newest first
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  convoy session list --epic login")]
pub(in crate::cli) struct List {
    /// The epic; every one if not given
    #[arg(long, value_name = "EPIC")]
    epic: Option<String>,
}

impl Status {
    pub(super) fn run(self, ctx: &mut Context) -> Result<u8, Error> {
        let views = epics(ctx, self.epic.as_deref(), false)?;
        match (&self.epic, views.as_slice()) {
            (Some(_), [view]) => ctx.out.json(view)?,
            _ => ctx.out.json(&views)?,
        }
        if views.is_empty() {
            ctx.out.say("No epic is active.\n\nNext: convoy session start --epic <name>\n")?;
        }
        ctx.out.say(&views.iter().map(status).collect::<Vec<_>>().join("\n"))?;
        Ok(DONE)
    }
}

impl List {
    pub(super) fn run(self, ctx: &mut Context) -> Result<u8, Error> {
        let views = epics(ctx, self.epic.as_deref(), true)?;
        let sessions: Vec<&SessionView> = views.iter().flat_map(|view| &view.sessions).collect();
        ctx.out.json(&sessions)?;
        if views.is_empty() {
            ctx.out.say("No sessions.\n\nNext: convoy session start --epic <name>\n")?;
        }
        ctx.out.say(&views.iter().map(listing).collect::<Vec<_>>().join("\n"))?;
        Ok(DONE)
    }
}

fn epics(ctx: &mut Context, epic: Option<&str>, all: bool) -> Result<Vec<EpicView>, Error> {
    let path = here(ctx);
    ctx.with(|service| match epic {
        Some(_) => Ok(vec![ask::epic(service, epic, path.as_deref())?]),
        None => ask::epics(service, all),
    })
}

fn status(view: &EpicView) -> String {
    let mut said = format!("Epic: {}\n\n", paint(BOLD, &view.id));
    let mut fact = |name: &str, value: String| {
        let _ = writeln!(said, "  {:<12} {value}", format!("{name}:"));
    };
    match view.sessions.iter().find(|session| session.worker_id.is_none()) {
        Some(own) => {
            let place =
                own.workdir.as_deref().map(|path| format!(", in {}", text::line(path))).unwrap_or_default();
            fact("Session", format!("{} ({}), {}{place}", own.number, own.id, own.state));
        }
        None => fact("Session", "none of a person".to_owned()),
    }
    match view.checkpoints.iter().find(|one| one.state == "made") {
        Some(last) => {
            let at = text::time(last.timestamp);
            fact("Checkpoint", format!("{} (number {}), {at}", last.id, last.sequence));
            fact("Reason", text::cut(&last.summary, REASON_CHARS));
            let files = text::count(last.files_changed.unwrap_or(0) as usize, "file");
            let commit: String = last.git_commit.as_deref().unwrap_or("none").chars().take(10).collect();
            fact("Commit", format!("{commit}, {files} changed since the session began"));
        }
        None => fact("Checkpoint", "none yet".to_owned()),
    }
    fact("Spent", text::money(&view.cost));
    if let (Some(budget), Some(left)) = (&view.budget, &view.budget_remaining) {
        let used = share(view.cost.micros, budget.micros);
        fact("Budget", format!("{}, {} left, {used}% used", text::money(budget), text::money(left)));
        if left.micros == 0 {
            fact("", paint(BAD, "the budget is used up"));
        }
    }
    if !view.convoys.is_empty() {
        let ids: Vec<&str> = view.convoys.iter().map(convoy_core::id::ConvoyId::as_str).collect();
        fact("Convoys", ids.join(", "));
    }
    for session in view.sessions.iter().filter(|one| one.worker_id.is_some() && one.ended_at.is_none()) {
        let issue = session.issue_id.as_ref().map(ToString::to_string).unwrap_or_default();
        fact("Agent", format!("{} at {issue}, {}", text::line(&session.agent), session.state));
    }
    let resume = if view.open_session_id.is_some() {
        format!("\nTo pause:   convoy session pause --epic {}\n", view.id)
    } else {
        format!("\nTo resume:  convoy session start --epic {} --resume\n", view.id)
    };
    said.push_str(&resume);
    said
}

fn share(spent: i64, budget: i64) -> i64 {
    if budget <= 0 { 100 } else { spent.saturating_mul(100) / budget }
}

fn listing(view: &EpicView) -> String {
    let mut said = format!("Epic: {}\n", paint(BOLD, &view.id));
    if view.sessions.is_empty() {
        said.push_str("\n  no sessions\n");
    }
    for session in &view.sessions {
        let whose = match &session.issue_id {
            Some(issue) => format!("attempt {} at {issue}", session.number),
            None => format!("session {}", session.number),
        };
        let outcome = session.outcome.as_deref().map(|outcome| format!(", {outcome}")).unwrap_or_default();
        let at = text::time(session.started_at.unwrap_or(session.created_at));
        let _ = writeln!(said, "\n  {}  {whose}: {}{outcome}  {at}", session.id, session.state);
        let made = view.checkpoints.iter().filter(|one| one.session_id == session.id);
        let lines: Vec<String> = made.map(line).collect();
        said.push_str(&lines.concat());
        if lines.is_empty() {
            let _ = writeln!(said, "    {}", paint(FAINT, "no checkpoints"));
        }
    }
    said
}

fn line(checkpoint: &CheckpointView) -> String {
    let at = text::time(checkpoint.timestamp);
    let state = match checkpoint.state.as_str() {
        "made" => String::new(),
        "failed" => paint(BAD, "  failed"),
        _ => paint(BUSY, "  being made"),
    };
    let reason = text::cut(&checkpoint.summary, REASON_CHARS);
    format!("    {:>3}. {}  {at}  {reason}{state}\n", checkpoint.sequence, checkpoint.id)
}
