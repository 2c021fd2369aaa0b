//! Own sessions: a person begins, pauses, goes on with and completes their work on an epic, in a checkout of their own.
//!
//! Nothing supervises an own session, so a crash leaves it open: whoever goes on from it pauses it first. Work in the
//! background is an ordinary worker's, marked with the epic.

use super::checkpoint::want;
use super::refs::{resolve_issue, resolve_session};
use super::{Context, Decision, Item, sling, work};
use crate::checkpoint::Reason;
use crate::command::{Carried, Request};
use crate::event::Event;
use crate::id::{CheckpointId, EpicName, IssueId, RigName, SessionId};
use crate::ledger::Level;
use crate::money::Money;
use crate::own_session::{Ended, NewOwnSession, OwnSession, OwnState};
use crate::refusal::Refusal;
use crate::state::State;
use crate::view::{active_epics, background};
use crate::worker::{Worker, WorkerState};

/// The longest path of a checkout, in bytes: what Linux accepts.
const PATH_BYTES_MAX: usize = 4096;
/// The longest reason or note, in bytes.
const TEXT_BYTES_MAX: usize = 16 * 1024;
/// How many epics an error lists.
const LISTED_MAX: usize = 20;

/// The epic that is meant: the one named, else the only one with an open session in this checkout, else the only one
/// that is active.
///
/// # Errors
/// When nothing belongs to the one named, or it is not plain which is meant.
pub fn resolve_epic(state: &State, given: Option<&str>, path: Option<&str>) -> Result<EpicName, Refusal> {
    if let Some(text) = given {
        let name = name(text)?;
        if state.knows_epic(&name) {
            return Ok(name);
        }
        return Err(Refusal::NoSuch { kind: "epic", ids: vec![text.to_owned()] });
    }
    let here = open(state).filter(|own| path == Some(own.content.path.as_str()));
    let here: std::collections::BTreeSet<EpicName> = here.map(|own| own.content.epic.clone()).collect();
    let active = active_epics(state);
    for mut names in [here, active.clone()] {
        if names.len() == 1
            && let Some(name) = names.pop_first()
        {
            return Ok(name);
        }
    }
    if active.is_empty() {
        return Err(Refusal::domain("no epic is active", "begin one: convoy session start --epic <name>"));
    }
    let mut names: Vec<String> = active.iter().take(LISTED_MAX).map(ToString::to_string).collect();
    names.extend((active.len() > LISTED_MAX).then(|| format!("and {} more", active.len() - LISTED_MAX)));
    Err(Refusal::domain(
        format!("several epics are active: {}", names.join(", ")),
        "say which: --epic <name>",
    ))
}

fn name(text: &str) -> Result<EpicName, Refusal> {
    EpicName::new(text).map_err(|error| Refusal::invalid("epic", error))
}

fn open(state: &State) -> impl Iterator<Item = &OwnSession> {
    state.index.own_open.iter().filter_map(|id| state.own_sessions.get(id))
}

fn open_of<'a>(state: &'a State, epic: &'a EpicName) -> impl Iterator<Item = &'a OwnSession> {
    open(state).filter(move |own| own.content.epic == *epic)
}

