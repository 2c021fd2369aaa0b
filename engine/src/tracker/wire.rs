//! What `bd` prints, and what we make of it. Fields that we do not know are left alone.

use std::collections::{BTreeMap, BTreeSet};

use convoy_core::id::{IssueId, RigName};
use convoy_core::issue::{
    DependencyType, IssueType, LABELS_MAX, NEEDS_MAX, NewIssue, TEXT_BYTES_MAX, TITLE_CHARS_MAX,
};
use convoy_core::time::Time;
use convoy_core::tracker::{Seen, Standing};
use serde::Deserialize;
use serde_json::Value;

/// The longest name of somebody who has an issue that is kept, in characters.
const ASSIGNEE_CHARS_MAX: usize = 200;
/// The longest label that is taken over, in bytes: a longer one is left to the tracker.
const LABEL_BYTES_MAX: usize = 1024;

/// An issue as `bd` prints it.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Issue {
    id: String,
    title: Option<String>,
    description: Option<String>,
    acceptance_criteria: Option<String>,
    status: Option<String>,
    priority: Option<i64>,
    issue_type: Option<String>,
    assignee: Option<String>,
    labels: Option<Vec<String>>,
    dependencies: Option<Vec<Dependency>>,
    parent: Option<String>,
    created_at: Option<String>,
    closed_at: Option<String>,
    close_reason: Option<String>,
}

/// A dependency: as lists have it, or as `show` has it, which is the other issue with how it is depended on.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Dependency {
    depends_on_id: Option<String>,
    #[serde(rename = "type")]
    kind: Option<String>,
    id: Option<String>,
    dependency_type: Option<String>,
}

/// What is inside the envelope that newer versions put around every answer, or may be told to.
pub(super) fn content(value: Value) -> Value {
    match value {
        Value::Object(mut object) if object.contains_key("schema_version") && object.contains_key("data") => {
            object.remove("data").unwrap_or_default()
        }
        other => other,
    }
}

/// What went wrong, if the value says so.
pub(super) fn error(value: &Value) -> Option<(String, String)> {
    let said = value.get("error")?.as_str()?.to_owned();
    let code = value.get("code").and_then(Value::as_str).unwrap_or_default().to_owned();
    Some((said, code))
}

/// The issues of an answer: a list, or one alone. And how many have an id that cannot be one of ours.
pub(super) fn issues(value: Value, rig: &RigName) -> Result<(Vec<Seen>, usize), String> {
    let list = match content(value) {
        Value::Array(list) => list,
        Value::Null => Vec::new(),
        Value::Object(mut object) if object.get("issues").is_some_and(Value::is_array) => {
            serde_json::from_value(object.remove("issues").unwrap_or_default()).unwrap_or_default()
        }
        one @ Value::Object(_) => vec![one],
        other => return Err(format!("expected issues, not {}", kind_of(&other))),
    };
    let (mut seen, mut skipped) = (Vec::new(), 0);
    for value in list {
        let issue: Issue = serde_json::from_value(value).map_err(|error| error.to_string())?;
        if issue.id.is_empty() {
            return Err("an issue without an id".to_owned());
        }
        match IssueId::new(&issue.id) {
            Ok(id) if !id.as_str().starts_with("hq-cv-") => seen.push(understand(issue, id, rig)),
            _ => skipped += 1,
        }
    }
    Ok((seen, skipped))
}

fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "nothing",
        Value::Bool(_) => "a truth value",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

