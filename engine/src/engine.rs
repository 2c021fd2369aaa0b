//! An engine: the lock, the log, the dispatcher, and the executor if it is to start anything.

use std::sync::mpsc::Receiver;
use std::sync::{Arc, Mutex, RwLock};
use std::thread::JoinHandle;
use std::time::Duration;

use convoy_api::query::EngineView;
use convoy_api::{Answer, Code, Control, Failure, Order, Outcome, Query, Service, Watch};
use convoy_core::event::Envelope;
use convoy_core::id::Seq;

use crate::agent::Presets;
use crate::clock;
use crate::config::Config;
use crate::dispatcher::{self, Setup, fold};
use crate::executor::{Executor, sweep};
use crate::face::{Face, Places};
use crate::git::Git;
use crate::git::workdir::Root;
use crate::inbox::{self, Handle, Subscription};
use crate::lock::{self, Acquired, WorkspaceLock};
use crate::log::OpenError;
use crate::log::sqlite::SqliteLog;
use crate::mirror::Mirror;
use crate::os::spawn::Environment;
use crate::permits::Permits;
use crate::prices::Prices;
use crate::server::{self, Serving};
use crate::settings::{self, Loaded, Settings, Source};
use crate::snapshots::Snapshots;
use crate::tracker::Trackers;
use crate::workspace::Workspace;
use crate::world::{Wanted, World};

/// How many workdirs are made or looked at at once: more would only wait for the same disk.
const GIT_PARALLEL_MAX: usize = 2;
/// How many issues a command tells trackers of by itself, each a process of its own; more is for an engine that stays.
const TELL_MAX: usize = 20;
/// How many rounds of telling it goes through at most.
const TELL_ROUNDS_MAX: usize = 10;
/// How many events are asked for at a time when a watcher catches up.
const CATCH_UP: usize = 1000;

/// What an engine is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mode {
    /// One command: decides and records, starts nothing.
    Command,
    /// Stays: starts agents, merges, serves its socket.
    Staying {
        /// It is a background engine.
        background: bool,
    },
}

/// A running engine. Dropping it leaves the workspace, with agents going on under their supervisors.
pub struct Engine {
    handle: Handle,
    dispatcher: Option<JoinHandle<()>>,
    serving: Option<Serving>,
    /// Where it can be looked at, until somebody shows it there.
    places: Option<Places>,
    // After the dispatcher: the lock is given back only when nobody writes any more.
    _lock: WorkspaceLock,
}

/// The workspace is held by another engine.
pub(crate) fn busy(pid: Option<u32>) -> Failure {
    let who = pid.map(|pid| format!(" (pid {pid})")).unwrap_or_default();
    Failure::new(Code::Conflict, format!("another convoy has this workspace{who}"))
        .hint("wait for it to end, or see 'convoy daemon status'")
}

/// The lock, if it was taken.
fn held(acquired: Result<Acquired, lock::Error>) -> Result<WorkspaceLock, Failure> {
    match acquired {
        Ok(Acquired::Held(lock)) => Ok(lock),
        Ok(Acquired::Busy { pid }) => Err(busy(pid)),
        Err(error) => Err(Failure::new(Code::Unavailable, crate::explain(&error))),
    }
}

fn open_log(workspace: &Workspace) -> Result<SqliteLog, Failure> {
    SqliteLog::open(&workspace.state_dir()).map_err(|error| {
        let code = match &error {
            OpenError::Damaged(_) | OpenError::Foreign { .. } => Code::Corrupt,
            OpenError::Full { .. } => Code::DiskFull,
            _ => Code::Unavailable,
        };
        Failure::new(code, crate::explain(&error)).hint("see what is wrong: convoy doctor")
    })
}

/// The presets that are known, with what the configuration makes of them.
///
/// # Errors
/// When a table of the configuration does not fit.
pub fn presets(config: &Config) -> Result<Presets, Failure> {
    let mut agents = toml::Table::new();
    for name in config.names("agents") {
        agents.insert(name.clone(), toml::Value::Table(config.table(&format!("agents.{name}"))));
    }
    Presets::built_in()
        .and_then(|presets| presets.with(&agents))
        .map_err(|error| Failure::new(Code::Invalid, crate::explain(&error)))
}

impl Engine {
    /// Opens the workspace, waiting for its lock no longer than `wait`.
    ///
    /// # Errors
    /// When another has it, the configuration is wrong, or the log cannot be trusted; nothing is changed then.
    pub fn open(
        workspace: &Workspace,
        env: &Environment,
        mode: Mode,
        wait: Duration,
    ) -> Result<Self, Failure> {
        workspace.prepare_state()?;
        let acquired = WorkspaceLock::acquire(&workspace.state_dir(), wait);
        Self::open_locked(workspace, env, mode, held(acquired)?)
    }

