//! Checkpoints: when one is wanted, and what came of it.

use crate::checkpoint::{CheckpointState, Made};
use crate::event::Event;
use crate::id::CheckpointId;
use crate::state::State;

fn is_wanted(state: &State, id: &CheckpointId) -> bool {
    state.checkpoints.get(id).is_some_and(|checkpoint| checkpoint.state == CheckpointState::Wanted)
}

pub(super) fn made(state: &State, id: &CheckpointId, made: &Made) -> Vec<Event> {
    let event = || Event::CheckpointMade { checkpoint: id.clone(), made: made.clone() };
    is_wanted(state, id).then(event).into_iter().collect()
}

pub(super) fn failed(state: &State, id: &CheckpointId, why: &str) -> Vec<Event> {
    let event = || Event::CheckpointFailed { checkpoint: id.clone(), why: why.to_owned() };
    is_wanted(state, id).then(event).into_iter().collect()
}