fn understand(issue: Issue, id: IssueId, rig: &RigName) -> Seen {
    let (issue_type, is_work) = issue_type(issue.issue_type.as_deref().unwrap_or("task"));
    let standing = match issue.status.as_deref().unwrap_or("open") {
        "closed" | "tombstone" => Standing::Closed,
        "in_progress" | "hooked" => Standing::InProgress,
        "open" if is_work => Standing::Open,
        // Blocked, deferred, pinned, or a word of the project's own: not done with, and not to be taken.
        _ => Standing::Held,
    };
    let needs = needs(issue.dependencies.unwrap_or_default(), &id);
    let by_edge = || needs.iter().find(|(_, kind)| **kind == DependencyType::ParentChild);
    let parent = issue.parent.as_deref().and_then(other_id).or_else(|| by_edge().map(|(id, _)| id.clone()));
    let labels = issue.labels.unwrap_or_default().into_iter().filter(|label| label.len() <= LABEL_BYTES_MAX);
    let labels: BTreeSet<String> = labels.take(LABELS_MAX).collect();
    let acceptance = issue.acceptance_criteria.unwrap_or_default();
    let acceptance = cut(acceptance, TEXT_BYTES_MAX);
    Seen {
        issue: NewIssue {
            id,
            rig: rig.clone(),
            title: issue.title.unwrap_or_default().chars().take(TITLE_CHARS_MAX).collect(),
            body: cut(issue.description.unwrap_or_default(), TEXT_BYTES_MAX),
            issue_type,
            priority: issue.priority.and_then(|n| u8::try_from(n).ok()).unwrap_or(2).min(4),
            labels,
            parent,
            needs,
            acceptance: acceptance.lines().map(str::to_owned).collect(),
            step: None,
        },
        standing,
        assignee: issue
            .assignee
            .filter(|name| !name.is_empty())
            .map(|name| name.chars().take(ASSIGNEE_CHARS_MAX).collect()),
        created_at: issue.created_at.as_deref().and_then(time),
        reason: issue.close_reason.filter(|reason| !reason.is_empty()),
        closed_at: issue.closed_at.as_deref().and_then(time),
    }
}

/// Our type for one of `bd`'s, and whether such an issue is work that an agent could do.
fn issue_type(name: &str) -> (IssueType, bool) {
    match name {
        "bug" => (IssueType::Bug, true),
        "feature" | "feat" | "enhancement" | "story" => (IssueType::Feature, true),
        "chore" => (IssueType::Chore, true),
        "task" | "spike" | "" => (IssueType::Task, true),
        "epic" | "milestone" | "molecule" | "convoy" => (IssueType::Epic, true),
        _ => (IssueType::Other, false),
    }
}

fn needs(list: Vec<Dependency>, own: &IssueId) -> BTreeMap<IssueId, DependencyType> {
    let mut needs = BTreeMap::new();
    for dependency in list {
        if needs.len() == NEEDS_MAX {
            break;
        }
        let on = dependency.depends_on_id.or(dependency.id);
        let Some(on) = on.as_deref().and_then(other_id).filter(|on| on != own) else { continue };
        let kind = match dependency.dependency_type.or(dependency.kind).as_deref() {
            Some("blocks" | "conditional-blocks" | "waits-for") | None => DependencyType::Blocks,
            Some("parent-child") => DependencyType::ParentChild,
            Some("tracks") => DependencyType::Tracks,
            Some(_) => DependencyType::Related,
        };
        // What holds work back is what counts, whatever else is said of the same two.
        let there = needs.entry(on).or_insert(kind);
        *there = (*there).min(kind);
    }
    needs
}

/// An id of an issue elsewhere may be written as `external:<rig>:<id>`.
fn other_id(text: &str) -> Option<IssueId> {
    IssueId::new(text.rsplit(':').next().unwrap_or(text)).ok()
}

fn time(text: &str) -> Option<Time> {
    let at: jiff::Timestamp = text.parse().ok()?;
    Some(Time::from_millis(at.as_millisecond()))
}

fn cut(mut text: String, most: usize) -> String {
    let end = (0..=text.len().min(most)).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    text.truncate(end);
    text
}

/// Our type as `bd` names it.
pub(super) fn type_name(issue_type: IssueType) -> &'static str {
    match issue_type {
        IssueType::Task | IssueType::Step | IssueType::Other => "task",
        IssueType::Bug => "bug",
        IssueType::Feature => "feature",
        IssueType::Chore => "chore",
        IssueType::Epic => "epic",
    }
}

/// Our dependency as `bd` names it.
pub(super) fn dependency_name(kind: DependencyType) -> &'static str {
    match kind {
        DependencyType::Blocks => "blocks",
        DependencyType::Tracks => "tracks",
        DependencyType::Related => "related",
        DependencyType::ParentChild => "parent-child",
    }
}
