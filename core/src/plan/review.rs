//! What is due of reviews of submitted branches: their beginning, their word, and their end when nobody waits for it.

use super::{Plan, plan_paused};
use crate::command::Observed;
use crate::decide::{is_awaited, review_is_over};
use crate::effect::Effect;
use crate::policy::Policy;
use crate::queue::Line;
use crate::state::State;
use crate::time::Time;
use crate::worker::Member;

pub(super) fn plan(state: &State, policy: &Policy, now: Time, line: &Line<'_>, plan: &mut Plan) {
    for entry in &line.reviewing {
        let member = entry.member();
        match &entry.submission.review {
            Some(convoy) if review_is_over(state, convoy) => {
                plan.proposals.push(Observed::ReviewOver { member, convoy: convoy.clone() });
            }
            Some(_) => {}
            None if entry.submission.pause.is_some() => plan_paused(policy, now, entry, plan),
            None => {
                let Member { worker, epoch, round } = member;
                plan.effects.insert(Effect::StartReview { worker, epoch, round });
            }
        }
    }
}

/// Reviewers cost money: those that nobody waits for any more are ended.
pub(super) fn plan_unwanted(state: &State, plan: &mut Plan) {
    let runs = state.index.runs.iter().filter_map(|id| state.convoys.get(id));
    for convoy in runs.filter(|convoy| convoy.is_open() && !is_awaited(state, convoy)) {
        plan.proposals.push(Observed::ReviewUnwanted { convoy: convoy.content.id.clone() });
    }
}
