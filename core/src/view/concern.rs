//! What concerns a convoy or a worker: by which of all events somebody who watches one of them is touched.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::convoy::{Convoy, Status};
use crate::event::{Envelope, Event};
use crate::id::{SessionId, WorkerId};
use crate::state::State;
use crate::worker::Worker;

/// Everything that belongs to a convoy or to a worker's issue. It grows with the events that it is shown: in whatever
/// order it sees them, an id that belonged to it once belongs to it for ever.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Concern {
    /// The convoy's id, or the worker's.
    pub id: String,
    /// Ids of everything that belongs to it.
    pub ids: BTreeSet<String>,
    /// Sessions of its workers, with whose each is.
    pub sessions: BTreeMap<SessionId, WorkerId>,
    /// Those of them that were not over when this was made.
    pub live: BTreeSet<SessionId>,
    /// Whether nothing more is to be expected of it unless somebody begins it again.
    pub over: bool,
}

impl Concern {
    /// Of a convoy: its issues, workers, sessions and checkpoints.
    pub fn convoy(state: &State, convoy: &Convoy) -> Self {
        let content = &convoy.content;
        let over = match &convoy.status {
            Status::Staged(_) | Status::Open => false,
            Status::Landed { .. } | Status::Abandoned { .. } => true,
        };
        let mut concern = Self::new(content.id.to_string(), over);
        concern.ids.extend(content.tracked.iter().map(ToString::to_string));
        let holders = content.tracked.iter().filter_map(|id| state.issues.get(id)?.worker.as_ref());
        let workers = state.index.convoy_workers.get(&content.id).into_iter().flatten().chain(holders);
        workers.filter_map(|id| state.workers.get(id)).for_each(|worker| concern.take(state, worker));
        concern
    }

    /// Of a worker: its issue, sessions and checkpoints.
    pub fn worker(state: &State, worker: &Worker) -> Self {
        let mut concern = Self::new(worker.content.id.to_string(), !worker.state.is_active());
        concern.ids.insert(worker.content.issue.to_string());
        concern.take(state, worker);
        concern
    }

    fn new(id: String, over: bool) -> Self {
        let ids = BTreeSet::from([id.clone()]);
        Self { id, ids, sessions: BTreeMap::new(), live: BTreeSet::new(), over }
    }

    fn take(&mut self, state: &State, worker: &Worker) {
        self.ids.insert(worker.content.id.to_string());
        for session in &worker.sessions {
            self.begin(session, &worker.content.id);
            if state.index.sessions.contains(session) {
                self.live.insert(session.clone());
            }
            let checkpoints = state.index.checkpoints_of.get(session).into_iter().flatten();
            self.ids.extend(checkpoints.map(|(_, id)| id.to_string()));
        }
    }

    fn begin(&mut self, session: &SessionId, worker: &WorkerId) {
        self.ids.insert(session.to_string());
        self.sessions.insert(session.clone(), worker.clone());
    }

    /// Takes in what another look at the same has found.
    pub fn merge(&mut self, other: Self) {
        self.ids.extend(other.ids);
        self.sessions.extend(other.sessions);
    }

    /// Whether there may be more to it after an event than the event says: an issue that is tracked from now on may have
    /// been worked on before.
    pub fn is_widened(event: &Event) -> bool {
        matches!(
            event,
            Event::ConvoyIssuesAdded { .. } | Event::ConvoyCreated { .. } | Event::ConvoyStaged { .. }
        )
    }

    /// Whether an event concerns it; what it learns from the event is known from then on.
    pub fn covers(&mut self, envelope: &Envelope) -> bool {
        let has = |id: &str| self.ids.contains(id);
        let covered = has(&envelope.subject)
            || match &envelope.event {
                // Whoever works on one of its issues concerns it, for whom that may be.
                Event::WorkerAssigned { worker } => {
                    has(worker.issue.as_str())
                        || worker.convoy.as_ref().is_some_and(|convoy| has(convoy.as_str()))
                }
                Event::SessionWanted { session } => has(session.worker.as_str()),
                Event::CheckpointWanted { checkpoint } => has(checkpoint.session.as_str()),
                Event::MergeBatched { workers, .. } => workers.iter().any(|worker| has(worker.as_str())),
                Event::NoticeSent { notice, .. } => {
                    notice.convoy.as_ref().is_some_and(|convoy| has(convoy.as_str()))
                }
                _ => false,
            };
        if covered {
            self.learn(&envelope.event);
        }
        covered
    }

    fn learn(&mut self, event: &Event) {
        match event {
            Event::ConvoyCreated { convoy } | Event::ConvoyStaged { convoy, .. } => {
                self.ids.extend(convoy.tracked.iter().map(ToString::to_string));
            }
            Event::ConvoyIssuesAdded { issues, .. } => {
                self.ids.extend(issues.iter().map(ToString::to_string));
            }
            Event::WorkerAssigned { worker } => {
                self.ids.insert(worker.id.to_string());
            }
            Event::SessionWanted { session } => self.begin(&session.id, &session.worker),
            Event::CheckpointWanted { checkpoint } => {
                self.ids.insert(checkpoint.id.to_string());
            }
            Event::NoticeSent { notice, .. } => {
                self.ids.insert(notice.id.to_string());
            }
            _ => {}
        }
    }
}
