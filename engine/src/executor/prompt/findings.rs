//! What reviewers found, as the worker is told of it.

use std::fmt::Write as _;

use convoy_core::review::{Finding, Raised};

/// How many of the findings that do not block are told of: the worker is there for the others.
const OTHERS_MAX: usize = 10;

/// The part of the prompt about the findings of the last review; empty without any.
pub(super) fn section(findings: &[Raised]) -> String {
    let (blocking, others): (Vec<&Raised>, Vec<&Raised>) =
        findings.iter().partition(|raised| raised.blocks());
    if blocking.is_empty() {
        return String::new();
    }
    let mut text = String::from(
        "## Resolve what the review found first\n\n\
         Reviewers looked at your work, which is in your working directory. It does not land because of this:\n\n",
    );
    for (n, raised) in blocking.iter().enumerate() {
        whole(&mut text, n + 1, raised);
    }
    text.push_str(
        "Look at each of them. Where it is right, mend the cause, not only the line, and add a test that would have shown it. \
         Where it is wrong, leave the code and say why in a comment beside it: the next reviewers see only the code. \
         Then commit. Your work is reviewed again when you end.\n\n",
    );
    if !others.is_empty() {
        text.push_str("They also noted, and it keeps nothing from landing:\n\n");
        for raised in others.iter().take(OTHERS_MAX) {
            let Finding { severity, title, fix, .. } = &raised.finding;
            let fix = if fix.is_empty() { String::new() } else { format!(" Advice: {}", on_one_line(fix)) };
            let place = raised.finding.place();
            let _ = writeln!(text, "- {} {place}: {}.{fix}", severity.name(), on_one_line(title));
        }
        text.push('\n');
    }
    text
}

fn whole(text: &mut String, number: usize, raised: &Raised) {
    let Finding { severity, category, title, quote, problem, impact, fix, .. } = &raised.finding;
    let place = raised.finding.place();
    let _ = writeln!(text, "### {number}. {} ({}, {})\n", on_one_line(title), severity.name(), raised.role);
    let _ = writeln!(
        text,
        "In `{place}`{}:\n",
        if category.is_empty() { String::new() } else { format!(", {category}") }
    );
    let longest = quote.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest.max(2) + 1);
    let _ = writeln!(text, "{fence}\n{}\n{fence}\n", quote.trim_end());
    for (what, said) in [("Problem", problem), ("Impact", impact), ("Advice", fix)] {
        if !said.trim().is_empty() {
            let _ = writeln!(text, "{what}: {}\n", said.trim());
        }
    }
}

fn on_one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
