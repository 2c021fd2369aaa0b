//! Workers: who gets which issue, when there is room, and how a person takes it back.

use super::budget::affords;
use super::continues;
use super::refs::{check_branch, resolve_issue};
use super::routing::{self, Route, choose_model, inherited};
use super::target::holder;
use super::tell::{on_one_line, tell};
use super::{Context, Decision, Item, template};
use crate::address::Address;
use crate::convoy::Convoy;
use crate::event::{Counted, Event};
use crate::id::{AgentName, Epoch, IssueId, WorkerId, WorkerName};
use crate::issue::{Issue, Status};
use crate::money::Money;
use crate::notice::NoticeKind;
use crate::policy::{Policy, Retry};
use crate::refusal::Refusal;
use crate::session::NewSession;
use crate::state::State;
use crate::time::{Span, Time};
use crate::worker::{Intent, Lesson, NewWorker, Worker, WorkerState};

/// A limit on parallel work that is reached.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Limit {
    /// What is limited: the workspace, a rig or a convoy.
    pub scope: String,
    /// How many may work there at once.
    pub max: u32,
}

/// Whether one more agent may work.
///
/// # Errors
/// The limit that is reached.
pub fn room(state: &State, policy: &Policy, worker: &NewWorker) -> Result<(), Limit> {
    let convoy = worker.convoy.as_ref();
    let (total, in_rig, in_convoy) = state.live_sessions(&worker.rig, convoy);
    if total >= policy.max_parallel {
        return Err(Limit { scope: "the workspace".into(), max: policy.max_parallel });
    }
    if let Some(max) = policy.rigs.get(&worker.rig).and_then(|rig| rig.max_parallel)
        && in_rig >= max
    {
        return Err(Limit { scope: format!("rig {}", worker.rig), max });
    }
    if let Some(convoy) = convoy.and_then(|id| state.convoys.get(id))
        && let Some(max) = convoy.content.max_parallel
        && in_convoy >= max
    {
        return Err(Limit { scope: format!("convoy {}", convoy.content.id), max });
    }
    Ok(())
}

/// What was asked for a new worker, beyond its issue.
#[derive(Default)]
pub(super) struct Wishes<'a> {
    pub(super) agent: Option<&'a str>,
    pub(super) model: Option<&'a str>,
    pub(super) base: Option<&'a str>,
    pub(super) name: Option<&'a WorkerName>,
    pub(super) although_parked: bool,
    pub(super) budget: Option<Money>,
}

/// A worker for the issue: agent, model and base from what was asked, the convoy, labels, defaults.
pub(super) fn new_worker(
    state: &State,
    issue: &Issue,
    convoy: Option<&Convoy>,
    wishes: &Wishes<'_>,
    ctx: &mut Context<'_>,
) -> Result<NewWorker, Refusal> {
    let agent = match wishes.agent {
        Some(text) => known_agent(ctx.policy, text)?,
        None => {
            convoy.and_then(|convoy| convoy.content.agent.clone()).unwrap_or_else(|| ctx.policy.agent.clone())
        }
    };
    let asked = wishes.model.or(convoy.and_then(|convoy| convoy.content.model.as_deref()));
    let choice = choose_model(ctx.policy, issue, &agent, asked);
    check_branch(wishes.base)?;
    Ok(NewWorker {
        id: ctx.entropy.worker(state),
        rig: issue.content.rig.clone(),
        issue: issue.content.id.clone(),
        convoy: convoy.map(|convoy| convoy.content.id.clone()),
        agent,
        model: choice.model,
        model_rationale: choice.rationale,
        model_fixed: choice.fixed,
        base: wishes
            .base
            .map(str::to_owned)
            .or_else(|| convoy.and_then(|convoy| convoy.content.base.clone())),
        takes_over: issue.worker.clone(),
        name: wishes.name.cloned(),
        although_parked: wishes.although_parked,
        epic: None,
    })
}

