//! How convoy events change the state.

use std::collections::BTreeSet;

use crate::convoy::{Convoy, NewConvoy, Status};
use crate::event::Event;
use crate::id::{ConvoyId, IssueId};
use crate::state::State;
use crate::template::Progress;
use crate::time::Time;

pub(super) fn apply(state: &mut State, event: &Event, at: Time, actor: &str) {
    match event {
        Event::ConvoyCreated { convoy: new } => {
            insert(state, new.clone(), Status::Open, actor, at);
        }
        Event::ConvoyIssuesAdded { convoy, issues } => track(state, convoy, issues),
        Event::ConvoyIssuesRemoved { convoy, issues } => untrack(state, convoy, issues),
        Event::ConvoyWatched { convoy, address } => {
            if let Some(convoy) = state.convoys.get_mut(convoy) {
                convoy.watchers.insert(address.clone());
            }
        }
        Event::ConvoyUnwatched { convoy, address } => {
            if let Some(convoy) = state.convoys.get_mut(convoy) {
                convoy.watchers.remove(address);
                convoy.content.notify.retain(|known| known != address);
            }
        }
        Event::ConvoyStarted { convoy: id } => {
            if let Some(convoy) = state.convoys.get_mut(id) {
                convoy.started_at = Some(at);
                convoy.progress.stopped_by = None;
            }
            state.refresh_convoy(id);
        }
        Event::ConvoyTimedOut { convoy } => progress(state, convoy, |progress| progress.timed_out = true),
        Event::ConvoyStopped { convoy: id, by } => {
            if let Some(convoy) = state.convoys.get_mut(id) {
                convoy.started_at = convoy.started_at.filter(|_| convoy.content.run.is_some());
                convoy.progress.stopped_by = Some(by.clone());
            }
            state.refresh_convoy(id);
        }
        Event::ConvoyReportWanted { convoy, apply } => progress(state, convoy, |progress| {
            let made = progress.report.as_ref().map_or(0, |report| report.round);
            progress.wanted = made.max(progress.wanted) + 1;
            progress.apply |= *apply;
        }),
        Event::ConvoySynthesized { convoy, report } => {
            if let Some(found) = state.convoys.get_mut(convoy) {
                found.progress.is_final |= !report.interim;
                found.progress.report = Some((**report).clone());
                found.progress.apply = false;
            }
            state.index.touched.insert(convoy.clone());
        }
        Event::ConvoyLanded { convoy, landing_epoch, observer } => {
            close(state, convoy, *landing_epoch, Status::Landed { observer: *observer, at });
        }
        Event::ConvoyAbandoned { convoy, landing_epoch, reason, open } => {
            let status = Status::Abandoned { reason: reason.clone(), open: open.clone(), at };
            close(state, convoy, *landing_epoch, status);
        }
        Event::ConvoyReopened { convoy: id, held } => {
            if let Some(convoy) = state.convoys.get_mut(id) {
                convoy.status = Status::Open;
                convoy.held = *held;
                state.index.open.insert((convoy.number, id.clone()));
            }
            state.refresh_convoy(id);
        }
        _ => {}
    }
    if let Some(id) = convoy_of(event) {
        state.refresh_run(id);
    }
}

fn convoy_of(event: &Event) -> Option<&ConvoyId> {
    match event {
        Event::ConvoyCreated { convoy } => Some(&convoy.id),
        Event::ConvoyStopped { convoy, .. }
        | Event::ConvoyReportWanted { convoy, .. }
        | Event::ConvoySynthesized { convoy, .. }
        | Event::ConvoyLanded { convoy, .. }
        | Event::ConvoyAbandoned { convoy, .. }
        | Event::ConvoyReopened { convoy, .. } => Some(convoy),
        _ => None,
    }
}

fn progress(state: &mut State, id: &ConvoyId, change: impl FnOnce(&mut Progress)) {
    if let Some(convoy) = state.convoys.get_mut(id) {
        change(&mut convoy.progress);
    }
}

/// A new convoy, staged or open.
pub(super) fn insert(state: &mut State, mut content: NewConvoy, status: Status, by: &str, at: Time) {
    let id = content.id.clone();
    let tracked = std::mem::take(&mut content.tracked);
    let convoy = fresh(state, content, status, at, by);
    let listed = if convoy.is_open() { &mut state.index.open } else { &mut state.index.staged };
    listed.insert((convoy.number, id.clone()));
    state.convoys.insert(id.clone(), convoy);
    track(state, &id, &tracked);
}

/// A convoy that was not there before. It tracks nothing yet.
pub(super) fn fresh(state: &mut State, content: NewConvoy, status: Status, at: Time, actor: &str) -> Convoy {
    state.numbers += 1;
    Convoy {
        content,
        status,
        number: state.numbers,
        created_by: actor.to_owned(),
        created_at: at,
        started_at: None,
        watchers: BTreeSet::new(),
        held: false,
        landing_epoch: 0,
        open_count: 0,
        progress: Progress::default(),
    }
}

pub(super) fn close(state: &mut State, id: &ConvoyId, landing_epoch: u32, status: Status) {
    if let Some(convoy) = state.convoys.get_mut(id) {
        convoy.status = status;
        convoy.landing_epoch = landing_epoch;
        convoy.held = false;
        state.index.open.remove(&(convoy.number, id.clone()));
        state.index.staged.remove(&(convoy.number, id.clone()));
    }
    state.index.touched.remove(id);
    state.refresh_convoy(id);
}

pub(super) fn track(state: &mut State, id: &ConvoyId, issues: &[IssueId]) {
    let Some(convoy) = state.convoys.get_mut(id) else { return };
    for issue_id in issues {
        if let Some(issue) = state.issues.get_mut(issue_id)
            && issue.convoys.insert(id.clone())
        {
            convoy.content.tracked.push(issue_id.clone());
            convoy.open_count += usize::from(!issue.is_closed());
        }
    }
    convoy.held = false;
    state.index.touched.insert(id.clone());
    for issue in issues {
        state.refresh_startable(issue);
    }
}

pub(super) fn untrack(state: &mut State, id: &ConvoyId, issues: &[IssueId]) {
    let Some(convoy) = state.convoys.get_mut(id) else { return };
    for issue_id in issues {
        if let Some(issue) = state.issues.get_mut(issue_id)
            && issue.convoys.remove(id)
        {
            convoy.open_count -= usize::from(!issue.is_closed());
        }
    }
    let gone: BTreeSet<&IssueId> = issues.iter().collect();
    convoy.content.tracked.retain(|issue| !gone.contains(issue));
    convoy.held = false;
    state.index.touched.insert(id.clone());
    for issue in issues {
        state.refresh_startable(issue);
    }
}
