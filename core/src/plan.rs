//! What is to be done next, from the state alone.
//!
//! The plan is levels, not edges: it says everything that should be under way. What is under way already is
//! the dispatcher's to know; after a restart nothing is, and the same plan starts it again.

mod checkpoint;
mod health;
mod outbox;
mod review;
mod template;

use std::collections::{BTreeMap, BTreeSet};

use crate::command::Observed;
use crate::decide::{
    batch_is_due, convoy_affords as budget, has_waited, may_begin, pause_is_over, waits_for_tomorrow,
};
use crate::effect::Effect;
use crate::id::{ConvoyId, RigName, Seq, WorkerId};
use crate::ledger::next_day;
use crate::policy::{Policy, RigHold};
use crate::queue;
use crate::session::SessionState;
use crate::state::{InRig, Place, State};
use crate::time::Time;
use crate::tracker::paused_until;
use crate::worker::{Member, WorkerState};

/// What should be under way.
#[derive(Clone, PartialEq, Debug, Default)]
#[must_use]
pub struct Plan {
    /// Decisions that are due; each is checked again when it is made.
    pub proposals: Vec<Observed>,
    /// What the executor is to do.
    pub effects: BTreeSet<Effect>,
    /// When to plan again if nothing happens before.
    pub wake_at: Option<Time>,
    /// Something waits until a repository can be used again: somebody has to stay who notices.
    pub waits: bool,
}

impl Plan {
    /// Whether anything is under way or due, so that somebody has to stay.
    pub fn is_idle(&self) -> bool {
        self.proposals.is_empty() && self.effects.is_empty() && self.wake_at.is_none()
    }

    fn wake(&mut self, at: Time) {
        self.wake_at = Some(self.wake_at.map_or(at, |before| before.min(at)));
    }
}

/// Computes the plan.
pub fn plan(state: &State, policy: &Policy, now: Time) -> Plan {
    let mut plan = Plan::default();
    plan_sessions(state, policy, now, &mut plan);
    plan_workers(state, policy, now, &mut plan);
    plan_dispatch(state, policy, now, &mut plan);
    outbox::plan(state, policy, now, &mut plan);
    health::plan(state, policy, now, &mut plan);
    plan_merges(state, policy, now, &mut plan);
    plan_money(state, policy, now, &mut plan);
    plan_pushes(state, policy, now, &mut plan);
    checkpoint::plan(state, policy, now, &mut plan);
    template::plan(state, policy, now, &mut plan);
    review::plan_unwanted(state, &mut plan);
    plan
}

fn plan_sessions(state: &State, policy: &Policy, now: Time, plan: &mut Plan) {
    let held = checkpoint::held(state, now);
    for session in state.index.sessions.iter().filter_map(|id| state.sessions.get(id)) {
        let (id, epoch) = (session.content.id.clone(), session.content.epoch);
        let effect = match session.state {
            SessionState::Wanted => Effect::Prepare { session: id, epoch },
            SessionState::Starting { .. } | SessionState::Running { .. } => {
                match held.get(&id) {
                    // What it has done is kept first.
                    Some(until) if session.stopping => plan.wake(*until),
                    _ if session.stopping => {
                        plan.effects.insert(Effect::Stop { session: id.clone(), epoch });
                    }
                    _ => {}
                }
                Effect::Supervise { session: id, epoch }
            }
            // What it left is saved when there is a repository to save it in.
            SessionState::Ended { .. } if !reaches(state, policy, &session.content.worker) => {
                plan.waits |= waits(state, policy, &session.content.worker);
                continue;
            }
            SessionState::Ended { .. } if held.contains_key(&id) => {
                plan.wake(held[&id]);
                continue;
            }
            SessionState::Ended { .. } => Effect::Inspect { session: id, epoch },
            SessionState::Over { .. } => continue,
        };
        plan.effects.insert(effect);
    }
}

fn reaches(state: &State, policy: &Policy, worker: &WorkerId) -> bool {
    state.workers.get(worker).is_none_or(|worker| policy.reaches(&worker.content.rig))
}

fn waits(state: &State, policy: &Policy, worker: &WorkerId) -> bool {
    state.workers.get(worker).is_some_and(|worker| unreadable(policy, &worker.content.rig))
}

/// Whether a rig's repository may be back at any moment. That a rig is in the configuration again is told.
fn unreadable(policy: &Policy, rig: &RigName) -> bool {
    matches!(policy.hold(rig), Some(RigHold::Unreadable { .. }))
}

