//! How worker and merge events change the state.

use crate::checkpoint::CheckpointState;
use crate::event::{Batched, Counted, Event};
use crate::id::{CheckpointId, Seq, SessionId, WorkerId};
use crate::issue::{CloseReason, Status};
use crate::review::{OfSession, Review, Reviewing};
use crate::state::State;
use crate::state::issue_events::set_status;
use crate::time::Time;
use crate::worker::{Intent, Submission, Worker, WorkerState};

pub(super) fn apply(state: &mut State, event: &Event, at: Time) {
    match event {
        Event::WorkerAssigned { worker: new } => {
            let earlier = new.takes_over.as_ref().and_then(|id| state.workers.get(id));
            let (lessons, resume_from) =
                earlier.map(|w| (w.lessons.clone(), w.resume_from.clone())).unwrap_or_default();
            state.index.active.insert(new.id.clone());
            if let Some(convoy) = &new.convoy {
                state.index.convoy_workers.entry(convoy.clone()).or_default().insert(new.id.clone());
            }
            state.workers.insert(
                new.id.clone(),
                Worker {
                    content: new.clone(),
                    state: WorkerState::Assigned,
                    intent: None,
                    failures: 0,
                    lost: 0,
                    conflicts: 0,
                    reviews: 0,
                    reviewed: None,
                    sessions: Vec::new(),
                    failed_in: Vec::new(),
                    lessons,
                    resume_from,
                    submitted: Seq(0),
                    assigned_at: at,
                    active_at: at,
                },
            );
            if let Some(issue) = state.issues.get_mut(&new.issue) {
                issue.worker = Some(new.id.clone());
            }
            set_status(state, &new.issue, Status::InProgress { worker: new.id.clone() }, at);
        }
        Event::WorkerWaiting { worker, until, why } => {
            set(state, worker, WorkerState::Waiting { until: *until, why: why.clone() }, at);
        }
        Event::WorkerReady { worker } => set(state, worker, WorkerState::Assigned, at),
        Event::WorkerSubmitted { worker: id, submission } => {
            set(state, id, WorkerState::Submitted(Box::new(submission.clone())), at);
            let seq = state.seq;
            if let Some(worker) = state.workers.get_mut(id) {
                worker.submitted = seq;
                // Whoever goes on after a merge that did not come about goes on from here.
                worker.resume_from = Some(submission.tip.clone());
                let issue = worker.content.issue.clone();
                set_status(state, &issue, Status::Submitted { worker: id.clone() }, at);
            }
        }
        Event::WorkerStopRequested { worker, by } => {
            intend(state, worker, Intent::Stop { by: by.clone() });
        }
        Event::WorkerReleaseRequested { worker, why } => {
            intend(state, worker, Intent::Release { why: why.clone() });
        }
        Event::WorkerStopped { worker, by } => {
            set(state, worker, WorkerState::Stopped { by: by.clone() }, at);
            hand_back(state, worker, at);
        }
        Event::WorkerReleased { worker, .. } => {
            set(state, worker, WorkerState::Released, at);
            hand_back(state, worker, at);
        }
        Event::WorkerFailed { worker, why } => {
            set(state, worker, WorkerState::Failed { why: why.clone() }, at);
            hand_back(state, worker, at);
        }
        Event::WorkerDone { worker: id } => {
            set(state, id, WorkerState::Done, at);
            if let Some(worker) = state.workers.get_mut(id)
                && let Some(issue) = state.issues.get(&worker.content.issue)
                && matches!(&issue.status, Status::Closed(closed) if closed.reason == CloseReason::Merged)
            {
                // Its work is in the base branch, where a reopened issue begins.
                worker.resume_from = None;
            }
        }
        Event::WorkerLearned { worker: id, lesson, count, resume_from } => {
            let Some(worker) = state.workers.get_mut(id) else { return };
            match count {
                Counted::Failure => {
                    worker.failures += 1;
                    worker.failed_in.push(lesson.session.clone());
                }
                Counted::Lost => worker.lost += 1,
                Counted::Conflict => worker.conflicts += 1,
                Counted::Review => worker.reviews += 1,
                Counted::Nothing => {}
            }
            worker.lessons.push(lesson.clone());
            worker.resume_from.clone_from(resume_from);
            worker.active_at = at;
            let issue = worker.content.issue.clone();
            // A submitted branch that came back is being worked on again.
            if let Some(Status::Submitted { .. }) = state.issues.get(&issue).map(|issue| &issue.status) {
                set_status(state, &issue, Status::InProgress { worker: id.clone() }, at);
            }
        }
        Event::MergeMoved { worker, round, .. } | Event::MergeUnblocked { worker, round } => {
            if let Some(submission) = submission(state, worker, at) {
                submission.moved += u32::from(matches!(event, Event::MergeMoved { .. }));
                submission.round = *round;
                submission.blocked = None;
                submission.pause = None;
            }
        }
        Event::MergeBlocked { worker, block } => {
            if let Some(submission) = submission(state, worker, at) {
                submission.blocked = Some(block.clone());
            }
        }
        Event::MergeBatched { workers, because, .. } => {
            let seq = state.seq;
            // What is heard again of the batch that was split changes nothing any more.
            let again = u32::from(matches!(because, Batched::Split { .. }));
            for worker in workers {
                if let Some(submission) = submission(state, worker, at) {
                    submission.batch = Some(seq);
                    submission.round += again;
                }
            }
        }
        Event::MergeSetAside { worker, .. } => {
            if let Some(submission) = submission(state, worker, at) {
                submission.batch = None;
                submission.round += 1;
            }
        }
        Event::MergePaused { worker, round, pause } => {
            if let Some(submission) = submission(state, worker, at) {
                submission.round = *round;
                submission.broken += 1;
                submission.pause = Some(pause.clone());
            }
        }
        Event::ReviewMade { session, checkpoint: Some(checkpoint), review, .. } => {
            review_of_checkpoint(state, session, checkpoint, review);
        }
        Event::ReviewStarted { convoy, checkpoint: Some(checkpoint), .. } => {
            let session = state.checkpoints.get(checkpoint).map(|one| &one.content.session);
            if let Some(session) = session.and_then(|id| state.sessions.get_mut(id)) {
                let (checkpoint, convoy) = (checkpoint.clone(), convoy.clone());
                session.reviewing = Some(Reviewing { checkpoint, convoy });
            }
        }
        Event::ReviewStarted { worker, convoy, checkpoint: None } => {
            if let Some(submission) = submission(state, worker, at) {
                submission.review = Some(convoy.clone());
            }
        }
        Event::ReviewMade { worker: id, review, .. } => {
            let seq = state.seq;
            if let Some(worker) = state.workers.get_mut(id) {
                worker.active_at = at;
                let passed = review.blocking().next().is_none();
                worker.reviewed = passed.then(|| review.tip.clone());
                // It takes its place among those that land now: nothing gets in before what is under way.
                worker.submitted = seq;
            }
        }
        Event::MergeRequested { worker, request } => {
            if let Some(submission) = submission(state, worker, at) {
                submission.request = Some(request.clone());
            }
        }
        _ => {}
    }
}

