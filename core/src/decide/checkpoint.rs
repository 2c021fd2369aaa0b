//! Checkpoints: when one is wanted, and what came of it.

use super::Context;
use crate::checkpoint::{CheckpointState, Made, NewCheckpoint, Reason};
use crate::event::Event;
use crate::id::{CheckpointId, SessionId};
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

/// Wants a checkpoint of a live session, unless one of it is to be made anyway, or there is nothing yet to keep.
pub(super) fn want(
    state: &State,
    session: &SessionId,
    reason: Reason,
    ctx: &mut Context<'_>,
) -> Option<Event> {
    let found = state.sessions.get(session).filter(|found| found.is_live() && found.workdir().is_some())?;
    let worker = &state.workers.get(&found.content.worker)?.content;
    let pending = state.index.checkpoints.iter().filter_map(|id| state.checkpoints.get(id));
    if pending.into_iter().any(|checkpoint| checkpoint.content.session == *session) {
        return None;
    }
    let convoy = worker.convoy.as_ref();
    let epic = worker.epic.as_ref().or_else(|| state.convoys.get(convoy?)?.content.epic.as_ref());
    let folder = epic.map(ToString::to_string).or_else(|| convoy.map(ToString::to_string));
    let folder = folder.unwrap_or_else(|| worker.issue.to_string());
    let checkpoint = NewCheckpoint {
        id: ctx.entropy.checkpoint(state),
        session: session.clone(),
        sequence: state.index.sequences.get(&folder).copied().unwrap_or_default() + 1,
        folder,
        rig: worker.rig.clone(),
        reason,
    };
    Some(Event::CheckpointWanted { checkpoint })
}
