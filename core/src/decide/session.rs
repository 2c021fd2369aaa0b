//! Sessions: what the executor saw of an attempt, and what the attempt came to.
//!
//! Everything here is checked against the attempt's epoch and state first. What comes late, twice, or from
//! another attempt changes nothing.

use super::health::not_before;
use super::tell::{on_one_line, tell};
use super::verdict::verdict;
use super::work::{give_up, learned, owner, setback};
use super::{Context, budget};
use crate::event::{Counted, Event};
use crate::id::{Epoch, SessionId};
use crate::issue::{CloseReason, Closed, DiffStat, Evidence};
use crate::notice::NoticeKind;
use crate::report::{Exit, ExitKind, Observation, Report};
use crate::session::{Findings, Outcome, Said, Session, SessionState, TranscriptUsage, Workdir};
use crate::state::State;
use crate::worker::{Intent, Lesson, Submission, Worker};

/// The longest text that an agent may have remembered at a time, in bytes.
const SAID_BYTES_MAX: usize = 16 * 1024;

fn current<'a>(state: &'a State, id: &SessionId, epoch: Epoch) -> Option<(&'a Session, &'a Worker)> {
    let session = state.sessions.get(id).filter(|session| session.content.epoch == epoch)?;
    Some((session, state.workers.get(&session.content.worker)?))
}

fn over(session: &Session, outcome: Outcome) -> Event {
    Event::SessionOver { session: session.content.id.clone(), epoch: session.content.epoch, outcome }
}

pub(super) fn prepared(state: &State, id: &SessionId, epoch: Epoch, workdir: &Workdir) -> Vec<Event> {
    match current(state, id, epoch) {
        // One that is to be stopped goes through the same states: that nothing of it runs is proven by its run
        // record, not by the log, whose tail may have been lost.
        Some((session, _)) if matches!(session.state, SessionState::Wanted) => {
            vec![Event::SessionPrepared { session: id.clone(), epoch, workdir: workdir.clone() }]
        }
        _ => Vec::new(),
    }
}

pub(super) fn prepare_failed(
    state: &State,
    id: &SessionId,
    epoch: Epoch,
    error: &str,
    permanent: bool,
    ctx: &mut Context<'_>,
) -> Vec<Event> {
    let Some((session, worker)) = current(state, id, epoch) else { return Vec::new() };
    if !matches!(session.state, SessionState::Wanted) {
        return Vec::new();
    }
    let (what, printed) = first_line(error);
    let mut events = vec![over(session, Outcome::Infrastructure { why: what.to_owned() })];
    match &worker.intent {
        Some(intent) => events.push(fulfil(worker, intent)),
        // It begins when there is a repository to work in: nobody's failure, and nobody is needed for it.
        None if !ctx.policy.reaches(&worker.content.rig) => {
            events.push(Event::WorkerReady { worker: worker.content.id.clone() });
        }
        None if permanent => events.extend(give_up(state, worker, what, ctx)),
        None => {
            let lesson = lesson(session, what, printed, None);
            let resume_from = worker.resume_from.clone();
            events.extend(setback(state, worker, lesson, Counted::Lost, resume_from, ctx));
        }
    }
    events
}