/// What blocks is kept until the session has ended, or a later review finds it mended.
fn review_of_checkpoint(state: &mut State, session: &SessionId, id: &CheckpointId, review: &Review) {
    let Some(checkpoint) = state.checkpoints.get(id) else { return };
    let (files, tree) = match &checkpoint.state {
        CheckpointState::Made(made) => (made.files_changed, made.tree.clone()),
        CheckpointState::Wanted | CheckpointState::Failed { .. } => (0, None),
    };
    let blocks = review.blocking().next().is_some();
    let grounded = review.findings.iter().filter(|raised| blocks && raised.grounded);
    let of_session = OfSession {
        sequence: checkpoint.content.sequence,
        files,
        tree,
        summary: review.summary(),
        blocking: grounded.cloned().collect(),
    };
    if let Some(session) = state.sessions.get_mut(session) {
        session.review = Some(of_session);
        session.reviewing = None;
    }
}

fn submission<'a>(state: &'a mut State, id: &WorkerId, at: Time) -> Option<&'a mut Submission> {
    let worker = state.workers.get_mut(id)?;
    worker.active_at = at;
    match &mut worker.state {
        WorkerState::Submitted(submission) => Some(submission),
        _ => None,
    }
}

fn intend(state: &mut State, id: &WorkerId, intent: Intent) {
    if let Some(worker) = state.workers.get_mut(id) {
        worker.intent = Some(intent);
    }
}

fn set(state: &mut State, id: &WorkerId, to: WorkerState, at: Time) {
    let Some(worker) = state.workers.get_mut(id) else { return };
    worker.active_at = at;
    if to.is_active() {
        state.index.active.insert(id.clone());
    } else {
        worker.intent = None;
        state.index.active.remove(id);
        // Its end is an occasion to look at the convoys of its issue.
        let convoys = state.issues.get(&worker.content.issue).map(|issue| &issue.convoys);
        state.index.touched.extend(convoys.into_iter().flatten().cloned());
    }
    worker.state = to;
}

/// An issue whose worker gave it up is open again, unless it was closed or waits for a person.
fn hand_back(state: &mut State, id: &WorkerId, at: Time) {
    let Some(worker) = state.workers.get(id) else { return };
    let issue = worker.content.issue.clone();
    let held = state.issues.get(&issue).is_some_and(|issue| match &issue.status {
        Status::InProgress { worker } | Status::Submitted { worker } => worker == id,
        Status::Open | Status::NeedsHuman { .. } | Status::Closed(_) => false,
    });
    if held {
        set_status(state, &issue, Status::Open, at);
    } else {
        state.refresh_startable(&issue);
    }
}
