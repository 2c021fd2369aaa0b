//! Circles of blockers: nobody can add one by a command, but what is imported may have them.

use std::collections::{BTreeMap, BTreeSet};

use crate::id::IssueId;
use crate::issue::Issue;
use crate::state::State;

fn open<'a>(state: &'a State, id: &IssueId) -> Option<&'a Issue> {
    state.issues.get(id).filter(|issue| !issue.is_closed())
}

/// Circles that keep one of these issues from ever starting: each begins with its smallest id and ends with that
/// again. There is one for each way into a circle, not one for every circle that could be drawn.
pub fn cycles<'a>(state: &'a State, from: impl Iterator<Item = &'a IssueId>) -> Vec<Vec<IssueId>> {
    let mut left = stuck(state, from);
    let mut found = BTreeSet::new();
    while let Some(first) = left.first().copied() {
        let mut path = vec![first];
        let mut places = BTreeMap::from([(first, 0)]);
        let mut at = first;
        // What is stuck has a blocker that is stuck; a way that comes upon an earlier one shows nothing new.
        while let Some(next) = blockers(state, at).find(|blocker| left.contains(blocker)) {
            if let Some(place) = places.get(next) {
                found.insert(turned(&path[*place..]));
                break;
            }
            places.insert(next, path.len());
            path.push(next);
            at = next;
        }
        left.retain(|id| !places.contains_key(id));
    }
    found.into_iter().collect()
}

fn blockers<'a>(state: &'a State, id: &IssueId) -> impl Iterator<Item = &'a IssueId> {
    open(state, id).into_iter().flat_map(Issue::blockers).filter(|blocker| open(state, blocker).is_some())
}

/// What these issues wait for, near and far, and that could not be closed one after the other.
fn stuck<'a>(state: &'a State, from: impl Iterator<Item = &'a IssueId>) -> BTreeSet<&'a IssueId> {
    let mut waits: BTreeMap<&IssueId, usize> = BTreeMap::new();
    let mut dependents: BTreeMap<&IssueId, Vec<&IssueId>> = BTreeMap::new();
    let mut queue: Vec<&IssueId> = from.filter(|id| open(state, id).is_some()).collect();
    while let Some(id) = queue.pop() {
        if waits.contains_key(id) {
            continue;
        }
        let needs: Vec<&IssueId> = blockers(state, id).collect();
        waits.insert(id, needs.len());
        for blocker in needs {
            dependents.entry(blocker).or_default().push(id);
            queue.push(blocker);
        }
    }
    let mut free: Vec<&IssueId> = waits.iter().filter(|(_, count)| **count == 0).map(|(id, _)| *id).collect();
    while let Some(id) = free.pop() {
        waits.remove(id);
        for dependent in dependents.remove(id).unwrap_or_default() {
            if let Some(count) = waits.get_mut(dependent) {
                *count -= 1;
                if *count == 0 {
                    free.push(dependent);
                }
            }
        }
    }
    waits.into_keys().collect()
}

/// The circle from its smallest id round to that again.
fn turned(circle: &[&IssueId]) -> Vec<IssueId> {
    let first = circle.iter().enumerate().min_by_key(|(_, id)| **id).map_or(0, |(place, _)| place);
    let round = circle[first..].iter().chain(&circle[..=first]);
    round.map(|id| (*id).clone()).collect()
}