pub(super) fn known_agent(policy: &Policy, text: &str) -> Result<AgentName, Refusal> {
    policy.agents.iter().find(|name| name.as_str() == text).cloned().ok_or_else(|| {
        let known: Vec<&str> = policy.agents.iter().map(AgentName::as_str).collect();
        Refusal::invalid("agent", format!("{text:?} is not known; known are: {}", known.join(", ")))
    })
}

/// The next attempt of a worker.
pub(super) fn wanted(state: &State, worker: &WorkerId, number: u32, ctx: &mut Context<'_>) -> Event {
    let route = state.workers.get(worker).map(|worker| routing::next(state, ctx.policy, worker));
    let Route { model, rationale, stronger } = route.unwrap_or_default();
    let interrupted = state.workers.get(worker).filter(|_| !stronger);
    Event::SessionWanted {
        session: NewSession {
            id: ctx.entropy.session(state),
            worker: worker.clone(),
            epoch: Epoch(state.epoch + 1),
            number,
            model,
            model_rationale: rationale,
            resume: interrupted.and_then(|worker| continues::conversation(state, worker)),
            ceiling: None,
        },
    }
}

pub(super) fn dispatch(state: &State, issue: &IssueId, ctx: &mut Context<'_>) -> Vec<Event> {
    let Some(issue) = state.issues.get(issue) else { return Vec::new() };
    let Some(convoy) = state.started_convoy(issue).filter(|_| state.is_ready(issue)) else {
        return Vec::new();
    };
    let wishes = issue.content.step.as_deref().map(template::wishes).unwrap_or_default();
    let Ok(worker) = new_worker(state, issue, Some(convoy), &wishes, ctx) else {
        return Vec::new();
    };
    if ctx.policy.hold(&worker.rig).is_some()
        || room(state, ctx.policy, &worker).is_err()
        || affords(state, ctx.policy, &worker, ctx.now).is_err()
    {
        return Vec::new();
    }
    let session = wanted(state, &worker.id, 1, ctx);
    vec![Event::WorkerAssigned { worker }, session]
}

/// Whether an assigned worker may have a session: its issue is open, nothing blocks it, nothing is wrong with its
/// rig, and there is room and money.
pub fn may_begin(state: &State, policy: &Policy, worker: &Worker, now: Time) -> bool {
    state.issues.get(&worker.content.issue).is_some_and(|issue| {
        !issue.is_closed()
            && !issue.is_unknown()
            && state.open_blockers(issue).next().is_none()
            && policy.holds(&worker.content).is_none()
            && room(state, policy, &worker.content).is_ok()
            && affords(state, policy, &worker.content, now).is_ok()
    })
}

pub(super) fn begin(state: &State, id: &WorkerId, ctx: &mut Context<'_>) -> Vec<Event> {
    let Some(worker) = state.workers.get(id) else { return Vec::new() };
    if !matches!(worker.state, WorkerState::Assigned) || !may_begin(state, ctx.policy, worker, ctx.now) {
        return Vec::new();
    }
    vec![wanted(state, id, worker.sessions.len() as u32 + 1, ctx)]
}

/// Whether a worker has waited long enough. One that would have to wait longer than any pause lasts has seen the
/// clock set back, and waits no more.
pub fn pause_is_over(policy: &Policy, until: Time, now: Time) -> bool {
    until.since(now) == Span::default() || until.since(now) > policy.retry.backoff_max
}

/// The same of a worker. One whose service takes no more before some time waits for as long as that takes.
pub fn has_waited(policy: &Policy, worker: &Worker, until: Time, now: Time) -> bool {
    let meant = until.since(worker.active_at);
    until.since(now) == Span::default() || until.since(now) > meant.max(policy.retry.backoff_max)
}

pub(super) fn due(state: &State, id: &WorkerId, ctx: &Context<'_>) -> Vec<Event> {
    let Some(worker) = state.workers.get(id) else { return Vec::new() };
    match &worker.state {
        WorkerState::Waiting { until, .. } if has_waited(ctx.policy, worker, *until, ctx.now) => {
            vec![Event::WorkerReady { worker: id.clone() }]
        }
        _ => Vec::new(),
    }
}

