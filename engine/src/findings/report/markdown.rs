//! The report of a review for people.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use convoy_core::review::{Confidence, Severity};
use convoy_core::template::Verdict;

use super::escape::{code, fenced, inline, paragraphs};
use crate::findings::merge::{FindingId, Merged};
use crate::findings::synthesis::Synthesis;

/// How long the text of an action is, in bytes.
const ACTION_BYTES_MAX: usize = 240;

pub(super) fn markdown(synthesis: &Synthesis) -> String {
    let mut text = String::from("# Code Review: Complete Analysis\n\n");
    missing(&mut text, synthesis);
    summary(&mut text, synthesis);
    top(&mut text, synthesis);
    for (severity, heading) in [
        (Severity::Blocker, "Blocker Issues"),
        (Severity::Critical, "Critical Issues"),
        (Severity::High, "High Issues"),
        (Severity::Medium, "Medium Issues"),
        (Severity::Low, "Low Issues"),
        (Severity::Info, "Info"),
    ] {
        let _ = write!(text, "## {heading}\n\n");
        let mut any = false;
        for finding in synthesis.findings.iter().filter(|finding| finding.severity == severity) {
            issue(&mut text, finding);
            any = true;
        }
        if !any {
            text.push_str("None.\n\n");
        }
    }
    related(&mut text, synthesis);
    actions(&mut text, synthesis);
    ungrounded(&mut text, synthesis);
    statistics(&mut text, synthesis);
    text
}

fn missing(text: &mut String, synthesis: &Synthesis) {
    if synthesis.missing.is_empty() {
        return;
    }
    text.push_str("## Missing lanes\n\n");
    text.push_str("These roles gave nothing. That says nothing about the code, good or bad: nobody has looked at it so.\n\n");
    for lane in &synthesis.missing {
        let _ = writeln!(text, "- **{}**: {}", inline(lane.role.as_str()), inline(&lane.why));
    }
    text.push('\n');
}

fn summary(text: &mut String, synthesis: &Synthesis) {
    let counts = &synthesis.counts;
    text.push_str("## Executive Summary\n\n");
    if let Some(summary) = &synthesis.summary {
        let _ = write!(text, "{}\n\n", paragraphs(summary));
    }
    if let Some(why) = &synthesis.unranked {
        let _ = write!(
            text,
            "No agent put these in order, and they stand as the code has them: {}\n\n",
            inline(why)
        );
    }
    let mut lines = Vec::new();
    for (count, one, many) in [
        (counts.blocker, "blocker (MUST FIX)", "blockers (MUST FIX)"),
        (counts.critical, "critical issue", "critical issues"),
        (counts.high, "high-priority item", "high-priority items"),
        (counts.medium, "medium-priority item", "medium-priority items"),
        (counts.low, "low-priority item", "low-priority items"),
        (counts.info, "note", "notes"),
        (counts.ungrounded, "ungrounded finding, set apart", "ungrounded findings, set apart"),
    ] {
        if count > 0 {
            lines.push(format!("- {count} {}\n", if count == 1 { one } else { many }));
        }
    }
    if lines.is_empty() {
        lines.push("- nothing was found\n".to_owned());
    }
    text.push_str(&lines.concat());
    let verdict = match synthesis.verdict {
        Verdict::Approved => "APPROVED: nothing blocks",
        Verdict::ChangesRequested => {
            "CHANGES_REQUESTED: blockers and critical issues have to be mended first"
        }
        Verdict::Commented => "COMMENTED: inconclusive, because not everybody was heard",
    };
    let _ = write!(text, "\n**Verdict:** {verdict}\n\n");
}

fn top(text: &mut String, synthesis: &Synthesis) {
    text.push_str("## Top Priority\n\n");
    let mut any = false;
    for finding in synthesis.top.iter().filter_map(|id| synthesis.get(*id)) {
        any = true;
        let _ = writeln!(
            text,
            "{}. **{}** {}{} ({}, {})",
            1 + synthesis.top.iter().position(|id| *id == finding.id).unwrap_or(0),
            finding.id,
            inline(&finding.title),
            at(finding),
            finding.touches.name(),
            finding.severity.name()
        );
    }
    text.push_str(if any { "\n" } else { "None.\n\n" });
}

/// ` in `file:line``, if it is about a file.
fn at(finding: &Merged) -> String {
    let place = finding.place();
    if place.is_empty() { String::new() } else { format!(" in {}", code(&place)) }
}

