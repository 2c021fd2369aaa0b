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
mod wire;

use std::collections::BTreeMap;
use std::sync::{Arc, Once};
use std::time::Duration;

use convoy_api::{Answer, Failure};
use convoy_core::id::RigName;
use convoy_core::time::Span;

use crate::config::{Config, TrackerKind};
use crate::inbox::Handle;
use crate::os::spawn::Environment;

pub use beads::{Beads, Listing, Told};
pub use hook::{Hooks, install, remove};

pub(crate) use desk::Desk;

/// How long a command that is its own engine waits for a tracker: whoever types does not wait for longer.
const COMMAND_LIMIT: Span = Span::from_secs(5);
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
    desks: BTreeMap<RigName, Arc<Desk>>,
    fresh: Once,
}

impl Trackers {
    /// Those that the configuration names.
    pub(crate) fn new(config: &Config, env: &Environment, staying: bool) -> Self {
        let limit = if staying { STAYING_LIMIT } else { COMMAND_LIMIT };
        let desks = config
            .rigs()
            .iter()
            .filter(|(_, rig)| rig.tracker == TrackerKind::Beads)
            .map(|(name, rig)| {
                let beads = Beads::new(name.clone(), &rig.path, &rig.tracker_command, env, limit);
                (name.clone(), Arc::new(Desk::new(name.clone(), beads)))
            })
            .collect();
        Self { desks, fresh: Once::new() }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.desks.is_empty()
    }

    pub(crate) fn get(&self, rig: &RigName) -> Option<&Arc<Desk>> {
        self.desks.get(rig)
    }

    /// Reads each, if that was not done yet. A command that is its own engine does so before anything else.
    pub(crate) fn freshen(&self, handle: &Handle) {
        self.fresh.call_once(|| {
            self.desks.values().for_each(|desk| {
                desk.read(handle);
            });
        });
    }

    /// Follows each from now on. Nobody is told of changes by one whose thread could not be started.
    pub(crate) fn follow(&self, handle: &Handle, patrol: Option<Duration>) {
        self.desks.values().for_each(|desk| follow::start(desk, handle, patrol));
    }

    /// Has each read once more, by whoever follows it, and waits until what it found is on its way.
    pub(crate) fn read_again(&self, handle: &Handle) {
        // Nobody needs to do so twice.
        self.fresh.call_once(|| {});
        let waiting: Vec<_> = self.desks.values().map(|desk| (desk, desk.ask_to_read())).collect();
        for (desk, answer) in waiting {
            match answer {
                // Whoever follows it ends with the engine, and then nobody needs to know.
                Some(answer) => drop(answer.recv()),
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
                if let Some((_, desk)) = self.desks.iter().find(|(rig, _)| rig.as_str() == view.rig) {
                    desk.complete(view);
                }
            }
        }
    }

    /// The rigs of the log whose tracker the configuration does not name any more.
    pub(crate) fn forgotten<'a>(
        &'a self,
        known: impl Iterator<Item = &'a RigName> + 'a,
    ) -> impl Iterator<Item = &'a RigName> + 'a {
        known.filter(|rig| !self.desks.contains_key(*rig))
    }
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
