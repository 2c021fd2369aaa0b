//! Issues about failing gates: at most one open for each gate of a rig.

use std::fmt::Write as _;

use convoy_api::query::IssueFilter;
use convoy_api::{Answer, Code, Failure, Order, Query, Service};
use convoy_core::command::Request;
use convoy_core::id::{IssueId, RigName};
use convoy_core::issue::IssueType;

use super::report::{GateReport, Report, Verdict};
use crate::text;

/// Broken checks hold up everybody's work.
const PRIORITY: u8 = 1;
/// The longest part of a gate's name that stands in a label, in bytes.
const NAME_BYTES_MAX: usize = 80;

/// Files an issue for each gate that failed and has none that is open, and notes in the report which it is.
///
/// # Errors
/// When the engine does not answer or refuses one; what was filed until then is noted.
pub fn file_issues(service: &dyn Service, actor: &str, report: &mut Report) -> Result<(), Failure> {
    let (rig, commit) = (report.rig.clone(), report.commit.clone());
    for gate in report.gates.iter_mut().filter(|gate| gate.result == Verdict::Failed) {
        let label = label(&gate.name);
        if let Some(open) = open_issue(service, &rig, &label)? {
            gate.issue_id = Some(open);
            continue;
        }
        let request = Request::IssueCreate {
            id: None,
            rig: Some(rig.to_string()),
            title: format!("Fix failing baseline gate: {}", text::line(&gate.name)),
            body: body(gate, commit.as_deref()),
            issue_type: IssueType::Bug,
            priority: PRIORITY,
            labels: vec![label],
            parent: None,
            needs: Vec::new(),
            acceptance: vec![format!("'convoy baseline run --rig {rig}' passes {}", text::line(&gate.name))],
        };
        let order = Order { request, actor: actor.to_owned(), key: None, dry_run: false };
        let outcome = service.order(order)?;
        let id = outcome.items.first().and_then(|item| IssueId::new(&item.id).ok());
        gate.issue_id = Some(id.ok_or_else(other_answer)?);
        gate.issue_filed = true;
    }
    Ok(())
}

/// `baseline:<name>`, of a name that a person may have given.
fn label(name: &str) -> String {
    let fit = |c: char| if c.is_control() || c.is_whitespace() { '-' } else { c };
    let mut label = String::from("baseline:");
    for c in name.chars().map(fit) {
        if label.len() + c.len_utf8() > NAME_BYTES_MAX {
            break;
        }
        label.push(c);
    }
    label
}

fn open_issue(service: &dyn Service, rig: &RigName, label: &str) -> Result<Option<IssueId>, Failure> {
    let filter =
        IssueFilter { label: Some(label.to_owned()), rig: Some(rig.to_string()), ..IssueFilter::default() };
    match service.ask(Query::Issues(filter))? {
        Answer::Issues { issues, .. } => Ok(issues.into_iter().next().map(|issue| issue.id)),
        _ => Err(other_answer()),
    }
}

fn other_answer() -> Failure {
    Failure::new(Code::Unavailable, "the engine gave an answer to another question")
}

fn body(gate: &GateReport, commit: Option<&str>) -> String {
    let command: Vec<String> = gate.command.iter().map(|word| quoted(word)).collect();
    let mut body =
        format!("The baseline gate {} does not pass.\n\nCommand: {}\n", gate.name, command.join(" "));
    if let Some(commit) = commit {
        let _ = writeln!(body, "Commit: {commit}");
    }
    let status = gate.exit_code.map_or_else(|| "none".to_owned(), |code| code.to_string());
    let _ = writeln!(body, "Exit status: {status}");
    if let Some(detail) = &gate.detail {
        let _ = writeln!(body, "Detail: {detail}");
    }
    if let Some(output) = gate.output.as_deref().map(str::trim).filter(|output| !output.is_empty()) {
        body.push_str("\nThe end of its output:\n\n");
        for line in output.lines() {
            let _ = writeln!(body, "    {line}");
        }
    }
    body
}

/// A word as a shell would take it, for whoever runs it by hand.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@,+%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_name_makes_a_label() {
        assert_eq!(label("cargo-test"), "baseline:cargo-test");
        assert_eq!(label("a b\n\u{1b}"), "baseline:a-b--");
        assert!(label(&"é".repeat(200)).len() <= NAME_BYTES_MAX);
        assert_eq!(quoted("it's"), "'it'\\''s'");
    }
}
