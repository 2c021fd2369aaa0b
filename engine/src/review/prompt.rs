//! What a reviewer is told: its role, the rules, what the change is for, and the change.

use std::fmt::Write as _;

use convoy_core::id::RoleName;

use super::role::{RULES, focus};

/// How much of a change stands in the prompt, in bytes. The reviewer has the repository for the rest.
const DIFF_BYTES_MAX: usize = 200 * 1024;
/// How many changed files are named.
const FILES_MAX: usize = 500;
/// How much of an issue's text stands in the prompt, in bytes.
const BODY_BYTES_MAX: usize = 16 * 1024;

/// A change, as a reviewer is told of it.
pub(super) struct Change<'a> {
    pub(super) title: &'a str,
    pub(super) body: &'a str,
    pub(super) base: Option<&'a str>,
    pub(super) commit: &'a str,
    pub(super) files: &'a [String],
    /// None if it is too large for git to print.
    pub(super) diff: Option<&'a str>,
}

/// The whole prompt. What people and agents wrote is fenced by a line that it does not contain.
pub(super) fn prompt(role: &RoleName, change: &Change<'_>) -> String {
    let mut text = format!("# Review: {role}\n\n{}\n{RULES}\n", focus(role).unwrap_or_default());
    let _ = write!(text, "## What the change is for\n\n{}\n", fenced("text", change.title.trim()));
    let body = cut(change.body.trim(), BODY_BYTES_MAX);
    if !body.is_empty() {
        let _ = writeln!(text, "\n{}", fenced("text", body));
    }
    let base = change.base.unwrap_or("nothing");
    let _ = write!(text, "\n## The change\n\nFrom `{base}` to `{}`", change.commit);
    let _ = writeln!(text, ", in {} files:\n", change.files.len());
    let named: Vec<&str> = change.files.iter().take(FILES_MAX).map(String::as_str).collect();
    let _ = writeln!(text, "{}", fenced("text", &named.join("\n")));
    if change.files.len() > FILES_MAX {
        let _ = writeln!(text, "\n(and {} more)", change.files.len() - FILES_MAX);
    }
    let look = format!("see all of it: `git diff {base} {}`", change.commit);
    match change.diff {
        Some(diff) => {
            let shown = cut(diff, DIFF_BYTES_MAX);
            let _ = writeln!(text, "\n{}", fenced("diff", shown));
            if shown.len() < diff.len() {
                let _ = writeln!(text, "\nIt is longer than what is shown here; {look}");
            }
        }
        None => {
            let _ = writeln!(text, "\nIt is too long to be shown here; {look}");
        }
    }
    text.push_str("\nReview it now, and end with the block `json findings`.\n");
    text
}

/// The beginning of a text, up to the end of a line.
fn cut(text: &str, bytes_max: usize) -> &str {
    if text.len() <= bytes_max {
        return text;
    }
    let end = (0..=bytes_max).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    let end = text[..end].rfind('\n').map_or(end, |at| at + 1);
    &text[..end]
}

/// In a fence that is longer than any in the text, so that nothing in it ends the fence.
fn fenced(info: &str, text: &str) -> String {
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest.max(2) + 1);
    format!("{fence}{info}\n{}\n{fence}", text.trim_end_matches('\n'))
}
