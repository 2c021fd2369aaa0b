//! What a template convoy has written: its report, what it comes to, and the report of each role.

use convoy_core::review::Severity;
use convoy_core::template::Verdict;
use convoy_core::view::{ConvoyView, ReportView};
use convoy_engine::findings::{Merged, Synthesis};
use convoy_engine::reports::Reports;
use convoy_engine::workspace::Workspace;
use maud::{Markup, html};

use super::parts::{Tone, badge_of, block, command, safe, section};
use super::prose::prose;

/// The most of a report that a page shows, in bytes; the file has all of it.
const SHOWN_BYTES_MAX: usize = 128 * 1024;
/// The most findings that a page shows one by one.
const FINDINGS_MAX: usize = 100;
/// The most reports of roles that a page shows.
const ROLES_MAX: usize = 20;

/// What was written.
pub(super) struct Report {
    /// The report of all, if it was made.
    whole: Option<String>,
    /// What was found, in order, if that report is of findings.
    found: Option<Synthesis>,
    /// Those of the roles, by name.
    roles: Vec<(String, String)>,
}

impl Report {
    /// Reads what there is; nothing if the convoy is of no template. What cannot be read says so in its place.
    pub(super) fn read(workspace: &Workspace, convoy: &ConvoyView) -> Option<Self> {
        let reports = Reports::of(workspace, convoy)?;
        let text = |file: &String| match reports.text(file) {
            Ok(text) => cut(text),
            Err(error) => {
                format!("{error}; it may have been removed, by a person or after [retention] outputs")
            }
        };
        let made = convoy.context.as_ref().and_then(|run| run.report.as_ref());
        let whole = made.and_then(|report| report.files.first()).map(text);
        let found = made.and_then(|report| report.files.iter().find(|file| file.ends_with(".json")));
        let found = found.and_then(|file| serde_json::from_str(&reports.text(file).ok()?).ok());
        let given = convoy.roles.iter().filter_map(|role| Some((role.role.clone(), role.files.first()?)));
        let roles = given.take(ROLES_MAX).map(|(role, file)| (role, text(file))).collect();
        Some(Self { whole, found, roles })
    }

    /// As the page has it; nothing before anything was written.
    pub(super) fn show(&self, convoy: &ConvoyView) -> Markup {
        let made = convoy.context.as_ref().and_then(|run| run.report.as_ref());
        if made.is_none() && self.roles.is_empty() {
            return html! {};
        }
        section(
            "report",
            "Findings and reports",
            None,
            &html! {
                div.panel.stack {
                    @if let Some(made) = made { (tally(made)) }
                    @if let Some(found) = &self.found { (findings(found)) }
                    @if let Some(whole) = &self.whole {
                        details #report-all .more-of open[self.found.is_none()] {
                            summary { "The whole report" }
                            (prose(whole))
                        }
                    }
                    @for (role, text) in &self.roles {
                        details.more-of id={ "report-" (role) } {
                            summary { "What " (safe(role)) " wrote" }
                            (prose(text))
                        }
                    }
                    p.more { (command(&format!("convoy output {}", convoy.id))) }
                }
            },
        )
    }
}

/// What was found, the gravest first, and apart from that what could not be found in the files.
fn findings(of: &Synthesis) -> Markup {
    html! {
        @if let Some(summary) = &of.summary { (prose(summary)) }
        @if !of.findings.is_empty() {
            ol.findings aria-label="Findings" { @for one in of.findings.iter().take(FINDINGS_MAX) { (finding(one)) } }
        }
        @if of.findings.len() > FINDINGS_MAX { p.soft { "The other " (of.findings.len() - FINDINGS_MAX) " are in the report." } }
        @if !of.ungrounded.is_empty() {
            details #report-ungrounded .more-of {
                summary { (of.ungrounded.len()) " set apart: what they quote is in no file" }
                ol.findings { @for one in of.ungrounded.iter().take(FINDINGS_MAX) { (finding(one)) } }
            }
        }
    }
}

fn finding(one: &Merged) -> Markup {
    let (sign, tone) = match one.severity {
        Severity::Blocker | Severity::Critical => ("✗", Tone::Bad),
        Severity::High => ("!", Tone::Alert),
        Severity::Medium => ("◐", Tone::Wait),
        Severity::Low | Severity::Info => ("○", Tone::Idle),
    };
    let place = one.file.as_ref().map(|file| match one.line {
        Some(line) => format!("{file}:{line}"),
        None => file.clone(),
    });
    let roles: Vec<&str> = one.roles.iter().map(|role| role.as_str()).collect();
    let said = [("", &one.problems), ("Impact: ", &one.impacts), ("Fix: ", &one.fixes)];
    html! {
        li id={ "finding-" (one.id) } {
            div.row {
                (badge_of(tone, sign, one.severity.name()))
                strong.grow { (safe(&one.title)) }
                @if let Some(place) = &place { code { (safe(place)) } }
            }
            @for (what, texts) in said {
                @for text in texts { p { @if !what.is_empty() { span.soft { (what) } } (safe(text)) } }
            }
            @if !one.quote.is_empty() { pre { (block(&one.quote)) } }
            p.sub { span { (one.id) } span { (safe(&one.category)) } span { "by " (roles.join(", ")) } }
        }
    }
}

fn cut(mut text: String) -> String {
    if text.len() > SHOWN_BYTES_MAX {
        let end = (0..=SHOWN_BYTES_MAX).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
        text.truncate(end);
        text.push_str("\n\nThe rest is in the file.\n");
    }
    text
}

/// What it comes to: the verdict, and how much of what was found.
fn tally(made: &ReportView) -> Markup {
    let counts = &made.counts;
    let all = [
        (counts.blocker, "blocker", Tone::Bad),
        (counts.critical, "critical", Tone::Bad),
        (counts.high, "high", Tone::Alert),
        (counts.medium, "medium", Tone::Wait),
        (counts.low, "low", Tone::Idle),
        (counts.info, "info", Tone::Idle),
        (counts.ungrounded, "ungrounded", Tone::Idle),
        (counts.duplicates, "found more than once", Tone::Idle),
    ];
    html! {
        p.tally {
            @match made.verdict {
                Some(Verdict::Approved) => { (badge_of(Tone::Good, "✓", "approved")) }
                Some(Verdict::ChangesRequested) => { (badge_of(Tone::Alert, "!", "changes requested")) }
                Some(Verdict::Commented) => { (badge_of(Tone::Wait, "?", "no verdict")) }
                None => {}
            }
            @for (n, what, tone) in all.iter().filter(|(n, ..)| *n > 0) {
                (badge_of(*tone, &n.to_string(), what))
            }
            @if all.iter().all(|(n, ..)| *n == 0) { span.soft { "Nothing was found." } }
        }
        @if !made.missing.is_empty() {
            p.note { "Nobody has looked as " (safe(&made.missing.join(", "))) " does: that says nothing about the code." }
        }
        @if let Some(error) = &made.error { p.note { "The report could not be made: " (safe(error)) } }
        @if let Some(applied) = &made.applied {
            p { (applied.issues.len()) " issues were changed by it, " (applied.refused.len()) " left as they are." }
        }
    }
}