fn issue(text: &mut String, finding: &Merged) {
    let _ = write!(text, "### {}. {}\n\n", finding.id, inline(&finding.title));
    let roles: Vec<String> = finding.roles.iter().map(|role| inline(role.as_str())).collect();
    let _ = writeln!(text, "- Severity: {}", finding.severity.name());
    let _ = writeln!(text, "- Reviewers: {}", roles.join(", "));
    if !finding.category.trim().is_empty() {
        let _ = writeln!(text, "- Category: {}", inline(&finding.category));
    }
    let place = match (finding.line, finding.end_line) {
        (Some(line), Some(end)) if end > line => format!("{}-{end}", finding.place()),
        _ => finding.place(),
    };
    if !place.is_empty() {
        let _ = writeln!(text, "- Location: {}", code(&place));
    }
    if let Some(confidence) = finding.confidence {
        let word = match confidence {
            Confidence::High => "high",
            Confidence::Medium => "medium",
            Confidence::Low => "low",
        };
        let _ = writeln!(text, "- Confidence: {word}");
    }
    if !finding.other_titles.is_empty() {
        let titles: Vec<String> = finding.other_titles.iter().map(|title| inline(title)).collect();
        let _ = writeln!(text, "- Also reported as: {}", titles.join("; "));
    }
    if !finding.related.is_empty() {
        let _ = writeln!(text, "- Related: {}", ids(&finding.related));
    }
    text.push('\n');
    if !finding.quote.trim().is_empty() {
        let _ = writeln!(text, "{}", fenced("", &finding.quote));
    }
    for (what, texts) in
        [("Problem", &finding.problems), ("Impact", &finding.impacts), ("Fix", &finding.fixes)]
    {
        for said in texts {
            let _ = write!(text, "**{what}:**\n{}\n\n", paragraphs(said));
        }
    }
}

fn ids(ids: &[FindingId]) -> String {
    ids.iter().map(FindingId::to_string).collect::<Vec<_>>().join(", ")
}

fn related(text: &mut String, synthesis: &Synthesis) {
    text.push_str("## Related\n\n");
    let mut by_file: BTreeMap<&str, Vec<FindingId>> = BTreeMap::new();
    for finding in &synthesis.findings {
        if let Some(file) = &finding.file {
            by_file.entry(file).or_default().push(finding.id);
        }
    }
    by_file.retain(|_, all| all.len() > 1);
    for (file, mut all) in by_file.iter().map(|(file, all)| (file, all.clone())) {
        all.sort_unstable();
        let _ = writeln!(text, "- {}: {}", code(file), ids(&all));
    }
    for group in &synthesis.groups {
        let _ = writeln!(text, "- {}: {}", ids(&group.ids), inline(&group.text));
    }
    text.push_str(if by_file.is_empty() && synthesis.groups.is_empty() { "None.\n\n" } else { "\n" });
}

fn actions(text: &mut String, synthesis: &Synthesis) {
    text.push_str("## Action Items\n\n");
    let mut any = !synthesis.actions.is_empty();
    for (n, action) in synthesis.actions.iter().enumerate() {
        let _ = writeln!(text, "{}. {} ({})", n + 1, inline(&action.text), ids(&action.ids));
    }
    if any {
        text.push_str("\nEach by itself:\n\n");
    }
    for (heading, grades) in [
        ("Before it lands", &[Severity::Blocker, Severity::Critical][..]),
        ("Soon", &[Severity::High]),
        ("Later", &[Severity::Medium, Severity::Low]),
    ] {
        let of: Vec<&Merged> =
            synthesis.findings.iter().filter(|finding| grades.contains(&finding.severity)).collect();
        if of.is_empty() {
            continue;
        }
        any = true;
        let _ = write!(text, "### {heading}\n\n");
        for finding in of {
            let fix = finding.fixes.first().and_then(|fix| fix.lines().find(|line| !line.trim().is_empty()));
            let what = fix.filter(|fix| !fix.trim().starts_with("```")).unwrap_or(&finding.title);
            let cut = &what[..what.floor_char_boundary(ACTION_BYTES_MAX)];
            let more = if cut.len() < what.len() { "…" } else { "" };
            let _ = writeln!(text, "- [ ] **{}** {}{more}{}", finding.id, inline(cut), at(finding));
        }
        text.push('\n');
    }
    if !any {
        text.push_str("None.\n\n");
    }
}

fn ungrounded(text: &mut String, synthesis: &Synthesis) {
    if synthesis.ungrounded.is_empty() {
        return;
    }
    text.push_str("## Ungrounded\n\n");
    text.push_str("What these quote is not in the files. They are kept for a person to look at, and count for nothing.\n\n");
    for finding in &synthesis.ungrounded {
        issue(text, finding);
    }
}

fn statistics(text: &mut String, synthesis: &Synthesis) {
    text.push_str("## Review Statistics\n\n");
    let _ = writeln!(text, "- Files reviewed: {}", synthesis.files.len());
    let _ = writeln!(text, "- Issues found: {}", synthesis.findings.len());
    let _ = writeln!(text, "- Duplicates removed: {}", synthesis.counts.duplicates);
    let _ = writeln!(text, "- Ungrounded: {}", synthesis.counts.ungrounded);
    if let Some(commit) = &synthesis.commit {
        let _ = writeln!(text, "- Commit: {}", code(commit));
    }
    if let Some(base) = &synthesis.diff_base {
        let _ = writeln!(text, "- Compared with: {}", code(base));
    }
    text.push_str("\n| Reviewer | Findings | Grounded |\n|---|---|---|\n");
    for lane in &synthesis.lanes {
        let _ = writeln!(text, "| {} | {} | {} |", inline(lane.role.as_str()), lane.findings, lane.grounded);
    }
    for lane in &synthesis.missing {
        let _ = writeln!(text, "| {} | missing | |", inline(lane.role.as_str()));
    }
}
