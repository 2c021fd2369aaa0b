//! Everything that effects need of the world: the repository, git, the presets, and the limits on using them.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, PoisonError, RwLock};
use std::time::Duration;

use convoy_core::effect::Effect;
use convoy_core::id::SessionId;

use crate::git::Git;
use crate::git::workdir::Root;
use crate::os::spawn::Environment;
use crate::permits::Permits;
use crate::prices::Prices;
use crate::settings::Settings;
use crate::workspace::Workspace;

/// Everything that effects need of the world.
pub(crate) struct World {
    pub(crate) workspace: Workspace,
    /// What the configuration says; replaced as a whole when that changes.
    pub(crate) settings: RwLock<Arc<Settings>>,
    pub(crate) env: Environment,
    pub(crate) git: Git,
    pub(crate) workdirs: Root,
    /// This program, which is also the supervisor.
    pub(crate) program: PathBuf,
    /// Merges that are still wanted: looked at right before a branch moves.
    pub(crate) wanted: Wanted,
    /// What models cost.
    pub(crate) prices: Prices,
    /// Limits how much git works at once.
    pub(crate) git_permits: Permits,
    /// Sessions whose held up merge was tried once more by this engine although nothing was seen to change.
    pub(crate) tried_at_once: Mutex<BTreeSet<SessionId>>,
}

impl World {
    /// What the configuration says now. Who goes by it for longer than a moment asks once.
    pub(crate) fn settings(&self) -> Arc<Settings> {
        Arc::clone(&self.settings.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Goes by another configuration from now on.
    pub(crate) fn adopt(&self, settings: Settings) {
        *self.settings.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(settings);
    }

    /// Whether the merge of this session, held up, may be tried although nothing was seen to change: once.
    pub(crate) fn may_try_at_once(&self, session: &SessionId) -> bool {
        self.tried_at_once.lock().unwrap_or_else(PoisonError::into_inner).insert(session.clone())
    }
}

/// The effects that are wanted, of those that look.
#[derive(Default)]
pub(crate) struct Wanted {
    effects: Mutex<BTreeSet<Effect>>,
    changed: Condvar,
}

impl Wanted {
    pub(crate) fn set(&self, effects: BTreeSet<Effect>) {
        *self.effects.lock().unwrap_or_else(PoisonError::into_inner) = effects;
        self.changed.notify_all();
    }
    pub(crate) fn has(&self, effect: &Effect) -> bool {
        self.effects.lock().unwrap_or_else(PoisonError::into_inner).contains(effect)
    }
    /// Waits so long, or until the effect is not wanted any more. Whether it still is.
    pub(crate) fn stays(&self, effect: &Effect, span: Duration) -> bool {
        let effects = self.effects.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.changed.wait_timeout_while(effects, span, |effects| effects.contains(effect));
        waited.unwrap_or_else(PoisonError::into_inner).0.contains(effect)
    }
}

/// A remark in the engine's own log.
#[expect(clippy::print_stderr, reason = "the engine's stderr is its log")]
pub(crate) fn note(text: &str) {
    eprintln!("{} {text}", crate::clock::now());
}
