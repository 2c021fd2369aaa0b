//! What scripts and people are shown: the published shapes, computed from the state.
//!
//! Every object has a stable set of keys; absent is null, arrays are never null.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::convoy::{Convoy, MergeStrategy, Status as ConvoyStatus};
use crate::id::{ConvoyId, IssueId, NoticeId, SessionId, WorkerId};
use crate::issue::{CloseReason, DependencyType, Evidence, Issue, IssueType, MoneyView, Status};
use crate::money::Money;
use crate::notice::{Notice, NoticeKind};
use crate::policy::Policy;
use crate::report::{ExitKind, Tokens};
use crate::session::{Outcome, Session, SessionState};
use crate::state::State;
use crate::time::Time;
use crate::worker::{Lesson, Worker, WorkerState};

/// A dependency, with beads' own field names.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct DependencyView {
    /// What depends.
    pub issue_id: IssueId,
    /// On what.
    pub depends_on_id: IssueId,
    /// How.
    #[serde(rename = "type")]
    pub kind: DependencyType,
}

/// An issue.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
#[expect(missing_docs, reason = "the published names; what they mean stands in docs/json.md")]
pub struct IssueView {
    pub id: IssueId,
    pub title: String,
    pub description: String,
    pub status: String,
    pub issue_type: IssueType,
    pub priority: u8,
    pub labels: Vec<String>,
    pub rig: String,
    pub parent: Option<IssueId>,
    pub acceptance: Vec<String>,
    pub dependencies: Vec<DependencyView>,
    pub blocked: bool,
    pub blocked_by: Vec<IssueId>,
    pub convoys: Vec<ConvoyId>,
    pub worker: Option<WorkerId>,
    pub assignee: Option<String>,
    pub needs_human: Option<String>,
    pub close_reason: Option<CloseReason>,
    pub close_note: Option<String>,
    pub duplicate_of: Option<IssueId>,
    pub evidence: Option<Evidence>,
    pub created_by: String,
    pub created_at: Time,
    pub updated_at: Time,
    pub closed_at: Option<Time>,
}

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
    pub max_parallel: Option<u32>,
    pub tracked: Vec<TrackedView>,
    pub completed: usize,
    pub in_progress: usize,
    pub failed: usize,
    pub total: usize,
    pub health: HealthView,
    pub workers: Vec<WorkerId>,
    pub roles: Vec<String>,
    pub output_dir: Option<String>,
    pub context: Option<String>,
    pub held: bool,
    pub landing_epoch: u32,
    pub landed_by: Option<String>,
    pub close_reason: Option<String>,
    pub created_at: Time,
    pub started_at: Option<Time>,
    pub closed_at: Option<Time>,
    pub duration_s: Option<i64>,
}

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
    pub agent: String,
    pub sandboxed: bool,
    pub model: Option<String>,
    pub model_rationale: String,
    pub attempt: u32,
    pub max_attempts: u32,
    pub failures: u32,
    pub lost: u32,
    pub conflicts: u32,
    pub branch: Option<String>,
    pub workdir: Option<String>,
    pub session_id: Option<SessionId>,
    pub started_at: Time,
    pub last_activity_at: Time,
    pub spent: MoneyView,
    pub sessions: Vec<SessionView>,
    pub lessons: Vec<LessonView>,
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
}

/// How a session's agent ended.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
#[expect(missing_docs, reason = "the published names; what they mean stands in docs/json.md")]
pub struct ExitView {
    pub code: Option<i32>,
    pub signal: Option<i32>,
    pub kind: String,
    pub leaked: u32,
    pub detail: Option<String>,
}

/// A session.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
#[expect(missing_docs, reason = "the published names; what they mean stands in docs/json.md")]
pub struct SessionView {
    pub id: SessionId,
    pub epic_id: Option<String>,
    pub worker_id: Option<WorkerId>,
    pub issue_id: Option<IssueId>,
    pub number: u32,
    pub epoch: u64,
    pub state: String,
    pub outcome: Option<String>,
    pub why: Option<String>,
    pub parent_session_id: Option<SessionId>,
    pub agent: String,
    pub model: Option<String>,
    pub pid: Option<u32>,
    pub workdir: Option<String>,
    pub branch: Option<String>,
    pub created_at: Time,
    pub started_at: Option<Time>,
    pub ended_at: Option<Time>,
    pub exit: Option<ExitView>,
    pub usage: Tokens,
    pub cost: Option<MoneyView>,
    pub cost_source: Option<String>,
    pub latest_checkpoint_id: Option<String>,
    pub notes: Vec<String>,
}

