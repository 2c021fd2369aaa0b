//! Checkpoints: when one is wanted, and what came of it.
//!
//! `want` is for whoever decides that one is wanted. `settle` looks at what a command came to, and wants those that
//! follow from it by themselves in the same batch: so none is forgotten, whoever stops, ends or completes a session.

use super::Context;
use crate::checkpoint::{CheckpointState, Made, NewCheckpoint, Reason};
use crate::event::{Counted, Event};
use crate::id::{CheckpointId, EpicName, IssueId, RigName, SessionId};
use crate::own_session::OwnState;
use crate::report::{Exit, ExitKind, StopWhy};
use crate::session::{Said, SessionState};
use crate::state::State;
use crate::time::{Span, Time};
use crate::worker::{Intent, WorkerState};

/// How long a stop, and the look at what a dead session left, wait for a checkpoint. It takes a second or so; what
/// takes a minute has gone wrong, and the stop is worth more.
pub const HOLD_MAX: Span = Span::from_secs(60);

/// How often an open session is looked at in vain before it counts as forgotten: a week, by default.
pub const LOOKS_MAX: u64 = 672;

/// A checkpoint of a session, if there is a reason to make one and nothing makes it already. Whoever wants several in
/// one decision need not mind their numbers: those are given when they are applied.
pub(super) fn want(
    state: &State,
    session: &SessionId,
    reason: Reason,
    ctx: &mut Context<'_>,
) -> Option<Event> {
    if !ctx.policy.checkpoints.allow(&reason) {
        return None;
    }
    let (folder, rig) = scope(state, session)?;
    let same = |reason_of: &Reason| std::mem::discriminant(reason_of) == std::mem::discriminant(&reason);
    if state.pending_checkpoints(session).any(|pending| same(&pending.content.reason)) {
        return None;
    }
    let sequence = next_sequence(state, &folder);
    let id = ctx.entropy.checkpoint(state);
    let session = session.clone();
    let checkpoint = NewCheckpoint { id, session, folder, sequence, rig, reason, asked: None };
    Some(Event::CheckpointWanted { checkpoint })
}

fn next_sequence(state: &State, folder: &str) -> u64 {
    state.index.sequences.get(folder).copied().unwrap_or(0) + 1
}

/// Gives a checkpoint its number: that of its folder's last one, and one more, also when several are wanted at once.
pub(super) fn number(state: &State, event: &mut Event) {
    if let Event::CheckpointWanted { checkpoint } = event {
        checkpoint.sequence = next_sequence(state, &checkpoint.folder);
    }
}

/// The folder and the rig of a session's checkpoints; none of a session that has no files to look at.
fn scope(state: &State, session: &SessionId) -> Option<(String, RigName)> {
    if let Some(own) = state.own_sessions.get(session) {
        return Some((own.content.epic.to_string(), own.content.rig.clone()));
    }
    let session = state.sessions.get(session)?;
    match &session.state {
        SessionState::Wanted | SessionState::Starting { .. } | SessionState::Over { workdir: None, .. } => {
            return None;
        }
        SessionState::Running { .. }
        | SessionState::Ended { .. }
        | SessionState::Over { workdir: Some(_), .. } => {}
    }
    let worker = state.workers.get(&session.content.worker)?;
    // A role changes no files; what it found is in its report.
    if state.step_of(worker).is_some() {
        return None;
    }
    Some((state.folder_of(worker), worker.content.rig.clone()))
}

/// Whether a session is one that has its turn every so often: its agent runs, or a person works.
pub fn has_turns(state: &State, session: &SessionId) -> bool {
    match (state.own_sessions.get(session), state.sessions.get(session)) {
        (Some(own), _) => matches!(own.state, OwnState::Open),
        (None, Some(session)) => {
            let worker = state.workers.get(&session.content.worker);
            matches!(session.state, SessionState::Running { .. })
                && !session.stopping
                && worker.is_none_or(|worker| state.step_of(worker).is_none())
        }
        (None, None) => false,
    }
}

