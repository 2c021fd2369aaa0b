//! Which checkpoints are to be made, what waits for them, and whose turn it is to be looked at.

use std::collections::BTreeMap;

use super::{Plan, unreadable};
use crate::decide::{HOLD_MAX, LOOKS_MAX, has_turns, last_turn};
use crate::effect::Effect;
use crate::id::SessionId;
use crate::policy::Policy;
use crate::state::State;
use crate::time::{Span, Time};

/// Sessions whose checkpoints are being made, each with the time until when its stop or its inspection waits for
/// that. One that would have to wait longer than any has seen the clock set back, and waits no more.
pub(super) fn held(state: &State, now: Time) -> BTreeMap<SessionId, Time> {
    let mut held = BTreeMap::new();
    for checkpoint in state.index.checkpoints.iter().filter_map(|id| state.checkpoints.get(id)) {
        let until = checkpoint.at.plus(HOLD_MAX);
        let left = until.since(now);
        if left > Span::default() && left <= HOLD_MAX {
            let last = held.entry(checkpoint.content.session.clone()).or_insert(until);
            *last = until.max(*last);
        }
    }
    held
}

pub(super) fn plan(state: &State, policy: &Policy, now: Time, plan: &mut Plan) {
    for checkpoint in state.index.checkpoints.iter().filter_map(|id| state.checkpoints.get(id)) {
        if unreadable(policy, &checkpoint.content.rig) {
            plan.waits = true;
            continue;
        }
        plan.effects.insert(Effect::Checkpoint { checkpoint: checkpoint.content.id.clone() });
    }
    let sessions = state.index.sessions.iter().filter_map(|id| state.sessions.get(id));
    for session in sessions {
        super::review::plan_of_checkpoint(state, policy, session, plan);
    }
    let Some(interval) = policy.checkpoints.interval.filter(|_| policy.checkpoints.enabled) else { return };
    let live = state.index.sessions.iter().filter(|id| has_turns(state, id));
    for session in live.chain(&state.index.own_open) {
        let Some((last, at)) = last_turn(state, session) else { continue };
        let every = interval.as_millis().max(1);
        let looks = now.since(at).as_millis() / every;
        // A person who does not come back is not waited for, or looked after, for ever.
        if looks.unsigned_abs() > LOOKS_MAX {
            continue;
        }
        if looks > 0 && state.pending_checkpoints(session).next().is_none() {
            let look = looks.unsigned_abs();
            plan.effects.insert(Effect::Compare { session: session.clone(), last, look });
        }
        plan.wake(at.plus(Span::from_millis(every.saturating_mul(looks + 1))));
    }
}