pub(super) fn report(
    state: &State,
    id: &SessionId,
    epoch: Epoch,
    observation: &Observation,
    ctx: &mut Context<'_>,
) -> Vec<Event> {
    let Some((session, worker)) = current(state, id, epoch) else { return Vec::new() };
    if observation.epoch != epoch || observation.n <= session.observed || !session.is_live() {
        return Vec::new();
    }
    let (session_id, n) = (id.clone(), observation.n);
    let said = |said| Event::SessionSaid { session: id.clone(), epoch, n, said };
    let event = match &observation.report {
        Report::Started { pid, .. } if matches!(session.state, SessionState::Starting { .. }) => {
            Event::SessionStarted { session: session_id, epoch, n, pid: *pid, at: observation.at }
        }
        Report::Usage { message_id, model, tokens, cost, price, .. }
            if !session.counted.contains(message_id) =>
        {
            let (message_id, model, price) = (message_id.clone(), model.clone(), price.clone());
            Event::SessionUsage {
                session: session_id,
                epoch,
                n,
                message_id,
                model,
                tokens: *tokens,
                cost: *cost,
                price,
            }
        }
        Report::Conversation { id: conversation, model } => Event::SessionConversation {
            session: session_id,
            epoch,
            n,
            conversation: cut(conversation),
            model: model.clone(),
        },
        Report::SelfReported { cost } if session.self_reported != Some(*cost) => {
            Event::SessionSelfReported { session: session_id, epoch, n, cost: *cost }
        }
        Report::Escalated { reason } => {
            let reason = cut(reason);
            let mut events = vec![said(Said::Escalated { reason: reason.clone() })];
            events.extend(escalate(state, session, worker, &reason, ctx));
            return events;
        }
        Report::Nudged { text, by } => {
            let (by, text) = (by.as_deref().map(cut), cut(text));
            Event::SessionNudged { session: session_id, epoch, n, by, text }
        }
        Report::Result(result) if result.cost.is_some() || result.tokens.is_some() => {
            Event::SessionCost { session: session_id, epoch, n, cost: result.cost, tokens: result.tokens }
        }
        Report::Done { no_change, note } => {
            said(Said::Done { no_change: *no_change, note: note.as_deref().map(cut) })
        }
        Report::Blocked { reason } => said(Said::Blocked { reason: cut(reason) }),
        Report::Note { text } => said(Said::Note { text: cut(text) }),
        Report::CheckpointAsked { note } => {
            let note = note.as_deref().map(cut);
            return super::checkpoint::asked(state, id, n, note, ctx).into_iter().collect();
        }
        // Seen by whoever watches, and not needed to decide anything.
        Report::Started { .. }
        | Report::Usage { .. }
        | Report::Result(_)
        | Report::SelfReported { .. }
        | Report::Waiting { .. }
        | Report::Looping { .. }
        | Report::Tool { .. }
        | Report::Retrying { .. }
        | Report::Stopping { .. }
        | Report::Unknown => return Vec::new(),
    };
    vec![event]
}

/// An agent wants a person to know something, and goes on: told to the convoy's owner, once for each text.
fn escalate(
    state: &State,
    session: &Session,
    worker: &Worker,
    reason: &str,
    ctx: &mut Context<'_>,
) -> Vec<Event> {
    if !crate::state::is_news(session, reason) {
        return Vec::new();
    }
    let issue = &worker.content.issue;
    let title = state.issues.get(issue).map_or("", |issue| issue.content.title.as_str());
    let subject = format!("Its agent wants you to know: {} ({issue})", on_one_line(title));
    let body = format!(
        "{reason}\n\nIts agent goes on.\nSee: convoy logs {issue}\nAnswer: convoy nudge {issue} TEXT"
    );
    tell(state, vec![owner(state, worker)], NoticeKind::Escalated, &subject, &body, None, ctx)
}

/// The engine leaves, and nobody is to work meanwhile: every agent is to be stopped.
pub(super) fn leaving(state: &State) -> Vec<Event> {
    let sessions = state.index.sessions.iter().filter_map(|id| state.sessions.get(id));
    let live = sessions.filter(|session| session.is_live() && !session.stopping);
    live.map(|session| Event::SessionStopRequested {
        session: session.content.id.clone(),
        epoch: session.content.epoch,
    })
    .collect()
}

/// Usage that nobody heard of while the agent lived; each message once.
pub(super) fn transcript(
    state: &State,
    id: &SessionId,
    epoch: Epoch,
    usage: &[TranscriptUsage],
) -> Vec<Event> {
    let Some((session, _)) = current(state, id, epoch) else { return Vec::new() };
    if !matches!(session.state, SessionState::Ended { .. }) {
        return Vec::new();
    }
    let mut seen = std::collections::BTreeSet::new();
    let news =
        usage.iter().filter(|one| !session.counted.contains(&one.message_id) && seen.insert(&one.message_id));
    news.map(|one| Event::SessionUsage {
        session: id.clone(),
        epoch,
        n: session.observed,
        message_id: one.message_id.clone(),
        model: one.model.clone(),
        tokens: one.tokens,
        cost: one.cost,
        price: one.price.clone(),
    })
    .collect()
}

