//! What concerns what is watched: found out once for all who watch the same.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use convoy_core::event::Envelope;
use convoy_core::id::{SessionId, WorkerId};
use convoy_core::view::Concern;

/// What concerns one thing, as all of its watchers share it.
pub(super) struct Shared(Mutex<Concern>);

impl Shared {
    fn concern(&self) -> std::sync::MutexGuard<'_, Concern> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is watched.
    pub(super) fn id(&self) -> String {
        self.concern().id.clone()
    }

    /// Whether an event concerns it.
    pub(super) fn covers(&self, envelope: &Envelope) -> bool {
        self.concern().covers(envelope)
    }

    /// Takes in what another look has found.
    pub(super) fn merge(&self, concern: Concern) {
        self.concern().merge(concern);
    }

    /// Whose a session of it is.
    pub(super) fn worker(&self, session: &SessionId) -> Option<WorkerId> {
        self.concern().sessions.get(session).cloned()
    }
}

/// Those that are watched now.
#[derive(Default)]
pub(super) struct Concerns(Mutex<HashMap<String, Weak<Shared>>>);

impl Concerns {
    /// What is known of it already, or what is known now.
    pub(super) fn share(&self, concern: Concern) -> Arc<Shared> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = all.get(&concern.id).and_then(Weak::upgrade) {
            // What it did not hear of while nobody was ahead.
            known.merge(concern);
            return known;
        }
        all.retain(|_, one| one.strong_count() > 0);
        let id = concern.id.clone();
        let shared = Arc::new(Shared(Mutex::new(concern)));
        all.insert(id, Arc::downgrade(&shared));
        shared
    }
}
