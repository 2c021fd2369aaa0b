//! The report of a triage.

use std::fmt::Write as _;

use super::escape::{inline, paragraphs};
use crate::findings::triage::Triage;

/// The files of a triage: their names, and what is in them.
pub fn triage(triage: &Triage) -> Vec<(String, String)> {
    vec![("triage.md".to_owned(), markdown(triage)), ("triage.json".to_owned(), super::json(triage))]
}

fn markdown(triage: &Triage) -> String {
    let mut text = String::from("# Triage\n\n");
    if !triage.missing.is_empty() {
        text.push_str("## Missing\n\nNothing is known of what these roles were to judge.\n\n");
        for lane in &triage.missing {
            let _ = writeln!(text, "- **{}**: {}", inline(lane.role.as_str()), inline(&lane.why));
        }
        text.push('\n');
    }
    text.push_str("## By priority\n\n");
    if triage.issues.is_empty() {
        text.push_str("None.\n");
        return text;
    }
    text.push_str("| Priority | Issue | Title | Category | Complexity | Labels | Duplicate of |\n");
    text.push_str("|---|---|---|---|---|---|---|\n");
    for one in &triage.issues {
        let judgement = &one.judgement;
        let labels: Vec<String> = judgement.labels.iter().map(|label| inline(label)).collect();
        let _ = writeln!(
            text,
            "| P{} | {} | {} | {} | {} | {} | {} |",
            judgement.priority,
            cell(one.issue.as_ref().map_or(one.role.as_str(), |issue| issue.as_str())),
            cell(&one.title),
            cell(&judgement.category),
            judgement.complexity.name(),
            labels.join(", "),
            cell(judgement.duplicate_of.as_deref().unwrap_or_default())
        );
    }
    text.push_str("\n## Why\n\n");
    for one in &triage.issues {
        let issue = one.issue.as_ref().map_or(one.role.as_str(), |issue| issue.as_str());
        let _ = write!(text, "### {}: {}\n\n", inline(issue), inline(&one.title));
        let why = paragraphs(&one.judgement.rationale);
        let _ = write!(text, "{}\n\n", if why.is_empty() { "It does not say why." } else { why.as_str() });
    }
    text
}

/// Text in a table, where a bar ends a cell even within code.
fn cell(text: &str) -> String {
    inline(text).replace("\\|", "|").replace('|', "\\|")
}