fn plan_workers(state: &State, policy: &Policy, now: Time, plan: &mut Plan) {
    let mut begins = BTreeSet::new();
    for (id, worker) in state.index.active.iter().filter_map(|id| state.workers.get_key_value(id)) {
        match &worker.state {
            WorkerState::Assigned if may_begin(state, policy, worker, now) => {
                let issue = state.issues.get(&worker.content.issue);
                let urgency = issue.map(|issue| (issue.content.priority, issue.number));
                begins.insert((urgency, id));
            }
            WorkerState::Assigned => plan.waits |= unreadable(policy, &worker.content.rig),
            WorkerState::Waiting { until, .. } if has_waited(policy, worker, *until, now) => {
                plan.proposals.push(Observed::Due { worker: id.clone() });
            }
            WorkerState::Waiting { until, .. } => plan.wake(*until),
            WorkerState::Submitted(_)
            | WorkerState::Running { .. }
            | WorkerState::Done
            | WorkerState::Failed { .. }
            | WorkerState::Released
            | WorkerState::Stopped { .. } => {}
        }
    }
    // Whoever has no session yet gets one by priority, then age, as issues get workers.
    plan.proposals.extend(begins.into_iter().map(|(_, id)| Observed::Begin { worker: id.clone() }));
}

/// The first merge of a lane: when it was taken up, into which branch, and how.
type First<'a> = (Seq, Option<&'a str>, Effect);

/// One merge at a time in each lane, what holds others up, and the next batch.
fn plan_merges(state: &State, policy: &Policy, now: Time, plan: &mut Plan) {
    let mut first: BTreeMap<&RigName, Vec<First<'_>>> = BTreeMap::new();
    for ((rig, base), line) in queue::lines(state, policy) {
        if !policy.reaches(rig) {
            plan.waits |= unreadable(policy, rig);
            continue;
        }
        for entry in &line.requested {
            let Member { worker, round, .. } = entry.member();
            plan.effects.insert(Effect::FollowRequest { worker, round });
        }
        review::plan(state, policy, now, &line, plan);
        plan_held_up(policy, now, &line, plan);
        if let Some((seq, group)) = line.under_way()
            && let Some(effect) = queue::effect(group)
        {
            first.entry(rig).or_default().push((seq, base, effect));
        }
        match queue::next_batch_at(&line, policy) {
            Some(at) if batch_is_due(policy, at, now) => {
                let (rig, base) = (rig.clone(), base.map(str::to_owned));
                plan.proposals.push(Observed::Gather { rig, base });
            }
            Some(at) => plan.wake(at),
            None => {}
        }
    }
    plan.effects.extend(first.into_values().flat_map(one_for_each_branch));
}

/// What is watched for, or tried again when its pause is over.
fn plan_held_up(policy: &Policy, now: Time, line: &queue::Line<'_>, plan: &mut Plan) {
    for group in line.taken.values() {
        if let Some((entry, _)) = queue::block(group) {
            let Member { worker, round, .. } = entry.member();
            plan.effects.insert(Effect::WatchCheckout { worker, round });
        }
        for entry in group {
            plan_paused(policy, now, entry, plan);
        }
    }
}

/// Whether what broke is tried again later or now.
fn plan_paused(policy: &Policy, now: Time, entry: &queue::Entry<'_>, plan: &mut Plan) {
    match &entry.submission.pause {
        Some(pause) if pause_is_over(policy, pause.until, now) => {
            let Member { worker, round, .. } = entry.member();
            plan.proposals.push(Observed::MergeDue { worker, round });
        }
        Some(pause) => plan.wake(pause.until),
        None => {}
    }
}

/// Of the lanes of a rig those that may go on side by side. A branch that only the repository can name may be any: it
/// goes on alone, and what was taken up first is first.
fn one_for_each_branch(mut lanes: Vec<First<'_>>) -> Vec<Effect> {
    lanes.sort_by_key(|(seq, ..)| *seq);
    let nameless = lanes.iter().position(|(_, branch, _)| branch.is_none());
    let alone = nameless == Some(0);
    let side_by_side = if alone { 1 } else { nameless.unwrap_or(lanes.len()) };
    lanes.into_iter().take(side_by_side).map(|(.., effect)| effect).collect()
}

