//! The shapes of a checkpoint: as it stands in the log, and as the file that is kept in git.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::checkpoint::{Checkpoint, CheckpointState, NewCheckpoint, Reason};
use crate::id::{CheckpointId, ConvoyId, IssueId, SessionId, WorkerId};
use crate::issue::{Issue, MoneyView};
use crate::ledger::Level;
use crate::money::Money;
use crate::own_session::OwnSession;
use crate::session::{Said, Session, SessionState};
use crate::state::State;
use crate::time::Time;
use crate::worker::Worker;

/// How many issues, convoys, notes and earlier attempts a checkpoint lists at most; the log has all of them.
const LISTED_MAX: usize = 50;
/// How much of a text it holds, in characters.
const TEXT_CHARS_MAX: usize = 2_000;
/// What a note begins with that says what was decided.
const DECISION: &str = "decision:";
/// What a note begins with that says what is in the way.
const BLOCKER: &str = "blocker:";

/// A checkpoint as the log has it.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
#[expect(missing_docs, reason = "the published names; what they mean stands in docs/json.md")]
pub struct CheckpointView {
    pub id: CheckpointId,
    pub folder: String,
    pub session_id: SessionId,
    pub session_number: u32,
    pub worker_id: Option<WorkerId>,
    pub sequence: u64,
    pub timestamp: Time,
    pub state: String,
    pub why: Option<String>,
    pub reason: String,
    pub summary: String,
    pub rig: String,
    pub git_commit: Option<String>,
    pub wip_commit: Option<String>,
    pub state_commit: Option<String>,
    pub files_changed: Option<u32>,
}

/// A checkpoint as the file in git.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
#[expect(missing_docs, reason = "the published names; what they mean stands in docs/json.md")]
pub struct StoredCheckpoint {
    pub id: CheckpointId,
    pub epic_id: String,
    pub session_id: SessionId,
    pub session_number: u32,
    pub sequence: u64,
    pub timestamp: Time,
    pub git_commit: Option<String>,
    pub wip_commit: Option<String>,
    #[serde(default)]
    pub tree: Option<String>,
    pub context: CheckpointContext,
    pub summary: String,
    pub reason: String,
}

/// What a session had done and what surrounded it.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
#[expect(missing_docs, reason = "the published names; what they mean stands in docs/json.md")]
pub struct CheckpointContext {
    pub files_modified: Vec<FileModified>,
    pub files_modified_total: u32,
    pub issues_updated: Vec<IssueUpdated>,
    pub current_task: Option<CurrentTask>,
    pub test_state: Option<TestState>,
    pub notes: Vec<String>,
    pub blockers: Vec<String>,
    pub decisions: Vec<String>,
    pub tried: Vec<Tried>,
    pub assigned_issues: Vec<IssueId>,
    pub convoy_id: Option<ConvoyId>,
    pub convoys: Vec<ConvoyProgress>,
    pub worker_id: Option<WorkerId>,
    pub agent: Option<String>,
    pub model: Option<String>,
    pub parent_session_id: Option<SessionId>,
    pub session_cost: Option<MoneyView>,
    pub cumulative_cost: Option<MoneyView>,
    pub budget: Option<MoneyView>,
    pub budget_remaining: Option<MoneyView>,
    pub background: Option<Background>,
}

/// A file that differs from where the session began.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[expect(missing_docs, reason = "the published names; what they mean stands in docs/json.md")]
pub struct FileModified {
    pub path: String,
    pub change: String,
    pub lines_added: Option<u32>,
    pub lines_removed: Option<u32>,
}

/// An issue that changed since the session began.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[expect(missing_docs, reason = "the published names; what they mean stands in docs/json.md")]
pub struct IssueUpdated {
    pub issue_id: IssueId,
    pub title: String,
    pub status: String,
}

/// What is being worked on.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[expect(missing_docs, reason = "the published names; what they mean stands in docs/json.md")]
pub struct CurrentTask {
    pub issue_id: IssueId,
    pub title: String,
    pub status: String,
    pub attempt: u32,
    pub last_note: Option<String>,
}

/// What is known of the tests.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[expect(missing_docs, reason = "the published names; what they mean stands in docs/json.md")]
pub struct TestState {
    pub gates: Vec<TestedGate>,
    pub source: String,
}