/// An open convoy in which nothing is moving.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
#[expect(missing_docs, reason = "the published names; what they mean stands in docs/json.md")]
pub struct StrandedView {
    pub convoy_id: ConvoyId,
    pub title: String,
    pub category: String,
    pub detail: String,
    pub issues: Vec<IssueId>,
    pub command: String,
    pub overdue: bool,
}

/// A notice.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
#[expect(missing_docs, reason = "the published names; what they mean stands in docs/json.md")]
pub struct NoticeView {
    pub id: NoticeId,
    pub to: String,
    pub from: String,
    pub kind: NoticeKind,
    pub subject: String,
    pub body: String,
    pub convoy_id: Option<ConvoyId>,
    pub landing_epoch: Option<u32>,
    pub created_at: Time,
    pub read_at: Option<Time>,
}

/// The view of an issue.
pub fn issue(state: &State, issue: &Issue) -> IssueView {
    let content = &issue.content;
    let blocked_by: Vec<IssueId> =
        if issue.is_closed() { Vec::new() } else { state.open_blockers(issue).cloned().collect() };
    let closed = match &issue.status {
        Status::Closed(closed) => Some(closed),
        Status::Open | Status::InProgress { .. } | Status::Submitted { .. } | Status::NeedsHuman { .. } => {
            None
        }
    };
    let worker = holder(state, issue);
    IssueView {
        id: content.id.clone(),
        title: content.title.clone(),
        description: content.body.clone(),
        status: issue.status.name().to_owned(),
        issue_type: content.issue_type,
        priority: content.priority,
        labels: content.labels.iter().cloned().collect(),
        rig: content.rig.to_string(),
        parent: content.parent.clone(),
        acceptance: content.acceptance.clone(),
        dependencies: content
            .needs
            .iter()
            .map(|(id, kind)| DependencyView {
                issue_id: content.id.clone(),
                depends_on_id: id.clone(),
                kind: *kind,
            })
            .collect(),
        blocked: !blocked_by.is_empty(),
        blocked_by,
        convoys: issue.convoys.iter().cloned().collect(),
        worker: worker.map(|worker| worker.content.id.clone()),
        assignee: worker.map(full_name),
        needs_human: match &issue.status {
            Status::NeedsHuman { why } => Some(why.clone()),
            Status::Open | Status::InProgress { .. } | Status::Submitted { .. } | Status::Closed(_) => None,
        },
        close_reason: closed.map(|closed| closed.reason),
        close_note: closed.and_then(|closed| closed.note.clone()),
        duplicate_of: closed.and_then(|closed| closed.duplicate_of.clone()),
        evidence: closed.and_then(|closed| closed.evidence.as_deref().cloned()),
        created_by: issue.created_by.clone(),
        created_at: issue.created_at,
        updated_at: issue.updated_at,
        closed_at: closed.map(|closed| closed.at),
    }
}

/// The worker that has the issue now.
fn holder<'a>(state: &'a State, issue: &Issue) -> Option<&'a Worker> {
    match &issue.status {
        Status::InProgress { worker } | Status::Submitted { worker } => state.workers.get(worker),
        Status::Open | Status::NeedsHuman { .. } | Status::Closed(_) => None,
    }
}

