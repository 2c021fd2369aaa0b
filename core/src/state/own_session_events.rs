//! How events of persons' own sessions change the state.

use crate::event::Event;
use crate::own_session::{OwnSession, OwnState};
use crate::state::State;
use crate::time::Time;

pub(super) fn apply(state: &mut State, event: &Event, at: Time, actor: &str) {
    match event {
        Event::SessionOpened { session } => {
            let opened = OwnSession {
                content: session.as_ref().clone(),
                state: OwnState::Open,
                by: actor.to_owned(),
                started_at: at,
            };
            state.own_sessions.insert(session.id.clone(), opened);
            state.book_carried(&session.epic, session.carried);
        }
        Event::SessionPaused { session, reason } => {
            if let Some(own) = state.own_sessions.get_mut(session) {
                own.state = OwnState::Paused { at, reason: reason.clone() };
            }
        }
        Event::SessionCompleted { session, outcome } => {
            if let Some(own) = state.own_sessions.get_mut(session) {
                own.state = OwnState::Completed { at, outcome: *outcome };
            }
        }
        _ => {}
    }
}
