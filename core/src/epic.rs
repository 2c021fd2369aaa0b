//! Epics as issues: an issue of type epic stands for what it is made of, through any number of lesser epics.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::id::IssueId;
use crate::issue::{DependencyType, Issue, IssueType};
use crate::refusal::Refusal;
use crate::state::State;

/// What each issue is made of: those that name it as their parent, and those that have it as one by dependency.
/// One pass over all issues, for whoever walks a tree of them.
pub fn parts(state: &State) -> BTreeMap<&IssueId, Vec<&Issue>> {
    let mut parts: BTreeMap<&IssueId, Vec<&Issue>> = BTreeMap::new();
    for issue in state.issues.values() {
        let by_dependency = issue
            .content
            .needs
            .iter()
            .filter(|(_, kind)| **kind == DependencyType::ParentChild)
            .map(|(id, _)| id);
        let of: BTreeSet<&IssueId> = issue.content.parent.iter().chain(by_dependency).collect();
        for whole in of {
            parts.entry(whole).or_default().push(issue);
        }
    }
    parts
}

/// What an agent could be set to, of everything below an epic, in the order of creation.
///
/// # Errors
/// When the issue is no epic, or nothing below it can be worked on.
pub fn leaves(state: &State, epic: &Issue) -> Result<Vec<IssueId>, Refusal> {
    let id = &epic.content.id;
    if epic.content.issue_type != IssueType::Epic {
        let kind = epic.content.issue_type.name();
        return Err(Refusal::invalid("from-epic", format!("{id} is of type {kind}, expected an epic")));
    }
    let parts = parts(state);
    let mut seen = BTreeSet::from([id.clone()]);
    let mut queue = VecDeque::from([epic]);
    let mut found = BTreeSet::new();
    while let Some(at) = queue.pop_front() {
        for part in parts.get(&at.content.id).into_iter().flatten().copied() {
            if !seen.insert(part.content.id.clone()) {
                continue;
            }
            if part.is_workable() {
                found.insert((part.number, part.content.id.clone()));
            }
            queue.push_back(part);
        }
    }
    if found.is_empty() {
        return Err(Refusal::invalid("from-epic", format!("{id} has no part that can be worked on")));
    }
    Ok(found.into_iter().map(|(_, id)| id).collect())
}
