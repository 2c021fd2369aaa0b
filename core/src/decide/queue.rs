//! The merge queue: batches that are formed and split, and what a person does to a branch in it.

use super::merge::{self, submitted};
use super::work::{give_up, learned, setback, worker_of};
use super::{Context, Decision, Item};
use crate::event::{Batched, Counted, Event};
use crate::id::{IssueId, RigName, WorkerId};
use crate::policy::Policy;
use crate::queue;
use crate::refusal::Refusal;
use crate::state::State;
use crate::time::{Span, Time};
use crate::worker::{Lesson, Member, MergeOutcome, Submission, Worker, WorkerState};

/// Whether the first of a batch has waited long enough. One that would have to wait longer than any waits has seen
/// the clock set back, and waits no more.
pub fn batch_is_due(policy: &Policy, at: Time, now: Time) -> bool {
    at.since(now) == Span::default() || at.since(now) > policy.batches.wait
}

/// The next batch of a lane: the first that wait, as many as fit.
pub(super) fn gather(state: &State, rig: &RigName, base: Option<&str>, ctx: &Context<'_>) -> Vec<Event> {
    let lines = queue::lines(state, ctx.policy);
    let Some(line) = lines.get(&(rig, base)) else { return Vec::new() };
    match queue::next_batch_at(line, ctx.policy) {
        Some(at) if batch_is_due(ctx.policy, at, ctx.now) => {}
        _ => return Vec::new(),
    }
    let first = line.waiting.iter().take(ctx.policy.batches.max as usize);
    let workers = first.map(|entry| entry.worker.content.id.clone()).collect();
    vec![Event::MergeBatched {
        rig: rig.clone(),
        base: base.map(str::to_owned),
        workers,
        because: Batched::Gathered,
    }]
}

/// What came of branches that were merged together. Those that are not as they were any more are left out.
pub(super) fn batch(state: &State, tried: &[(Member, MergeOutcome)], ctx: &mut Context<'_>) -> Vec<Event> {
    let still: Vec<(&Worker, &Member, &MergeOutcome)> = tried
        .iter()
        .filter_map(|(member, outcome)| Some((current(state, member)?, member, outcome)))
        .collect();
    let mut events = Vec::new();
    if tried.len() > 1
        && let Some(why) = tried.iter().find_map(|(_, outcome)| nobodys(outcome))
    {
        let workers: Vec<&Worker> = still.iter().map(|(worker, ..)| *worker).collect();
        return split(ctx.policy, &workers, &why);
    }
    // What is in the way of all of them is watched for the first alone.
    let alike = matches!(still.first(), Some((.., MergeOutcome::Blocked(_))));
    let told = if alike { 1 } else { still.len() };
    for (_, Member { worker, epoch, round }, outcome) in still.into_iter().take(told) {
        events.extend(merge::outcome(state, worker, *epoch, *round, outcome, ctx));
    }
    events
}

/// What cannot be said of one of several branches; smaller batches tell.
fn nobodys(outcome: &MergeOutcome) -> Option<String> {
    match outcome {
        MergeOutcome::GateFailed { gates, .. } => {
            let name = gates.last().map_or("?", |gate| gate.name.as_str());
            Some(format!("gate {name:?} failed"))
        }
        // With no file in the way, every branch would meet the same.
        MergeOutcome::Blocked(block) if !block.files.is_empty() => {
            Some(format!("{}: {}", block.why, block.files.join(", ")))
        }
        MergeOutcome::Broken { error } => Some(error.clone()),
        MergeOutcome::Blocked(_)
        | MergeOutcome::Landed { .. }
        | MergeOutcome::Moved { .. }
        | MergeOutcome::Conflict { .. }
        | MergeOutcome::SetAside { .. }
        | MergeOutcome::Unable { .. }
        | MergeOutcome::Requested(_)
        | MergeOutcome::Declined { .. } => None,
    }
}

fn current<'a>(state: &'a State, member: &Member) -> Option<&'a Worker> {
    let (worker, submission) = submitted(state, &member.worker, member.round)?;
    let epoch = state.sessions.get(&submission.session)?.content.epoch;
    (epoch == member.epoch).then_some(worker)
}

