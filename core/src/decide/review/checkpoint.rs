//! Reviews of checkpoints while their session works: one after another, and no reason to hold anything up. A convoy
//! without a word is kept as that; the next checkpoints are looked at again, and so is the branch before it lands.

use super::{begun, is_over, of_convoy, of_nothing, word};
use crate::checkpoint::{Checkpoint, CheckpointState};
use crate::command::Request;
use crate::decide::Context;
use crate::event::Event;
use crate::id::{CheckpointId, ConvoyId, RoleName};
use crate::policy::{Policy, Reviews};
use crate::review::{Lane, LaneEnd, Review, Reviewing};
use crate::session::{Session, SessionState};
use crate::state::State;
use crate::time::Span;
use crate::worker::Worker;

/// In whose place it stands that there was no review at all.
const NOBODY: &str = "review";

/// Whether a session works on, so that it can still be told something.
pub fn works(session: &Session) -> bool {
    matches!(session.state, SessionState::Running { .. }) && !session.stopping
}

/// The checkpoint of a live session that is to be reviewed next: the first by which there is enough to look at since the
/// last review, when none is under way.
pub fn due<'a>(state: &'a State, policy: &Policy, session: &Session) -> Option<&'a Checkpoint> {
    let Reviews { every, files, .. } = policy.reviews;
    if (every == 0 && files == 0) || !works(session) || session.reviewing.is_some() {
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

/// A checkpoint whose session is there.
struct Of<'a> {
    id: &'a CheckpointId,
    session: &'a Session,
    worker: &'a Worker,
    commit: &'a str,
}

impl<'a> Of<'a> {
    fn find(state: &'a State, id: &'a CheckpointId) -> Option<Self> {
        let checkpoint = state.checkpoints.get(id)?;
        let CheckpointState::Made(made) = &checkpoint.state else { return None };
        let session = state.sessions.get(&checkpoint.content.session)?;
        let worker = state.workers.get(&session.content.worker)?;
        Some(Self { id, session, worker, commit: made.files()? })
    }

    fn made(&self, review: Review) -> Vec<Event> {
        vec![Event::ReviewMade {
            worker: self.worker.content.id.clone(),
            session: self.session.content.id.clone(),
            checkpoint: Some(self.id.clone()),
            review: Box::new(review),
        }]
    }

    /// The same review, in which nobody has a word, and why.
    fn without_a_word(&self, review: Review, why: String) -> Vec<Event> {
        let role = RoleName::new(NOBODY).expect("a valid name");
        let lane = Lane {
            role,
            agent: self.worker.content.agent.clone(),
            model: None,
            end: LaneEnd::Failed { why },
            duration: Span::default(),
            cost: None,
            tokens: None,
        };
        self.made(Review { lanes: [review.lanes, vec![lane]].concat(), ..review })
    }
}

/// A review begins: the convoy of its roles, and that the session waits for it.
pub(in crate::decide) fn begin(
    state: &State,
    id: &CheckpointId,
    start: Result<Option<&Request>, &String>,
    ctx: &mut Context<'_>,
) -> Vec<Event> {
    let Some(of) = Of::find(state, id) else { return Vec::new() };
    if due(state, ctx.policy, of.session).is_none_or(|checkpoint| checkpoint.content.id != *id) {
        return Vec::new();
    }
    let begun = match start {
        Ok(Some(request)) => begun(state, of.worker, (of.commit, Some(id)), request, ctx),
        Ok(None) => return of.made(of_nothing(of.commit)),
        Err(why) => Err(why.clone()),
    };
    begun.unwrap_or_else(|why| of.without_a_word(of_nothing(of.commit), format!("it could not begin: {why}")))
}

/// A review is over: what it found is kept until the session has ended.
pub(in crate::decide) fn over(
    state: &State,
    id: &CheckpointId,
    convoy: &ConvoyId,
    policy: &Policy,
) -> Vec<Event> {
    let Some(of) = Of::find(state, id) else { return Vec::new() };
    let Some(under_way) = &of.session.reviewing else { return Vec::new() };
    let Reviewing { checkpoint, convoy: by } = under_way;
    if checkpoint != id || by != convoy || !works(of.session) || !is_over(state, convoy) {
        return Vec::new();
    }
    let Some(convoy) = state.convoys.get(convoy) else {
        return of.without_a_word(of_nothing(of.commit), "there is no such convoy".to_owned());
    };
    let review = of_convoy(state, policy, convoy, of.commit);
    match word(convoy) {
        Err(why) if review.missing().next().is_none() => of.without_a_word(review, why),
        Ok(_) | Err(_) => of.made(review),
    }
}
