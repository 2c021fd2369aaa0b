//! The executor: carries effects out, each in a thread of its own, and reports what it saw.
//!
//! It decides nothing. Every effect looks at the world first, so that doing it again after a crash is safe, and
//! ends in an observation that names its epoch.

mod checkout;
mod follow;
mod inspect;
mod job;
mod merge;
mod prepare;
mod prompt;
mod stop;
mod sweep;

use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, PoisonError};

use convoy_core::effect::Effect;
use convoy_core::state::State;

use crate::agent::Presets;
use crate::config::Config;
use crate::dispatcher::Handle;
use crate::git::Git;
use crate::git::workdir::Root;
use crate::os::spawn::Environment;
use crate::tasks::{self, Kind};
use crate::workspace::Workspace;

pub(crate) use sweep::sweep;

/// How many workdirs are made or looked at at once: more would only wait for the same disk.
const GIT_PARALLEL_MAX: usize = 2;

/// Everything that effects need of the world.
pub(crate) struct World {
    pub(crate) workspace: Workspace,
    pub(crate) config: Config,
    pub(crate) presets: Presets,
    pub(crate) env: Environment,
    pub(crate) git: Git,
    pub(crate) workdirs: Root,
    /// This program, which is also the supervisor.
    pub(crate) program: PathBuf,
    /// Bytes that must be free before something is started.
    pub(crate) disk_reserve: u64,
    /// Limits how much git works at once.
    pub(crate) git_permits: Permits,
}

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

    /// Starts an effect. The details are read from the state now; the effect itself sees only the world.
    pub(crate) fn start(&self, effect: &Effect, state: &State) {
        let (world, handle) = (Arc::clone(&self.world), self.handle.clone());
        let kind = match effect {
            Effect::Supervise { .. } => Kind::Session,
            Effect::WatchCheckout { .. } => Kind::Watch,
            Effect::Prepare { .. } | Effect::Stop { .. } | Effect::Inspect { .. } | Effect::Merge { .. } => {
                Kind::Effect
            }
        };
        let Some(job) = job::job(effect, state, &world.config) else { return };
        let started = tasks::start(kind, move || match job {
            job::Job::Prepare(job) => handle.observed(prepare::run(&world, &job)),
            job::Job::Supervise(job) => follow::run(&world, &handle, &job),
            job::Job::Stop(job) => stop::run(&world, &handle, &job),
            job::Job::Inspect(job) => handle.observed(inspect::run(&world, &job)),
            job::Job::Merge(job) => handle.observed(merge::run(&world, &job)),
            job::Job::WatchCheckout(job) => handle.observed(checkout::run(&world, &job)),
        });
        if let Err(error) = started {
            note(&format!("cannot start a thread for {effect:?}: {error}"));
        }
    }
}

/// A remark in the engine's own log.
#[expect(clippy::print_stderr, reason = "the engine's stderr is its log")]
pub(crate) fn note(text: &str) {
    eprintln!("{} {text}", crate::clock::now());
}

/// A number of permits.
pub(crate) struct Permits {
    free: Mutex<usize>,
    changed: Condvar,
}

impl Permits {
    pub(crate) fn new(count: usize) -> Self {
        Self { free: Mutex::new(count), changed: Condvar::new() }
    }
    /// As many as git may have.
    pub(crate) fn for_git() -> Self {
        Self::new(GIT_PARALLEL_MAX)
    }
    /// Runs `work` with a permit, waiting for one first.
    pub(crate) fn with<T>(&self, work: impl FnOnce() -> T) -> T {
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        while *free == 0 {
            free = self.changed.wait(free).unwrap_or_else(PoisonError::into_inner);
        }
        *free -= 1;
        drop(free);
        let result = work();
        *self.free.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        self.changed.notify_one();
        result
    }
}
