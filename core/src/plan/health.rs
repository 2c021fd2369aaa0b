//! When sessions are to be looked at: nothing was heard of one for longer than a threshold, or it spent much.

use super::Plan;
use crate::effect::Effect;
use crate::health;
use crate::policy::Policy;
use crate::session::{Session, SessionState};
use crate::state::State;
use crate::time::Time;

pub(super) fn plan(state: &State, policy: &Policy, now: Time, plan: &mut Plan) {
    let thresholds = &policy.witness;
    if !thresholds.enabled {
        return;
    }
    for session in state.index.sessions.iter().filter_map(|id| state.sessions.get(id)) {
        if !matches!(session.state, SessionState::Running { .. }) || session.stopping {
            continue;
        }
        if let Some((round, _)) = &session.witness.nudge {
            let (id, epoch) = (session.content.id.clone(), session.content.epoch);
            plan.effects.insert(Effect::Nudge { session: id, epoch, round: *round });
        }
        match health::next_look(&session.witness, thresholds) {
            Some(at) if at <= now => {
                plan.effects.insert(examine(session, 0));
            }
            Some(at) => plan.wake(at),
            None => {}
        }
        let burn = thresholds.burn.filter(|_| session.witness.stopped.is_none());
        let times = burn.map_or(0, |burn| session.priced().as_micros() / burn.as_micros().max(1));
        if times > 0 {
            plan.effects.insert(examine(session, u32::try_from(times).unwrap_or(u32::MAX)));
        }
    }
}

fn examine(session: &Session, spent: u32) -> Effect {
    let (id, epoch) = (session.content.id.clone(), session.content.epoch);
    Effect::Examine { session: id, epoch, round: session.witness.round, spent }
}