/// `rig/worker`, as people read it.
pub fn full_name(worker: &Worker) -> String {
    format!("{}/{}", worker.content.rig, worker.content.id)
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
                status: issue.status.name().to_owned(),
                dependency_type: "tracks".to_owned(),
                blocked: !issue.is_closed() && state.open_blockers(issue).next().is_some(),
                worker: worker.map(full_name),
                worker_age_s: worker.map(|worker| now.since(worker.assigned_at).as_secs()),
                sandboxed: worker.map(|worker| policy.sandboxed.contains(&worker.content.agent)),
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
    let spent = workers.iter().fold(Money::default(), |sum, worker| sum.plus(spent(state, worker)));
    let (closed_at, landed_by, close_reason) = match &convoy.status {
        ConvoyStatus::Open => (None, None, None),
        ConvoyStatus::Landed { observer, at } => (Some(*at), Some(observer.name().to_owned()), None),
        ConvoyStatus::Abandoned { reason, at, .. } => (Some(*at), None, reason.clone()),
    };
    let failed = count(&["needs_human"]);
    ConvoyView {
        id: content.id.clone(),
        title: content.title.clone(),
        status: convoy.status.name().to_owned(),
        outcome: None,
        epic_id: None,
        template: None,
        owner: content.owner.to_string(),
        created_by: convoy.created_by.clone(),
        notify: content.notify.iter().map(ToString::to_string).collect(),
        watchers: Vec::new(),
        owned: false,
        merge: content.merge,
        base_branch: content.base.clone(),
        due_at: None,
        overdue: false,
        budget: None,
        spent: spent.into(),
        reserved: Money::default().into(),
        max_parallel: content.max_parallel,
        completed: count(&["closed"]),
        in_progress: count(&["in_progress", "submitted"]),
        failed,
        total: tracked.len(),
        health: HealthView {
            healthy: failed == 0,
            completed: count(&["closed"]),
            failed,
            stale: 0,
            stale_workers: Vec::new(),
        },
        tracked,
        workers: workers.iter().map(|worker| worker.content.id.clone()).collect(),
        roles: Vec::new(),
        output_dir: None,
        context: None,
        held: false,
        landing_epoch: convoy.landing_epoch,
        landed_by,
        close_reason,
        created_at: convoy.created_at,
        started_at: convoy.started_at,
        closed_at,
        duration_s: closed_at.map(|at| at.since(convoy.started_at.unwrap_or(convoy.created_at)).as_secs()),
    }
}

fn spent(state: &State, worker: &Worker) -> Money {
    let costs = worker.sessions.iter().filter_map(|id| state.sessions.get(id)?.cost);
    costs.fold(Money::default(), Money::plus)
}

/// The view of a worker.
pub fn worker(state: &State, policy: &Policy, worker: &Worker, now: Time) -> WorkerView {
    let sessions: Vec<SessionView> =
        worker.sessions.iter().filter_map(|id| state.sessions.get(id)).map(|s| session(state, s)).collect();
    let last = sessions.last();
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
        agent: worker.content.agent.to_string(),
        sandboxed: policy.sandboxed.contains(&worker.content.agent),
        model: worker.content.model.clone(),
        model_rationale: worker.content.model_rationale.clone(),
        attempt: worker.sessions.len() as u32,
        max_attempts: policy.retry.max_attempts,
        failures: worker.failures,
        lost: worker.lost,
        conflicts: worker.conflicts,
        branch: last.and_then(|session| session.branch.clone()),
        workdir: last.and_then(|session| session.workdir.clone()),
        session_id: last.map(|session| session.id.clone()),
        started_at: worker.assigned_at,
        last_activity_at: worker.active_at,
        spent: spent(state, worker).into(),
        lessons: worker.lessons.iter().map(lesson).collect(),
        sessions,
        evidence,
    }
}

fn lesson(lesson: &Lesson) -> LessonView {
    LessonView {
        session_id: lesson.session.clone(),
        what: lesson.what.clone(),
        detail: lesson.detail.clone(),
        branch: lesson.branch.clone(),
    }
}

