//! What is to be done next, from the state alone.
//!
//! The plan is levels, not edges: it says everything that should be under way. What is under way already is
//! the dispatcher's to know; after a restart nothing is, and the same plan starts it again.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use crate::command::Observed;
use crate::decide::{may_begin, pause_is_over};
use crate::effect::Effect;
use crate::id::{ConvoyId, RigName, RouteName, WorkerId};
use crate::policy::{Hold, Policy};
use crate::session::SessionState;
use crate::state::State;
use crate::time::{Span, Time};
use crate::worker::{Worker, WorkerState};

/// How far the queue of startable issues is looked through for one that has room.
const LOOK_AHEAD_MAX: usize = 1000;
/// How many notices are delivered at once: each has a thread of its own while it waits for an answer.
const DELIVERIES_MAX: usize = 8;
/// How many of them by one route, so that one that hangs does not hold the others up.
const DELIVERIES_BY_ROUTE_MAX: u32 = 2;
/// How many that are due are looked through for routes that have room.
const DUE_LOOK_AHEAD_MAX: usize = 1000;

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
}

/// Computes the plan.
pub fn plan(state: &State, policy: &Policy, now: Time) -> Plan {
    let mut plan = Plan::default();
    plan_sessions(state, policy, &mut plan);
    plan_workers(state, policy, now, &mut plan);
    plan_dispatch(state, policy, &mut plan);
    plan_outbox(state, policy, now, &mut plan);
    plan
}

/// What is due, the longest first. Whoever is under way stays among the first: when it was due does not change.
fn plan_outbox(state: &State, policy: &Policy, now: Time, plan: &mut Plan) {
    let outbox = &state.index.outbox;
    // No pause is longer than the longest: what is due later than that was put in before the clock was set back.
    let (soon, latest) = (now.plus(Span::from_millis(1)), now.plus(policy.routes.backoff_max));
    let astray = outbox.range((Bound::Excluded(latest.max(now)), Bound::Unbounded));
    let due = outbox.range(..=now).chain(astray).flat_map(|(_, ids)| ids);
    let mut by_route: BTreeMap<&RouteName, u32> = BTreeMap::new();
    let mut started = 0;
    for (_, id) in due.take(DUE_LOOK_AHEAD_MAX) {
        let Some(delivery) = state.deliveries.get(id) else { continue };
        let of_route = by_route.entry(&delivery.content.route).or_default();
        if *of_route < DELIVERIES_BY_ROUTE_MAX && started < DELIVERIES_MAX {
            *of_route += 1;
            started += 1;
            plan.effects.insert(Effect::Deliver { delivery: id.clone(), attempt: delivery.attempt() });
        }
    }
    if let Some((at, _)) = outbox.range(soon..).next().filter(|(at, _)| **at <= latest) {
        plan.wake_at = Some(plan.wake_at.map_or(*at, |before| before.min(*at)));
    }
}

