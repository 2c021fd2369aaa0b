//! Reviews by template convoys: of submitted branches here, of checkpoints in `checkpoint`. What of them is kept, and the
//! worker that gets what blocks as its next prompt.
//!
//! A review is *begun* with the convoy of its roles, in one batch, and is *over* when that convoy has ended. Its *word* is
//! the verdict of the convoy's report. A convoy without one says nothing about the change, good or bad.

pub(super) mod checkpoint;

use self::checkpoint::works;
use super::merge::submitted;
use super::session::notes;
use super::work::{give_up, learned, owner, setback};
use super::{Context, merge, template};
use crate::command::Request;
use crate::convoy::{Convoy, Status};
use crate::event::{Counted, Event};
use crate::id::{CheckpointId, ConvoyId};
use crate::issue::{CloseReason, Issue, Status as IssueStatus};
use crate::money::Money;
use crate::policy::{Inconclusive, Policy};
use crate::queue::awaits_review;
use crate::review::{Lane, LaneEnd, Raised, Review};
use crate::state::State;
use crate::template::{Counts, OutputKind, ReportKind, Run, Verdict};
use crate::time::Span;
use crate::view;
use crate::worker::{Lesson, Member, MergeOutcome, Submission, Worker, WorkerState};

/// A branch that waits for its review, as an effect has named it.
fn waiting<'a>(state: &'a State, member: &Member, policy: &Policy) -> Option<(&'a Worker, &'a Submission)> {
    let (worker, submission) = submitted(state, &member.worker, member.round)?;
    let epoch = state.sessions.get(&submission.session)?.content.epoch;
    (epoch == member.epoch && awaits_review(policy, worker, submission)).then_some((worker, submission))
}

/// A review begins: the convoy of its roles, and that the branch waits for it. What cannot be begun is tried again, like
/// a merge that broke.
pub(super) fn begin(
    state: &State,
    member: &Member,
    start: Result<Option<&Request>, &String>,
    ctx: &mut Context<'_>,
) -> Vec<Event> {
    let Some((worker, submission)) = waiting(state, member, ctx.policy) else { return Vec::new() };
    if submission.review.is_some() || submission.pause.is_some() {
        return Vec::new();
    }
    let begun = match start {
        Ok(Some(request)) => begun(state, worker, (&submission.tip, None), request, ctx),
        Ok(None) => Ok(vec![made(worker, submission, &of_nothing(&submission.tip))]),
        Err(why) => Err(why.clone()),
    };
    match begun {
        Ok(events) => events,
        Err(why) => {
            let broken = MergeOutcome::Broken { error: format!("its review could not begin: {why}") };
            merge::outcome(state, &member.worker, member.epoch, member.round, &broken, ctx)
        }
    }
}

/// The review of a commit that changes nothing.
fn of_nothing(commit: &str) -> Review {
    let (tip, commit) = (commit.to_owned(), commit.to_owned());
    Review { tip, commit, lanes: Vec::new(), findings: Vec::new(), convoy: None, others: 0 }
}

/// The convoy that reviews a commit of a worker: the tip of its branch, or a checkpoint.
fn begun(
    state: &State,
    worker: &Worker,
    (commit, checkpoint): (&str, Option<&CheckpointId>),
    request: &Request,
    ctx: &mut Context<'_>,
) -> Result<Vec<Event>, String> {
    let Request::TemplateStart { name, run, steps, max_parallel, budget, .. } = request else {
        return Err("it was resolved to something else than a template".to_owned());
    };
    if run.commit.as_deref() != Some(commit) {
        return Err("it was resolved at another commit".to_owned());
    }
    if run.report != ReportKind::Review {
        return Err(format!("template {} makes no report of findings", run.template));
    }
    let of_convoy = || state.convoys.get(worker.content.convoy.as_ref()?)?.content.epic.as_ref();
    let epic = worker.content.epic.as_ref().or_else(of_convoy);
    let request = Request::TemplateStart {
        name: name.clone(),
        run: Box::new(Run { reviews: Some(worker.content.id.clone()), ..Run::clone(run) }),
        steps: steps.clone(),
        owner: Some(owner(state, worker).to_string()),
        notify: Vec::new(),
        max_parallel: *max_parallel,
        epic: epic.map(ToString::to_string),
        budget: *budget,
    };
    let mut events = template::start(state, &request, ctx).map_err(|refusal| refusal.to_string())?.events;
    let urgency = state.issues.get(&worker.content.issue).map(|issue| issue.content.priority);
    let mut convoy = None;
    for event in &mut events {
        match event {
            // What is nearly done is as urgent as it was.
            Event::IssueCreated { issue } => issue.priority = urgency.unwrap_or(issue.priority),
            Event::ConvoyCreated { convoy: made } => convoy = Some(made.id.clone()),
            _ => {}
        }
    }
    let convoy = convoy.ok_or("no convoy was made")?;
    let (worker, checkpoint) = (worker.content.id.clone(), checkpoint.cloned());
    events.push(Event::ReviewStarted { worker, convoy, checkpoint });
    Ok(events)
}

