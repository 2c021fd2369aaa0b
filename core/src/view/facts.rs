//! What is known of everybody at work, in one look: how each does and on what evidence, what is stuck, what waits to land,
//! what is spent. Facts and the commands that would help, no opinion.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::worker::gave_up;
use super::{
    BudgetView, QueueItemView, StrandedView, TrackerView, WitnessView, WorkerView, budgets, queue, stranded,
    trackers, worker,
};
use crate::id::{ConvoyId, IssueId, SessionId, WorkerId};
use crate::issue::MoneyView;
use crate::policy::Policy;
use crate::state::State;
use crate::time::Time;
use crate::worker::Worker;

/// The most workers that are told of one by one; the others are counted.
const WORKERS_MAX: usize = 200;

/// Everything in one look.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
#[expect(missing_docs, reason = "the published names; what they mean stands in docs/json.md")]
pub struct FactsView {
    pub at: Time,
    pub workers: Vec<WorkerFactsView>,
    pub workers_left_out: usize,
    pub stranded: Vec<StrandedView>,
    pub queue: Vec<QueueItemView>,
    pub budgets: Vec<BudgetView>,
    pub trackers: Vec<TrackerView>,
    pub undelivered: usize,
    pub troubles: Vec<TroubleView>,
}

/// A worker, how it does, and what would help.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
#[expect(missing_docs, reason = "the published names; what they mean stands in docs/json.md")]
pub struct WorkerFactsView {
    pub worker_id: WorkerId,
    pub name: String,
    pub issue_id: IssueId,
    pub title: String,
    pub convoy_id: Option<ConvoyId>,
    pub session_id: Option<SessionId>,
    pub state: String,
    pub why: Option<String>,
    pub gave_up: bool,
    pub agent: String,
    pub model: Option<String>,
    pub attempt: u32,
    pub max_attempts: u32,
    pub failures: u32,
    pub lost: u32,
    pub conflicts: u32,
    pub started_at: Time,
    pub last_activity_at: Time,
    pub spent: MoneyView,
    pub health: Option<WitnessView>,
    pub last_lesson: Option<String>,
    pub command: Option<String>,
}

/// Something that is wrong with what work needs: a program, a repository.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[expect(missing_docs, reason = "the published names; what they mean stands in docs/json.md")]
pub struct TroubleView {
    pub check: String,
    pub detail: String,
    pub fix: Option<String>,
}

/// The facts, without the workers of the convoy that asks for them. Whoever is worst off comes first.
pub fn facts(state: &State, policy: &Policy, asking: Option<&ConvoyId>, now: Time) -> FactsView {
    let (workers, left_out) = worker_facts(state, policy, asking, now);
    let mut stranded = stranded(state, policy, now);
    stranded.retain(|convoy| asking != Some(&convoy.convoy_id));
    FactsView {
        at: now,
        workers,
        workers_left_out: left_out,
        stranded,
        queue: queue(state, policy, now),
        budgets: budgets(state, policy, now).into_iter().filter(|budget| budget.active).collect(),
        trackers: trackers(state),
        undelivered: state.index.undelivered.len(),
        troubles: Vec::new(),
    }
}

/// Those at work and those that gave up, without the workers of the convoy that asks, and how many more there are. Whoever is
/// worst off comes first.
pub fn worker_facts(
    state: &State,
    policy: &Policy,
    asking: Option<&ConvoyId>,
    now: Time,
) -> (Vec<WorkerFactsView>, usize) {
    let wanted = |worker: &&Worker| {
        let open = || state.issues.get(&worker.content.issue).is_some_and(|issue| !issue.was_closed());
        (gave_up(state, worker) || worker.state.is_active() && open())
            && (asking.is_none() || worker.content.convoy.as_ref() != asking)
    };
    let mut workers: Vec<WorkerFactsView> =
        state.workers.values().filter(wanted).map(|worker| of_worker(state, policy, worker, now)).collect();
    workers.sort_by(|a, b| {
        (urgency(a), a.started_at, &a.worker_id).cmp(&(urgency(b), b.started_at, &b.worker_id))
    });
    let left_out = workers.len().saturating_sub(WORKERS_MAX);
    workers.truncate(WORKERS_MAX);
    (workers, left_out)
}

fn of_worker(state: &State, policy: &Policy, of: &Worker, now: Time) -> WorkerFactsView {
    let title = state.issues.get(&of.content.issue).map(|issue| issue.content.title.clone());
    let last_lesson = of.lessons.last().map(|lesson| lesson.what.clone());
    let view: WorkerView = worker(state, policy, of, now);
    let command = crate::why::worker(state, policy, of, now).into_iter().find_map(|reason| reason.command);
    let mut facts = WorkerFactsView {
        worker_id: view.id,
        name: view.name,
        issue_id: view.issue_id,
        title: title.unwrap_or_default(),
        convoy_id: view.convoy_id,
        session_id: view.session_id,
        state: view.state,
        why: view.why,
        gave_up: view.gave_up,
        agent: view.agent,
        model: view.model,
        attempt: view.attempt,
        max_attempts: view.max_attempts,
        failures: view.failures,
        lost: view.lost,
        conflicts: view.conflicts,
        started_at: view.started_at,
        last_activity_at: view.last_activity_at,
        spent: view.spent,
        health: view.health,
        last_lesson,
        command,
    };
    facts.advise();
    facts
}

impl WorkerFactsView {
    /// Says what would help whoever runs, from how it does. Of others, the reasons say it.
    pub fn advise(&mut self) {
        let Some(health) = &self.health else { return };
        let issue = &self.issue_id;
        let takes_input = health.evidence.as_ref().is_some_and(|evidence| evidence.takes_input);
        self.command = match health.health.as_str() {
            "healthy" | "rate_limited" => None,
            "quiet" => Some(format!("convoy logs {issue}")),
            "waiting" if takes_input => Some(format!("convoy nudge {issue} <text>")),
            "looping" | "burning" if takes_input => Some(format!("convoy nudge {issue} <text>")),
            "dead" => Some(format!("convoy why {issue}")),
            _ => Some(format!("convoy work stop {issue}")),
        };
    }
}

/// What should be looked at before what.
fn urgency(worker: &WorkerFactsView) -> u8 {
    match (worker.state.as_str(), worker.health.as_ref().map(|health| health.health.as_str())) {
        ("failed", _) => 0,
        (_, Some("dead")) => 1,
        (_, Some("waiting" | "stalled" | "looping" | "burning")) => 2,
        ("stopped", _) => 3,
        (_, Some("quiet")) => 4,
        (_, Some("rate_limited")) => 5,
        (_, None) => 6,
        (_, Some(_)) => 7,
    }
}
