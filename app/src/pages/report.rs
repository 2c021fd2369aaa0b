//! What a template convoy has written: its report, what it comes to, and the report of each role.

use convoy_core::template::Verdict;
use convoy_core::view::{ConvoyView, ReportView};
use convoy_engine::reports::Reports;
use convoy_engine::workspace::Workspace;
use maud::{Markup, html};

use super::parts::{Tone, badge_of, command, safe, section};
use super::prose::prose;

/// The most of a report that a page shows, in bytes; the file has all of it.
const SHOWN_BYTES_MAX: usize = 128 * 1024;
/// The most reports of roles that a page shows.
const ROLES_MAX: usize = 20;

/// What was written.
pub(super) struct Report {
    /// The report of all, if it was made.
    whole: Option<String>,
    /// Those of the roles, by name.
    roles: Vec<(String, String)>,
}

impl Report {
    /// Reads what there is; nothing if the convoy is of no template. What cannot be read says so in its place.
    pub(super) fn read(workspace: &Workspace, convoy: &ConvoyView) -> Option<Self> {
        let reports = Reports::of(workspace, convoy)?;
        let text = |file: &String| match reports.text(file) {
            Ok(text) => cut(text),
            Err(error) => format!("{error}; it may have been removed, by a person or after [retention] outputs"),
        };
        let made = convoy.context.as_ref().and_then(|run| run.report.as_ref());
        let whole = made.and_then(|report| report.files.first()).map(text);
        let given = convoy.roles.iter().filter_map(|role| Some((role.role.clone(), role.files.first()?)));
        let roles = given.take(ROLES_MAX).map(|(role, file)| (role, text(file))).collect();
        Some(Self { whole, roles })
    }

    /// As the page has it; nothing before anything was written.
    pub(super) fn show(&self, convoy: &ConvoyView) -> Markup {
        let made = convoy.context.as_ref().and_then(|run| run.report.as_ref());
        if made.is_none() && self.roles.is_empty() {
            return html! {};
        }
        section("report", "Findings and reports", None, &html! {
            div.panel {
                @if let Some(made) = made { (tally(made)) }
                @if let Some(whole) = &self.whole {
                    details #report-all .more-of open[self.roles.len() < 2 || whole.len() < 4000] {
                        summary { "The report" }
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
        })
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
