//! What is kept beside an issue: everything of its object that we do not say ourselves, word for word.

use std::collections::{BTreeMap, BTreeSet};

use convoy_core::id::IssueId;
use convoy_core::import::{ForeignIssue, ForeignStatus};
use convoy_core::issue::{DependencyType, Issue};
use convoy_core::time::Time;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;

use super::{Object, raw, read, words, write};

#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
struct Kept {
    /// Values that we would say otherwise, or not at all.
    #[serde(rename = "as")]
    said: Object,
    /// Keys that we would say, and the file does not have.
    not: BTreeSet<String>,
}

fn value(raw: &RawValue) -> Option<Value> {
    serde_json::from_str(raw.get()).ok()
}

/// What is to be kept of `object`, which was read as `issue`.
pub(super) fn beside(object: &Object, issue: &ForeignIssue) -> Option<String> {
    let mut full = issue.clone();
    // What the file leaves out is made up when it is taken in, and said from then on.
    full.created_by.get_or_insert_with(|| "?".to_owned());
    full.created_at.get_or_insert_default();
    full.updated_at.get_or_insert_default();
    if let ForeignStatus::Closed(closed) = &mut full.state {
        closed.at.get_or_insert_default();
    }
    let ours = write::object(&full);
    let mut kept = Kept::default();
    for (key, theirs) in object {
        let same = ours.get(key).is_some_and(|ours| match (value(ours), value(theirs)) {
            (Some(ours), Some(theirs)) => ours == theirs && !theirs.is_null(),
            _ => false,
        });
        if !same && key != "convoy" {
            kept.said.insert(key.clone(), theirs.clone());
        }
    }
    kept.not = ours.keys().filter(|key| !object.contains_key(*key) && *key != "convoy").cloned().collect();
    let is_nothing = kept.said.is_empty() && kept.not.is_empty();
    (!is_nothing).then(|| serde_json::to_string(&kept).expect("plain data"))
}

/// Says again what was kept, as far as it is still so. `as_of` is when the issue was last taken from a file.
pub(super) fn give_back(said: &mut Object, kept: &str, issue: &ForeignIssue, as_of: Time) {
    let Ok(kept) = serde_json::from_str::<Kept>(kept) else { return };
    for key in &kept.not {
        let made_up = match key.as_str() {
            "created_at" | "created_by" => true,
            "updated_at" => issue.updated_at.is_some_and(|at| at <= as_of),
            "closed_at" | "close_reason" => {
                matches!(&issue.state, ForeignStatus::Closed(closed) if closed.at.is_some_and(|at| at <= as_of))
            }
            _ => meaning(key, None) == meaning(key, said.get(key).and_then(|raw| value(raw)).as_ref()),
        };
        if made_up {
            said.remove(key);
        }
    }
    for (key, theirs) in kept.said {
        let still = match key.as_str() {
            "dependencies" => {
                if let Some(merged) = dependencies(said, &theirs, issue) {
                    said.insert(key, merged);
                }
                continue;
            }
            _ if !OURS.contains(&key.as_str()) => !said.contains_key(&key),
            _ => {
                let ours = said.get(&key).and_then(|raw| value(raw));
                meaning(&key, value(&theirs).as_ref()) == meaning(&key, ours.as_ref())
            }
        };
        if still {
            said.insert(key, theirs);
        }
    }
}

/// What another tracker says of an issue that whoever works on it should read: heading and text.
pub(crate) fn for_agents(issue: &Issue) -> Vec<(&'static str, String)> {
    let kept = issue.origin.as_ref().and_then(|origin| origin.kept.as_deref());
    let Some(kept) = kept.and_then(|kept| serde_json::from_str::<Kept>(kept).ok()) else { return Vec::new() };
    let text = |key: &str| read::get::<String>(&kept.said, key).ok().flatten();
    [("Design", text("design")), ("Notes", text("notes"))]
        .into_iter()
        .filter_map(|(heading, text)| Some((heading, text.filter(|text| !text.trim().is_empty())?)))
        .collect()
}

/// The keys whose meaning we know.
const OURS: [&str; 12] = [
    "id",
    "title",
    "description",
    "acceptance_criteria",
    "priority",
    "issue_type",
    "labels",
    "status",
    "close_reason",
    "created_at",
    "updated_at",
    "closed_at",
];

/// What a value comes to when it is read. Two texts may mean the same.
fn meaning(key: &str, said: Option<&Value>) -> Value {
    let said = said.filter(|value| !value.is_null());
    let text = said.and_then(Value::as_str);
    match key {
        "created_at" | "updated_at" | "closed_at" => {
            let at = said.and_then(|value| serde_json::from_value::<Time>(value.clone()).ok());
            at.map_or(Value::Null, |at| at.as_millis().into())
        }
        "acceptance_criteria" => words::criteria(text.unwrap_or_default()).into(),
        "priority" => said.cloned().unwrap_or_else(|| 2.into()),
        "issue_type" => words::issue_type(text.unwrap_or("task")).name().into(),
        "labels" => {
            let labels: BTreeSet<&str> =
                said.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
            labels.into_iter().collect()
        }
        "status" => match text.unwrap_or("open") {
            "tombstone" => "closed".into(),
            word => word.into(),
        },
        "close_reason" => text.filter(|text| !text.is_empty()).unwrap_or("completed").into(),
        _ => text.unwrap_or_default().into(),
    }
}

/// The entries that were there and still are, word for word, then those that came since.
fn dependencies(said: &Object, theirs: &RawValue, issue: &ForeignIssue) -> Option<Box<RawValue>> {
    let then: Object = [("dependencies".to_owned(), theirs.to_owned())].into();
    let list = read::get_list(&then).ok()?;
    let mut before: BTreeMap<IssueId, DependencyType> = BTreeMap::new();
    for (id, kind) in list.iter().filter_map(|raw| read::dependency(raw).ok().flatten()) {
        let strongest = before.entry(id).or_insert(kind);
        if words::strength(kind) > words::strength(*strongest) {
            *strongest = kind;
        }
    }
    let mut now: BTreeMap<&IssueId, DependencyType> =
        issue.needs.iter().map(|(id, kind)| (id, *kind)).collect();
    if let Some(parent) = &issue.parent {
        now.entry(parent).or_insert(DependencyType::ParentChild);
    }
    let is_still = |id: &IssueId| {
        let (before, now) = (before.get(id), now.get(id));
        // Of a parent that is also a blocker, both entries are one fact each.
        before == now
            || (issue.parent.as_ref() == Some(id)
                && now.is_some()
                && before == Some(&DependencyType::ParentChild))
    };
    let mut entries: Vec<Box<RawValue>> = Vec::new();
    for entry in list {
        match read::dependency(entry).ok().flatten() {
            Some((id, _)) if !is_still(&id) => {}
            _ => entries.push(entry.to_owned()),
        }
    }
    for entry in read::get_list(said).ok()? {
        match read::dependency(entry).ok().flatten() {
            Some((id, _)) if before.contains_key(&id) && is_still(&id) => {}
            _ => entries.push(entry.to_owned()),
        }
    }
    Some(raw(&entries))
}
