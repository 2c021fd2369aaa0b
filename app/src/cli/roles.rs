//! How a template convoy is shown: its roles, what came of them, and its report.

use std::fmt::Write as _;

use convoy_core::template::{Counts, Verdict};
use convoy_core::view::{ConvoyView, ReportView, RoleView};

use super::status;
use crate::error::{DONE, PARTIAL};
use crate::output::{BAD, BOLD, BUSY, FAINT, GOOD, paint};
use crate::text;

/// The longest reason beside a role, in characters.
const WHY_CHARS: usize = 200;
/// How much of a commit's name is shown.
const COMMIT_CHARS: usize = 12;
/// The most files that are named; `--json` has all.
const FILES_SHOWN: usize = 5;

/// The sign of a role's state.
pub(super) fn glyph(status: &str) -> String {
    match status {
        "pending" => "○".to_owned(),
        "running" => paint(BUSY, "▶"),
        "completed" => paint(GOOD, "✓"),
        "failed" => paint(BAD, "✗"),
        _ => "?".to_owned(),
    }
}

/// How it went or goes, in a word.
fn outcome(convoy: &ConvoyView) -> String {
    match convoy.outcome.as_deref() {
        None => paint(BUSY, "running"),
        Some("completed") => paint(GOOD, "completed"),
        Some("partial") => paint(BUSY, "partial"),
        Some(other) => paint(BAD, text::line(other)),
    }
}

/// What waiting for the convoy ends with.
pub(super) fn exit_status(convoy: &ConvoyView) -> u8 {
    match (convoy.outcome.as_deref(), convoy.status.as_str()) {
        (Some("completed"), _) | (None, "landed") => DONE,
        (Some("partial"), _) => PARTIAL,
        (_, _) => 1,
    }
}

/// A template convoy with all of its roles.
pub(super) fn details(convoy: &ConvoyView) -> String {
    let title = paint(BOLD, text::line(&convoy.title));
    let mut said = format!("🚚 {}: {title}\n\n", convoy.id);
    let done = convoy.roles.iter().filter(|role| role.status == "completed").count();
    let template = convoy.template.as_deref().unwrap_or_default();
    let _ = writeln!(said, "  Template:  {}", text::line(template));
    let _ = writeln!(said, "  Status:    {}", outcome(convoy));
    let _ = writeln!(said, "  Progress:  {done}/{} roles completed", convoy.roles.len());
    let _ = writeln!(said, "  Created:   {}", text::time(convoy.created_at));
    said.push_str("\n  Roles:\n");
    said.push_str(&table(&convoy.roles, true));
    said.push('\n');
    for (name, value) in facts(convoy).into_iter().chain(status::facts(convoy)) {
        let _ = writeln!(said, "  {:<10} {value}", format!("{name}:"));
    }
    said
}

/// The roles, one a line, and below those that failed why.
pub(super) fn table(roles: &[RoleView], with_why: bool) -> String {
    let rows: Vec<Vec<String>> = roles.iter().map(row).collect();
    let lines = text::table(&rows);
    let mut said = String::new();
    for (role, line) in roles.iter().zip(lines.lines()) {
        let _ = writeln!(said, "    {}{line}", glyph(&role.status));
        if let Some(why) = role.why.as_deref().filter(|_| with_why) {
            let _ = writeln!(said, "         {}", paint(FAINT, text::cut(why, WHY_CHARS)));
        }
    }
    said
}

fn row(role: &RoleView) -> Vec<String> {
    let line = |text: &str| text::line(text).into_owned();
    let who = [role.agent.as_deref(), role.model.as_deref()].into_iter().flatten().map(line);
    let who: Vec<String> = who.collect();
    let tried = if role.attempts > 1 { format!(" (attempt {})", role.attempts) } else { String::new() };
    let took = match (role.started_at, role.completed_at) {
        (Some(from), Some(to)) => text::age(to.since(from).as_secs()),
        (Some(from), None) => format!("since {}", text::clock(from)),
        (None, _) if role.status == "pending" && !role.needs.is_empty() => {
            format!("after {}", line(&role.needs.join(", ")))
        }
        (None, _) => "-".to_owned(),
    };
    let cost = if role.spent.micros == 0 { "-".to_owned() } else { text::money(&role.spent) };
    let found = role.findings.map(|n| text::count(n as usize, "finding")).unwrap_or_default();
    let file = role.output_file.as_deref().map(line).unwrap_or_default();
    let left = [found, file].into_iter().filter(|text| !text.is_empty()).collect::<Vec<_>>().join("  ");
    vec![line(&role.role), format!("{}{tried}", role.status), who.join(" "), took, cost, left]
}

