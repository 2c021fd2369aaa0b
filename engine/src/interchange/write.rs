//! Writing: an issue as a line of beads' JSONL.

use convoy_core::import::{ForeignClosed, ForeignIssue, ForeignStatus, Hold};
use convoy_core::issue::{Issue, Status};
use convoy_core::time::Time;
use serde_json::json;

use super::read::{Ours, Parent};
use super::{Object, kept, raw, read, words};

/// The issue as a line, without the line's end. `assignee` is who works on it here.
pub fn line(issue: &Issue, assignee: Option<&str>) -> String {
    let fields = fields(issue);
    let mut said = object(&fields);
    if let Some(assignee) = assignee {
        said.insert("assignee".to_owned(), raw(&assignee));
    }
    let as_of = issue.origin.as_ref().map(|origin| origin.as_of);
    if let Some((kept, as_of)) = issue.origin.as_ref().and_then(|origin| origin.kept.as_deref()).zip(as_of) {
        kept::give_back(&mut said, kept, &fields, as_of);
    }
    serde_json::to_string(&said).expect("plain data")
}

/// The issue as a file would have it.
fn fields(issue: &Issue) -> ForeignIssue {
    let content = &issue.content;
    let state = match &issue.status {
        Status::Open => issue.held.clone().map_or(ForeignStatus::Open, ForeignStatus::Held),
        Status::InProgress { .. } | Status::Submitted { .. } => {
            ForeignStatus::Held(Hold::new("in_progress").expect("a constant that is a word"))
        }
        Status::NeedsHuman { why } => ForeignStatus::NeedsHuman(why.clone()),
        Status::Closed(closed) => ForeignStatus::Closed(ForeignClosed {
            reason: closed.reason,
            at: Some(closed.at),
            evidence: closed.evidence.clone(),
            duplicate_of: closed.duplicate_of.clone(),
            note: closed.note.clone(),
        }),
    };
    ForeignIssue {
        line: 0,
        id: content.id.clone(),
        title: content.title.clone(),
        body: content.body.clone(),
        issue_type: content.issue_type,
        priority: content.priority,
        labels: content.labels.iter().cloned().collect(),
        parent: content.parent.clone(),
        needs: content.needs.iter().map(|(id, kind)| (id.clone(), *kind)).collect(),
        acceptance: content.acceptance.clone(),
        state,
        created_by: Some(issue.created_by.clone()),
        created_at: Some(issue.created_at),
        updated_at: Some(issue.updated_at),
        kept: None,
    }
}

fn time(at: Time) -> String {
    at.timestamp().to_string()
}

/// The object that says the same in beads' words, and below `convoy` what these cannot say.
pub(super) fn object(issue: &ForeignIssue) -> Object {
    let mut said = Object::new();
    let mut say = |key: &str, value: serde_json::Value| {
        let is_nothing = value.is_null() || value == "" || value.as_array().is_some_and(Vec::is_empty);
        if !is_nothing {
            said.insert(key.to_owned(), raw(&value));
        }
    };
    say("id", json!(issue.id));
    say("title", json!(issue.title));
    say("description", json!(issue.body));
    let criteria: Vec<String> = issue.acceptance.iter().map(|one| format!("- {one}")).collect();
    say("acceptance_criteria", json!(criteria.join("\n")));
    say("priority", json!(issue.priority));
    say("issue_type", json!(issue.issue_type.name()));
    let mut labels = issue.labels.clone();
    labels.sort();
    labels.dedup();
    say("labels", json!(labels));
    say("dependencies", dependencies(issue));
    say("created_by", json!(issue.created_by));
    say("created_at", json!(issue.created_at.map(time)));
    say("updated_at", json!(issue.updated_at.map(time)));
    match &issue.state {
        ForeignStatus::Open => say("status", json!("open")),
        ForeignStatus::Held(word) => say("status", json!(word)),
        ForeignStatus::NeedsHuman(_) => say("status", json!("blocked")),
        ForeignStatus::Closed(closed) => {
            say("status", json!("closed"));
            say("closed_at", json!(closed.at.map(time)));
            let reason = closed.note.as_deref().unwrap_or(words::reason_word(closed.reason));
            say("close_reason", json!(reason));
        }
    }
    if let Some(ours) = ours(&said, issue) {
        said.insert("convoy".to_owned(), raw(&ours));
    }
    said
}

fn dependencies(issue: &ForeignIssue) -> serde_json::Value {
    let parent = issue.parent.iter().map(|id| (id, "parent-child"));
    let needs = issue.needs.iter().map(|(id, kind)| (id, words::dependency_word(*kind)));
    let entries: Vec<_> = parent
        .chain(needs)
        .map(|(id, kind)| json!({ "issue_id": issue.id, "depends_on_id": id, "type": kind }))
        .collect();
    json!(entries)
}

/// What is read otherwise than it was meant.
fn ours(said: &Object, issue: &ForeignIssue) -> Option<Ours> {
    let read = read::issue(said, 0).ok()?;
    let sorted = |issue: &ForeignIssue| {
        let mut needs = issue.needs.clone();
        needs.sort();
        needs
    };
    let is_under_way =
        |state: &ForeignStatus| matches!(state, ForeignStatus::Held(word) if word.as_str() == "in_progress");
    let ours = Ours {
        state: (read.state != issue.state && !is_under_way(&issue.state)).then(|| issue.state.clone()),
        acceptance: (read.acceptance != issue.acceptance).then(|| issue.acceptance.clone()),
        parent: (read.parent != issue.parent).then(|| Parent { id: issue.parent.clone() }),
        needs: (sorted(&read) != sorted(issue)).then(|| issue.needs.clone()),
    };
    let is_nothing =
        ours.state.is_none() && ours.acceptance.is_none() && ours.parent.is_none() && ours.needs.is_none();
    (!is_nothing).then_some(ours)
}