    /// Opens the workspace whose lock is held.
    ///
    /// # Errors
    /// When the configuration is wrong, or the log cannot be trusted; nothing is changed then.
    pub(crate) fn open_locked(
        workspace: &Workspace,
        env: &Environment,
        mode: Mode,
        lock: WorkspaceLock,
    ) -> Result<Self, Failure> {
        let source = Source { workspace: workspace.clone(), env: env.clone(), mode };
        let Loaded { settings, policy, idle_exit, patrol, mirror, snapshots } = source.load()?;
        let mut log = open_log(workspace)?;
        let folded = fold(&mut log).map_err(|error| error.failure())?;
        let mirror = mirror
            .map(|file| Mirror::new(file, workspace.mirror_stamp(), folded.0.seq, mode != Mode::Command));
        let (seq, stays) = (folded.0.seq, mode != Mode::Command);
        let snapshots = snapshots.then(|| Snapshots::new(workspace.snapshots_stamp(), env, &log, seq, stays));
        let trackers = Arc::new(Trackers::new(&settings.config, &source, mode != Mode::Command));
        let (handle, inputs) = inbox::queue(Arc::clone(&trackers));
        if mode != Mode::Command {
            // What others closed while nobody looked is known before anything is started.
            trackers.freshen(&handle);
        }
        trackers.forget(&handle, folded.0.trackers.keys());
        let (mut executor, mut places) = (None, None);
        if let Mode::Staying { .. } = mode {
            places = Some(Places::open(workspace, &settings.config)?);
            let world = world(workspace, settings, env)?;
            sweep(workspace, &folded.0, &world);
            executor = Some(Executor::new(world, handle.clone()));
            settings::watch(workspace, env, handle.clone());
            let woken = handle.clone();
            clock::on_advance(move || woken.look(Query::Engine).is_ok());
        }
        let view = EngineView {
            http: places.as_ref().and_then(Places::url),
            token_file: places.as_ref().map(|places| places.token_file().display().to_string()),
            ..view(workspace, mode)
        };
        let socket = (mode != Mode::Command).then(|| workspace.socket());
        let setup = Setup {
            log: Box::new(log),
            folded,
            policy,
            view,
            executor,
            idle_exit,
            patrol,
            source,
            socket,
            mirror,
            snapshots,
        };
        let dispatcher = dispatcher::start(setup, inputs)?;
        trackers.follow(&handle);
        Ok(Self { handle, dispatcher: Some(dispatcher), serving: None, places, _lock: lock })
    }

    /// Has others reach it by the workspace's socket, and see its face.
    pub(crate) fn serve(
        &mut self,
        workspace: &Workspace,
        env: &Environment,
        face: Face,
    ) -> Result<(), Failure> {
        let show = |places: Places| places.show(face, self.handle.clone(), workspace, env);
        let shown = self.places.take().map(show).transpose()?;
        self.serving = Some(server::serve(workspace, self.handle(), shown)?);
        Ok(())
    }

    /// Blocks until the engine has left.
    pub fn join(mut self) {
        self.wait();
    }

    fn wait(&mut self) {
        if let Some(dispatcher) = self.dispatcher.take() {
            let _ = dispatcher.join();
        }
        if let Some(serving) = self.serving.take() {
            serving.end();
        }
    }

    /// Tells trackers what they are to be told, as far as they take it now.
    pub(crate) fn tell_trackers(&self) -> Result<(), Failure> {
        for _ in 0..TELL_ROUNDS_MAX {
            let pushes = self.handle.pushes()?;
            let count: usize = pushes.iter().map(|(_, _, pushes)| pushes.len()).sum();
            if count == 0 || count > TELL_MAX {
                break;
            }
            for (rig, round, pushes) in pushes {
                if let Some(desk) = self.handle.trackers().get(&rig) {
                    desk.push(&self.handle, round, &pushes);
                }
            }
        }
        Ok(())
    }

    pub(crate) fn handle(&self) -> Handle {
        self.handle.clone()
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        if self.dispatcher.is_some() {
            let _ = self.handle.control(Control::Down { stop_agents: false });
            self.wait();
        }
    }
}