fn cut(text: &str) -> String {
    let end = (0..=text.len().min(SAID_BYTES_MAX)).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    text[..end].to_owned()
}

pub(super) fn ended(state: &State, id: &SessionId, epoch: Epoch, exit: &Exit) -> Vec<Event> {
    match current(state, id, epoch) {
        Some((session, _)) if session.workdir().is_some() && session.is_live() && exit.epoch == epoch => {
            vec![Event::SessionEnded { session: id.clone(), epoch, exit: exit.clone() }]
        }
        _ => Vec::new(),
    }
}

pub(super) fn lost(state: &State, id: &SessionId, epoch: Epoch, why: &str) -> Vec<Event> {
    match current(state, id, epoch) {
        Some((session, _)) if session.workdir().is_some() && session.is_live() => {
            vec![Event::SessionLost { session: id.clone(), epoch, why: why.to_owned() }]
        }
        _ => Vec::new(),
    }
}

pub(super) fn found(
    state: &State,
    id: &SessionId,
    epoch: Epoch,
    findings: &Findings,
    ctx: &mut Context<'_>,
) -> Vec<Event> {
    let Some((session, worker)) = current(state, id, epoch) else { return Vec::new() };
    let SessionState::Ended { workdir, exit } = &session.state else { return Vec::new() };
    let outcome = match &worker.intent {
        Some(_) => Outcome::Stopped,
        None => {
            let findings_known = !matches!(findings, Findings::Unsaved { .. });
            let spent = exit.as_deref().filter(|_| findings_known);
            let spent = spent.and_then(|exit| budget::verdict(state, session, exit.kind, ctx));
            let step = state.step_of(worker);
            spent.unwrap_or_else(|| verdict(state, session, worker, step, exit.as_deref(), findings))
        }
    };
    let (tip, diff) = match findings {
        Findings::Work { tip, diff, .. } if diff.commits > 0 => (Some(tip.clone()), *diff),
        Findings::Work { .. }
        | Findings::Rewritten { .. }
        | Findings::Unsaved { .. }
        | Findings::Output { .. }
        | Findings::NoOutput { .. }
        | Findings::Gone { .. } => (None, DiffStat::default()),
    };
    // What was done is never given up: the next attempt goes on from it, or is told where it is.
    let resume_from = tip.clone().or_else(|| worker.resume_from.clone());
    let branch = match findings {
        Findings::Rewritten { kept_at } => Some(kept_at.clone()),
        Findings::Work { .. }
        | Findings::Unsaved { .. }
        | Findings::Output { .. }
        | Findings::NoOutput { .. }
        | Findings::Gone { .. } => tip.as_ref().map(|_| workdir.branch.clone()),
    };
    let mut events = vec![over(session, outcome.clone())];
    let hook = exit.as_deref().filter(|exit| exit.kind == ExitKind::HookFailed);
    let detail = match hook.and_then(|exit| exit.detail.as_deref()) {
        Some(failed) => first_line(failed).1.to_owned(),
        None => notes(session),
    };
    let lesson = |what: &str| lesson(session, what, &detail, branch.clone());
    match outcome {
        Outcome::Submitted => match &session.review {
            // What its reviewers found while it worked comes before its merge.
            Some(review) if !review.blocking.is_empty() => {
                let lesson = Lesson { findings: review.blocking.clone(), ..lesson(&review.summary) };
                events.extend(setback(state, worker, lesson, Counted::Review, resume_from, ctx));
            }
            Some(_) | None => events.push(submit(session, worker, workdir, tip, diff, ctx)),
        },
        Outcome::NoChange | Outcome::Delivered { .. } => {
            events.extend(close_unchanged(state, session, worker, ctx));
        }
        // It is told what is wrong, and asked once more.
        Outcome::Unreadable { why } => {
            events.push(learned(worker, lesson(&why), Counted::Nothing, resume_from));
            events.push(Event::WorkerReady { worker: worker.content.id.clone() });
        }
        Outcome::Stopped => {
            let lesson = match findings {
                Findings::Unsaved { why } => lesson(&format!("it was stopped; {}", unsaved(why))),
                Findings::Work { .. }
                | Findings::Rewritten { .. }
                | Findings::Output { .. }
                | Findings::NoOutput { .. }
                | Findings::Gone { .. } => lesson("it was stopped"),
            };
            events.push(learned(worker, lesson, Counted::Nothing, resume_from));
            events.push(match &worker.intent {
                Some(intent) => fulfil(worker, intent),
                None => Event::WorkerReady { worker: worker.content.id.clone() },
            });
        }
        Outcome::Failed { why } => {
            events.extend(setback(state, worker, lesson(&why), Counted::Failure, resume_from, ctx));
        }
        Outcome::Lost { why } => {
            events.extend(setback(state, worker, lesson(&why), Counted::Lost, resume_from, ctx));
        }
        // It begins again when its budget, or the service of its model, lets it.
        Outcome::BudgetExceeded { why } => {
            events.push(learned(worker, lesson(&why), Counted::Nothing, resume_from));
            events.push(Event::WorkerReady { worker: worker.content.id.clone() });
        }
        Outcome::RateLimited { until, why } => {
            events.push(learned(worker, lesson(&why), Counted::Nothing, resume_from));
            let until = until.max(not_before(state, worker, ctx));
            events.push(Event::WorkerWaiting { worker: worker.content.id.clone(), until, why });
        }
        Outcome::Infrastructure { why } | Outcome::Blocked { why } => {
            let lesson = lesson(&why);
            events.push(learned(worker, lesson, Counted::Nothing, resume_from));
            events.extend(give_up(state, worker, &why, ctx));
        }
    }
    events
}

