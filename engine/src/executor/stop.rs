//! Ending a session: an order to its supervisor, or the proof that it will never begin.

use convoy_core::command::Observed;
use rustix::process::Signal;

use super::job::Stop;
use super::sweep;
use crate::explain;
use crate::inbox::Handle;
use crate::supervisor::files::SessionDir;
use crate::supervisor::launch::{Fenced, Probe, fence, probe};
use crate::world::World;
use crate::world::note;

/// How long a supervisor has to end before the order is given again.
const PAUSE: std::time::Duration = std::time::Duration::from_secs(20);
/// How often the order is given to a supervisor that does not take it.
const TRIES_MAX: u32 = 5;

pub(super) fn run(world: &World, handle: &Handle, job: &Stop) {
    let dir = SessionDir::new(world.workspace.sessions_dir().join(job.session.as_str()));
    for _ in 0..TRIES_MAX {
        match probe(&dir) {
            // Whoever follows the session reports its end.
            Ok(Probe::Ended(_) | Probe::Dead(_)) => return,
            Ok(Probe::Live(mut client)) => match client.stop(job.epoch) {
                Ok(()) => return,
                Err(error) => {
                    note(&format!("session {}: stop: {}", job.session, explain(&error)));
                    // It does not take the order over its socket: it takes it as a signal.
                    if let Ok(Some(record)) = dir.run_record() {
                        let _ = record.process.signal(Signal::TERM);
                        let _ = record.process.wait_end(PAUSE);
                    }
                }
            },
            Ok(Probe::NeverStarted) => match fence(&dir) {
                Ok(Fenced::Fenced) => {
                    // What was to make things ready for it has nothing to make ready any more.
                    sweep::end_commands(&world.workspace, &job.session);
                    let why = "it was stopped before it started".to_owned();
                    handle.observed(Observed::Lost { session: job.session.clone(), epoch: job.epoch, why });
                    return;
                }
                Ok(Fenced::AlreadyStarted) => {}
                Err(error) => note(&format!("session {}: fence: {}", job.session, explain(&error))),
            },
            Err(error) => note(&format!("session {}: stop: {}", job.session, explain(&error))),
        }
    }
}
