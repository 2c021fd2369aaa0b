//! How events of imports change the state.

use super::issue_events::{depend, insert, set_status, undepend};
use super::{State, convoy_events};
use crate::convoy::{Observer, Staged, Status as ConvoyStatus};
use crate::id::IssueId;
use crate::import::{
    Hold, ImportedConvoy, ImportedConvoyStatus, ImportedIssue, ImportedRecord, ImportedStatus, Origin,
};
use crate::issue::Status;

pub(super) fn issue(state: &mut State, imported: &ImportedIssue) {
    let (id, at) = (imported.issue.id.clone(), imported.updated_at);
    match state.issues.get(&id) {
        None => {
            insert(state, imported.issue.clone(), imported.created_by.clone(), imported.created_at);
        }
        Some(old) => {
            let before: Vec<IssueId> = old.blockers().cloned().collect();
            state.index.startable.take(&id);
            state.index.rigs.insert(imported.issue.rig.clone());
            for blocker in &before {
                undepend(state, blocker, &id);
            }
            let Some(issue) = state.issues.get_mut(&id) else { return };
            issue.content = imported.issue.clone();
            issue.created_by.clone_from(&imported.created_by);
            issue.created_at = imported.created_at;
            let now: Vec<IssueId> = issue.blockers().cloned().collect();
            for blocker in &now {
                depend(state, blocker, &id);
            }
        }
    }
    let held: Option<Hold> = match &imported.state {
        ImportedStatus::Held(word) => Some(word.clone()),
        _ => None,
    };
    let status = match &imported.state {
        ImportedStatus::Open | ImportedStatus::Held(_) => Some(Status::Open),
        ImportedStatus::NeedsHuman(why) => Some(Status::NeedsHuman { why: why.clone() }),
        ImportedStatus::Closed(closed) => Some(Status::Closed(closed.clone())),
        ImportedStatus::Unchanged => None,
    };
    if let Some(status) = status {
        set_status(state, &id, status, at);
    }
    if let Some(issue) = state.issues.get_mut(&id) {
        issue.held = held;
        issue.origin = Some(Box::new(Origin { kept: imported.kept.clone(), as_of: at }));
        issue.updated_at = at;
    }
    state.refresh_startable(&id);
}

pub(super) fn convoy(state: &mut State, imported: &ImportedConvoy) {
    let id = imported.convoy.id.clone();
    let status = match &imported.state {
        ImportedConvoyStatus::Staged => ConvoyStatus::Staged(Staged::default()),
        // What is closed was open before that.
        ImportedConvoyStatus::Open
        | ImportedConvoyStatus::Landed { .. }
        | ImportedConvoyStatus::Abandoned { .. } => ConvoyStatus::Open,
    };
    let (content, by, at) = (imported.convoy.clone(), &imported.created_by, imported.created_at);
    convoy_events::insert(state, content, status, by, at);
    if let Some(convoy) = state.convoys.get_mut(&id) {
        convoy.watchers.clone_from(&imported.watchers);
    }
    match &imported.state {
        ImportedConvoyStatus::Staged | ImportedConvoyStatus::Open => {}
        ImportedConvoyStatus::Landed { at } => {
            let status = ConvoyStatus::Landed { observer: Observer::Person, at: *at };
            convoy_events::close(state, &id, 1, status);
        }
        ImportedConvoyStatus::Abandoned { reason, at } => {
            let open = imported.open.clone();
            let status = ConvoyStatus::Abandoned { reason: reason.clone(), open, at: *at };
            convoy_events::close(state, &id, 1, status);
        }
    }
}

pub(super) fn record_key(record: &ImportedRecord) -> String {
    format!("{}:{}", record.from.name(), record.key)
}
