//! What is due of reviews of submitted branches and of checkpoints: their beginning, their word, and their end when nobody
//! waits for it.

use super::{Plan, plan_paused, unreadable};
use crate::command::Observed;
use crate::decide::{is_awaited, review_due, review_is_over, works};
use crate::effect::Effect;
use crate::policy::Policy;
use crate::queue::Line;
use crate::review::Reviewing;
use crate::session::Session;
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

/// Checkpoints of a live session, one after another.
pub(super) fn plan_of_checkpoint(state: &State, policy: &Policy, session: &Session, plan: &mut Plan) {
    if let Some(Reviewing { checkpoint, convoy }) = &session.reviewing {
        if works(session) && review_is_over(state, convoy) {
            let (checkpoint, convoy) = (checkpoint.clone(), convoy.clone());
            plan.proposals.push(Observed::CheckpointReviewOver { checkpoint, convoy });
        }
    } else if let Some(checkpoint) = review_due(state, policy, session)
        && !unreadable(policy, &checkpoint.content.rig)
    {
        plan.effects.insert(Effect::ReviewCheckpoint { checkpoint: checkpoint.content.id.clone() });
    }
}

/// Reviewers cost money: those that nobody waits for any more are ended.
pub(super) fn plan_unwanted(state: &State, plan: &mut Plan) {
    let runs = state.index.runs.iter().filter_map(|id| state.convoys.get(id));
    for convoy in runs.filter(|convoy| convoy.is_open() && !is_awaited(state, convoy)) {
        plan.proposals.push(Observed::ReviewUnwanted { convoy: convoy.content.id.clone() });
    }
}
