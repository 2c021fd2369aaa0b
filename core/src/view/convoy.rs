//! The shape of a convoy.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::full_name;
use super::issue::holder;
use super::template::{self, RoleView, RunView};
use crate::convoy::{Convoy, MergeStrategy, Status as ConvoyStatus};
use crate::id::{ConvoyId, IssueId, WorkerId};
use crate::issue::{IssueType, MoneyView};
use crate::ledger::{self, Account, Level};
use crate::money::Money;
use crate::policy::Policy;
use crate::session::SessionState;
use crate::stage::Finding;
use crate::state::State;
use crate::time::Time;
use crate::worker::{Worker, WorkerState};

/// An issue as a convoy shows it.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
#[expect(missing_docs, reason = "the published names; what they mean stands in docs/json.md")]
pub struct TrackedView {
    pub id: IssueId,
    pub title: String,
    pub issue_type: IssueType,
    pub status: String,
    pub dependency_type: String,
    pub blocked: bool,
    pub worker: Option<String>,
    pub worker_age_s: Option<i64>,
    pub sandboxed: Option<bool>,
}

/// How the workers of a convoy do.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
#[expect(missing_docs, reason = "the published names; what they mean stands in docs/json.md")]
pub struct HealthView {
    pub healthy: bool,
    pub completed: usize,
    pub failed: usize,
    pub stale: usize,
    pub stale_workers: Vec<String>,
}

/// A convoy.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
#[expect(missing_docs, reason = "the published names; what they mean stands in docs/json.md")]
pub struct ConvoyView {
    pub id: ConvoyId,
    pub title: String,
    pub status: String,
    pub outcome: Option<String>,
    pub epic_id: Option<String>,
    pub template: Option<String>,
    pub owner: String,
    pub created_by: String,
    pub notify: Vec<String>,
    pub watchers: Vec<String>,
    pub owned: bool,
    pub merge: MergeStrategy,
    pub base_branch: Option<String>,
    pub due_at: Option<Time>,
    pub overdue: bool,
    pub budget: Option<MoneyView>,
    pub spent: MoneyView,
    pub reserved: MoneyView,
    pub overrun: MoneyView,
    pub max_parallel: Option<u32>,
    pub tracked: Vec<TrackedView>,
    pub completed: usize,
    pub in_progress: usize,
    pub failed: usize,
    pub total: usize,
    pub health: HealthView,
    pub workers: Vec<WorkerId>,
    pub roles: Vec<RoleView>,
    pub output_dir: Option<String>,
    pub context: Option<RunView>,
    pub held: bool,
    pub landing_epoch: u32,
    pub landed_by: Option<String>,
    pub close_reason: Option<String>,
    pub findings: Vec<Finding>,
    pub created_at: Time,
    pub started_at: Option<Time>,
    pub closed_at: Option<Time>,
    pub duration_s: Option<i64>,
}

/// Whether somebody should look at a worker, by what the witness found.
fn is_stale(state: &State, worker: &Worker) -> bool {
    match &worker.state {
        WorkerState::Running { session } => state.sessions.get(session).is_some_and(|session| {
            matches!(session.state, SessionState::Running { .. }) && session.witness.health.is_stale()
        }),
        WorkerState::Assigned
        | WorkerState::Waiting { .. }
        | WorkerState::Submitted(_)
        | WorkerState::Done
        | WorkerState::Failed { .. }
        | WorkerState::Released
        | WorkerState::Stopped { .. } => false,
    }
}

/// The view of a convoy.
pub fn convoy(state: &State, policy: &Policy, convoy: &Convoy, now: Time) -> ConvoyView {
    let content = &convoy.content;
    let tracked: Vec<TrackedView> = content
        .tracked
        .iter()
        .filter_map(|id| state.issues.get(id))
        .map(|issue| {
            let worker = holder(state, issue);
            TrackedView {
                id: issue.content.id.clone(),
                title: issue.content.title.clone(),
                issue_type: issue.content.issue_type,
                status: issue.status_name().to_owned(),
                dependency_type: "tracks".to_owned(),
                blocked: !issue.is_closed() && state.open_blockers(issue).next().is_some(),
                worker: worker.map(full_name),
                worker_age_s: worker.map(|worker| now.since(worker.assigned_at).as_secs()),
                sandboxed: worker.map(|worker| super::worker::is_sandboxed(state, worker, policy)),
            }
        })
        .collect();
    let count =
        |names: &[&str]| tracked.iter().filter(|issue| names.contains(&issue.status.as_str())).count();
    let workers: Vec<&Worker> = content
        .tracked
        .iter()
        .filter_map(|id| state.issues.get(id)?.worker.as_ref())
        .filter_map(|id| state.workers.get(id))
        .filter(|worker| worker.content.convoy.as_ref() == Some(&content.id))
        .collect();
    let level = Level::Convoy(content.id.clone());
    let Account { settled, reserved } = ledger::account(state, &level, now);
    let limit = ledger::limit(state, policy, &level);
    let (closed_at, landed_by, close_reason) = match &convoy.status {
        ConvoyStatus::Staged(_) | ConvoyStatus::Open => (None, None, None),
        ConvoyStatus::Landed { observer, at } => (Some(*at), Some(observer.name().to_owned()), None),
        ConvoyStatus::Abandoned { reason, at, .. } => (Some(*at), None, reason.clone()),
    };
    let failed = count(&["needs_human"]);
    let stale: Vec<String> =
        workers.iter().filter(|worker| is_stale(state, worker)).map(|worker| full_name(worker)).collect();
    ConvoyView {
        id: content.id.clone(),
        title: content.title.clone(),
        status: convoy.status.name().to_owned(),
        outcome: template::run_outcome(state, convoy).map(|outcome| outcome.name().to_owned()),
        epic_id: content.epic.as_ref().map(ToString::to_string),
        template: content.run.as_ref().map(|run| run.template.to_string()),
        owner: content.owner.to_string(),
        created_by: convoy.created_by.clone(),
        notify: content.notify.iter().map(ToString::to_string).collect(),
        watchers: convoy.watchers.iter().map(ToString::to_string).collect(),
        owned: content.owned,
        merge: content.merge,
        base_branch: content.base.clone(),
        due_at: content.due,
        overdue: convoy.is_overdue(now),
        budget: limit.map(MoneyView::from),
        spent: settled.into(),
        reserved: reserved.into(),
        overrun: limit.map_or(Money::default(), |limit| settled.minus(limit).max(Money::default())).into(),
        max_parallel: content.max_parallel,
        completed: count(&["closed"]),
        in_progress: count(&["in_progress", "submitted"]),
        failed,
        total: tracked.len(),
        health: HealthView {
            healthy: failed == 0 && stale.is_empty(),
            completed: count(&["closed"]),
            failed,
            stale: stale.len(),
            stale_workers: stale,
        },
        tracked,
        workers: workers.iter().map(|worker| worker.content.id.clone()).collect(),
        roles: template::roles(state, convoy, now),
        output_dir: template::output_dir(convoy),
        context: template::run(convoy),
        held: convoy.held,
        landing_epoch: convoy.landing_epoch,
        landed_by,
        close_reason,
        findings: convoy.staged().map(|staged| staged.findings.clone()).unwrap_or_default(),
        created_at: convoy.created_at,
        started_at: convoy.started_at,
        closed_at,
        duration_s: closed_at.map(|at| at.since(convoy.started_at.unwrap_or(convoy.created_at)).as_secs()),
    }
}
