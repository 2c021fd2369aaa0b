//! Merging: how a submitted branch fared, and the issue that closes by it.

use super::Context;
use super::session::notes;
use super::work::{backoff, give_up, learned, setback};
use crate::convoy::MergeStrategy;
use crate::event::{Counted, Event};
use crate::id::{Epoch, WorkerId};
use crate::issue::{CloseReason, Closed, Evidence, GateResult, MoneyView};
use crate::money::Money;
use crate::queue;
use crate::session::Session;
use crate::state::State;
use crate::worker::{Lesson, MergeOutcome, MergePause, Submission, Worker, WorkerState};

pub(super) fn submitted<'a>(
    state: &'a State,
    id: &WorkerId,
    round: u32,
) -> Option<(&'a Worker, &'a Submission)> {
    let worker = state.workers.get(id)?;
    match &worker.state {
        WorkerState::Submitted(submission) if submission.round == round => Some((worker, submission)),
        _ => None,
    }
}

/// What the sessions of a worker cost together, as far as is known.
pub(super) fn cost(state: &State, worker: &Worker) -> Option<MoneyView> {
    let sessions = worker.sessions.iter().filter_map(|id| state.sessions.get(id));
    let costs: Vec<Money> = sessions.filter_map(Session::known_cost).collect();
    (!costs.is_empty()).then(|| costs.into_iter().fold(Money::default(), Money::plus).into())
}

pub(super) fn outcome(
    state: &State,
    id: &WorkerId,
    epoch: Epoch,
    round: u32,
    outcome: &MergeOutcome,
    ctx: &mut Context<'_>,
) -> Vec<Event> {
    let Some((worker, submission)) = submitted(state, id, round) else { return Vec::new() };
    let of_session = state.sessions.get(&submission.session).map(|session| session.content.epoch);
    if of_session != Some(epoch) {
        return Vec::new();
    }
    let notes = state.sessions.get(&submission.session).map(notes).unwrap_or_default();
    // The end is what is kept of a long detail.
    let lesson = |what: String, detail: String| Lesson {
        session: submission.session.clone(),
        what,
        detail: if detail.is_empty() { notes } else { format!("{detail}\n{notes}").trim_end().to_owned() },
        branch: Some(submission.branch.clone()),
        conflicts: Vec::new(),
        findings: Vec::new(),
    };
    match outcome {
        MergeOutcome::Landed { merge_commit, gates } => {
            landed(state, worker, submission, merge_commit.as_deref(), gates, ctx)
        }
        MergeOutcome::Moved { now } if submission.moved + 1 < ctx.policy.retry.max_rounds => {
            vec![Event::MergeMoved { worker: id.clone(), round: round + 1, now: now.clone() }]
        }
        MergeOutcome::Moved { .. } => {
            let times = submission.moved + 1;
            give_up(state, worker, &format!("its base branch moved {times} times while it was merged"), ctx)
        }
        MergeOutcome::Conflict { files, theirs } => {
            let what = format!("its branch conflicts in {}", files.join(", "));
            let lesson = Lesson { conflicts: files.clone(), ..lesson(what, theirs.join("\n")) };
            // The next attempt goes on from its work, and merges the base branch into it.
            setback(state, worker, lesson, Counted::Conflict, Some(submission.tip.clone()), ctx)
        }
        MergeOutcome::SetAside { files } => {
            vec![Event::MergeSetAside { worker: id.clone(), files: files.clone() }]
        }
        MergeOutcome::GateFailed { gates, output } => {
            let name = gates.last().map_or("?", |gate| gate.name.as_str());
            let lesson = lesson(format!("gate {name:?} failed"), output.clone());
            setback(state, worker, lesson, Counted::Failure, Some(submission.tip.clone()), ctx)
        }
        MergeOutcome::Blocked(block) => {
            if submission.blocked.as_ref() == Some(block) {
                return Vec::new();
            }
            vec![Event::MergeBlocked { worker: id.clone(), block: block.clone() }]
        }
        MergeOutcome::Broken { error } if submission.broken < ctx.policy.retry.max_broken => {
            let retry = &ctx.policy.retry;
            let until = ctx.now.plus(backoff(retry.backoff, retry.backoff_max, submission.broken + 1));
            let pause = MergePause { until, error: error.clone() };
            vec![Event::MergePaused { worker: id.clone(), round: round + 1, pause }]
        }
        MergeOutcome::Broken { error: why } | MergeOutcome::Unable { why } => {
            give_up(state, worker, &format!("its branch could not be merged: {why}"), ctx)
        }
        MergeOutcome::Requested(request) if submission.request.is_none() => {
            vec![Event::MergeRequested { worker: id.clone(), request: request.clone() }]
        }
        MergeOutcome::Requested(_) => Vec::new(),
        MergeOutcome::Declined { why } => {
            let resume_from = Some(submission.tip.clone());
            let told = lesson(why.clone(), String::new());
            let mut events = vec![learned(worker, told, Counted::Nothing, resume_from)];
            events.extend(give_up(state, worker, why, ctx));
            events
        }
    }
}

fn landed(
    state: &State,
    worker: &Worker,
    submission: &Submission,
    merge_commit: Option<&str>,
    gates: &[GateResult],
    ctx: &Context<'_>,
) -> Vec<Event> {
    let reason = match queue::strategy(state, ctx.policy, worker) {
        MergeStrategy::Direct | MergeStrategy::Queue | MergeStrategy::Pr => CloseReason::Merged,
        MergeStrategy::Local => CloseReason::Completed,
    };
    let evidence = Evidence {
        branch: Some(submission.branch.clone()),
        commit: Some(submission.tip.clone()),
        merge_commit: merge_commit.map(str::to_owned),
        request: submission.request.as_ref().map(|request| request.url.clone()),
        diff: Some(submission.diff),
        // Those of a request ran before it was made.
        gates: submission.request.as_ref().map_or(gates, |request| &request.gates).to_vec(),
        cost: cost(state, worker),
        attempt: worker.sessions.len() as u32,
        no_change: false,
    };
    let mut events = Vec::new();
    if state.issues.get(&worker.content.issue).is_some_and(|issue| !issue.was_closed()) {
        events.push(Event::IssueClosed {
            issue: worker.content.issue.clone(),
            closed: Closed {
                reason,
                at: ctx.now,
                evidence: Some(Box::new(evidence)),
                duplicate_of: None,
                note: None,
            },
        });
    }
    events.push(Event::WorkerDone { worker: worker.content.id.clone() });
    events
}

pub(super) fn checkout_changed(state: &State, id: &WorkerId, round: u32) -> Vec<Event> {
    match submitted(state, id, round) {
        Some((_, submission)) if submission.blocked.is_some() => {
            vec![Event::MergeUnblocked { worker: id.clone(), round }]
        }
        _ => Vec::new(),
    }
}
