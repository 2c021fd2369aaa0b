//! The shapes of a rig: what stands in the configuration, and what is going on in it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::full_name;
use crate::id::{ConvoyId, IssueId, RigName, WorkerId};
use crate::issue::Issue;
use crate::policy::{Policy, Tracker};
use crate::state::State;
use crate::time::Time;
use crate::worker::{Worker, WorkerState};

/// The most ready issues that are listed; `ready` says how many there are.
const QUEUE_MAX: usize = 1000;

/// Whether work can be done in a rig.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RigHealth {
    /// Its repository is there.
    Ok,
    /// Its repository cannot be used.
    Unreadable,
    /// Issues name it, and the configuration does not.
    Unknown,
}

impl RigHealth {
    /// The name that scripts read.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Unreadable => "unreadable",
            Self::Unknown => "unknown",
        }
    }
}

/// A rig, in a list.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
#[expect(missing_docs, reason = "the published names; what they mean stands in docs/json.md")]
pub struct RigView {
    pub name: RigName,
    pub path: Option<String>,
    pub prefix: Option<String>,
    pub default_branch: Option<String>,
    pub tracker: Option<Tracker>,
    pub max_parallel: Option<u32>,
    pub home: bool,
    pub parked: bool,
    pub health: RigHealth,
    pub detail: Option<String>,
    pub live: usize,
    pub ready: usize,
    pub merging: usize,
    pub open_issues: usize,
}

/// A worker, as its rig shows it.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
#[expect(missing_docs, reason = "the published names; what they mean stands in docs/json.md")]
pub struct RigWorkerView {
    pub id: WorkerId,
    pub name: String,
    pub state: String,
    pub why: Option<String>,
    pub issue_id: IssueId,
    pub issue_title: String,
    pub convoy_id: Option<ConvoyId>,
    pub convoys: Vec<ConvoyId>,
    pub agent: String,
    pub attempt: u32,
    pub started_at: Time,
    pub age_s: i64,
}

/// A ready issue in the queue of its rig.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
#[expect(missing_docs, reason = "the published names; what they mean stands in docs/json.md")]
pub struct QueuedView {
    pub id: IssueId,
    pub title: String,
    pub priority: u8,
    pub convoys: Vec<ConvoyId>,
    pub started: bool,
}

/// A branch that waits to land.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
#[expect(missing_docs, reason = "the published names; what they mean stands in docs/json.md")]
pub struct MergingView {
    pub worker_id: WorkerId,
    pub issue_id: IssueId,
    pub branch: String,
    pub base_branch: Option<String>,
    pub round: u32,
    pub submitted_at: Time,
    pub blocked: Option<String>,
}

/// A rig, with everything that goes on in it.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
#[expect(missing_docs, reason = "the published names; what they mean stands in docs/json.md")]
pub struct RigStatusView {
    pub name: RigName,
    pub path: Option<String>,
    pub prefix: Option<String>,
    pub default_branch: Option<String>,
    pub tracker: Option<Tracker>,
    pub max_parallel: Option<u32>,
    pub home: bool,
    pub parked: bool,
    pub health: RigHealth,
    pub detail: Option<String>,
    pub live: usize,
    pub ready: usize,
    pub merging: usize,
    pub open_issues: usize,
    pub workers: Vec<RigWorkerView>,
    pub queue: Vec<QueuedView>,
    pub merges: Vec<MergingView>,
}

/// Every rig of the configuration, and those that only issues name any more.
pub fn rigs(state: &State, policy: &Policy) -> Vec<RigView> {
    let mut names: std::collections::BTreeSet<&RigName> = policy.rigs.keys().collect();
    names.extend(state.issues.values().filter(|issue| !issue.is_closed()).map(|issue| &issue.content.rig));
    names.into_iter().map(|name| rig(state, policy, name)).collect()
}

/// Whether there is such a rig: in the configuration, or as that of an issue.
pub fn is_rig(state: &State, policy: &Policy, name: &RigName) -> bool {
    policy.rigs.contains_key(name) || state.issues.values().any(|issue| issue.content.rig == *name)
}

/// What can be in a rig's queue: ready issues, by priority, then age.
fn queue<'a>(state: &'a State, name: &RigName) -> Vec<&'a Issue> {
    let fits = |issue: &&Issue| issue.content.rig == *name && state.is_ready(issue);
    let mut ready: Vec<&Issue> = state.issues.values().filter(fits).collect();
    ready.sort_by_key(|issue| (issue.content.priority, issue.number));
    ready
}

/// The workers in a rig that may still do something.
fn active<'a>(state: &'a State, name: &'a RigName) -> impl Iterator<Item = &'a Worker> {
    let active = state.index.active.iter().filter_map(|id| state.workers.get(id));
    active.filter(move |worker| worker.content.rig == *name)
}