pub(super) fn start(state: &State, request: &Request, ctx: &mut Context<'_>) -> Result<Decision, Refusal> {
    let Request::SessionStart { epic, rig, path, resume, budget, sequence, from } = request else {
        return Ok(Decision::nothing());
    };
    let rig = RigName::new(rig).ok().filter(|rig| ctx.policy.rigs.contains_key(rig));
    let rig = rig.ok_or_else(|| Refusal::invalid("rig", "expected one that the configuration names"))?;
    if !path.starts_with('/') || path.len() > PATH_BYTES_MAX || path.contains('\0') {
        return Err(Refusal::invalid("path", "expected the absolute path of a checkout"));
    }
    let epic = match (epic.as_deref(), resume) {
        (Some(text), _) => name(text)?,
        (None, true) => resolve_epic(state, None, Some(path))?,
        (None, false) => ctx.entropy.epic(state),
    };
    let mut decision = Decision::nothing();
    let carried_budget = from.as_ref().and_then(|from| from.budget).filter(|_| *resume);
    decision.events.extend(set_budget(state, &epic, *budget, carried_budget)?);
    let here = open_of(state, &epic).find(|own| own.content.path == *path);
    if let Some(own) = here {
        if !resume {
            let note = format!("session {} of {epic} is open already", own.content.number);
            let mut item = Item::same(&own.content.id, note);
            item.changed = !decision.events.is_empty();
            decision.items.push(item);
            return Ok(decision);
        }
        let reason = Some("it was left open; another goes on from it".to_owned());
        decision.events.push(Event::SessionPaused { session: own.content.id.clone(), reason });
    }
    let opened = opened(state, epic, rig, path, *sequence, from.as_ref().filter(|_| *resume), *resume, ctx);
    let mut item = Item::changed(&opened.id);
    if *resume && opened.parent.is_none() {
        item = item.noted("there is nothing to go on from: it is the first session of this epic");
    }
    decision.items.push(item);
    decision.events.push(Event::SessionOpened { session: Box::new(opened) });
    Ok(decision)
}

/// The next session of an epic. What another machine left in git counts when it is newer than what is known here.
#[expect(clippy::too_many_arguments, reason = "each is a fact of its own")]
fn opened(
    state: &State,
    epic: EpicName,
    rig: RigName,
    path: &str,
    sequence: u64,
    from: Option<&Carried>,
    resume: bool,
    ctx: &mut Context<'_>,
) -> NewOwnSession {
    let earlier = state.own_sessions_of(&epic);
    let last = earlier.last();
    let known = last.and_then(|own| state.latest_made(&own.content.id));
    let known_number = last.map_or(0, |own| own.content.number);
    let newer = from.filter(|from| known.is_none_or(|known| from.sequence > known.content.sequence));
    let number = known_number.max(from.map_or(0, |from| from.number)) + 1;
    let (parent, checkpoint): (Option<SessionId>, Option<CheckpointId>) = match newer {
        _ if !resume => (None, None),
        Some(from) => (Some(from.session.clone()), Some(from.checkpoint.clone())),
        None => (last.map(|own| own.content.id.clone()), known.map(|known| known.content.id.clone())),
    };
    let spent = crate::view::cost_of_epic(state, &epic);
    let carried = from.map_or(0, |from| from.cumulative.as_micros() - spent.as_micros()).max(0);
    NewOwnSession {
        id: ctx.entropy.session(state),
        epic,
        number,
        parent,
        from: checkpoint,
        rig,
        path: path.to_owned(),
        sequence: sequence.max(from.map_or(0, |from| from.sequence)),
        carried: Money::from_micros(carried),
    }
}

/// The limit that was asked for, else the one that another machine had set.
fn set_budget(
    state: &State,
    epic: &EpicName,
    asked: Option<Money>,
    carried: Option<Money>,
) -> Result<Option<Event>, Refusal> {
    if asked.is_some_and(|amount| amount.as_micros() <= 0) {
        return Err(Refusal::invalid("budget", "expected an amount greater than 0"));
    }
    let level = Level::Epic(epic.clone());
    let now = state.ledger.limits.get(&level).map(|limit| limit.amount);
    let limit = asked.or(carried.filter(|_| now.is_none()));
    Ok(limit.filter(|limit| now != Some(*limit)).map(|limit| Event::BudgetSet { level, limit: Some(limit) }))
}