/// Whether a convoy has ended that reviews a change.
pub fn is_over(state: &State, convoy: &ConvoyId) -> bool {
    state.convoys.get(convoy).is_none_or(Convoy::is_closed)
}

/// Whether somebody waits for what comes of a convoy. Of one that reviews no change that is for people to say.
pub fn is_awaited(state: &State, convoy: &Convoy) -> bool {
    let Some(id) = convoy.content.run.as_ref().and_then(|run| run.reviews.as_ref()) else { return true };
    match state.workers.get(id).map(|worker| &worker.state) {
        Some(WorkerState::Submitted(submission)) => submission.review.as_ref() == Some(&convoy.content.id),
        Some(WorkerState::Running { session }) => state.sessions.get(session).is_some_and(|session| {
            let under_way = session.reviewing.as_ref().map(|reviewing| &reviewing.convoy);
            works(session) && under_way == Some(&convoy.content.id)
        }),
        Some(
            WorkerState::Assigned
            | WorkerState::Waiting { .. }
            | WorkerState::Done
            | WorkerState::Failed { .. }
            | WorkerState::Released
            | WorkerState::Stopped { .. },
        )
        | None => false,
    }
}

/// Nobody waits for it any more: its branch was stopped, rejected or landed otherwise, or its session works no more.
pub(super) fn unwanted(state: &State, id: &ConvoyId, ctx: &mut Context<'_>) -> Vec<Event> {
    match state.convoys.get(id) {
        Some(convoy) if convoy.is_open() && !is_awaited(state, convoy) => {
            let why = "nobody waits for this review any more";
            template::end_of_run(state, convoy, Some(why), Vec::new(), ctx)
        }
        Some(_) | None => Vec::new(),
    }
}

/// A review is over: the branch goes on, or back to its worker, or a person has to look.
pub(super) fn over(state: &State, member: &Member, id: &ConvoyId, ctx: &mut Context<'_>) -> Vec<Event> {
    let Some((worker, submission)) = waiting(state, member, ctx.policy) else { return Vec::new() };
    if submission.review.as_ref() != Some(id) || !is_over(state, id) {
        return Vec::new();
    }
    let convoy = state.convoys.get(id);
    let review = convoy.map(|convoy| of_convoy(state, ctx.policy, convoy, &submission.tip));
    let word = convoy.map_or_else(|| Err("there is no such convoy".to_owned()), word);
    match (word, review) {
        (Ok(Word::Passes), Some(review)) => vec![made(worker, submission, &review)],
        (Ok(Word::Blocks), Some(review)) => blocked(state, worker, submission, &review, ctx),
        (Err(why), review) => inconclusive(state, worker, submission, (id, why, review), ctx),
        (Ok(_), None) => Vec::new(),
    }
}

enum Word {
    Passes,
    Blocks,
}

/// What the convoy says of the branch, or why it says nothing.
fn word(convoy: &Convoy) -> Result<Word, String> {
    if let Status::Abandoned { reason, .. } = &convoy.status {
        let by = convoy.progress.stopped_by.as_ref().map(|by| format!("{by} stopped it"));
        return Err(by.or_else(|| reason.clone()).unwrap_or_else(|| "it was abandoned".to_owned()));
    }
    let Some(report) = &convoy.progress.report else { return Err("there is no report of it".to_owned()) };
    match (&report.error, report.verdict) {
        (Some(error), _) => Err(format!("its report could not be made: {error}")),
        (None, Some(Verdict::Approved)) => Ok(Word::Passes),
        (None, Some(Verdict::ChangesRequested)) if report.blocking.iter().any(Raised::blocks) => {
            Ok(Word::Blocks)
        }
        (None, Some(Verdict::ChangesRequested)) => Err("it wants changes, and does not say which".to_owned()),
        (None, Some(Verdict::Commented) | None) if report.missing.is_empty() => {
            Err("it came to no verdict".to_owned())
        }
        (None, Some(Verdict::Commented) | None) => {
            let missing: Vec<&str> = report.missing.iter().map(|role| role.as_str()).collect();
            Err(format!("failed: {}", missing.join(", ")))
        }
    }
}