/// Ready issues of started convoys by priority, then age, as many as there is room for.
fn plan_dispatch(state: &State, policy: &Policy, now: Time, plan: &mut Plan) {
    if state.index.startable.is_empty() {
        return;
    }
    let mut total = 0;
    let mut by_rig: BTreeMap<&RigName, u32> = BTreeMap::new();
    let mut by_convoy: BTreeMap<&ConvoyId, u32> = BTreeMap::new();
    for session in state.index.sessions.iter().filter_map(|id| state.sessions.get(id)).filter(|s| s.is_live())
    {
        total += 1;
        if let Some(worker) = state.workers.get(&session.content.worker) {
            *by_rig.entry(&worker.content.rig).or_default() += 1;
            if let Some(convoy) = &worker.content.convoy {
                *by_convoy.entry(convoy).or_default() += 1;
            }
        }
    }
    // Workers that were promised a session come before issues that nobody has.
    total += plan.proposals.len() as u32;
    let is_full = |convoy: &ConvoyId, by_convoy: &BTreeMap<&ConvoyId, u32>| {
        let Some(found) = state.convoys.get(convoy) else { return false };
        let max = found.content.max_parallel;
        max.is_some_and(|max| by_convoy.get(convoy).is_some_and(|count| *count >= max))
            || budget(state, policy, found, now).is_err()
    };
    // Of each rig only as many convoys can have a turn as there is room for agents; which are full, live
    // sessions make so, and those are few.
    let free = policy.max_parallel.saturating_sub(total) as usize;
    let mut next: BTreeMap<&Place, (&RigName, &ConvoyId, &InRig)> = BTreeMap::new();
    for (rig, queues) in state.index.startable.rigs() {
        if policy.hold(rig).is_some() {
            plan.waits |= unreadable(policy, rig);
            continue;
        }
        let heads = queues.heads().filter(|(_, convoy)| !is_full(convoy, &by_convoy));
        next.extend(heads.take(free).map(|(place, convoy)| (place, (rig, convoy, queues))));
    }
    while total < policy.max_parallel
        && let Some((place, (rig, convoy, queues))) = next.pop_first()
    {
        let in_rig = by_rig.entry(rig).or_default();
        let rig_max = policy.rigs.get(rig).and_then(|rig| rig.max_parallel);
        if rig_max.is_some_and(|max| *in_rig >= max) || is_full(convoy, &by_convoy) {
            continue;
        }
        *in_rig += 1;
        *by_convoy.entry(convoy).or_default() += 1;
        total += 1;
        plan.proposals.push(Observed::Dispatch { issue: place.2.clone() });
        next.extend(queues.after(convoy, place).map(|place| (place, (rig, convoy, queues))));
    }
}

/// Ceilings that were raised, and the day on which there is money again.
fn plan_money(state: &State, policy: &Policy, now: Time, plan: &mut Plan) {
    for session in state.index.sessions.iter().filter_map(|id| state.sessions.get(id)) {
        let content = &session.content;
        if let Some(ceiling) = session.ceiling.filter(|_| session.ceiling != content.ceiling)
            // Before that its supervisor reads it of its specification, or cannot be spoken to yet.
            && matches!(session.state, SessionState::Running { .. })
            && !session.stopping
        {
            let (session, epoch) = (content.id.clone(), content.epoch);
            plan.effects.insert(Effect::Ceiling { session, epoch, ceiling });
        }
    }
    let workers = state.index.active.iter().filter_map(|id| state.workers.get(id));
    let waits = !state.index.startable.is_empty()
        || workers.into_iter().any(|worker| matches!(worker.state, WorkerState::Assigned));
    if waits && waits_for_tomorrow(state, policy, now) {
        plan.wake(next_day(now));
    }
}

/// One round at a time for each tracker that can be read.
fn plan_pushes(state: &State, policy: &Policy, now: Time, plan: &mut Plan) {
    for (rig, pending) in &state.index.pushes {
        let Some(tracker) = state.trackers.get(rig).filter(|tracker| tracker.lost.is_none()) else {
            continue;
        };
        let mut pauses = pending
            .iter()
            .filter_map(|id| state.issues.get(id))
            .map(|issue| paused_until(policy, issue, now))
            .collect::<BTreeSet<_>>();
        if pauses.remove(&None) {
            plan.effects.insert(Effect::Push { rig: rig.clone(), round: tracker.round });
        } else if let Some(Some(until)) = pauses.pop_first() {
            plan.wake_at = Some(plan.wake_at.map_or(until, |at| at.min(until)));
        }
    }
}
