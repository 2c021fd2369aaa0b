//! Reminding an agent that does not do well, for the witness.

use std::time::Duration;

use convoy_core::command::Observed;
use convoy_core::effect::Effect;
use convoy_core::health::WITNESS;
use convoy_core::id::{Epoch, SessionId};
use convoy_core::report::Report;

use crate::explain;
use crate::supervisor::files::SessionDir;
use crate::supervisor::nudge;
use crate::world::World;

/// How long to wait before an agent is told that has not read what was said before.
const PAUSE: Duration = Duration::from_secs(2);
/// How often that is tried.
const TRIES_MAX: u32 = 30;

/// What is to be said.
pub(super) struct Nudge {
    pub(super) session: SessionId,
    pub(super) epoch: Epoch,
    pub(super) round: u32,
    pub(super) text: String,
}

/// Says it, once: what was said is an observation, which comes by the usual way. Only that it cannot be said is seen
/// here.
pub(super) fn run(world: &World, effect: &Effect, job: &Nudge) -> Option<Observed> {
    let dir = SessionDir::new(world.workspace.sessions_dir().join(job.session.as_str()));
    // An engine that died may have said it, and whoever follows the session has not told it yet.
    let said = |report: &Report| matches!(report, Report::Nudged { text, by } if *text == job.text && by.as_deref() == Some(WITNESS));
    let before = dir.observations_after(0).unwrap_or_default();
    if before.iter().any(|observation| said(&observation.report)) {
        return None;
    }
    let mut tries = 0;
    loop {
        tries += 1;
        match nudge(&dir, job.epoch, &job.text, WITNESS) {
            Ok(_) => return None,
            Err(error) if error.is_uncertain() => return None,
            Err(error) if error.is_passing() && tries < TRIES_MAX => {
                if !world.wanted.stays(effect, PAUSE) {
                    return None;
                }
            }
            Err(error) => {
                let (session, epoch, round) = (job.session.clone(), job.epoch, job.round);
                return Some(Observed::NotNudged { session, epoch, round, why: explain(&error) });
            }
        }
    }
}