/// What is kept of a review with its branch or session; the whole report is with its convoy.
fn of_convoy(state: &State, policy: &Policy, convoy: &Convoy, commit: &str) -> Review {
    let report = convoy.progress.report.as_ref();
    let blocking = report.map(|report| report.blocking.clone()).unwrap_or_default();
    let all = report.map_or(0, |report| all(&report.counts));
    let lanes = view::steps(state, convoy).filter_map(|issue| lane(state, policy, issue));
    Review {
        tip: commit.to_owned(),
        commit: commit.to_owned(),
        lanes: lanes.collect(),
        others: all.saturating_sub(u32::try_from(blocking.len()).unwrap_or(u32::MAX)),
        findings: blocking,
        convoy: Some(convoy.content.id.clone()),
    }
    .ordered()
}

fn all(counts: &Counts) -> u32 {
    let Counts { blocker, critical, high, medium, low, info, ungrounded, duplicates: _ } = counts;
    [blocker, critical, high, medium, low, info, ungrounded].into_iter().sum()
}

/// The part of a role that finds something.
fn lane(state: &State, policy: &Policy, issue: &Issue) -> Option<Lane> {
    let step = issue.content.step.as_deref()?;
    if !matches!(step.output, OutputKind::Findings | OutputKind::Sarif) {
        return None;
    }
    let worker = issue.worker.as_ref().and_then(|id| state.workers.get(id));
    let sessions =
        || worker.into_iter().flat_map(|worker| &worker.sessions).filter_map(|id| state.sessions.get(id));
    let end = match &issue.status {
        IssueStatus::Closed(closed) if closed.reason == CloseReason::Completed => LaneEnd::Done,
        IssueStatus::Closed(closed) => LaneEnd::Failed { why: closed.note.clone().unwrap_or_default() },
        IssueStatus::Open
        | IssueStatus::InProgress { .. }
        | IssueStatus::Submitted { .. }
        | IssueStatus::NeedsHuman { .. } => LaneEnd::Failed { why: "it has not ended".to_owned() },
    };
    let took = sessions().filter_map(|session| Some(session.ended_at?.since(session.started_at?)));
    Some(Lane {
        role: step.role.clone(),
        agent: worker.map_or(&policy.agent, |worker| &worker.content.agent).clone(),
        model: sessions().next_back().and_then(|session| session.model.clone()),
        end,
        duration: Span::from_millis(took.map(Span::as_millis).sum()),
        cost: worker
            .and_then(|worker| merge::cost(state, worker))
            .map(|cost| Money::from_micros(cost.micros)),
        tokens: None,
    })
}

/// A review that has no word about the branch.
fn inconclusive(
    state: &State,
    worker: &Worker,
    submission: &Submission,
    (convoy, why, review): (&ConvoyId, String, Option<Review>),
    ctx: &mut Context<'_>,
) -> Vec<Event> {
    let what = format!("its review {convoy} came to no verdict: {why}");
    match (ctx.policy.reviews.on_inconclusive, review) {
        (Inconclusive::Merge, Some(review)) => {
            // Nobody said that something of it blocks.
            vec![made(worker, submission, &Review { findings: Vec::new(), ..review })]
        }
        (Inconclusive::Merge | Inconclusive::NeedsHuman, _) => {
            let lesson = lesson(state, submission, what.clone());
            let resume_from = Some(submission.tip.clone());
            let mut events = vec![learned(worker, lesson, Counted::Nothing, resume_from)];
            events.extend(give_up(state, worker, &what, ctx));
            events
        }
    }
}

fn lesson(state: &State, submission: &Submission, what: String) -> Lesson {
    Lesson {
        session: submission.session.clone(),
        what,
        detail: state.sessions.get(&submission.session).map(notes).unwrap_or_default(),
        branch: Some(submission.branch.clone()),
        conflicts: Vec::new(),
        findings: Vec::new(),
    }
}

/// A review that blocks: the worker goes on from its own work, with what was found. Nobody's attempt failed by it; the
/// rounds have a bound of their own.
fn blocked(
    state: &State,
    worker: &Worker,
    submission: &Submission,
    review: &Review,
    ctx: &mut Context<'_>,
) -> Vec<Event> {
    let findings = review.findings.iter().filter(|raised| raised.grounded).cloned().collect();
    let lesson = Lesson { findings, ..lesson(state, submission, review.summary()) };
    let mut events = vec![made(worker, submission, review)];
    events.extend(setback(state, worker, lesson, Counted::Review, Some(submission.tip.clone()), ctx));
    events
}

fn made(worker: &Worker, submission: &Submission, review: &Review) -> Event {
    Event::ReviewMade {
        worker: worker.content.id.clone(),
        session: submission.session.clone(),
        checkpoint: None,
        review: Box::new(review.clone()),
    }
}