fn world(workspace: &Workspace, settings: Settings, env: &Environment) -> Result<World, Failure> {
    let wrong = |error: &dyn std::error::Error| Failure::new(Code::Unavailable, crate::explain(error));
    let git = Git::new(env).map_err(|error| wrong(&error).hint("install git 2.38 or later"))?;
    let workdirs =
        Root::open(&workdirs_root(workspace, &settings.config, env)?).map_err(|error| wrong(&error))?;
    let program = std::env::current_exe().map_err(|error| wrong(&error))?;
    Ok(World {
        workspace: workspace.clone(),
        settings: RwLock::new(Arc::new(settings)),
        env: env.clone(),
        git,
        workdirs,
        program,
        wanted: Wanted::default(),
        prices: Prices::new(workspace, env),
        git_permits: Permits::new(GIT_PARALLEL_MAX),
        tried_at_once: Mutex::default(),
    })
}

/// Where workdirs are made: outside of the repository, so that its build tools see no nested copies.
///
/// # Errors
/// When neither the configuration nor the environment says where.
pub fn workdirs_root(
    workspace: &Workspace,
    config: &Config,
    env: &Environment,
) -> Result<std::path::PathBuf, Failure> {
    let key = workspace.key()?;
    if let Some(root) = config.text("workdirs.root")? {
        return Ok(workspace.root().join(root).join(key));
    }
    let data = match (env.text("XDG_DATA_HOME"), env.text("HOME")) {
        (Some(dir), _) => std::path::PathBuf::from(dir),
        (None, Some(home)) => std::path::Path::new(home).join(".local/share"),
        (None, None) => {
            return Err(Failure::new(Code::Invalid, "there is no place for workdirs: HOME is not set")
                .hint("set it, or workdirs.root in the configuration"));
        }
    };
    Ok(data.join("convoy").join("workdirs").join(key))
}

pub(crate) fn view(workspace: &Workspace, mode: Mode) -> EngineView {
    EngineView {
        running: mode != Mode::Command,
        pid: std::process::id(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        socket: (mode != Mode::Command).then(|| workspace.socket().display().to_string()),
        http: None,
        token_file: None,
        started_at: clock::now(),
        host: rustix::system::uname().nodename().to_string_lossy().into_owned(),
        seq: Seq(0),
        live_sessions: 0,
        idle: true,
        open_convoys: Vec::new(),
        unread: 0,
        undelivered: 0,
        checkpoints: 0,
    }
}

impl Service for Handle {
    fn order(&self, order: Order) -> Result<Outcome, Failure> {
        Handle::order(self, order)
    }
    fn ask(&self, query: Query) -> Result<Answer, Failure> {
        Handle::ask(self, query)
    }
    fn watch(&self, after: Seq) -> Result<Watch, Failure> {
        let subscription = self.subscribe()?;
        Ok(watch(self, after, subscription))
    }
    fn control(&self, control: Control) -> Result<(), Failure> {
        Handle::control(self, control)
    }
}

impl Service for Engine {
    fn order(&self, order: Order) -> Result<Outcome, Failure> {
        self.handle.order(order)
    }
    fn ask(&self, query: Query) -> Result<Answer, Failure> {
        self.handle.ask(query)
    }
    fn watch(&self, after: Seq) -> Result<Watch, Failure> {
        Service::watch(&self.handle, after)
    }
    fn control(&self, control: Control) -> Result<(), Failure> {
        self.handle.control(control)
    }
}

/// Past events first, then those to come, without a gap: the subscription begins before the past is read.
pub(crate) fn watch(handle: &Handle, after: Seq, live: Subscription) -> Watch {
    let past = Past { handle: handle.clone(), at: after, until: live.after, page: Vec::new().into_iter() };
    Box::new(past.chain(Live(live.events)))
}

struct Live(Receiver<Envelope>);

impl Iterator for Live {
    type Item = Result<Envelope, Failure>;
    fn next(&mut self) -> Option<Self::Item> {
        self.0.recv().ok().map(Ok)
    }
}

struct Past {
    handle: Handle,
    at: Seq,
    until: Seq,
    page: std::vec::IntoIter<Envelope>,
}

impl Iterator for Past {
    type Item = Result<Envelope, Failure>;
    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(event) = self.page.next() {
                // What came after the subscription comes again through it.
                return (event.seq <= self.until).then_some(Ok(event));
            }
            if self.at >= self.until {
                return None;
            }
            match self.handle.ask(Query::Events { after: self.at, limit: CATCH_UP, kind: None }) {
                Ok(Answer::Events { events, seq }) if !events.is_empty() => {
                    self.at = seq;
                    self.page = events.into_iter();
                }
                Ok(_) => return None,
                Err(failure) => {
                    self.at = self.until;
                    return Some(Err(failure));
                }
            }
        }
    }
}
