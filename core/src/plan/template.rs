//! What is due of template convoys: their end when their time is up, and their reports.

use super::{Plan, unreadable};
use crate::command::Observed;
use crate::decide::deadline;
use crate::effect::Effect;
use crate::policy::Policy;
use crate::state::State;
use crate::time::Time;

pub(super) fn plan(state: &State, policy: &Policy, now: Time, plan: &mut Plan) {
    for (id, convoy) in state.index.runs.iter().filter_map(|id| state.convoys.get_key_value(id)) {
        match deadline(convoy) {
            Some(at) if at <= now => plan.proposals.push(Observed::TimeUp { convoy: id.clone() }),
            Some(at) => plan.wake(at),
            None => {}
        }
        let Some(round) = convoy.report_due() else { continue };
        // When the last of its agents is dead: until then it may still write, and it would land with agents at work.
        let workers = state.index.convoy_workers.get(id).into_iter().flatten();
        if convoy.is_complete() && workers.into_iter().any(|id| state.index.active.contains(id)) {
            continue;
        }
        // What findings quote is looked for in its files.
        if convoy.content.run.as_ref().is_some_and(|run| unreadable(policy, &run.rig)) {
            plan.waits = true;
            continue;
        }
        plan.effects.insert(Effect::Synthesize { convoy: id.clone(), round });
    }
}