/// The view of a session.
pub fn session(state: &State, session: &Session) -> SessionView {
    let worker = state.workers.get(&session.content.worker);
    let (name, outcome, why, exit) = match &session.state {
        SessionState::Wanted | SessionState::Starting { .. } => ("initializing", None, None, None),
        SessionState::Running { .. } => ("running", None, None, None),
        SessionState::Ended { exit, .. } => ("running", None, None, exit.as_deref()),
        SessionState::Over { exit, outcome, .. } => {
            let (name, word, why) = match outcome {
                Outcome::Submitted | Outcome::NoChange => ("completed", "success", None),
                Outcome::Failed { why } | Outcome::Infrastructure { why } | Outcome::Blocked { why } => {
                    ("failed", "failure", Some(why.clone()))
                }
                Outcome::Lost { why } => ("lost", "failure", Some(why.clone())),
                Outcome::Stopped => ("paused", "partial", None),
            };
            (name, Some(word.to_owned()), why, exit.as_deref())
        }
    };
    SessionView {
        id: session.content.id.clone(),
        epic_id: None,
        worker_id: Some(session.content.worker.clone()),
        issue_id: worker.map(|worker| worker.content.issue.clone()),
        number: session.content.number,
        epoch: session.content.epoch.0,
        state: name.to_owned(),
        outcome,
        why,
        parent_session_id: None,
        agent: worker.map(|worker| worker.content.agent.to_string()).unwrap_or_default(),
        model: session.model.clone().or_else(|| worker.and_then(|worker| worker.content.model.clone())),
        pid: match &session.state {
            SessionState::Running { pid, .. } => Some(*pid),
            _ => None,
        },
        workdir: session.workdir().map(|workdir| workdir.path.clone()),
        branch: session.workdir().map(|workdir| workdir.branch.clone()),
        created_at: session.created_at,
        started_at: session.started_at,
        ended_at: session.ended_at,
        exit: exit.map(|exit| ExitView {
            code: exit.code,
            signal: exit.signal,
            kind: match exit.kind {
                ExitKind::Exited => "exited".to_owned(),
                ExitKind::Stopped(why) => format!("stopped: {why:?}").to_lowercase(),
                ExitKind::StartFailed => "start_failed".to_owned(),
            },
            leaked: exit.leaked,
            detail: exit.detail.clone(),
        }),
        usage: session.usage,
        cost: session.cost.map(MoneyView::from),
        cost_source: session.cost.map(|_| "reported".to_owned()),
        latest_checkpoint_id: None,
        notes: session.notes.clone(),
    }
}

/// The view of a notice.
pub fn notice(notice: &Notice) -> NoticeView {
    let content = &notice.content;
    NoticeView {
        id: content.id.clone(),
        to: content.to.to_string(),
        from: "convoy".to_owned(),
        kind: content.kind,
        subject: content.subject.clone(),
        body: content.body.clone(),
        convoy_id: content.convoy.clone(),
        landing_epoch: content.landing_epoch,
        created_at: notice.created_at,
        read_at: notice.read_at,
    }
}

/// Open convoys in which nothing is moving, each with the command that would help.
pub fn stranded(state: &State, policy: &Policy, now: Time) -> Vec<StrandedView> {
    let convoys = state.index.open.iter().filter_map(|(_, id)| state.convoys.get(id));
    convoys.filter_map(|convoy| stranded_one(state, policy, convoy, now)).collect()
}

fn stranded_one(state: &State, policy: &Policy, convoy: &Convoy, now: Time) -> Option<StrandedView> {
    let tracked = || convoy.content.tracked.iter().filter_map(|id| state.issues.get(id));
    let open = tracked().filter(|issue| !issue.is_closed());
    let mut workers = open.filter_map(|issue| state.workers.get(issue.worker.as_ref()?));
    let moving = workers.any(|worker| match &worker.state {
        WorkerState::Running { .. } | WorkerState::Waiting { .. } => true,
        WorkerState::Submitted(submission) => submission.blocked.is_none(),
        WorkerState::Assigned => crate::decide::may_begin(state, policy, worker),
        WorkerState::Done
        | WorkerState::Failed { .. }
        | WorkerState::Released
        | WorkerState::Stopped { .. } => false,
    });
    if moving {
        return None;
    }
    let reasons = crate::why::convoy(state, policy, convoy, now);
    // The reason that a person can do most about comes first.
    let order =
        ["needs_human", "stopped", "checkout_in_the_way", "ready", "not_started", "at_capacity", "blocked"];
    let first = order.iter().find_map(|code| reasons.iter().find(|reason| reason.code == *code));
    let first = first.or(reasons.first())?;
    let category = match first.code {
        "ready" | "not_started" => "ready but unassigned",
        "blocked" => "blocked",
        "empty" => "empty",
        "at_capacity" => "waiting for capacity",
        "needs_human" | "stopped" | "checkout_in_the_way" | "failed" | "not_workable" => "needs human",
        other => other,
    };
    Some(StrandedView {
        convoy_id: convoy.content.id.clone(),
        title: convoy.content.title.clone(),
        category: category.to_owned(),
        detail: first.text.clone(),
        issues: tracked().filter(|issue| !issue.is_closed()).map(|issue| issue.content.id.clone()).collect(),
        command: first.command.clone().unwrap_or_else(|| format!("convoy why {}", convoy.content.id)),
        overdue: false,
    })
}