/// One gate as it was last seen.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[expect(missing_docs, reason = "the published names; what they mean stands in docs/json.md")]
pub struct TestedGate {
    pub name: String,
    pub passed: bool,
    pub detail: Option<String>,
}

/// An earlier attempt that came to nothing.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[expect(missing_docs, reason = "the published names; what they mean stands in docs/json.md")]
pub struct Tried {
    pub session_id: SessionId,
    pub what: String,
    pub detail: String,
    pub branch: Option<String>,
}

/// A convoy of the epic, and how far it is.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[expect(missing_docs, reason = "the published names; what they mean stands in docs/json.md")]
pub struct ConvoyProgress {
    pub id: ConvoyId,
    pub title: String,
    pub status: String,
    pub completed: usize,
    pub total: usize,
}

/// The agent of a session that runs by itself.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[expect(missing_docs, reason = "the published names; what they mean stands in docs/json.md")]
pub struct Background {
    pub pid: u32,
    pub started_at: Option<Time>,
}

/// The view of a checkpoint of the log.
pub fn checkpoint(state: &State, checkpoint: &Checkpoint) -> CheckpointView {
    let content = &checkpoint.content;
    let (name, why, made) = match &checkpoint.state {
        CheckpointState::Wanted => ("wanted", None, None),
        CheckpointState::Made(made) => ("made", None, Some(made)),
        CheckpointState::Failed { why } => ("failed", Some(why.clone()), None),
    };
    let session = state.sessions.get(&content.session);
    CheckpointView {
        id: content.id.clone(),
        folder: content.folder.clone(),
        session_id: content.session.clone(),
        session_number: number(state, &content.session),
        worker_id: session.map(|session| session.content.worker.clone()),
        sequence: content.sequence,
        timestamp: checkpoint.at,
        state: name.to_owned(),
        why,
        reason: content.reason.name().to_owned(),
        summary: content.reason.to_string(),
        rig: content.rig.to_string(),
        git_commit: made.and_then(|made| made.git_commit.clone()),
        wip_commit: made.and_then(|made| made.wip_commit.clone()),
        state_commit: made.map(|made| made.commit.clone()),
        files_changed: made.map(|made| made.files_changed),
    }
}

fn number(state: &State, session: &SessionId) -> u32 {
    let own = state.own_sessions.get(session).map(|own| own.content.number);
    own.or_else(|| state.sessions.get(session).map(|session| session.content.number)).unwrap_or(0)
}

/// What the file of a checkpoint says, as far as the state knows it; what git knows is added to it.
pub fn stored(state: &State, checkpoint: &Checkpoint) -> StoredCheckpoint {
    let NewCheckpoint { id, session, folder, sequence, reason, .. } = &checkpoint.content;
    StoredCheckpoint {
        id: id.clone(),
        epic_id: folder.clone(),
        session_id: session.clone(),
        session_number: number(state, session),
        sequence: *sequence,
        timestamp: checkpoint.at,
        git_commit: None,
        wip_commit: None,
        tree: None,
        context: context(state, session, folder),
        summary: summary(state, session, reason),
        reason: reason.name().to_owned(),
    }
}

fn summary(state: &State, session: &SessionId, reason: &Reason) -> String {
    let of = match state.sessions.get(session).and_then(|one| state.workers.get(&one.content.worker)) {
        Some(worker) => format!("attempt {} at {}", number(state, session), worker.content.issue),
        None => format!("session {}", number(state, session)),
    };
    cut(&format!("{of}: {reason}"))
}

fn context(state: &State, session: &SessionId, folder: &str) -> CheckpointContext {
    let mut context = match (state.own_sessions.get(session), state.sessions.get(session)) {
        (Some(own), _) => of_own(state, own),
        (None, Some(session)) => match state.workers.get(&session.content.worker) {
            Some(worker) => of_worker(state, session, worker),
            None => CheckpointContext::default(),
        },
        (None, None) => CheckpointContext::default(),
    };
    let spent = super::cost_of_folder(state, folder);
    context.cumulative_cost = Some(spent.into());
    if let Some(limit) = limit_of(state, session, folder) {
        context.budget = Some(limit.into());
        let left = limit.as_micros().saturating_sub(spent.as_micros()).max(0);
        context.budget_remaining = Some(Money::from_micros(left).into());
    }
    context
}