/// Two batches, or one of what is left, out of one that did not land as a whole.
fn split(policy: &Policy, workers: &[&Worker], why: &str) -> Vec<Event> {
    let Some(first) = workers.first() else { return Vec::new() };
    let (rig, base) = queue::lane(policy, first);
    let halves = workers.split_at(workers.len().div_ceil(2));
    [halves.0, halves.1]
        .into_iter()
        .filter(|half| !half.is_empty())
        .map(|half| Event::MergeBatched {
            rig: rig.clone(),
            base: base.map(str::to_owned),
            workers: half.iter().map(|worker| worker.content.id.clone()).collect(),
            because: Batched::Split { why: why.to_owned() },
        })
        .collect()
}

pub(super) fn due(state: &State, id: &WorkerId, round: u32) -> Vec<Event> {
    match submitted(state, id, round) {
        Some((_, submission)) if submission.pause.is_some() => {
            vec![Event::MergeUnblocked { worker: id.clone(), round }]
        }
        _ => Vec::new(),
    }
}

fn in_queue<'a>(state: &'a State, issue: &str) -> Result<(IssueId, &'a Worker, &'a Submission), Refusal> {
    let (id, worker) = worker_of(state, issue)?;
    match &worker.state {
        WorkerState::Submitted(submission) => Ok((id, worker, submission)),
        other => Err(Refusal::domain(
            format!("{id} is not in the merge queue: its worker is {}", other.name()),
            format!("see why: convoy why {id}"),
        )),
    }
}

/// Tries a branch at once that something holds up, or looks at its request at once.
pub(super) fn retry(state: &State, issue: &str) -> Result<Decision, Refusal> {
    let (id, worker, submission) = in_queue(state, issue)?;
    // In a batch one member stands for the obstacle of all.
    let held = |other: &&Worker| match &other.state {
        WorkerState::Submitted(s) => {
            s.batch.is_some() && s.batch == submission.batch && (s.blocked.is_some() || s.pause.is_some())
        }
        _ => false,
    };
    let active = || state.index.active.iter().filter_map(|id| state.workers.get(id));
    let held_up = submission.blocked.is_some() || submission.pause.is_some();
    let (worker, round, note) = match active().find(held) {
        _ if held_up => (worker, submission.round, "tried at once"),
        _ if submission.request.is_some() => (worker, submission.round + 1, "its request is looked at"),
        Some(other) => match &other.state {
            WorkerState::Submitted(of_other) => (other, of_other.round, "its batch is tried at once"),
            _ => (worker, submission.round, "tried at once"),
        },
        None => {
            return Ok(Decision::same(Item::same(id, "nothing holds it up: it is waiting or being tested")));
        }
    };
    let event = Event::MergeUnblocked { worker: worker.content.id.clone(), round };
    Ok(Decision::of(event, Item::changed(id).noted(note)))
}

/// Gives a branch back to its worker with the reason, as a review would; without one nobody would know what to do
/// differently, so that it waits for a person. Neither counts as a failed attempt: the rounds are bounded by the
/// person who asks for each.
pub(super) fn reject(
    state: &State,
    issue: &str,
    reason: Option<&str>,
    ctx: &mut Context<'_>,
) -> Result<Decision, Refusal> {
    let (id, worker, submission) = in_queue(state, issue)?;
    let by = ctx.actor.to_string();
    let what = match reason {
        Some(reason) => format!("{by} rejected its branch: {reason}"),
        None => format!("{by} rejected its branch and gave no reason"),
    };
    let lesson = Lesson {
        session: submission.session.clone(),
        what: what.clone(),
        detail: String::new(),
        branch: Some(submission.branch.clone()),
        conflicts: Vec::new(),
        findings: Vec::new(),
    };
    let resume_from = Some(submission.tip.clone());
    let (events, note) = match reason {
        Some(_) => (
            setback(state, worker, lesson, Counted::Nothing, resume_from, ctx),
            "its worker goes on with the reason",
        ),
        None => {
            let mut events = vec![learned(worker, lesson, Counted::Nothing, resume_from)];
            events.extend(give_up(state, worker, &what, ctx));
            (events, "it waits for a person")
        }
    };
    let note = match &submission.request {
        Some(request) => format!("{note}; its request is left open: {}", request.url),
        None => note.to_owned(),
    };
    Ok(Decision { events, items: vec![Item::changed(id).noted(note)] })
}