/// Takes a worker off its issue: at once if nothing of it runs, else when its session is dead.
pub(super) fn let_go(state: &State, worker: &Worker, why: &str) -> Vec<Event> {
    let id = worker.content.id.clone();
    let why = why.to_owned();
    match &worker.state {
        WorkerState::Assigned | WorkerState::Waiting { .. } | WorkerState::Submitted(_) => {
            vec![Event::WorkerReleased { worker: id, why }]
        }
        // It is being ended already; and a person's stop outlasts whatever else happens to the issue.
        WorkerState::Running { .. } if worker.intent.is_some() => Vec::new(),
        WorkerState::Running { .. } => {
            let mut events = vec![Event::WorkerReleaseRequested { worker: id, why }];
            events.extend(stop_session(state, worker));
            events
        }
        WorkerState::Done
        | WorkerState::Failed { .. }
        | WorkerState::Released
        | WorkerState::Stopped { .. } => Vec::new(),
    }
}

fn stop_session(state: &State, worker: &Worker) -> Option<Event> {
    let WorkerState::Running { session } = &worker.state else { return None };
    let session = state.sessions.get(session).filter(|session| session.is_live() && !session.stopping)?;
    Some(Event::SessionStopRequested { session: session.content.id.clone(), epoch: session.content.epoch })
}

/// The issue that is meant, with its worker.
pub(super) fn worker_of<'a>(state: &'a State, text: &str) -> Result<(IssueId, &'a Worker), Refusal> {
    let id = match resolve_issue(state, text) {
        Ok(id) => id,
        Err(error) => match super::resolve_worker(state, text) {
            Ok(worker) => state.workers[&worker].content.issue.clone(),
            Err(_) => return Err(error),
        },
    };
    let worker = state.issues[&id].worker.as_ref().and_then(|worker| state.workers.get(worker));
    worker.map(|worker| (id.clone(), worker)).ok_or_else(|| {
        Refusal::domain(
            format!("no worker was ever assigned to {id}"),
            format!("assign one: convoy sling {id}"),
        )
    })
}

pub(super) fn stop(state: &State, issue: &str, ctx: &Context<'_>) -> Result<Decision, Refusal> {
    let (id, worker) = worker_of(state, issue)?;
    let by = ctx.actor.to_string();
    let worker_id = worker.content.id.clone();
    match &worker.state {
        WorkerState::Stopped { by } => Ok(Decision::same(Item::same(id, format!("already stopped by {by}")))),
        WorkerState::Done | WorkerState::Failed { .. } | WorkerState::Released => {
            Ok(Decision::same(Item::same(id, format!("nothing runs: its worker is {}", worker.state.name()))))
        }
        WorkerState::Running { .. } => {
            if matches!(worker.intent, Some(Intent::Stop { .. })) {
                return Ok(Decision::same(Item::same(id, "already stopping")));
            }
            let mut events = vec![Event::WorkerStopRequested { worker: worker_id, by }];
            events.extend(stop_session(state, worker));
            Ok(Decision { events, items: vec![Item::changed(id).noted("stopping")] })
        }
        WorkerState::Assigned | WorkerState::Waiting { .. } | WorkerState::Submitted(_) => {
            Ok(Decision::of(Event::WorkerStopped { worker: worker_id, by }, Item::changed(id)))
        }
    }
}