/// A checkpoint of what is open, and nothing goes on before somebody says so. Convoys of the epic do go on.
pub(super) fn pause(
    state: &State,
    epic: Option<&str>,
    path: Option<&str>,
    reason: Option<&str>,
    ctx: &mut Context<'_>,
) -> Result<Decision, Refusal> {
    check_text("reason", reason)?;
    let epic = resolve_epic(state, epic, path)?;
    let mut decision = Decision::nothing();
    for own in open_of(state, &epic) {
        let session = own.content.id.clone();
        let note = format!("session {} of {epic}", own.content.number);
        decision.items.push(Item::changed(&session).noted(note));
        decision.events.push(Event::SessionPaused { session, reason: reason.map(str::to_owned) });
    }
    for worker in background(state, &epic) {
        let id = &worker.content.issue;
        if !worker.state.is_active() {
            continue;
        }
        if let WorkerState::Running { session } = &worker.state
            && worker.intent.is_none()
        {
            let why = Reason::Paused { why: reason.map(str::to_owned) };
            decision.events.extend(want(state, session, why, ctx));
        }
        let stopped = work::stop(state, id.as_str(), ctx)?;
        decision.events.extend(stopped.events);
        decision.items.extend(stopped.items);
    }
    if decision.items.is_empty() {
        let last = state.own_sessions_of(&epic).last().map(|own| own.content.id.to_string());
        let id = last.unwrap_or_else(|| epic.to_string());
        return Ok(Decision::same(Item::same(id, format!("nothing of {epic} is open or at work"))));
    }
    Ok(decision)
}

/// Workers in the background that were stopped begin again, each with the conversation that it had, if its agent can.
pub(super) fn resume_background(
    state: &State,
    epic: Option<&str>,
    path: Option<&str>,
    ctx: &mut Context<'_>,
) -> Result<Decision, Refusal> {
    let epic = resolve_epic(state, epic, path)?;
    let mut decision = Decision::nothing();
    let stopped: Vec<IssueId> = background(state, &epic)
        .filter(|worker| matches!(worker.state, WorkerState::Stopped { .. }) || worker.intent.is_some())
        .filter(|worker| state.issues.get(&worker.content.issue).is_some_and(|issue| !issue.was_closed()))
        .map(|worker| worker.content.issue.clone())
        .collect();
    for id in stopped {
        match work::retry(state, id.as_str(), ctx) {
            Ok(again) => {
                decision.events.extend(again.events);
                decision.items.extend(again.items);
            }
            Err(refusal) => decision.items.push(Item::refused(&id, refusal)),
        }
    }
    if decision.items.is_empty() {
        return Ok(Decision::same(Item::same(&epic, "nothing of it was stopped in the background")));
    }
    Ok(decision)
}

pub(super) fn complete(
    state: &State,
    epic: Option<&str>,
    path: Option<&str>,
    outcome: Ended,
) -> Result<Decision, Refusal> {
    let epic = resolve_epic(state, epic, path)?;
    let own = state.own_sessions_of(&epic);
    let here = own.iter().rev().find(|own| path == Some(own.content.path.as_str()) && is_open(own));
    let Some(own) = here.or_else(|| own.iter().rev().find(|own| is_open(own))).or_else(|| own.last()) else {
        return Err(Refusal::domain(
            format!("{epic} has no session of a person"),
            format!("begin one: convoy session start --epic {epic}"),
        ));
    };
    let session = own.content.id.clone();
    let number = own.content.number;
    match &own.state {
        OwnState::Completed { outcome: before, .. } if *before == outcome => Ok(Decision::same(Item::same(
            session,
            format!("session {number} of {epic} is completed already"),
        ))),
        OwnState::Open | OwnState::Paused { .. } | OwnState::Completed { .. } => {
            let item = Item::changed(&session).noted(format!("session {number} of {epic}"));
            Ok(Decision::of(Event::SessionCompleted { session, outcome }, item))
        }
    }
}

fn is_open(own: &OwnSession) -> bool {
    matches!(own.state, OwnState::Open)
}