fn fulfil(worker: &Worker, intent: &Intent) -> Event {
    let worker = worker.content.id.clone();
    match intent {
        Intent::Stop { by } => Event::WorkerStopped { worker, by: by.clone() },
        Intent::Release { why } => Event::WorkerReleased { worker, why: why.clone() },
    }
}

/// The line about what went wrong, and what was printed after it.
pub(super) fn first_line(error: &str) -> (&str, &str) {
    error.split_once('\n').map_or((error, ""), |(line, rest)| (line, rest.trim_end()))
}

fn lesson(session: &Session, what: &str, detail: &str, branch: Option<String>) -> Lesson {
    Lesson {
        session: session.content.id.clone(),
        what: what.to_owned(),
        detail: detail.to_owned(),
        branch,
        conflicts: Vec::new(),
        findings: Vec::new(),
    }
}

fn submit(
    session: &Session,
    worker: &Worker,
    workdir: &Workdir,
    tip: Option<String>,
    diff: DiffStat,
    ctx: &Context<'_>,
) -> Event {
    Event::WorkerSubmitted {
        worker: worker.content.id.clone(),
        submission: Submission {
            session: session.content.id.clone(),
            branch: workdir.branch.clone(),
            tip: tip.unwrap_or_else(|| workdir.base.clone()),
            diff,
            at: ctx.now,
            round: 1,
            moved: 0,
            blocked: None,
            batch: None,
            broken: 0,
            pause: None,
            request: None,
            review: None,
        },
    }
}

/// The agent says that nothing had to be changed, and nothing was: the issue is done.
fn close_unchanged(state: &State, session: &Session, worker: &Worker, ctx: &Context<'_>) -> Vec<Event> {
    let note = match &session.said {
        Some(Said::Done { note, .. }) => note.clone(),
        _ => None,
    };
    let evidence = Evidence {
        branch: None,
        commit: None,
        merge_commit: None,
        request: None,
        diff: None,
        gates: Vec::new(),
        cost: super::merge::cost(state, worker),
        attempt: worker.sessions.len() as u32,
        no_change: state.step_of(worker).is_none(),
    };
    let closed = Closed {
        reason: CloseReason::Completed,
        at: ctx.now,
        evidence: Some(Box::new(evidence)),
        duplicate_of: None,
        note,
    };
    vec![
        Event::IssueClosed { issue: worker.content.issue.clone(), closed },
        Event::WorkerDone { worker: worker.content.id.clone() },
    ]
}

/// What the agent wanted remembered, for whoever goes on, however it ended.
pub(super) fn notes(session: &Session) -> String {
    session.notes.join("\n")
}

pub(super) fn unsaved(why: &str) -> String {
    format!("its work could not be saved, and is still in its workdir: {why}")
}
