//! The shape of a worker.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{SessionView, WitnessView, session, witness};
use crate::id::{ConvoyId, IssueId, SessionId, WorkerId};
use crate::issue::{Evidence, MoneyView, Status};
use crate::money::Money;
use crate::policy::Policy;
use crate::review::Raised;
use crate::state::State;
use crate::time::Time;
use crate::worker::{Lesson, Worker, WorkerState};

/// A worker.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
#[expect(missing_docs, reason = "the published names; what they mean stands in docs/json.md")]
pub struct WorkerView {
    pub id: WorkerId,
    pub name: String,
    pub rig: String,
    pub issue_id: IssueId,
    pub convoy_id: Option<ConvoyId>,
    pub state: String,
    pub why: Option<String>,
    pub gave_up: bool,
    pub can_retry: bool,
    pub agent: String,
    pub sandboxed: bool,
    pub model: Option<String>,
    pub model_rationale: String,
    pub attempt: u32,
    pub max_attempts: u32,
    pub failures: u32,
    pub lost: u32,
    pub conflicts: u32,
    pub reviews: u32,
    pub branch: Option<String>,
    pub workdir: Option<String>,
    pub session_id: Option<SessionId>,
    pub started_at: Time,
    pub last_activity_at: Time,
    pub spent: MoneyView,
    pub sessions: Vec<SessionView>,
    pub lessons: Vec<LessonView>,
    pub health: Option<WitnessView>,
    pub evidence: Option<Evidence>,
}

/// What an attempt that did not land came to.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
#[expect(missing_docs, reason = "the published names; what they mean stands in docs/json.md")]
pub struct LessonView {
    pub session_id: SessionId,
    pub what: String,
    pub detail: String,
    pub branch: Option<String>,
    pub findings: Vec<Raised>,
}

/// `rig/name`, as people read it.
pub fn full_name(worker: &Worker) -> String {
    worker.content.full_name()
}

/// The view of a worker.
pub fn worker(state: &State, policy: &Policy, worker: &Worker, now: Time) -> WorkerView {
    let sessions: Vec<SessionView> =
        worker.sessions.iter().filter_map(|id| state.sessions.get(id)).map(|s| session(state, s)).collect();
    let last = sessions.last();
    let latest_session = worker.sessions.last().and_then(|id| state.sessions.get(id));
    let latest = latest_session.map(|session| &session.content);
    let why = match &worker.state {
        WorkerState::Done => None,
        _ => crate::why::worker(state, policy, worker, now).into_iter().next().map(|reason| reason.text),
    };
    let evidence = state.issues.get(&worker.content.issue).and_then(|issue| match &issue.status {
        Status::Closed(closed) if matches!(worker.state, WorkerState::Done) => {
            closed.evidence.as_deref().cloned()
        }
        _ => None,
    });
    WorkerView {
        id: worker.content.id.clone(),
        name: full_name(worker),
        rig: worker.content.rig.to_string(),
        issue_id: worker.content.issue.clone(),
        convoy_id: worker.content.convoy.clone(),
        state: worker.state.name().to_owned(),
        why,
        gave_up: gave_up(state, worker),
        can_retry: can_retry(state, worker),
        agent: worker.content.agent.to_string(),
        sandboxed: is_sandboxed(state, worker, policy),
        model: latest.and_then(|new| new.model.clone()).or_else(|| worker.content.model.clone()),
        model_rationale: latest
            .and_then(|new| new.model_rationale.clone())
            .unwrap_or_else(|| worker.content.model_rationale.clone()),
        attempt: worker.sessions.len() as u32,
        max_attempts: policy.retry.max_attempts,
        failures: worker.failures,
        lost: worker.lost,
        conflicts: worker.conflicts,
        reviews: worker.reviews,
        branch: last.and_then(|session| session.branch.clone()),
        workdir: last.and_then(|session| session.workdir.clone()),
        session_id: last.map(|session| session.id.clone()),
        started_at: worker.assigned_at,
        last_activity_at: worker.active_at,
        spent: spent(state, worker).into(),
        lessons: worker.lessons.iter().map(lesson).collect(),
        health: latest_session.and_then(|session| witness(policy, session)),
        sessions,
        evidence,
    }
}

/// Whether it failed or was stopped, and its issue waits for a person to say what is next.
pub(super) fn gave_up(state: &State, worker: &Worker) -> bool {
    match &worker.state {
        WorkerState::Failed { .. } | WorkerState::Stopped { .. } => state.is_current(worker),
        WorkerState::Assigned
        | WorkerState::Waiting { .. }
        | WorkerState::Running { .. }
        | WorkerState::Submitted(_)
        | WorkerState::Done
        | WorkerState::Released => false,
    }
}

/// Whether a person may have it tried again, or at once.
fn can_retry(state: &State, worker: &Worker) -> bool {
    let waits = matches!(worker.state, WorkerState::Waiting { .. }) && state.is_current(worker);
    (waits || gave_up(state, worker)) && worker.intent.is_none()
}

fn lesson(lesson: &Lesson) -> LessonView {
    LessonView {
        session_id: lesson.session.clone(),
        what: lesson.what.clone(),
        detail: lesson.detail.clone(),
        branch: lesson.branch.clone(),
        findings: lesson.findings.clone(),
    }
}

/// What its sessions cost together.
pub(super) fn spent(state: &State, worker: &Worker) -> Money {
    let sessions = worker.sessions.iter().filter_map(|id| state.sessions.get(id));
    sessions.fold(Money::default(), |sum, session| sum.plus(session.cost().0))
}

/// Whether a worker's agent is confined to what it may touch.
pub(super) fn is_sandboxed(state: &State, worker: &Worker, policy: &Policy) -> bool {
    let of_role = policy.roles_sandboxed && state.step_of(worker).is_some();
    of_role || policy.sandboxed.contains(&worker.content.agent)
}