/// An issue is given to an agent, marked with the epic.
pub(super) fn in_background(
    state: &State,
    request: &Request,
    ctx: &mut Context<'_>,
) -> Result<Decision, Refusal> {
    let Request::SessionBackground { epic, issue, agent, model, budget } = request else {
        return Ok(Decision::nothing());
    };
    let epic = match epic.as_deref() {
        Some(text) => name(text)?,
        None => ctx.entropy.epic(state),
    };
    let issue = match issue.as_deref() {
        Some(text) => resolve_issue(state, text)?,
        // An epic may be an issue that is worked on as a whole.
        None => {
            let itself = state.issues.get(epic.as_str()).map(|issue| issue.content.id.clone());
            itself.ok_or_else(|| {
                Refusal::domain(
                    format!("nothing says what an agent is to do in the background: {epic} is no issue"),
                    format!("name one: convoy session start --epic {epic} --background --issue <issue>"),
                )
            })?
        }
    };
    let mut decision = Decision::nothing();
    decision.events.extend(set_budget(state, &epic, *budget, None)?);
    let stopped =
        state.issues[&issue].worker.as_ref().and_then(|id| state.workers.get(id)).filter(|worker| {
            matches!(worker.state, WorkerState::Stopped { .. }) && worker.content.epic.as_ref() == Some(&epic)
        });
    let given = match stopped {
        Some(_) => work::retry(state, issue.as_str(), ctx)?,
        None => sling::for_epic(state, &issue, &epic, agent.as_deref(), model.as_deref(), ctx)?,
    };
    decision.events.extend(given.events);
    decision.items.extend(given.items);
    Ok(decision)
}

/// A checkpoint that a person asks for: of a session, or of what is open or at work of an epic.
pub(super) fn checkpoint(
    state: &State,
    epic: Option<&str>,
    session: Option<&str>,
    path: Option<&str>,
    note: Option<&str>,
    ctx: &mut Context<'_>,
) -> Result<Decision, Refusal> {
    check_text("note", note)?;
    let sessions: Vec<SessionId> = match session {
        Some(text) => vec![named(state, text)?],
        None => of_epic(state, &resolve_epic(state, epic, path)?),
    };
    let mut decision = Decision::nothing();
    for session in &sessions {
        let pending = state.pending_checkpoints(session).find(|one| one.content.reason.name() == "asked");
        let reason = Reason::Asked { note: note.map(str::to_owned) };
        match (pending, want(state, session, reason, ctx)) {
            (Some(pending), _) => {
                let note = format!("one of {session} is being made already");
                decision.items.push(Item::same(&pending.content.id, note));
            }
            (None, Some(event)) => {
                decision.items.push(Item::changed(event.subject()).noted(format!("of session {session}")));
                decision.events.push(event);
            }
            (None, None) => {}
        }
    }
    if decision.items.is_empty() {
        return Err(Refusal::domain(
            "there is nothing to make a checkpoint of: no session is open, and no agent at work has begun",
            "begin one: convoy session start --epic <name>",
        ));
    }
    Ok(decision)
}

fn named(state: &State, text: &str) -> Result<SessionId, Refusal> {
    let own = state.own_sessions.keys().filter(|id| id.as_str().starts_with(text)).collect::<Vec<_>>();
    match own.as_slice() {
        [one] => Ok((*one).clone()),
        _ => resolve_session(state, text),
    }
}

/// What is open or at work of an epic.
fn of_epic(state: &State, epic: &EpicName) -> Vec<SessionId> {
    let own = open_of(state, epic).map(|own| own.content.id.clone());
    let running = state.workers_of(epic).into_iter().filter_map(|worker: &Worker| match &worker.state {
        WorkerState::Running { session } => Some(session.clone()),
        _ => None,
    });
    own.chain(running).collect()
}

fn check_text(field: &'static str, text: Option<&str>) -> Result<(), Refusal> {
    match text {
        Some(text) if text.len() > TEXT_BYTES_MAX => {
            Err(Refusal::invalid(field, format!("expected at most {TEXT_BYTES_MAX} bytes")))
        }
        _ => Ok(()),
    }
}
