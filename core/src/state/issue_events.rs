//! How issue events change the state.

use std::collections::BTreeSet;

use crate::event::Event;
use crate::id::IssueId;
use crate::issue::{DependencyType, Issue, Status};
use crate::state::State;
use crate::time::Time;

pub(super) fn apply(state: &mut State, event: &Event, at: Time, actor: &str) {
    match event {
        Event::IssueCreated { issue } => {
            state.numbers += 1;
            let id = issue.id.clone();
            let blockers: Vec<IssueId> = issue
                .needs
                .iter()
                .filter(|(_, kind)| **kind == DependencyType::Blocks)
                .map(|(id, _)| id.clone())
                .collect();
            state.issues.insert(
                id.clone(),
                Issue {
                    content: issue.clone(),
                    status: Status::Open,
                    number: state.numbers,
                    created_by: actor.to_owned(),
                    created_at: at,
                    updated_at: at,
                    worker: None,
                    convoys: BTreeSet::new(),
                    dependents: BTreeSet::new(),
                },
            );
            for blocker in blockers {
                depend(state, &blocker, &id);
            }
        }
        Event::IssueUpdated { issue: id, change } => {
            let Some(issue) = state.issues.get_mut(id) else { return };
            issue.updated_at = at;
            let content = &mut issue.content;
            if let Some(title) = &change.title {
                content.title.clone_from(title);
            }
            if let Some(body) = &change.body {
                content.body.clone_from(body);
            }
            if let Some(priority) = change.priority {
                content.priority = priority;
            }
            if let Some(issue_type) = change.issue_type {
                content.issue_type = issue_type;
            }
            content.labels.extend(change.add_labels.iter().cloned());
            for label in &change.remove_labels {
                content.labels.remove(label);
            }
            if let Some(acceptance) = &change.acceptance {
                content.acceptance.clone_from(acceptance);
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
            } else if let Some(blocker) = state.issues.get_mut(needs) {
                // It may have been a blocker before.
                blocker.dependents.remove(id);
            }
            state.refresh_startable(id);
        }
        Event::DependencyRemoved { issue: id, needs } => {
            if let Some(issue) = state.issues.get_mut(id) {
                issue.updated_at = at;
                issue.content.needs.remove(needs);
            }
            if let Some(blocker) = state.issues.get_mut(needs) {
                blocker.dependents.remove(id);
            }
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

fn depend(state: &mut State, blocker: &IssueId, dependent: &IssueId) {
    if let Some(blocker) = state.issues.get_mut(blocker) {
        blocker.dependents.insert(dependent.clone());
    }
}

/// Changes the status, with everything that hangs on whether the issue is closed.
pub(super) fn set_status(state: &mut State, id: &IssueId, status: Status, at: Time) {
    let Some(issue) = state.issues.get_mut(id) else { return };
    let was_closed = issue.is_closed();
    issue.status = status;
    issue.updated_at = at;
    let is_closed = issue.is_closed();
    if was_closed != is_closed {
        let (convoys, dependents) = (issue.convoys.clone(), issue.dependents.clone());
        for convoy_id in convoys {
            if let Some(convoy) = state.convoys.get_mut(&convoy_id) {
                convoy.held = false;
                if is_closed {
                    convoy.open_count -= 1;
                } else {
                    convoy.open_count += 1;
                }
                state.index.touched.insert(convoy_id);
            }
        }
        for dependent in dependents {
            state.refresh_startable(&dependent);
        }
    }
    state.refresh_startable(id);
}
