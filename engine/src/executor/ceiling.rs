//! Telling a session's supervisor that its agent may spend more.
//!
//! The supervisor takes a higher ceiling only, so that telling it again, by the next engine, changes nothing. One that
//! cannot be told stops its agent at the ceiling that it knows: too early, never too late.

use convoy_core::id::{Epoch, SessionId};
use convoy_core::money::Money;

use crate::explain;
use crate::supervisor::client::Error;
use crate::supervisor::files::SessionDir;
use crate::supervisor::launch::{Probe, probe};
use crate::world::{World, note};

/// How often a supervisor that lives and does not answer is told.
const TRIES_MAX: u32 = 3;

/// What a supervisor is told.
pub(super) struct Ceiling {
    pub(super) session: SessionId,
    pub(super) epoch: Epoch,
    pub(super) ceiling: Money,
}

pub(super) fn run(world: &World, job: &Ceiling) {
    let dir = SessionDir::new(world.workspace.sessions_dir().join(job.session.as_str()));
    for _ in 0..TRIES_MAX {
        let told = match probe(&dir) {
            // Whoever follows the session reports its end.
            Ok(Probe::Ended(_) | Probe::Dead(_) | Probe::NeverStarted) => return,
            Ok(Probe::Live(mut client)) => client.ceiling(job.epoch, job.ceiling),
            Err(error) => return note(&format!("session {}: ceiling: {}", job.session, explain(&error))),
        };
        match told {
            Ok(()) => return,
            // A supervisor of an older version does not know the request, and has no other way to be told.
            Err(error @ Error::Refused { .. }) => {
                return note(&format!("session {}: ceiling: {}", job.session, explain(&error)));
            }
            Err(error) => note(&format!("session {}: ceiling: {}", job.session, explain(&error))),
        }
    }
}
