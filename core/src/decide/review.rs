//! Reviews of submitted branches: what of them is kept, and the worker that gets what blocks as its next prompt.

use super::Context;
use super::merge::submitted;
use super::session::notes;
use super::work::setback;
use crate::event::{Counted, Event};
use crate::review::{Raised, Review};
use crate::state::State;
use crate::worker::{Lesson, Member, Submission, Worker};

/// A review that does not block: the branch goes on.
pub(super) fn passed(state: &State, member: &Member, review: &Review) -> Vec<Event> {
    let Some((worker, submission)) = submitted(state, &member.worker, member.round) else {
        return Vec::new();
    };
    let epoch = state.sessions.get(&submission.session).map(|session| session.content.epoch);
    if epoch != Some(member.epoch) || submission.tip != review.tip || review.blocking().next().is_some() {
        return Vec::new();
    }
    vec![made(worker, submission, review)]
}

/// A review that blocks: the worker goes on from its own work, with what was found. Nobody's attempt failed by it; the
/// rounds have a bound of their own.
pub(super) fn blocked(
    state: &State,
    worker: &Worker,
    submission: &Submission,
    review: &Review,
    ctx: &mut Context<'_>,
) -> Vec<Event> {
    let grounded = |raised: &&Raised| raised.grounded;
    let lesson = Lesson {
        session: submission.session.clone(),
        what: review.summary(),
        detail: state.sessions.get(&submission.session).map(notes).unwrap_or_default(),
        branch: Some(submission.branch.clone()),
        conflicts: Vec::new(),
        findings: review.findings.iter().filter(grounded).cloned().collect(),
    };
    let mut events = vec![made(worker, submission, review)];
    events.extend(setback(state, worker, lesson, Counted::Review, Some(submission.tip.clone()), ctx));
    events
}

fn made(worker: &Worker, submission: &Submission, review: &Review) -> Event {
    Event::ReviewMade {
        worker: worker.content.id.clone(),
        session: submission.session.clone(),
        review: Box::new(review.clone()),
    }
}
