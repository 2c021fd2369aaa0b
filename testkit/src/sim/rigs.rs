//! Rigs that are parked, and repositories that go away, for a while.

use std::sync::Arc;

use convoy_core::effect::Effect;
use convoy_core::event::{Batch, Event};
use convoy_core::id::{SessionId, WorkerId};
use convoy_core::policy::Policy;
use convoy_core::state::State;

use super::queue::Happening;
use super::{Sim, trace};

impl Sim {
    /// One of the rigs is parked, or its repository goes away.
    pub(super) fn hold_rig(&mut self) {
        let (first, away) = (self.rng.bool(), self.rng.bool());
        let rigs = &mut Arc::make_mut(&mut self.policy).rigs;
        let Some(rig) = (if first { rigs.values_mut().next() } else { rigs.values_mut().next_back() }) else {
            return;
        };
        if away {
            rig.trouble = Some("it is away".to_owned());
        } else {
            rig.parked = true;
        }
        trace!(self, "a rig is held, away: {away}");
        self.soon(1_000, 40_000, Happening::RigsFreed);
        self.look_again();
    }

    /// Nothing holds any of them any more.
    pub(super) fn free_rigs(&mut self) {
        for rig in Arc::make_mut(&mut self.policy).rigs.values_mut() {
            (rig.trouble, rig.parked) = (None, false);
        }
        self.look_again();
    }

    /// The engine is told, and plans anew.
    fn look_again(&mut self) {
        let Some(engine) = &mut self.engine else { return };
        if !std::mem::replace(&mut engine.ticking, true) {
            let instance = engine.instance;
            self.soon(0, 8, Happening::Tick(instance));
        }
    }

    fn reaches(&self, worker: &WorkerId) -> bool {
        let worker = self.engine.as_ref().and_then(|engine| engine.state.workers.get(worker));
        worker.is_none_or(|worker| self.policy.reaches(&worker.content.rig))
    }

    /// Whether the repository is there in which a session's work is to be saved or begun.
    pub(super) fn reaches_session(&self, session: &SessionId) -> bool {
        let session = self.engine.as_ref().and_then(|engine| engine.state.sessions.get(session));
        session.is_none_or(|session| self.reaches(&session.content.worker))
    }

    /// Whether an effect that finds its repository away ends without a word; it is planned again when that is back.
    pub(super) fn ends_unsaid(&mut self, effect: &Effect) -> bool {
        let there = match effect {
            Effect::Inspect { session, .. } => self.reaches_session(session),
            Effect::Merge { worker, .. } => self.reaches(worker),
            _ => true,
        };
        if let (false, Some(engine)) = (there, &mut self.engine) {
            engine.under_way.remove(effect);
            self.look_again();
        }
        !there
    }

    /// No work is begun in a rig that is held.
    pub(super) fn check_begun(&mut self, state: &State, policy: &Policy, batch: &Batch) {
        for event in &batch.events {
            if let Event::SessionWanted { session } = event
                && let Some(worker) = state.workers.get(&session.worker)
                && policy.hold(&worker.content.rig).is_some()
            {
                self.violate(format!("{} is begun in a rig that is held", session.id));
            }
        }
    }
}