fn rig(state: &State, policy: &Policy, name: &RigName) -> RigView {
    let known = policy.rigs.get(name);
    let (health, detail) = match known.map(|rig| &rig.trouble) {
        None => (RigHealth::Unknown, Some("it is not in the configuration any more".to_owned())),
        Some(Some(why)) => (RigHealth::Unreadable, Some(why.clone())),
        Some(None) => (RigHealth::Ok, None),
    };
    let (_, live, _) = state.live_sessions(name, None);
    let merging = active(state, name).filter(|worker| matches!(worker.state, WorkerState::Submitted(_)));
    let open = state.issues.values().filter(|issue| issue.content.rig == *name && !issue.is_closed());
    RigView {
        name: name.clone(),
        path: known.map(|rig| rig.path.clone()),
        prefix: known.map(|rig| rig.prefix.clone()),
        default_branch: known.and_then(|rig| rig.default_branch.clone()),
        tracker: known.map(|rig| rig.tracker),
        max_parallel: known.and_then(|rig| rig.max_parallel),
        home: policy.home == *name,
        parked: known.is_some_and(|rig| rig.parked),
        health,
        detail,
        live: live as usize,
        ready: queue(state, name).len(),
        merging: merging.count(),
        open_issues: open.count(),
    }
}

/// One rig with its workers, its queue, and the merges that wait in it.
pub fn rig_status(state: &State, policy: &Policy, name: &RigName, now: Time) -> RigStatusView {
    let rig = rig(state, policy, name);
    let shown = |worker: &&Worker| {
        worker.content.rig == *name
            && (worker.state.is_active()
                || matches!(worker.state, WorkerState::Failed { .. } | WorkerState::Stopped { .. })
                    && is_current(state, worker))
    };
    let mut workers: Vec<&Worker> = state.workers.values().filter(shown).collect();
    workers.sort_by_key(|worker| (worker.assigned_at, worker.content.id.clone()));
    let mut submitted: Vec<&Worker> = active(state, name).collect();
    submitted.sort_by_key(|worker| worker.submitted);
    let queue = queue(state, name).into_iter().take(QUEUE_MAX);
    RigStatusView {
        workers: workers.into_iter().map(|worker| rig_worker(state, policy, worker, now)).collect(),
        queue: queue.map(|issue| queued(state, issue)).collect(),
        merges: submitted.into_iter().filter_map(merging).collect(),
        name: rig.name,
        path: rig.path,
        prefix: rig.prefix,
        default_branch: rig.default_branch,
        tracker: rig.tracker,
        max_parallel: rig.max_parallel,
        home: rig.home,
        parked: rig.parked,
        health: rig.health,
        detail: rig.detail,
        live: rig.live,
        ready: rig.ready,
        merging: rig.merging,
        open_issues: rig.open_issues,
    }
}

/// Whether nobody came after this worker on its issue, which is still open.
fn is_current(state: &State, worker: &Worker) -> bool {
    let issue = state.issues.get(&worker.content.issue);
    issue.is_some_and(|issue| issue.worker.as_ref() == Some(&worker.content.id) && !issue.is_closed())
}

fn rig_worker(state: &State, policy: &Policy, worker: &Worker, now: Time) -> RigWorkerView {
    let issue = state.issues.get(&worker.content.issue);
    let why = crate::why::worker(state, policy, worker, now).into_iter().next();
    RigWorkerView {
        id: worker.content.id.clone(),
        name: full_name(worker),
        state: worker.state.name().to_owned(),
        why: why.map(|reason| reason.text),
        issue_id: worker.content.issue.clone(),
        issue_title: issue.map(|issue| issue.content.title.clone()).unwrap_or_default(),
        convoy_id: worker.content.convoy.clone(),
        convoys: issue.map(|issue| issue.convoys.iter().cloned().collect()).unwrap_or_default(),
        agent: worker.content.agent.to_string(),
        attempt: worker.sessions.len() as u32,
        started_at: worker.assigned_at,
        age_s: now.since(worker.assigned_at).as_secs(),
    }
}

fn queued(state: &State, issue: &Issue) -> QueuedView {
    QueuedView {
        id: issue.content.id.clone(),
        title: issue.content.title.clone(),
        priority: issue.content.priority,
        convoys: issue.convoys.iter().cloned().collect(),
        started: state.started_convoy(issue).is_some(),
    }
}

fn merging(worker: &Worker) -> Option<MergingView> {
    let WorkerState::Submitted(submission) = &worker.state else { return None };
    Some(MergingView {
        worker_id: worker.content.id.clone(),
        issue_id: worker.content.issue.clone(),
        branch: submission.branch.clone(),
        base_branch: worker.content.base.clone(),
        round: submission.round,
        submitted_at: submission.at,
        blocked: submission.blocked.as_ref().map(|block| block.why.clone()),
    })
}