fn facts(convoy: &ConvoyView) -> Vec<(&'static str, String)> {
    let mut facts = Vec::new();
    let Some(run) = &convoy.context else { return facts };
    if let Some(commit) = &run.commit {
        let short = |commit: &str| commit.chars().take(COMMIT_CHARS).collect::<String>();
        let base = run.base.as_deref().map(|base| format!(", what changed since {}", short(base)));
        facts.push(("Commit", format!("{}{}", short(commit), base.unwrap_or_default())));
    }
    if !run.files.is_empty() {
        facts.push(("Files", files(&run.files)));
    }
    if let Some(url) = &run.pr_url {
        facts.push(("Request", text::line(url).into_owned()));
    }
    if !run.issues.is_empty() {
        let issues: Vec<String> = run.issues.iter().map(ToString::to_string).collect();
        facts.push(("Issues", issues.join(", ")));
    }
    if let Some(limit) = run.timeout_s {
        let over = if run.timed_out { " (it was up)" } else { "" };
        facts.push(("Time", format!("at most {}{over}", text::age(limit))));
    }
    if let Some(dir) = &convoy.output_dir {
        facts.push(("Output", text::line(dir).into_owned()));
    }
    let Some(report) = &run.report else { return facts };
    if let Some(path) = report_path(convoy) {
        facts.push(("Report", text::line(&path).into_owned()));
    }
    facts.extend(of_report(report));
    facts
}

fn of_report(report: &ReportView) -> Vec<(&'static str, String)> {
    let mut facts = Vec::new();
    if let Some(why) = &report.error {
        facts.push(("Report", format!("could not be made: {}", text::line(why))));
    }
    if let Some(counts) = counts(&report.counts) {
        facts.push(("Found", counts));
    }
    if let Some(verdict) = report.verdict {
        let word = match verdict {
            Verdict::Approved => "approved",
            Verdict::ChangesRequested => "changes requested",
            Verdict::Commented => "none",
        };
        facts.push(("Verdict", word.to_owned()));
    }
    if !report.missing.is_empty() {
        facts.push(("Missing", text::line(&report.missing.join(", ")).into_owned()));
    }
    facts
}

/// Some files by name, and how many others.
pub(super) fn files(files: &[String]) -> String {
    let named: Vec<String> =
        files.iter().take(FILES_SHOWN).map(|file| text::line(file).into_owned()).collect();
    let others = files.len().saturating_sub(named.len());
    let others = if others > 0 { format!(" and {others} more") } else { String::new() };
    format!("{}{others}", named.join(", "))
}

/// Where the report of all roles is, if it was made.
pub(super) fn report_path(convoy: &ConvoyView) -> Option<String> {
    let file = convoy.context.as_ref()?.report.as_ref()?.files.first()?;
    Some(format!("{}/{file}", convoy.output_dir.as_deref()?))
}

/// How much of what was found; nothing if nothing was.
pub(super) fn counts(counts: &Counts) -> Option<String> {
    let all = [
        (counts.blocker, "blocker"),
        (counts.critical, "critical"),
        (counts.high, "high"),
        (counts.medium, "medium"),
        (counts.low, "low"),
        (counts.info, "info"),
        (counts.ungrounded, "ungrounded"),
        (counts.duplicates, "found more than once"),
    ];
    let some: Vec<String> =
        all.iter().filter(|(n, _)| *n > 0).map(|(n, what)| format!("{n} {what}")).collect();
    (!some.is_empty()).then(|| some.join(", "))
}
