//! The shape of a session.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::cost::Source;
use crate::id::{IssueId, SessionId, WorkerId};
use crate::issue::MoneyView;
use crate::report::{ExitKind, Tokens};
use crate::session::{Outcome, Session, SessionState};
use crate::state::State;
use crate::time::Time;

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
    pub model_rationale: Option<String>,
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

/// The view of a session.
pub fn session(state: &State, session: &Session) -> SessionView {
    let worker = state.workers.get(&session.content.worker);
    let (name, outcome, why, exit) = match &session.state {
        SessionState::Wanted | SessionState::Starting { .. } => ("initializing", None, None, None),
        SessionState::Running { .. } => ("running", None, None, None),
        SessionState::Ended { exit, .. } => ("running", None, None, exit.as_deref()),
        SessionState::Over { exit, outcome, .. } => {
            let (name, word, why) = match outcome {
                Outcome::Submitted | Outcome::NoChange | Outcome::Delivered { .. } => {
                    ("completed", "success", None)
                }
                Outcome::Failed { why } | Outcome::Infrastructure { why } | Outcome::Blocked { why } => {
                    ("failed", "failure", Some(why.clone()))
                }
                Outcome::Unreadable { why } => ("completed", "partial", Some(why.clone())),
                Outcome::Lost { why } => ("lost", "failure", Some(why.clone())),
                Outcome::Stopped => ("paused", "partial", None),
                Outcome::BudgetExceeded { why } => ("budget_exceeded", "partial", Some(why.clone())),
                Outcome::RateLimited { why, .. } => ("paused", "partial", Some(why.clone())),
            };
            (name, Some(word.to_owned()), why, exit.as_deref())
        }
    };
    SessionView {
        id: session.content.id.clone(),
        epic_id: worker.and_then(|worker| state.epic_of(worker)).map(ToString::to_string),
        worker_id: Some(session.content.worker.clone()),
        issue_id: worker.map(|worker| worker.content.issue.clone()),
        number: session.content.number,
        epoch: session.content.epoch.0,
        state: name.to_owned(),
        outcome,
        why,
        parent_session_id: super::parent_of(state, session),
        agent: worker.map(|worker| worker.content.agent.to_string()).unwrap_or_default(),
        model: session
            .model
            .clone()
            .or_else(|| session.content.model.clone())
            .or_else(|| worker.and_then(|worker| worker.content.model.clone())),
        model_rationale: session
            .content
            .model_rationale
            .clone()
            .or_else(|| worker.map(|worker| worker.content.model_rationale.clone())),
        pid: match &session.state {
            SessionState::Running { pid, .. } => Some(*pid),
            _ => None,
        },
        workdir: session.workdir().map(|workdir| workdir.path.clone()),
        // A role of a template convoy has none.
        branch: session.workdir().map(|workdir| workdir.branch.clone()).filter(|branch| !branch.is_empty()),
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
                ExitKind::HookFailed => "hook_failed".to_owned(),
            },
            leaked: exit.leaked,
            detail: exit.detail.clone(),
        }),
        usage: session.usage,
        cost: session.known_cost().map(MoneyView::from),
        cost_source: source(session).map(|source| source.name().to_owned()),
        latest_checkpoint_id: state.latest_made(&session.content.id).map(|one| one.content.id.to_string()),
        notes: session.notes.clone(),
    }
}

/// How its cost is known. Before its agent has begun there is nothing to know.
fn source(session: &Session) -> Option<Source> {
    let (_, source) = session.cost();
    (source != Source::Unmetered || session.started_at.is_some()).then_some(source)
}
