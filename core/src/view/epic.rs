//! The shapes of an epic and of a person's own session.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::checkpoint::{CheckpointView, checkpoint};
use super::session::{SessionView, session};
use crate::id::{ConvoyId, EpicName, SessionId, WorkerId};
use crate::issue::MoneyView;
use crate::ledger::Level;
use crate::money::Money;
use crate::own_session::{Ended, OwnSession, OwnState};
use crate::report::Tokens;
use crate::session::Session;
use crate::state::State;
use crate::worker::{Worker, WorkerState};

/// An epic with its sessions.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
#[expect(missing_docs, reason = "the published names; what they mean stands in docs/json.md")]
pub struct EpicView {
    pub id: EpicName,
    pub active: bool,
    /// Newest first: those of persons, then those of workers.
    pub sessions: Vec<SessionView>,
    /// Newest first.
    pub checkpoints: Vec<CheckpointView>,
    pub open_session_id: Option<SessionId>,
    pub latest_checkpoint_id: Option<String>,
    pub convoys: Vec<ConvoyId>,
    pub background: Vec<WorkerId>,
    pub cost: MoneyView,
    pub budget: Option<MoneyView>,
    pub budget_remaining: Option<MoneyView>,
}

/// The view of an epic.
pub fn epic(state: &State, name: &EpicName) -> EpicView {
    let own = state.own_sessions_of(name);
    let workers = state.workers_of(name);
    let mut sessions: Vec<SessionView> = own.iter().rev().map(|own| own_session(state, own)).collect();
    let ids: Vec<&SessionId> = workers.iter().flat_map(|worker| &worker.sessions).collect();
    let mut theirs: Vec<&Session> = ids.iter().filter_map(|id| state.sessions.get(*id)).collect();
    theirs.sort_by_key(|one| std::cmp::Reverse(one.content.epoch));
    sessions.extend(theirs.iter().map(|one| session(state, one)));
    let all = own.iter().map(|own| &own.content.id).chain(ids.iter().copied());
    let mut checkpoints: Vec<CheckpointView> =
        all.flat_map(|id| state.checkpoints_of(id)).map(|one| checkpoint(state, one)).collect();
    checkpoints.sort_by_key(|one| std::cmp::Reverse(one.sequence));
    let cost = cost_of_folder(state, name.as_str());
    let limit = state.ledger.limits.get(&Level::Epic(name.clone())).map(|limit| limit.amount);
    let left = limit.map(|limit| (limit.as_micros() - cost.as_micros()).max(0));
    let mut convoys: Vec<_> =
        state.convoys.values().filter(|convoy| convoy.content.epic.as_ref() == Some(name)).collect();
    convoys.sort_by_key(|convoy| convoy.number);
    let open = own.iter().rev().find(|own| matches!(own.state, OwnState::Open));
    let made = checkpoints.iter().find(|one| one.state == "made");
    EpicView {
        id: name.clone(),
        active: active_epics(state).contains(name),
        open_session_id: open.map(|own| own.content.id.clone()),
        latest_checkpoint_id: made.map(|one| one.id.to_string()),
        convoys: convoys.into_iter().map(|convoy| convoy.content.id.clone()).collect(),
        background: background(state, name).map(|worker| worker.content.id.clone()).collect(),
        cost: cost.into(),
        budget: limit.map(MoneyView::from),
        budget_remaining: left.map(|left| Money::from_micros(left).into()),
        sessions,
        checkpoints,
    }
}

/// The workers of an epic that work in the background of a person's session, the latest of each issue.
pub fn background<'a>(state: &'a State, epic: &'a EpicName) -> impl Iterator<Item = &'a Worker> {
    state.workers_of(epic).into_iter().filter(move |worker| {
        let latest = state.issues.get(&worker.content.issue).and_then(|issue| issue.worker.as_ref());
        worker.content.epic.as_ref() == Some(epic) && latest == Some(&worker.content.id)
    })
}

