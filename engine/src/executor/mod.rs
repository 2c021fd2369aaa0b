//! The executor: carries effects out, each in a thread of its own, and reports what it saw.
//!
//! It decides nothing. Every effect looks at the world first, so that doing it again after a crash is safe, and
//! ends in an observation that names its epoch.

mod checkout;
mod deliver;
mod follow;
mod inspect;
mod job;
mod merge;
mod prepare;
mod prompt;
mod stop;
mod sweep;

use std::collections::BTreeSet;
use std::sync::{Arc, PoisonError};

use convoy_core::command::Observed;
use convoy_core::effect::Effect;
use convoy_core::session::Findings;
use convoy_core::state::State;
use convoy_core::worker::MergeOutcome;

use crate::inbox::Handle;
use crate::tasks::{self, Kind};
use crate::world::{World, note};

pub(crate) use sweep::sweep;

/// See the module.
pub(crate) struct Executor {
    world: Arc<World>,
    handle: Handle,
}

impl Executor {
    pub(crate) fn new(world: World, handle: Handle) -> Self {
        Self { world: Arc::new(world), handle }
    }

    /// Whether there is room on the disk for what another agent will write.
    pub(crate) fn has_room(&self) -> bool {
        let free = |path: &std::path::Path| {
            rustix::fs::statvfs(path).map_or(u64::MAX, |stat| stat.f_bavail.saturating_mul(stat.f_frsize))
        };
        free(&self.world.workspace.state_dir()) >= self.world.disk_reserve
            && free(self.world.workdirs.path()) >= self.world.disk_reserve
    }

    /// Says which effects are wanted from now on. A merge that is not any more stops before its branch moves.
    pub(crate) fn want(&self, effects: &BTreeSet<Effect>) {
        let merges =
            effects.iter().filter(|effect| matches!(effect, Effect::Merge { .. })).cloned().collect();
        *self.world.merges.lock().unwrap_or_else(PoisonError::into_inner) = merges;
    }

    /// Starts an effect; whether there was a thread for it. The details are read from the state now, and the effect
    /// itself sees only the world.
    pub(crate) fn start(&self, effect: &Effect, state: &State) -> bool {
        let (world, handle) = (Arc::clone(&self.world), self.handle.clone());
        let kind = match effect {
            Effect::Supervise { .. } => Kind::Session,
            Effect::WatchCheckout { .. } => Kind::Watch,
            Effect::Prepare { .. }
            | Effect::Stop { .. }
            | Effect::Inspect { .. }
            | Effect::Merge { .. }
            | Effect::Deliver { .. } => Kind::Effect,
        };
        let job = job::job(effect, state, &world.config).ok_or_else(|| impossible(effect));
        let started = tasks::start(kind, move || match job {
            Err(seen) => seen.into_iter().for_each(|seen| handle.observed(seen)),
            Ok(job::Job::Prepare(job)) => handle.observed(prepare::run(&world, &job)),
            Ok(job::Job::Supervise(job)) => follow::run(&world, &handle, &job),
            Ok(job::Job::Stop(job)) => stop::run(&world, &handle, &job),
            Ok(job::Job::Inspect(job)) => handle.observed(inspect::run(&world, &job)),
            Ok(job::Job::Merge(job)) => {
                merge::run(&world, &job).into_iter().for_each(|seen| handle.observed(seen));
            }
            Ok(job::Job::Deliver(job)) => handle.observed(deliver::run(&world, &job)),
            Ok(job::Job::WatchCheckout(job)) => handle.observed(checkout::run(&world, &job)),
        });
        if let Err(error) = &started {
            note(&format!("cannot start a thread for {effect:?}: {error}"));
        }
        started.is_ok()
    }
}

/// What is seen of an effect that cannot be carried out: its rig is not in the configuration any more.
fn impossible(effect: &Effect) -> Option<Observed> {
    let why = "its rig is not in the configuration any more".to_owned();
    Some(match effect.clone() {
        Effect::Prepare { session, epoch } => {
            Observed::PrepareFailed { session, epoch, error: why, permanent: true }
        }
        Effect::Supervise { session, epoch } => Observed::Lost { session, epoch, why },
        Effect::Inspect { session, epoch } => {
            Observed::Found { session, epoch, findings: Findings::Unsaved { why } }
        }
        Effect::Merge { worker, epoch, round } => {
            Observed::Merge { worker, epoch, round, outcome: MergeOutcome::Broken { error: why } }
        }
        Effect::Deliver { delivery, attempt } => {
            let why = "there is no such notice".to_owned();
            Observed::DeliveryFailed { delivery, attempt, why, permanent: true }
        }
        Effect::Stop { .. } | Effect::WatchCheckout { .. } => return None,
    })
}
