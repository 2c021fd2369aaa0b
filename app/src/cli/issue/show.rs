//! `convoy issue show`.

use std::fmt::Write as _;

use clap::Args;
use convoy_core::issue::Evidence;
use convoy_core::view::IssueView;

use crate::cli::context::Context;
use crate::cli::{ask, status};
use crate::error::{DONE, Error};
use crate::output::{BOLD, paint};
use crate::text;

/// Show issues
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  convoy issue show gt-abc")]
pub(in crate::cli) struct Show {
    /// Issues, or unique prefixes of their ids
    #[arg(value_name = "ID", required = true)]
    ids: Vec<String>,
}

impl Show {
    pub(super) fn run(self, ctx: &mut Context) -> Result<u8, Error> {
        let issues = ctx.with(|service| ask::issues_by_id(service, self.ids))?;
        match issues.as_slice() {
            [issue] => ctx.out.json(issue)?,
            issues => ctx.out.json(issues)?,
        }
        let blocks: Vec<String> = issues.iter().map(details).collect();
        ctx.out.say(&blocks.join("\n"))?;
        Ok(DONE)
    }
}

fn joined<T: ToString>(list: &[T]) -> String {
    let texts: Vec<String> = list.iter().map(ToString::to_string).collect();
    text::line(&texts.join(", ")).into_owned()
}

fn details(issue: &IssueView) -> String {
    let glyph = status::issue_glyph(&issue.status);
    let mut text = format!("{glyph} {}: {}\n\n", issue.id, paint(BOLD, text::line(&issue.title)));
    for (name, value) in facts(issue) {
        let _ = writeln!(text, "  {:<11}  {value}", format!("{name}:"));
    }
    if !issue.description.trim().is_empty() {
        let _ = write!(text, "\n{}", text::indented(&issue.description, "  "));
    }
    if !issue.acceptance.is_empty() {
        text.push_str("\n  Acceptance:\n");
        for one in &issue.acceptance {
            let _ = writeln!(text, "    - {}", text::line(one));
        }
    }
    text
}

fn facts(issue: &IssueView) -> Vec<(&'static str, String)> {
    let mut facts = vec![
        ("Status", issue.status.replace('_', " ")),
        ("Type", format!("{}, priority {}", issue.issue_type.name(), issue.priority)),
        ("Rig", rig(issue)),
    ];
    let mut add = |name, value: Option<String>| facts.extend(value.map(|value| (name, value)));
    let safe = |value: &Option<String>| value.as_deref().map(|value| text::line(value).into_owned());
    add("Labels", (!issue.labels.is_empty()).then(|| joined(&issue.labels)));
    add("Parent", issue.parent.as_ref().map(ToString::to_string));
    let needs: Vec<_> = issue.dependencies.iter().map(|dependency| &dependency.depends_on_id).collect();
    add("Needs", (!needs.is_empty()).then(|| joined(&needs)));
    add("Blocked by", (!issue.blocked_by.is_empty()).then(|| joined(&issue.blocked_by)));
    add("Convoys", (!issue.convoys.is_empty()).then(|| joined(&issue.convoys)));
    add("Worker", safe(&issue.assignee));
    add("Needs human", safe(&issue.needs_human));
    add("Held", issue.held.as_ref().map(|word| text::line(word.as_str()).into_owned()));
    add("Created", Some(format!("{} by {}", text::time(issue.created_at), text::line(&issue.created_by))));
    let reason = issue.close_reason.and_then(|reason| serde_json::to_value(reason).ok());
    let reason = reason.as_ref().and_then(|reason| reason.as_str()).unwrap_or_default();
    add("Closed", issue.closed_at.map(|at| format!("{} ({reason})", text::time(at))));
    add("Note", safe(&issue.close_note));
    add("Stands for", issue.duplicate_of.as_ref().map(|other| format!("it is a duplicate of {other}")));
    add("Evidence", issue.evidence.as_ref().map(evidence));
    facts
}

fn rig(issue: &IssueView) -> String {
    let known = if issue.rig_known { "" } else { " (unknown: it is not in the configuration)" };
    format!("{}{known}", text::line(&issue.rig))
}

fn evidence(evidence: &Evidence) -> String {
    let mut parts = Vec::new();
    if let Some(commit) = evidence.merge_commit.as_ref().or(evidence.commit.as_ref()) {
        parts.push(format!("commit {}", text::cut(commit, 12).trim_end_matches('…')));
    }
    if let Some(branch) = &evidence.branch {
        parts.push(format!("branch {}", text::line(branch)));
    }
    if let Some(request) = &evidence.request {
        parts.push(format!("request {}", text::line(request)));
    }
    if let Some(diff) = &evidence.diff {
        parts.push(format!(
            "{} +{} -{}",
            text::count(diff.files as usize, "file"),
            diff.insertions,
            diff.deletions
        ));
    }
    let passed = evidence.gates.iter().filter(|gate| gate.passed).count();
    if !evidence.gates.is_empty() {
        parts.push(format!("{passed}/{} gates passed", evidence.gates.len()));
    }
    if let Some(cost) = &evidence.cost {
        parts.push(text::money(cost));
    }
    if evidence.no_change {
        parts.push("no change was needed".to_owned());
    }
    parts.push(format!("attempt {}", evidence.attempt));
    parts.join(", ")
}