/// The limit that the person set for what the folder stands for: its epic, its convoy or its worker.
fn limit_of(state: &State, session: &SessionId, folder: &str) -> Option<Money> {
    let limits = &state.ledger.limits;
    let of_epic = || limits.get(&Level::Epic(folder.parse().ok()?));
    let of_convoy = || limits.get(&Level::Convoy(folder.parse().ok()?));
    let of_worker = || limits.get(&Level::Worker(state.sessions.get(session)?.content.worker.clone()));
    of_epic().or_else(of_convoy).or_else(of_worker).map(|limit| limit.amount)
}

fn of_worker(state: &State, session: &Session, worker: &Worker) -> CheckpointContext {
    let issue = state.issues.get(&worker.content.issue);
    let notes = Notes::of(session.notes.iter().map(String::as_str));
    let mut blockers = notes.blockers;
    if let Some(Said::Blocked { reason }) = &session.said {
        blockers.push(cut(reason));
    }
    let waits = issue.into_iter().flat_map(|issue| state.open_blockers(issue));
    blockers.extend(waits.take(LISTED_MAX).map(|id| format!("it waits for {id}")));
    let convoy = worker.content.convoy.as_ref();
    let epic = state.epic_of(worker);
    let tried = worker.lessons.iter().rev().take(LISTED_MAX).map(|lesson| Tried {
        session_id: lesson.session.clone(),
        what: cut(&lesson.what),
        detail: cut(&lesson.detail),
        branch: lesson.branch.clone(),
    });
    CheckpointContext {
        issues_updated: updated(issue.into_iter(), session.created_at),
        current_task: issue.map(|issue| CurrentTask {
            issue_id: issue.content.id.clone(),
            title: cut(&issue.content.title),
            status: issue.status_name().to_owned(),
            attempt: session.content.number,
            last_note: session.notes.last().map(|note| cut(note)),
        }),
        notes: notes.notes,
        blockers,
        decisions: notes.decisions,
        tried: tried.collect(),
        assigned_issues: vec![worker.content.issue.clone()],
        convoy_id: convoy.cloned(),
        convoys: convoys(state, |id, of| Some(id) == convoy || (of.is_some() && of == epic)),
        worker_id: Some(worker.content.id.clone()),
        agent: Some(worker.content.agent.to_string()),
        model: session.model.clone().or_else(|| worker.content.model.clone()),
        parent_session_id: super::parent_of(state, session),
        session_cost: session.known_cost().map(MoneyView::from),
        background: match &session.state {
            SessionState::Running { pid, .. } => {
                Some(Background { pid: *pid, started_at: session.started_at })
            }
            SessionState::Wanted
            | SessionState::Starting { .. }
            | SessionState::Ended { .. }
            | SessionState::Over { .. } => None,
        },
        ..CheckpointContext::default()
    }
}

