//! Whether an attempt goes on with the conversation of the one before it.
//!
//! One that was interrupted does: it was stopped by a person, a budget or a rate limit, or its supervisor vanished.
//! After a failure the next one begins afresh, with what was learned: a conversation that went wrong goes on wrong.

use crate::id::SessionId;
use crate::session::{Outcome, Session, SessionState};
use crate::state::State;
use crate::worker::Worker;

/// How many workers of one issue are looked at, the newest first; each has taken over from the one before.
const WORKERS_MAX: usize = 100;

/// The session whose conversation the next attempt of a worker goes on with.
pub(super) fn conversation(state: &State, worker: &Worker) -> Option<SessionId> {
    let last = last_session(state, worker)?;
    (last.conversation.is_some() && was_interrupted(last)).then(|| last.content.id.clone())
}

/// The newest session of the worker, or of the one that it took over from, if that was the same agent's.
fn last_session<'a>(state: &'a State, worker: &'a Worker) -> Option<&'a Session> {
    let earlier = |worker: &&Worker| state.workers.get(worker.content.takes_over.as_ref()?);
    std::iter::successors(Some(worker), earlier)
        .take(WORKERS_MAX)
        .take_while(|other| other.content.agent == worker.content.agent)
        .find_map(|other| other.sessions.last())
        .and_then(|id| state.sessions.get(id))
}

fn was_interrupted(session: &Session) -> bool {
    let SessionState::Over { outcome, .. } = &session.state else { return false };
    match outcome {
        Outcome::Stopped
        | Outcome::Unreadable { .. }
        | Outcome::Lost { .. }
        | Outcome::BudgetExceeded { .. }
        | Outcome::RateLimited { .. } => true,
        Outcome::Submitted
        | Outcome::NoChange
        | Outcome::Delivered { .. }
        | Outcome::Failed { .. }
        | Outcome::Infrastructure { .. }
        | Outcome::Blocked { .. } => false,
    }
}
