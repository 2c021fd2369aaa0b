//! Trackers that are not ours: programs that keep issues of a rig.
//!
//! A tracker can be read as a whole, told of changes, and asked to make an issue. A desk does these things for one
//! rig, one at a time, and reports what came of it in that order: nothing that was read before a change was told
//! can reach the dispatcher after it.

mod beads;
mod check;
mod desk;
mod follow;
mod hook;
mod make;
#[cfg(test)]
mod tests;
mod wire;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, Once, PoisonError, RwLock};
use std::time::Duration;

use convoy_api::{Answer, Failure};
use convoy_core::command::Observed;
use convoy_core::id::RigName;
use convoy_core::policy::Tracker;
use convoy_core::time::Span;

use crate::config::{Config, Rig, Sources};
use crate::inbox::Handle;
use crate::os::spawn::Environment;
use crate::settings::Source;
use crate::workspace::Workspace;

pub use beads::{Beads, Listing, Told};
pub use hook::{Hooks, install, remove};

pub(crate) use desk::Desk;

/// How long a command that is its own engine waits for a tracker: whoever types does not wait for longer.
const COMMAND_LIMIT: Span = Span::from_secs(5);
/// How long somebody waits for a reading that was asked for: one may be under way, and another follows it.
const READ_WAIT: Duration = Duration::from_secs(65);
/// How long an engine that stays waits for one call.
const STAYING_LIMIT: Span = Span::from_secs(30);

/// Why a tracker did not do what it was to.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the fields are what the messages name")]
pub enum Error {
    /// Its program is nowhere.
    #[error("there is no program {program:?} on the PATH")]
    NoProgram { program: String },
    /// The rig's repository has no data of it.
    #[error("there is no folder {dir:?}")]
    NoData { dir: std::path::PathBuf },
    /// We do not know this version.
    #[error("bd {version} is not supported: expected 1.x or 2.x")]
    Version { version: String },
    /// It could not be started, or spoken to.
    #[error("{command} could not be run")]
    Io { command: String, source: std::io::Error },
    /// It took too long.
    #[error("{command} took longer than {limit_s} s and was ended")]
    TimedOut { command: String, limit_s: i64 },
    /// It printed too much.
    #[error("{command} printed more than {limit} bytes and was ended")]
    TooLarge { command: String, limit: usize },
    /// Another process holds its data.
    #[error("{command}: its data is locked by another process: {said}")]
    Locked { command: String, said: String },
    /// It said no.
    #[error("{command}: {said}")]
    Refused { command: String, said: String },
    /// What it printed makes no sense.
    #[error("{command} printed something that is not understood: {problem}")]
    Garbage { command: String, problem: String },
}

/// The trackers of a workspace.
pub(crate) struct Trackers {
    workspace: Workspace,
    env: Environment,
    /// The engine stays, so that they are followed, and not only read.
    staying: bool,
    desks: RwLock<BTreeMap<RigName, Arc<Desk>>>,
    fresh: Once,
    /// One reload at a time: whoever comes second waits until the first has read everything.
    reloading: Mutex<()>,
}

impl Trackers {
    /// Those that the configuration names.
    pub(crate) fn new(config: &Config, source: &Source, staying: bool) -> Self {
        let trackers = Self {
            workspace: source.workspace.clone(),
            env: source.env.clone(),
            staying,
            desks: RwLock::default(),
            fresh: Once::new(),
            reloading: Mutex::default(),
        };
        *trackers.desks.write().unwrap_or_else(PoisonError::into_inner) = trackers.wanted(config);
        trackers
    }

    fn wanted(&self, config: &Config) -> BTreeMap<RigName, Arc<Desk>> {
        let limit = if self.staying { STAYING_LIMIT } else { COMMAND_LIMIT };
        let rigs = config.rigs().iter().filter(|(_, rig)| rig.tracker == Tracker::Beads);
        let desk = |(name, rig): (&RigName, &Rig)| {
            let beads = Beads::new(name.clone(), &rig.path, &rig.tracker_command, &self.env, limit);
            (name.clone(), Arc::new(Desk::new(name.clone(), beads)))
        };
        rigs.map(desk).collect()
    }