fn plan_sessions(state: &State, policy: &Policy, plan: &mut Plan) {
    for session in state.index.sessions.iter().filter_map(|id| state.sessions.get(id)) {
        let (id, epoch) = (session.content.id.clone(), session.content.epoch);
        let effect = match session.state {
            SessionState::Wanted => Effect::Prepare { session: id, epoch },
            SessionState::Starting { .. } | SessionState::Running { .. } => {
                if session.stopping {
                    plan.effects.insert(Effect::Stop { session: id.clone(), epoch });
                }
                Effect::Supervise { session: id, epoch }
            }
            // What it left is saved when there is a repository to save it in.
            SessionState::Ended { .. } if !reaches(state, policy, &session.content.worker) => {
                plan.waits |= waits(state, policy, &session.content.worker);
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
    matches!(policy.hold(rig), Some(Hold::Unreadable { .. }))
}

fn plan_workers(state: &State, policy: &Policy, now: Time, plan: &mut Plan) {
    let mut begins = BTreeSet::new();
    let mut merges = Vec::new();
    for (id, worker) in state.index.active.iter().filter_map(|id| state.workers.get_key_value(id)) {
        match &worker.state {
            WorkerState::Assigned if may_begin(state, policy, worker) => {
                let issue = state.issues.get(&worker.content.issue);
                let urgency = issue.map(|issue| (issue.content.priority, issue.number));
                begins.insert((urgency, id));
            }
            WorkerState::Assigned => plan.waits |= unreadable(policy, &worker.content.rig),
            WorkerState::Waiting { until, .. } if pause_is_over(policy, *until, now) => {
                plan.proposals.push(Observed::Due { worker: id.clone() });
            }
            WorkerState::Waiting { until, .. } => {
                plan.wake_at = Some(plan.wake_at.map_or(*until, |at| at.min(*until)));
            }
            WorkerState::Submitted(submission) => {
                let round = submission.round;
                if !policy.reaches(&worker.content.rig) {
                    plan.waits |= unreadable(policy, &worker.content.rig);
                    continue;
                }
                let Some(session) = state.sessions.get(&submission.session) else { continue };
                if submission.blocked.is_some() {
                    plan.effects.insert(Effect::WatchCheckout { worker: id.clone(), round });
                    continue;
                }
                let effect = Effect::Merge { worker: id.clone(), epoch: session.content.epoch, round };
                merges.push((worker, effect));
            }
            WorkerState::Running { .. }
            | WorkerState::Done
            | WorkerState::Failed { .. }
            | WorkerState::Released
            | WorkerState::Stopped { .. } => {}
        }
    }
    // Whoever has no session yet gets one by priority, then age, as issues get workers.
    plan.proposals.extend(begins.into_iter().map(|(_, id)| Observed::Begin { worker: id.clone() }));
    plan.effects.extend(first_merges(policy, merges));
}

/// One merge at a time into each branch of a rig, the first that was submitted: parallel ones would only invalidate
/// each other's gates. First by the log, not by the clock, and behind everything earlier that is for the same
/// branch, so that the one under way stays the first. A branch that only the repository can name may be any.
fn first_merges(policy: &Policy, mut merges: Vec<(&Worker, Effect)>) -> Vec<Effect> {
    merges.sort_by_key(|(worker, _)| worker.submitted);
    let mut earlier: BTreeMap<&RigName, Vec<Option<&str>>> = BTreeMap::new();
    let mut first = Vec::new();
    for (worker, effect) in merges {
        let rig = &worker.content.rig;
        let default = policy.rigs.get(rig).and_then(|rig| rig.default_branch.as_deref());
        let branch = worker.content.base.as_deref().or(default);
        let before = earlier.entry(rig).or_default();
        if before.iter().all(|other| other.is_some() && branch.is_some() && *other != branch) {
            first.push(effect);
        }
        before.push(branch);
    }
    first
}

/// Ready issues of started convoys by priority, then age, as many as there is room for.
fn plan_dispatch(state: &State, policy: &Policy, plan: &mut Plan) {
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
    for (_, _, id) in state.index.startable.iter().take(LOOK_AHEAD_MAX) {
        if total >= policy.max_parallel {
            return;
        }
        let Some(issue) = state.issues.get(id) else { continue };
        let Some(convoy) = state.started_convoy(issue) else { continue };
        if policy.hold(&issue.content.rig).is_some() {
            plan.waits |= unreadable(policy, &issue.content.rig);
            continue;
        }
        let in_rig = by_rig.entry(&issue.content.rig).or_default();
        let rig_max = policy.rigs.get(&issue.content.rig).and_then(|rig| rig.max_parallel);
        let in_convoy = by_convoy.entry(&convoy.content.id).or_default();
        if rig_max.is_some_and(|max| *in_rig >= max)
            || convoy.content.max_parallel.is_some_and(|max| *in_convoy >= max)
        {
            continue;
        }
        *in_rig += 1;
        *in_convoy += 1;
        total += 1;
        plan.proposals.push(Observed::Dispatch { issue: id.clone() });
    }
}
