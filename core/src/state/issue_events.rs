//! How issue events change the state.

use std::collections::{BTreeMap, BTreeSet};

use crate::event::Event;
use crate::id::IssueId;
use crate::issue::{DependencyType, Issue, NewIssue, Status};
use crate::state::State;
use crate::time::Time;

pub(super) fn apply(state: &mut State, event: &Event, at: Time, actor: &str) {
    match event {
        Event::IssueCreated { issue } => {
            insert(state, issue.clone(), actor.to_owned(), at);
        }
        Event::IssueUpdated { issue: id, change } => {
            let Some(issue) = state.issues.get_mut(id) else { return };
            issue.updated_at = at;
            change.clone().apply_to(&mut issue.content);
            if let Some(hold) = &change.hold {
                issue.held = Some(hold.clone());
            }
            state.refresh_startable(id);
        }
        Event::DependencyAdded { issue: id, needs, kind } => {
            if let Some(issue) = state.issues.get_mut(id) {
                issue.updated_at = at;
                issue.content.needs.insert(needs.clone(), *kind);
            }
            if *kind == DependencyType::Blocks {
                depend(state, needs, id);
            } else {
                // It may have been a blocker before.
                undepend(state, needs, id);
            }
            state.refresh_startable(id);
        }
        Event::DependencyRemoved { issue: id, needs } => {
            if let Some(issue) = state.issues.get_mut(id) {
                issue.updated_at = at;
                issue.content.needs.remove(needs);
            }
            undepend(state, needs, id);
            state.refresh_startable(id);
        }
        Event::IssueClosed { issue: id, closed } => {
            set_status(state, id, Status::Closed(closed.clone()), at);
        }
        Event::IssueReopened { issue: id } => set_status(state, id, Status::Open, at),
        Event::IssueNeedsHuman { issue: id, why } => {
            set_status(state, id, Status::NeedsHuman { why: why.clone() }, at);
        }
        _ => {}
    }
}

/// A new open issue.
pub(super) fn insert(state: &mut State, content: NewIssue, created_by: String, at: Time) {
    state.numbers += 1;
    let issue = Issue {
        content,
        status: Status::Open,
        number: state.numbers,
        created_by,
        created_at: at,
        updated_at: at,
        worker: None,
        convoys: BTreeSet::new(),
        dependents: BTreeSet::new(),
        held: None,
        origin: None,
        mirror: None,
    };
    link(state, issue);
}

/// Adds an issue, and links it with what blocks it and with what waited for it before it was here.
pub(super) fn link(state: &mut State, mut issue: Issue) {
    let id = issue.content.id.clone();
    issue.dependents = state.index.awaited.remove(&id).unwrap_or_default();
    let blockers: Vec<IssueId> = issue.blockers().cloned().collect();
    state.index.rigs.insert(issue.content.rig.clone());
    state.issues.insert(id.clone(), issue);
    for blocker in blockers {
        depend(state, &blocker, &id);
    }
}

/// Gives an issue other dependencies.
pub(super) fn set_needs(state: &mut State, id: &IssueId, needs: BTreeMap<IssueId, DependencyType>) {
    let Some(issue) = state.issues.get_mut(id) else { return };
    let before: Vec<IssueId> = issue.blockers().cloned().collect();
    issue.content.needs = needs;
    let after: Vec<IssueId> = issue.blockers().cloned().collect();
    before.iter().for_each(|blocker| undepend(state, blocker, id));
    after.iter().for_each(|blocker| depend(state, blocker, id));
}

pub(super) fn depend(state: &mut State, blocker: &IssueId, dependent: &IssueId) {
    let dependents = match state.issues.get_mut(blocker) {
        Some(blocker) => &mut blocker.dependents,
        None => state.index.awaited.entry(blocker.clone()).or_default(),
    };
    dependents.insert(dependent.clone());
}

pub(super) fn undepend(state: &mut State, blocker: &IssueId, dependent: &IssueId) {
    if let Some(blocker) = state.issues.get_mut(blocker) {
        blocker.dependents.remove(dependent);
    } else if let Some(waiting) = state.index.awaited.get_mut(blocker) {
        waiting.remove(dependent);
        if waiting.is_empty() {
            state.index.awaited.remove(blocker);
        }
    }
}

/// Changes the status.
pub(super) fn set_status(state: &mut State, id: &IssueId, status: Status, at: Time) {
    change(state, id, |issue| {
        issue.status = status;
        issue.held = None;
        issue.updated_at = at;
    });
}

/// Changes an issue, with everything that hangs on whether it counts as closed.
pub(super) fn change(state: &mut State, id: &IssueId, change: impl FnOnce(&mut Issue)) {
    let Some(issue) = state.issues.get_mut(id) else { return };
    let (was_closed, stood_closed) = (issue.is_closed(), issue.was_closed());
    change(issue);
    // That its tracker cannot be read for a while is no change of the issue itself.
    let moved = stood_closed != issue.was_closed();
    let is_closed = issue.is_closed();
    if was_closed == is_closed && !moved {
        state.refresh_startable(id);
        return;
    }
    let (convoys, dependents) = (issue.convoys.clone(), issue.dependents.clone());
    for convoy_id in convoys {
        if let Some(convoy) = state.convoys.get_mut(&convoy_id) {
            convoy.held &= !moved;
            match (was_closed, is_closed) {
                (false, true) => convoy.open_count -= 1,
                (true, false) => convoy.open_count += 1,
                (true, true) | (false, false) => {}
            }
            state.index.touched.insert(convoy_id);
        }
    }
    for dependent in dependents {
        state.refresh_startable(&dependent);
    }
    state.refresh_startable(id);
}