    fn desks(&self) -> Vec<Arc<Desk>> {
        self.desks.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.desks.read().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    pub(crate) fn get(&self, rig: &RigName) -> Option<Arc<Desk>> {
        self.desks.read().unwrap_or_else(PoisonError::into_inner).get(rig).cloned()
    }

    /// Reads each, if that was not done yet. A command that is its own engine does so before anything else.
    pub(crate) fn freshen(&self, handle: &Handle) {
        self.fresh.call_once(|| {
            for desk in self.desks() {
                desk.read(handle);
            }
        });
    }

    /// Follows each from now on, if the engine stays. Nobody is told of changes by one whose thread could not be
    /// started.
    pub(crate) fn follow(&self, handle: &Handle) {
        for desk in self.desks() {
            self.follow_one(&desk, handle);
        }
    }

    fn follow_one(&self, desk: &Arc<Desk>, handle: &Handle) {
        let config = Config::load(&self.workspace, &self.env, &Sources::default());
        let Ok(config) = config else { return };
        let millis = |span: Span| Duration::from_millis(u64::try_from(span.as_millis()).unwrap_or(0));
        let occasions = follow::Occasions {
            change: config.flag("observers.tracker").unwrap_or(true),
            patrol: config.patrol_interval().ok().flatten().map(millis),
        };
        // With both switched off nobody but a person has it read.
        if self.staying && (occasions.change || occasions.patrol.is_some()) {
            follow::start(desk, handle, occasions);
        }
    }

    /// Takes up what the configuration says now: whose tracker is another, or none any more.
    pub(crate) fn reload(&self, handle: &Handle) {
        let _alone = self.reloading.lock().unwrap_or_else(PoisonError::into_inner);
        // One that is not accepted leaves everything as it is.
        let Ok(config) = Config::load(&self.workspace, &self.env, &Sources::default()) else { return };
        let mut wanted = self.wanted(&config);
        let (mut new, mut replaced, mut gone) = (Vec::new(), Vec::new(), Vec::new());
        {
            let mut desks = self.desks.write().unwrap_or_else(PoisonError::into_inner);
            for (rig, desk) in desks.iter() {
                match wanted.get_mut(rig) {
                    Some(other) if other.is_like(desk) => *other = Arc::clone(desk),
                    Some(_) => replaced.push(Arc::clone(desk)),
                    None => gone.push(Arc::clone(desk)),
                }
            }
            new.extend(
                wanted
                    .iter()
                    .filter(|(rig, desk)| desks.get(*rig).is_none_or(|before| !Arc::ptr_eq(before, desk)))
                    .map(|(_, desk)| Arc::clone(desk)),
            );
            *desks = wanted;
        }
        for desk in replaced {
            desk.end();
        }
        for desk in gone {
            desk.end();
            forget(handle, desk.rig());
        }
        for desk in new {
            desk.read(handle);
            self.follow_one(&desk, handle);
        }
    }

    /// Whether issues of any rig are kept by another tracker.
    pub(crate) fn any(&self) -> bool {
        !self.desks().is_empty()
    }

    /// Has each read once more, by whoever follows it, and waits until what it found is on its way.
    pub(crate) fn read_again(&self, handle: &Handle) {
        // Nobody needs to do so twice.
        self.fresh.call_once(|| {});
        let waiting: Vec<_> = self.desks().into_iter().map(|desk| (desk.ask_to_read(), desk)).collect();
        for (answer, desk) in waiting {
            match answer {
                // Whoever follows it ends with the engine, and then nobody needs to know.
                Some(answer) => drop(answer.recv_timeout(READ_WAIT)),
                None => {
                    desk.read(handle);
                }
            }
        }
    }

    /// Adds what only the engine knows.
    pub(crate) fn complete(&self, answer: &mut Answer) {
        if let Answer::Trackers { trackers } = answer {
            for view in trackers {
                if let Some(desk) = self.desks().iter().find(|desk| desk.rig().as_str() == view.rig) {
                    desk.complete(view);
                }
            }
        }
    }

    /// Says of which rigs of the log the configuration names no tracker any more.
    pub(crate) fn forget<'a>(&self, handle: &Handle, known: impl Iterator<Item = &'a RigName>) {
        known.filter(|rig| self.get(rig).is_none()).for_each(|rig| forget(handle, rig));
    }
}

fn forget(handle: &Handle, rig: &RigName) {
    let why = "the configuration names no tracker for it any more".to_owned();
    handle.observed(Observed::TrackerLost { rig: rig.clone(), why });
}

impl From<&Error> for Failure {
    fn from(error: &Error) -> Self {
        use convoy_api::Code;
        let (code, hint) = match error {
            Error::NoProgram { .. } => {
                (Code::Unavailable, Some("install beads, or name its program: rigs.<rig>.tracker_command"))
            }
            Error::NoData { .. } => {
                (Code::Unavailable, Some("make it with 'bd init' in the rig's repository"))
            }
            Error::Version { .. } => (Code::Unavailable, Some("install a supported version of beads")),
            // It was under way, and nobody saw its end.
            Error::TimedOut { .. } | Error::TooLarge { .. } | Error::Garbage { .. } => {
                (Code::Unknown, Some("look into the tracker before you try again"))
            }
            Error::Locked { .. } => (Code::Conflict, Some("try again when the other process has ended")),
            Error::Refused { .. } => (Code::Refused, None),
            Error::Io { .. } => (Code::Unavailable, None),
        };
        let failure = Self::new(code, crate::explain(error));
        match hint {
            Some(hint) => failure.hint(hint),
            None => failure,
        }
    }
}
