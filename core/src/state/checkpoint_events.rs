//! How events of checkpoints change the state.

use crate::checkpoint::{Checkpoint, CheckpointState, NewCheckpoint};
use crate::event::Event;
use crate::id::{CheckpointId, SessionId};
use crate::state::State;
use crate::time::Time;

pub(super) fn apply(state: &mut State, event: &Event, at: Time) {
    match event {
        Event::CheckpointWanted { checkpoint } => want(state, checkpoint, at),
        Event::CheckpointMade { checkpoint: id, made } => {
            state.index.checkpoints.remove(id);
            if let Some(checkpoint) = state.checkpoints.get_mut(id) {
                checkpoint.state = CheckpointState::Made(made.clone());
            }
        }
        Event::CheckpointFailed { checkpoint: id, why } => {
            state.index.checkpoints.remove(id);
            if let Some(checkpoint) = state.checkpoints.get_mut(id) {
                checkpoint.state = CheckpointState::Failed { why: why.clone() };
            }
        }
        _ => {}
    }
}

fn want(state: &mut State, new: &NewCheckpoint, at: Time) {
    let session = state.sessions.get_mut(&new.session);
    let notes = session.as_ref().map_or(0, |session| u32::try_from(session.notes.len()).unwrap_or(u32::MAX));
    if let (Some(session), Some(n)) = (session, new.asked) {
        session.observed = session.observed.max(n);
    }
    let checkpoint = Checkpoint { content: new.clone(), state: CheckpointState::Wanted, at, notes };
    index(state, &checkpoint);
    state.checkpoints.insert(new.id.clone(), checkpoint);
}

fn index(state: &mut State, checkpoint: &Checkpoint) {
    let NewCheckpoint { id, session, folder, sequence, .. } = &checkpoint.content;
    let greatest = state.index.sequences.entry(folder.clone()).or_default();
    *greatest = (*greatest).max(*sequence);
    state.index.checkpoints_of.entry(session.clone()).or_default().insert((*sequence, id.clone()));
    if checkpoint.state == CheckpointState::Wanted {
        state.index.checkpoints.insert(id.clone());
    }
}

/// What is derived of checkpoints and own sessions, afresh.
pub(super) fn recount(state: &mut State) {
    for checkpoint in state.checkpoints.values().cloned().collect::<Vec<_>>() {
        index(state, &checkpoint);
    }
}

impl State {
    /// The checkpoints of a session, oldest first.
    pub fn checkpoints_of(&self, session: &SessionId) -> impl DoubleEndedIterator<Item = &Checkpoint> {
        let ids = self.index.checkpoints_of.get(session).into_iter().flatten();
        ids.filter_map(|(_, id)| self.checkpoints.get(id))
    }

    /// The newest checkpoint of a session that is in git.
    pub fn latest_made(&self, session: &SessionId) -> Option<&Checkpoint> {
        self.checkpoints_of(session).rev().find(|one| matches!(one.state, CheckpointState::Made(_)))
    }

    /// Checkpoints of a session that are to be made.
    pub fn pending_checkpoints<'a>(
        &'a self,
        session: &'a SessionId,
    ) -> impl Iterator<Item = &'a Checkpoint> + use<'a> {
        let ids: &std::collections::BTreeSet<CheckpointId> = &self.index.checkpoints;
        let pending = ids.iter().filter_map(|id| self.checkpoints.get(id));
        pending.filter(move |checkpoint| checkpoint.content.session == *session)
    }
}
