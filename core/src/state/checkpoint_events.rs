//! How events of checkpoints change the state.

use crate::checkpoint::{Checkpoint, CheckpointState};
use crate::event::Event;
use crate::state::State;
use crate::time::Time;

pub(super) fn apply(state: &mut State, event: &Event, at: Time) {
    match event {
        Event::CheckpointWanted { checkpoint } => {
            let greatest = state.index.sequences.entry(checkpoint.folder.clone()).or_default();
            *greatest = (*greatest).max(checkpoint.sequence);
            state.index.checkpoints.insert(checkpoint.id.clone());
            let wanted = Checkpoint { content: checkpoint.clone(), state: CheckpointState::Wanted, at };
            state.checkpoints.insert(checkpoint.id.clone(), wanted);
        }
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
