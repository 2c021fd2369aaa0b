//! Waves: which tasks can be worked on side by side, and which after them.

use std::collections::{BTreeMap, BTreeSet};

use super::Gated;
use crate::id::IssueId;
use crate::state::State;

/// The tasks in waves, and those that wait for something else. Tasks that wait for each other in a circle are in
/// neither.
pub(super) fn waves(state: &State, tasks: &BTreeSet<IssueId>) -> (Vec<Vec<IssueId>>, Vec<Gated>) {
    let mut dependents: BTreeMap<&IssueId, Vec<&IssueId>> = BTreeMap::new();
    let mut waits: BTreeMap<&IssueId, Vec<&IssueId>> = BTreeMap::new();
    for issue in tasks.iter().filter_map(|id| state.issues.get(id)) {
        let blockers: Vec<&IssueId> = state.open_blockers(issue).collect();
        for blocker in &blockers {
            dependents.entry(blocker).or_default().push(&issue.content.id);
        }
        waits.insert(&issue.content.id, blockers);
    }
    let mut held: BTreeSet<&IssueId> = BTreeSet::new();
    let mut queue: Vec<&IssueId> = dependents.keys().filter(|id| !tasks.contains(**id)).copied().collect();
    while let Some(id) = queue.pop() {
        let waiting = dependents.get(id).into_iter().flatten();
        queue.extend(waiting.filter(|dependent| held.insert(dependent)));
    }
    let is_gate = |id: &IssueId| !tasks.contains(id) || held.contains(id);
    let gated = held.iter().map(|id| Gated {
        issue: (*id).clone(),
        by: waits[id].iter().filter(|blocker| is_gate(blocker)).map(|id| (*id).clone()).collect(),
    });
    let gated = gated.collect();
    let free = waits.iter().filter(|(id, _)| !held.contains(*id));
    let mut counts: BTreeMap<&IssueId, usize> = free.map(|(id, waits)| (*id, waits.len())).collect();
    let mut wave: Vec<&IssueId> = counts.iter().filter(|(_, n)| **n == 0).map(|(id, _)| *id).collect();
    let mut waves = Vec::new();
    while !wave.is_empty() {
        wave.sort_by_key(|id| state.issues.get(*id).map(|issue| (issue.content.priority, issue.number)));
        let mut next = Vec::new();
        for dependent in wave.iter().filter_map(|id| dependents.get(id)).flatten() {
            if let Some(count) = counts.get_mut(dependent) {
                *count -= 1;
                if *count == 0 {
                    next.push(*dependent);
                }
            }
        }
        waves.push(wave.into_iter().cloned().collect());
        wave = next;
    }
    (waves, gated)
}