/// Since when, and after which checkpoint, a session's next turn is counted.
pub fn last_turn(state: &State, session: &SessionId) -> Option<(u64, Time)> {
    if let Some(last) = state.checkpoints_of(session).next_back() {
        return Some((last.content.sequence, last.at));
    }
    let own = state.own_sessions.get(session).map(|own| own.started_at);
    let started = own.or_else(|| state.sessions.get(session).and_then(|session| session.started_at));
    started.map(|at| (0, at))
}

/// Something of a session changed since its checkpoint number `last`.
pub(super) fn changed(state: &State, session: &SessionId, last: u64, ctx: &mut Context<'_>) -> Vec<Event> {
    let current = has_turns(state, session) && last_turn(state, session).is_some_and(|(n, _)| n == last);
    let event = if current { want(state, session, Reason::Interval, ctx) } else { None };
    event.into_iter().collect()
}

/// The agent asks for one, by its report number `n`.
pub(super) fn asked(
    state: &State,
    session: &SessionId,
    n: u64,
    note: Option<String>,
    ctx: &mut Context<'_>,
) -> Option<Event> {
    let mut event = want(state, session, Reason::Asked { note }, ctx)?;
    if let Event::CheckpointWanted { checkpoint } = &mut event {
        checkpoint.asked = Some(n);
    }
    Some(event)
}

fn is_wanted(state: &State, id: &CheckpointId) -> bool {
    state.checkpoints.get(id).is_some_and(|checkpoint| checkpoint.state == CheckpointState::Wanted)
}

pub(super) fn made(state: &State, id: &CheckpointId, made: &Made) -> Vec<Event> {
    let event = || Event::CheckpointMade { checkpoint: id.clone(), made: made.clone() };
    is_wanted(state, id).then(event).into_iter().collect()
}

pub(super) fn failed(state: &State, id: &CheckpointId, why: &str) -> Vec<Event> {
    let event = || Event::CheckpointFailed { checkpoint: id.clone(), why: why.to_owned() };
    is_wanted(state, id).then(event).into_iter().collect()
}

/// Wants the checkpoints that follow from these events, and adds them to the batch.
pub(super) fn settle(state: &mut State, events: &mut Vec<Event>, ctx: &mut Context<'_>) {
    let occasions: Vec<(SessionId, Reason)> =
        events.iter().flat_map(|event| occasions(state, event)).collect();
    for (session, reason) in occasions {
        if let Some(event) = want(state, &session, reason, ctx) {
            state.apply(&event, ctx.now, ctx.actor.as_str());
            events.push(event);
        }
    }
}

/// Of which sessions a checkpoint is wanted when this has happened, and why.
fn occasions(state: &State, event: &Event) -> Vec<(SessionId, Reason)> {
    let one = |session: &SessionId, reason| vec![(session.clone(), reason)];
    match event {
        Event::SessionStarted { session, .. } => one(session, Reason::Started),
        Event::SessionOpened { session } => one(&session.id, Reason::Started),
        Event::SessionPaused { session, reason } => one(session, Reason::Paused { why: reason.clone() }),
        Event::SessionCompleted { session, .. } => one(session, Reason::Completed),
        Event::SessionStopRequested { session, .. } => {
            let held = state.pending_checkpoints(session).any(|one| one.content.reason.is_before_a_stop());
            if held {
                Vec::new()
            } else {
                one(session, Reason::Stopping { why: why_stopped(state, session) })
            }
        }
        Event::SessionEnded { session, exit, .. } => {
            let what = went_wrong(state, session, exit);
            what.map(|what| (session.clone(), Reason::Error { what })).into_iter().collect()
        }
        Event::SessionLost { session, why, .. } => one(session, Reason::Error { what: why.clone() }),
        // What was wrong may be known only later: no commit, or a gate that fails.
        Event::WorkerLearned { lesson, count: Counted::Failure | Counted::Conflict, .. } => {
            let is_error = |reason: &Reason| matches!(reason, Reason::Error { .. });
            let known = state.checkpoints_of(&lesson.session).any(|one| is_error(&one.content.reason));
            if known { Vec::new() } else { one(&lesson.session, Reason::Error { what: lesson.what.clone() }) }
        }
        Event::IssueClosed { issue, .. } => {
            let sessions = completed_in(state, issue);
            sessions.into_iter().map(|id| (id, Reason::IssueCompleted { issue: issue.clone() })).collect()
        }
        _ => Vec::new(),
    }
}