pub(super) fn release(state: &State, issue: &str, ctx: &Context<'_>) -> Result<Decision, Refusal> {
    let (id, worker) = worker_of(state, issue)?;
    if matches!(worker.state, WorkerState::Stopped { .. }) {
        let worker = worker.content.id.clone();
        let why = format!("released by {}", ctx.actor);
        return Ok(Decision::of(Event::WorkerReleased { worker, why }, Item::changed(id)));
    }
    let why = format!("released by {}", ctx.actor);
    let events = match &worker.intent {
        _ if !worker.state.is_active() => return Ok(Decision::same(Item::same(id, "no worker has it"))),
        Some(Intent::Release { .. }) => return Ok(Decision::same(Item::same(id, "already being released"))),
        // As of a worker that is stopped already: the release takes the stop's place.
        Some(Intent::Stop { .. }) => {
            vec![Event::WorkerReleaseRequested { worker: worker.content.id.clone(), why }]
        }
        None => let_go(state, worker, &why),
    };
    Ok(Decision { events, items: vec![Item::changed(id)] })
}

/// Until a worker that is being ended is dead, nobody can take its issue up.
pub(super) fn ending(id: &IssueId, worker: &Worker) -> Refusal {
    Refusal::domain(
        format!("{id}: its worker {} is being stopped, and its agent is not dead yet", worker.content.id),
        format!("ask again when it is: convoy why {id}"),
    )
}

pub(super) fn retry(state: &State, issue: &str, ctx: &mut Context<'_>) -> Result<Decision, Refusal> {
    let (id, worker) = worker_of(state, issue)?;
    let issue = &state.issues[&id];
    if issue.was_closed() {
        return Err(Refusal::domain(
            format!("{id} is closed"),
            format!("reopen it: convoy issue reopen {id}"),
        ));
    }
    match &worker.state {
        _ if worker.intent.is_some() => Err(ending(&id, worker)),
        WorkerState::Assigned | WorkerState::Running { .. } | WorkerState::Submitted(_) => {
            Ok(Decision::same(Item::same(id, format!("already {}", worker.state.name()))))
        }
        WorkerState::Waiting { .. } => {
            Ok(Decision::of(Event::WorkerReady { worker: worker.content.id.clone() }, Item::changed(id)))
        }
        WorkerState::Done
        | WorkerState::Failed { .. }
        | WorkerState::Released
        | WorkerState::Stopped { .. } => {
            let name = worker.content.name.clone();
            let (model, model_rationale) = match inherited(state, worker) {
                Some((model, rationale)) => (Some(model), rationale),
                None => (worker.content.model.clone(), worker.content.model_rationale.clone()),
            };
            let again = NewWorker {
                model,
                model_rationale,
                id: ctx.entropy.worker(state),
                takes_over: Some(worker.content.id.clone()),
                // Somebody else may be called so meanwhile.
                name: name.filter(|name| holder(state, &worker.content.rig, name).is_none()),
                ..worker.content.clone()
            };
            Ok(Decision::of(Event::WorkerAssigned { worker: again }, Item::changed(id)))
        }
    }
}

/// The longest that a lesson's detail is kept, in bytes: it becomes part of the next prompt.
const DETAIL_BYTES_MAX: usize = 8 * 1024;

/// What the next attempt is told of this one.
pub(super) fn learned(
    worker: &Worker,
    mut lesson: Lesson,
    count: Counted,
    resume_from: Option<String>,
) -> Event {
    let start = lesson.detail.len().saturating_sub(DETAIL_BYTES_MAX);
    let start = (start..=lesson.detail.len()).find(|at| lesson.detail.is_char_boundary(*at)).unwrap_or(0);
    lesson.detail.drain(..start);
    Event::WorkerLearned { worker: worker.content.id.clone(), lesson, count, resume_from }
}

