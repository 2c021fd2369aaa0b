//! What the configuration makes of an engine, read as a whole: all of it is good, or none of it is taken.

use std::path::PathBuf;
use std::time::Duration;

use convoy_api::{Code, Failure};
use convoy_core::id::AgentName;
use convoy_core::policy::Policy;
use convoy_core::time::Span;

use crate::agent::{Preset, Presets, Says};
use crate::config::{Config, Sources};
use crate::engine::{Mode, presets};
use crate::os::confine::{self, Confinement};
use crate::os::spawn::Environment;
use crate::os::watch::Watcher;
use crate::tasks::{self, Kind};
use crate::workspace::{DIR, Workspace};
use crate::world::note;
use crate::{inbox::Handle, rig};

/// What effects go by.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) config: Config,
    pub(crate) presets: Presets,
    /// Bytes that must be free before something is started.
    pub(crate) disk_reserve: u64,
}

/// A configuration that can be gone by.
#[derive(Debug)]
pub(crate) struct Loaded {
    pub(crate) settings: Settings,
    pub(crate) policy: Policy,
    /// How long an engine in the background stays with nothing to do.
    pub(crate) idle_exit: Option<Duration>,
    /// How often the patrol of an engine that stays comes by.
    pub(crate) patrol: Option<Span>,
    /// The file that issues are mirrored to.
    pub(crate) mirror: Option<PathBuf>,
    /// Whether convoys are written to the state's reference.
    pub(crate) snapshots: bool,
}

/// The agents, of which the default one has to be one.
///
/// # Errors
/// What of them is not accepted.
pub(crate) fn agents(config: &Config) -> Result<Presets, Failure> {
    let presets = presets(config)?;
    let wanted = config.text("defaults.agent")?.unwrap_or_default();
    presets.get(wanted).map_err(|error| {
        Failure::new(Code::Invalid, format!("defaults.agent: {}", crate::explain(&error)))
    })?;
    Ok(presets)
}

/// Reads the configuration, and looks whether the repositories are there.
///
/// # Errors
/// What of it is not accepted.
pub(crate) fn load(workspace: &Workspace, env: &Environment) -> Result<Loaded, Failure> {
    let config = Config::load(workspace, env, &Sources::default())?;
    let presets = agents(&config)?;
    let names = |presets: &mut dyn Iterator<Item = &Preset>| {
        presets.filter_map(|preset| AgentName::new(&preset.name).ok()).collect()
    };
    let sandboxed = names(&mut presets.iter().filter(|preset| preset.sandboxed()));
    let mut policy = config.policy(names(&mut presets.iter()), sandboxed)?;
    policy.roles_sandboxed = confine::support() != Confinement::None;
    policy.tiers = config.tiers(presets.iter())?;
    policy.budget.unmetered = names(&mut presets.iter().filter(|preset| preset.reports().usage == Says::No));
    for (name, rig) in &mut policy.rigs {
        rig.trouble = config.rigs().get(name).and_then(|rig| rig::look(&rig.path));
    }
    let idle_exit = config.idle_exit()?;
    let idle_exit = idle_exit.map(|span| Duration::from_millis(u64::try_from(span.as_millis()).unwrap_or(0)));
    let patrol = config.patrol_interval()?;
    let mirror = config.mirror(workspace)?;
    let snapshots = config.flag("checkpoint.snapshots")?;
    let disk_reserve = config.bytes("limits.disk_reserve")?;
    let settings = Settings { config, presets, disk_reserve };
    Ok(Loaded { settings, policy, idle_exit, patrol, mirror, snapshots })
}

/// Where an engine reads its configuration again.
pub(crate) struct Source {
    pub(crate) workspace: Workspace,
    pub(crate) env: Environment,
    /// What the engine is for.
    pub(crate) mode: Mode,
}

impl Source {
    pub(crate) fn load(&self) -> Result<Loaded, Failure> {
        let mut loaded = load(&self.workspace, &self.env)?;
        loaded.idle_exit = loaded.idle_exit.filter(|_| self.mode == Mode::Staying { background: true });
        loaded.patrol = loaded.patrol.filter(|_| self.mode != Mode::Command);
        Ok(loaded)
    }
}

/// Has the engine take up the workspace's and the user's file whenever they change.
pub(crate) fn watch(workspace: &Workspace, env: &Environment, handle: Handle) {
    let mut dirs = vec![workspace.root().join(DIR)];
    // A folder that is made later is seen by the next engine; so far there is nothing of the user's.
    dirs.extend(
        Config::user_file(env).and_then(|file| Some(file.parent()?.to_owned())).filter(|d| d.is_dir()),
    );
    let watcher = match Watcher::new(&dirs) {
        Ok(watcher) => watcher,
        Err(error) => return note(&format!("changes of the configuration are not noticed: {error}")),
    };
    let started = tasks::start(Kind::Watch, move || {
        // What was refused the engine has said itself; it ends this by having left.
        while watcher.wait().is_ok() && handle.reload() {}
    });
    if let Err(error) = started {
        note(&format!("changes of the configuration are not noticed: {error}"));
    }
}
