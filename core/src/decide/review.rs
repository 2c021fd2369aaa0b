//! Reviews of submitted branches: what of them is kept, and the worker that gets what blocks as its next prompt.

use super::Context;
use super::merge::submitted;
use super::session::notes;
use super::work::setback;
use crate::checkpoint::{Checkpoint, CheckpointState};
use crate::event::{Counted, Event};
use crate::id::CheckpointId;
use crate::policy::{Policy, Reviews};
use crate::review::{Raised, Review};
use crate::session::{Session, SessionState};
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
        checkpoint: None,
        review: Box::new(review.clone()),
    }
}

/// The checkpoint of a live session that is to be reviewed: the first by which there is enough to look at since the
/// last review. So a later one does not take its place while reviewers are at it.
pub fn due<'a>(state: &'a State, policy: &Policy, session: &Session) -> Option<&'a Checkpoint> {
    let Reviews { every, files } = policy.reviews;
    let works = matches!(session.state, SessionState::Running { .. }) && !session.stopping;
    if (every == 0 && files == 0) || !works {
        return None;
    }
    let (after, known, tree) = match &session.review {
        Some(review) => (review.sequence, review.files, review.tree.as_ref()),
        None => (0, 0, None),
    };
    let mut count = 0;
    state
        .checkpoints_of(&session.content.id)
        .filter(|checkpoint| checkpoint.content.sequence > after)
        .filter_map(|checkpoint| match &checkpoint.state {
            CheckpointState::Made(made) => Some((checkpoint, made)),
            CheckpointState::Wanted | CheckpointState::Failed { .. } => None,
        })
        .find_map(|(checkpoint, made)| {
            count += 1;
            let enough =
                every > 0 && count >= every || files > 0 && made.files_changed.saturating_sub(known) >= files;
            let new = made.files_changed > 0 && (tree.is_none() || tree != made.tree.as_ref());
            (enough && new).then_some(checkpoint)
        })
}

/// What reviewers said of a checkpoint, as long as somebody waits for it.
pub(super) fn of_checkpoint(
    state: &State,
    id: &CheckpointId,
    review: &Review,
    ctx: &Context<'_>,
) -> Vec<Event> {
    let session = state.checkpoints.get(id).and_then(|one| state.sessions.get(&one.content.session));
    let Some(session) = session else { return Vec::new() };
    if due(state, ctx.policy, session).is_none_or(|checkpoint| checkpoint.content.id != *id) {
        return Vec::new();
    }
    vec![Event::ReviewMade {
        worker: session.content.worker.clone(),
        session: session.content.id.clone(),
        checkpoint: Some(id.clone()),
        review: Box::new(review.clone()),
    }]
}