/// What an attempt came to, and what follows: another try after a pause, or a person.
pub(super) fn setback(
    state: &State,
    worker: &Worker,
    lesson: Lesson,
    count: Counted,
    resume_from: Option<String>,
    ctx: &mut Context<'_>,
) -> Vec<Event> {
    let retry = &ctx.policy.retry;
    let (used, most) = match count {
        Counted::Failure => {
            let of_step = state.step_of(worker).and_then(|step| step.max_attempts);
            (worker.failures + 1, of_step.unwrap_or(retry.max_attempts))
        }
        Counted::Lost => (worker.lost + 1, retry.max_lost),
        Counted::Conflict => (worker.conflicts + 1, retry.max_conflicts),
        Counted::Review => (worker.reviews + 1, retry.max_reviews),
        Counted::Nothing => (0, 1),
    };
    let pause = match count {
        Counted::Failure => backoff(retry.backoff, retry.backoff_max, used),
        // The first loss is tried again at once; a host that loses every session is not hammered.
        Counted::Lost if used > 1 => backoff(retry.backoff, retry.backoff_max, used - 1),
        Counted::Lost | Counted::Conflict | Counted::Review | Counted::Nothing => Span::default(),
    };
    let id = worker.content.id.clone();
    let what = lesson.what.clone();
    let mut events = vec![learned(worker, lesson, count, resume_from)];
    if used >= most {
        let why = match count {
            Counted::Failure => format!("{used} attempts failed; the last: {what}"),
            Counted::Lost => format!("{used} sessions were lost; the last: {what}"),
            Counted::Conflict => format!("{used} merge conflicts; the last: {what}"),
            Counted::Review => format!("{used} reviews found what blocks it; the last: {what}"),
            Counted::Nothing => what,
        };
        events.extend(give_up(state, worker, &why, ctx));
    } else if let Some((took, most)) = out_of_time(state, worker, retry) {
        let why = format!("its attempts took {took} in all, and may take {most}; the last: {what}");
        events.extend(give_up(state, worker, &why, ctx));
    } else if pause == Span::default() {
        events.push(Event::WorkerReady { worker: id });
    } else {
        events.push(Event::WorkerWaiting { worker: id, until: ctx.now.plus(pause), why: what });
    }
    events
}

/// How long the attempts of a worker took in all, and how long they may take, if that is less.
fn out_of_time(state: &State, worker: &Worker, retry: &Retry) -> Option<(Span, Span)> {
    let most = retry.max_time?;
    let took = worker.sessions.iter().filter_map(|id| state.sessions.get(id)).fold(0_i64, |sum, session| {
        let span = session.started_at.zip(session.ended_at).map(|(began, ended)| ended.since(began));
        sum.saturating_add(span.unwrap_or_default().as_millis())
    });
    let took = Span::from_millis(took);
    (took >= most).then_some((took, most))
}

pub(super) fn backoff(first: Span, most: Span, times: u32) -> Span {
    let factor = 1_i64.checked_shl(times.saturating_sub(1).min(30)).unwrap_or(i64::MAX);
    Span::from_millis(first.as_millis().saturating_mul(factor).min(most.as_millis()))
}

/// Who is to know of a worker's trouble: whoever owns its convoy, or the person.
pub(super) fn owner(state: &State, worker: &Worker) -> Address {
    let convoy = worker.content.convoy.as_ref().and_then(|convoy| state.convoys.get(convoy));
    convoy.map_or_else(Address::overseer, |convoy| convoy.content.owner.clone())
}

/// Nothing goes on before a person has looked: said once, to the convoy's owner or to the person.
pub(super) fn give_up(state: &State, worker: &Worker, why: &str, ctx: &mut Context<'_>) -> Vec<Event> {
    let mut events = vec![Event::WorkerFailed { worker: worker.content.id.clone(), why: why.to_owned() }];
    let id = &worker.content.issue;
    let Some(issue) = state.issues.get(id) else { return events };
    if issue.content.step.is_some() {
        events.extend(template::fail(state, id, why, ctx));
        return events;
    }
    if issue.was_closed() || matches!(issue.status, Status::NeedsHuman { .. }) {
        return events;
    }
    events.push(Event::IssueNeedsHuman { issue: id.clone(), why: why.to_owned() });
    let owner = owner(state, worker);
    let subject = format!("Needs a human: {} ({id})", on_one_line(&issue.content.title));
    let body = format!("{why}\n\nSee: convoy why {id}\nTry again: convoy work retry {id}");
    events.extend(tell(state, vec![owner], NoticeKind::NeedsHuman, &subject, &body, None, ctx));
    events
}