/// Epics in which somebody works, or may go on.
pub fn active_epics(state: &State) -> BTreeSet<EpicName> {
    let own = state.own_sessions.values().filter(|own| !matches!(own.state, OwnState::Completed { .. }));
    let own = own.filter(|own| {
        // One that was paused is done with when a later one is.
        let later = state
            .own_sessions
            .values()
            .any(|other| other.content.epic == own.content.epic && other.content.number > own.content.number);
        matches!(own.state, OwnState::Open) || !later
    });
    let mut active: BTreeSet<EpicName> = own.map(|own| own.content.epic.clone()).collect();
    let open = state.index.open.iter().filter_map(|(_, id)| state.convoys.get(id));
    active.extend(open.filter_map(|convoy| convoy.content.epic.clone()));
    let workers = state.workers.values().filter(|worker| {
        worker.state.is_active()
            || (worker.content.epic.is_some() && matches!(worker.state, WorkerState::Stopped { .. }))
    });
    active.extend(workers.filter_map(|worker| state.epic_of(worker).cloned()));
    active
}

/// Every epic that anything belongs to.
pub fn epics(state: &State) -> BTreeSet<EpicName> {
    let own = state.own_sessions.values().map(|own| own.content.epic.clone());
    let convoys = state.convoys.values().filter_map(|convoy| convoy.content.epic.clone());
    let workers = state.workers.values().filter_map(|worker| worker.content.epic.clone());
    own.chain(convoys).chain(workers).collect()
}

/// What everything of an epic cost so far, on this machine and, as far as is known, on others.
pub fn cost_of_epic(state: &State, epic: &EpicName) -> Money {
    cost_of_folder(state, epic.as_str())
}

/// What everything in the folder of some checkpoints cost: of an epic, a convoy or an issue.
pub(super) fn cost_of_folder(state: &State, folder: &str) -> Money {
    let workers = state.workers.values().filter(|worker| state.folder_of(worker) == folder);
    let sessions = workers.flat_map(|worker| &worker.sessions).filter_map(|id| state.sessions.get(id));
    let carried = state.own_sessions.values().filter(|own| own.content.epic.as_str() == folder);
    let carried = carried.map(|own| own.content.carried);
    sessions.filter_map(Session::known_cost).chain(carried).fold(Money::default(), Money::plus)
}

/// The session that one goes on from: the one before it of its worker, or the last of the worker that it takes over.
pub(super) fn parent_of(state: &State, session: &Session) -> Option<SessionId> {
    if session.content.resume.is_some() {
        return session.content.resume.clone();
    }
    let worker = state.workers.get(&session.content.worker)?;
    let at = worker.sessions.iter().position(|id| *id == session.content.id)?;
    match at.checked_sub(1) {
        Some(before) => worker.sessions.get(before).cloned(),
        None => state.workers.get(worker.content.takes_over.as_ref()?)?.sessions.last().cloned(),
    }
}

/// The view of a person's own session.
pub fn own_session(state: &State, own: &OwnSession) -> SessionView {
    let (name, outcome, why, ended_at) = match &own.state {
        OwnState::Open => ("running", None, None, None),
        OwnState::Paused { at, reason } => ("paused", Some("partial"), reason.clone(), Some(*at)),
        OwnState::Completed { at, outcome } => {
            let (name, outcome) = match outcome {
                Ended::Success => ("completed", "success"),
                Ended::Failure => ("failed", "failure"),
                Ended::Partial => ("completed", "partial"),
                Ended::ContextOverflow => ("completed", "context_overflow"),
            };
            (name, Some(outcome), None, Some(*at))
        }
    };
    SessionView {
        id: own.content.id.clone(),
        epic_id: Some(own.content.epic.to_string()),
        worker_id: None,
        issue_id: None,
        number: own.content.number,
        epoch: 0,
        state: name.to_owned(),
        outcome: outcome.map(str::to_owned),
        why,
        parent_session_id: own.content.parent.clone(),
        agent: own.by.clone(),
        model: None,
        model_rationale: None,
        pid: None,
        workdir: Some(own.content.path.clone()),
        branch: None,
        created_at: own.started_at,
        started_at: Some(own.started_at),
        ended_at,
        exit: None,
        usage: Tokens::default(),
        cost: None,
        cost_source: None,
        latest_checkpoint_id: state.latest_made(&own.content.id).map(|one| one.content.id.to_string()),
        notes: Vec::new(),
    }
}
