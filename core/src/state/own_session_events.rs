//! How events of persons' own sessions change the state.

use crate::event::Event;
use crate::id::EpicName;
use crate::own_session::{OwnSession, OwnState};
use crate::state::State;
use crate::time::Time;
use crate::worker::Worker;

pub(super) fn apply(state: &mut State, event: &Event, at: Time, actor: &str) {
    match event {
        Event::SessionOpened { session } => {
            let opened = OwnSession {
                content: session.as_ref().clone(),
                state: OwnState::Open,
                by: actor.to_owned(),
                started_at: at,
            };
            index(state, &opened);
            state.own_sessions.insert(session.id.clone(), opened);
            state.book_carried(&session.epic, session.carried);
        }
        Event::SessionPaused { session, reason } => {
            state.index.own_open.remove(session);
            if let Some(own) = state.own_sessions.get_mut(session) {
                own.state = OwnState::Paused { at, reason: reason.clone() };
            }
        }
        Event::SessionCompleted { session, outcome } => {
            state.index.own_open.remove(session);
            if let Some(own) = state.own_sessions.get_mut(session) {
                own.state = OwnState::Completed { at, outcome: *outcome };
            }
        }
        _ => {}
    }
}

fn index(state: &mut State, own: &OwnSession) {
    if matches!(own.state, OwnState::Open) {
        state.index.own_open.insert(own.content.id.clone());
    }
    // What another machine made is numbered too.
    if own.content.sequence > 0 {
        let greatest = state.index.sequences.entry(own.content.epic.to_string()).or_default();
        *greatest = (*greatest).max(own.content.sequence);
    }
}

/// What is derived of own sessions, afresh.
pub(super) fn recount(state: &mut State) {
    for own in state.own_sessions.values().cloned().collect::<Vec<_>>() {
        index(state, &own);
    }
}

impl State {
    /// The epic of a worker: its own, or its convoy's.
    pub fn epic_of<'a>(&'a self, worker: &'a Worker) -> Option<&'a EpicName> {
        let convoy = || self.convoys.get(worker.content.convoy.as_ref()?)?.content.epic.as_ref();
        worker.content.epic.as_ref().or_else(convoy)
    }

    /// The folder of a worker's checkpoints: its epic, else its convoy, else its issue.
    pub fn folder_of(&self, worker: &Worker) -> String {
        let convoy = || worker.content.convoy.as_ref().map(ToString::to_string);
        let folder = self.epic_of(worker).map(ToString::to_string).or_else(convoy);
        folder.unwrap_or_else(|| worker.content.issue.to_string())
    }

    /// Whether anything belongs to this epic.
    pub fn knows_epic(&self, epic: &EpicName) -> bool {
        self.own_sessions.values().any(|own| own.content.epic == *epic)
            || self.convoys.values().any(|convoy| convoy.content.epic.as_ref() == Some(epic))
            || self.workers.values().any(|worker| worker.content.epic.as_ref() == Some(epic))
    }

    /// The own sessions of an epic, by number.
    pub fn own_sessions_of(&self, epic: &EpicName) -> Vec<&OwnSession> {
        let mut found: Vec<&OwnSession> =
            self.own_sessions.values().filter(|own| own.content.epic == *epic).collect();
        found.sort_by_key(|own| (own.content.number, own.started_at));
        found
    }

    /// The workers of an epic, in the order in which they were assigned.
    pub fn workers_of(&self, epic: &EpicName) -> Vec<&Worker> {
        let mut found: Vec<&Worker> =
            self.workers.values().filter(|worker| self.epic_of(worker) == Some(epic)).collect();
        found.sort_by_key(|worker| (worker.assigned_at, worker.content.id.clone()));
        found
    }
}