fn why_stopped(state: &State, session: &SessionId) -> String {
    let worker = state.sessions.get(session).and_then(|session| state.workers.get(&session.content.worker));
    match worker.and_then(|worker| worker.intent.as_ref()) {
        Some(Intent::Stop { by }) => format!("stopped by {by}"),
        Some(Intent::Release { why }) => why.clone(),
        None => "its engine leaves, or wants it to end".to_owned(),
    }
}

/// What went wrong with an attempt, as far as its end says.
fn went_wrong(state: &State, session: &SessionId, exit: &Exit) -> Option<String> {
    let session = state.sessions.get(session)?;
    match exit.kind {
        ExitKind::StartFailed | ExitKind::HookFailed => None,
        ExitKind::Stopped(StopWhy::Ordered) if session.stopping => None,
        ExitKind::Stopped(StopWhy::Ordered) => Some("somebody else ended its supervisor".into()),
        ExitKind::Stopped(StopWhy::WallTime) => Some("it ran longer than it may".into()),
        ExitKind::Stopped(StopWhy::Silence) => Some("it showed no sign of life".into()),
        ExitKind::Stopped(StopWhy::Spend) => Some("it spent all that it may".into()),
        ExitKind::Stopped(StopWhy::Unpriced) => Some("nobody knows the price of its model".into()),
        ExitKind::Stopped(StopWhy::Storage) => Some("what it reports could not be kept on disk".into()),
        ExitKind::Exited => {
            if let Some(Said::Blocked { reason }) = &session.said {
                return Some(format!("it cannot go on: {reason}"));
            }
            let said = exit.result.as_ref().filter(|result| !result.ok);
            let said = said.map(|result| result.error.clone().unwrap_or_else(|| "it says so".into()));
            match (exit.code, exit.signal) {
                (Some(0), _) => said,
                (Some(code), _) => Some(format!("it exited with status {code}")),
                (None, signal) => Some(format!("it was ended by signal {}", signal.unwrap_or(0))),
            }
        }
    }
}

/// In whose sessions an issue was completed: that of the worker whose work closed it, and those of persons who work
/// on its epic.
fn completed_in(state: &State, issue: &IssueId) -> Vec<SessionId> {
    let Some(issue) = state.issues.get(issue) else { return Vec::new() };
    let worker = issue.worker.as_ref().and_then(|id| state.workers.get(id));
    let done = worker.filter(|worker| matches!(worker.state, WorkerState::Done));
    let mut sessions: Vec<SessionId> =
        done.and_then(|worker| worker.sessions.last()).cloned().into_iter().collect();
    if !state.index.own_open.is_empty() {
        let mut epics: Vec<&EpicName> = worker.and_then(|worker| state.epic_of(worker)).into_iter().collect();
        let convoys = issue.convoys.iter().filter_map(|id| state.convoys.get(id));
        epics.extend(convoys.filter_map(|convoy| convoy.content.epic.as_ref()));
        let concerns = |epic: &EpicName| {
            epics.contains(&epic)
                || issue.content.id.as_str() == epic.as_str()
                || issue.content.parent.as_ref().is_some_and(|parent| parent.as_str() == epic.as_str())
        };
        let own = state.index.own_open.iter().filter_map(|id| state.own_sessions.get(id));
        sessions.extend(own.filter(|own| concerns(&own.content.epic)).map(|own| own.content.id.clone()));
    }
    sessions
}