fn of_own(state: &State, own: &OwnSession) -> CheckpointContext {
    let epic = &own.content.epic;
    // Whoever goes on wants to know what was said in all sessions before.
    let sessions = state.own_sessions_of(epic);
    let all = sessions.iter().flat_map(|own| state.checkpoints_of(&own.content.id));
    let said = all.filter_map(|one| match &one.content.reason {
        Reason::Asked { note } => note.as_deref(),
        Reason::Paused { why } => why.as_deref(),
        Reason::Started
        | Reason::Interval
        | Reason::IssueCompleted { .. }
        | Reason::Error { .. }
        | Reason::BudgetThreshold { .. }
        | Reason::Stopping { .. }
        | Reason::Completed => None,
    });
    let notes = Notes::of(said);
    let in_epic = |issue: &&Issue| {
        let convoys = issue.convoys.iter().filter_map(|id| state.convoys.get(id));
        issue.content.id.as_str() == epic.as_str()
            || issue.content.parent.as_ref().is_some_and(|parent| parent.as_str() == epic.as_str())
            || convoys.into_iter().any(|convoy| convoy.content.epic.as_ref() == Some(epic))
    };
    let issues: Vec<&Issue> = state.issues.values().filter(in_epic).collect();
    let itself = issues.iter().find(|issue| issue.content.id.as_str() == epic.as_str());
    let lessons = state.workers_of(epic).into_iter().flat_map(|worker| &worker.lessons);
    let mut tried: Vec<Tried> = lessons
        .map(|lesson| Tried {
            session_id: lesson.session.clone(),
            what: cut(&lesson.what),
            detail: cut(&lesson.detail),
            branch: lesson.branch.clone(),
        })
        .collect();
    tried.reverse();
    tried.truncate(LISTED_MAX);
    let open = issues.iter().filter(|issue| !issue.is_closed());
    CheckpointContext {
        issues_updated: updated(issues.iter().copied(), own.started_at),
        current_task: itself.map(|issue| CurrentTask {
            issue_id: issue.content.id.clone(),
            title: cut(&issue.content.title),
            status: issue.status_name().to_owned(),
            attempt: own.content.number,
            last_note: notes.notes.last().cloned(),
        }),
        notes: notes.notes,
        blockers: notes.blockers,
        decisions: notes.decisions,
        tried,
        assigned_issues: open.map(|issue| issue.content.id.clone()).take(LISTED_MAX).collect(),
        convoys: convoys(state, |_, of| of == Some(epic)),
        parent_session_id: own.content.parent.clone(),
        session_cost: Some(Money::default().into()),
        ..CheckpointContext::default()
    }
}

/// What was remembered, sorted by what it is.
struct Notes {
    notes: Vec<String>,
    decisions: Vec<String>,
    blockers: Vec<String>,
}

impl Notes {
    fn of<'a>(all: impl Iterator<Item = &'a str>) -> Self {
        let mut sorted = Self { notes: Vec::new(), decisions: Vec::new(), blockers: Vec::new() };
        for note in all {
            if let Some(decision) = after(note, DECISION) {
                sorted.decisions.push(cut(decision));
            } else if let Some(blocker) = after(note, BLOCKER) {
                sorted.blockers.push(cut(blocker));
            } else {
                sorted.notes.push(cut(note));
            }
        }
        for list in [&mut sorted.notes, &mut sorted.decisions, &mut sorted.blockers] {
            let old = list.len().saturating_sub(LISTED_MAX);
            list.drain(..old);
        }
        sorted
    }
}

/// The rest of a text that begins so, in whatever case.
fn after<'a>(text: &'a str, prefix: &str) -> Option<&'a str> {
    let text = text.trim_start();
    let head = text.get(..prefix.len())?;
    head.eq_ignore_ascii_case(prefix).then(|| text[prefix.len()..].trim())
}

fn updated<'a>(issues: impl Iterator<Item = &'a Issue>, since: Time) -> Vec<IssueUpdated> {
    let mut changed: Vec<&Issue> = issues.filter(|issue| issue.updated_at > since).collect();
    changed.sort_by_key(|issue| std::cmp::Reverse((issue.updated_at, issue.number)));
    let view = |issue: &Issue| IssueUpdated {
        issue_id: issue.content.id.clone(),
        title: cut(&issue.content.title),
        status: issue.status_name().to_owned(),
    };
    changed.into_iter().take(LISTED_MAX).map(view).collect()
}

fn convoys(
    state: &State,
    fits: impl Fn(&ConvoyId, Option<&crate::id::EpicName>) -> bool,
) -> Vec<ConvoyProgress> {
    let found = state.convoys.iter().filter(|(id, convoy)| fits(id, convoy.content.epic.as_ref()));
    let mut found: Vec<_> = found.map(|(_, convoy)| convoy).collect();
    found.sort_by_key(|convoy| convoy.number);
    let view = |convoy: &crate::convoy::Convoy| ConvoyProgress {
        id: convoy.content.id.clone(),
        title: cut(&convoy.content.title),
        status: convoy.status.name().to_owned(),
        completed: convoy.content.tracked.len() - convoy.open_count,
        total: convoy.content.tracked.len(),
    };
    found.into_iter().rev().take(LISTED_MAX).map(view).collect()
}

fn cut(text: &str) -> String {
    text.chars().take(TEXT_CHARS_MAX).collect()
}
