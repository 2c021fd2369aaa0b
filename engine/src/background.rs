//! The background engine: up, down, what it is at, and the process itself.

use std::io::Read;
use std::process::Stdio;
use std::time::Duration;

use convoy_api::query::EngineView;
use convoy_api::{Answer, Code, Control, Failure, Query, Service};

use crate::engine::{Engine, Mode, busy, view};
use crate::face::Face;
use crate::housekeeping;
use crate::os::process::Process;
use crate::os::socket;
use crate::os::spawn::{self, Environment};
use crate::reach::{Reached, reach, remote};
use crate::tasks::{self, Kind};
use crate::workspace::Workspace;

/// What a new background engine says on its stdout when it serves.
const READY: &[u8] = b"ready\n";
/// The most that is read of what it says instead.
const SAID_BYTES_MAX: u64 = 64 * 1024;
/// How often somebody who listens and does not answer is asked again.
const GHOSTS_MAX: usize = 5;
/// How long an engine may take to leave once it was told to.
const LEAVE_WAIT: Duration = Duration::from_secs(30);

/// An engine that is up.
#[derive(Clone, Debug)]
pub struct Up {
    /// Which.
    pub view: EngineView,
    /// It was up before.
    pub already: bool,
}

fn ask(service: &dyn Service) -> Result<EngineView, Failure> {
    match service.ask(Query::Engine)? {
        Answer::Engine(view) => Ok(view),
        _ => Err(Failure::new(Code::Unavailable, "the engine gave an answer to another question")),
    }
}

/// The engine that serves, if one does.
///
/// Of an engine that was killed a process can be left for a moment that it had just forked; until that has become
/// another program it keeps the socket open, and nobody answers.
fn serving(workspace: &Workspace) -> Result<Option<EngineView>, Failure> {
    let mut gone = None;
    for _ in 0..GHOSTS_MAX {
        let Some(service) = remote(workspace) else { return Ok(None) };
        match ask(service.as_ref()) {
            Ok(view) => return Ok(Some(view)),
            Err(failure) if failure.code == Code::Unavailable => gone = Some(failure),
            Err(failure) => return Err(failure),
        }
    }
    gone.map_or(Ok(None), Err)
}

/// Brings the background engine up, if it is not. When this returns it serves.
///
/// # Errors
/// What kept it from starting, in its own words.
pub fn up(workspace: &Workspace, env: &Environment) -> Result<Up, Failure> {
    use std::os::unix::fs::OpenOptionsExt;
    if let Some(view) = serving(workspace)? {
        return Ok(Up { view, already: true });
    }
    workspace.prepare_state()?;
    let failed =
        |error: std::io::Error| Failure::new(Code::Unavailable, format!("cannot start the engine: {error}"));
    let log = std::fs::OpenOptions::new()
        .create(true)
        .append(true)
        .mode(0o600)
        .custom_flags(rustix::fs::OFlags::NOFOLLOW.bits() as i32)
        .open(workspace.engine_log())
        .map_err(failed)?;
    let program = std::env::current_exe().map_err(failed)?;
    let mut child = spawn::command(program)
        .args(["-C"])
        .arg(workspace.root())
        .args(["daemon", "serve"])
        .envs(env.filtered(|name| !is_of_session(name)).iter())
        .current_dir("/")
        .stdout(Stdio::piped())
        .stderr(log)
        .spawn()
        .map_err(failed)?;
    let mut said = Vec::new();
    if let Some(stdout) = child.stdout.take() {
        // It closes its stdout when it serves or has failed: no polling, no time limit of ours.
        let _ = stdout.take(SAID_BYTES_MAX).read_to_end(&mut said);
    }
    match serving(workspace)? {
        Some(view) if !said.is_empty() => Ok(Up { view, already: !said.ends_with(READY) }),
        _ => {
            // It served, had soon done what there was to do, and has left again.
            let (pid, status) = (child.id(), child.wait());
            if said.ends_with(READY) && status.is_ok_and(|status| status.success()) {
                let view = EngineView { pid, ..view(workspace, Mode::Command) };
                return Ok(Up { view, already: false });
            }
            Err(serde_json::from_slice(&said).unwrap_or_else(|_| {
                Failure::new(Code::Unavailable, "the engine did not start")
                    .hint("see what it said: convoy daemon logs")
            }))
        }
    }
}

/// What must not be handed from one agent's session to an engine.
fn is_of_session(name: &str) -> bool {
    const OF_SESSION: [&str; 12] = [
        "CONVOY_SESSION",
        "CONVOY_WORKER",
        "CONVOY_ISSUE",
        "CONVOY_CONVOY",
        "CONVOY_EPOCH",
        "CONVOY_ATTEMPT",
        "CONVOY_SOCKET",
        "CONVOY_SIGNAL_FILE",
        "CONVOY_BRIEF_FILE",
        "CONVOY_ACTOR",
        // By these the processes of a notification are found, and ended.
        "CONVOY_NOTICE",
        "CONVOY_DELIVERY",
    ];
    OF_SESSION.contains(&name)
}

/// Has the engine leave; whether there was one. Agents go on under their supervisors unless they are to stop.
///
/// # Errors
/// When it does not.
pub fn down(workspace: &Workspace, stop_agents: bool) -> Result<bool, Failure> {
    let Some(service) = remote(workspace) else { return Ok(false) };
    // Not asked for: an engine of another version understands nothing but to make way.
    let pid = socket::connect(&workspace.socket()).ok().and_then(|stream| socket::peer(&stream));
    let engine = pid.and_then(Process::of);
    match service.control(Control::Down { stop_agents }) {
        // It was killed before it answered: that it is gone is what was asked for, and more is not known.
        Err(failure) if failure.code != Code::Unavailable => return Err(failure),
        Err(_) if stop_agents => {
            return Err(Failure::new(Code::Unknown, "the engine ended before its agents had")
                .hint("bring it up and try again: convoy up, then convoy down --stop-agents"));
        }
        _ => {}
    }
    // It has left when its process has ended; another may have come by then.
    match engine.map(|engine| engine.wait_end(LEAVE_WAIT)) {
        Some(Ok(false)) => Err(busy(pid).hint("it goes on leaving; see 'convoy daemon logs'")),
        Some(Err(error)) => Err(Failure::new(Code::Unavailable, error.to_string())),
        Some(Ok(true)) | None => Ok(true),
    }
}

/// Has the engine that serves read the configuration again; whether there is one.
///
/// # Errors
/// When it does not accept it.
pub fn reload(workspace: &Workspace) -> Result<bool, Failure> {
    let Some(service) = remote(workspace) else { return Ok(false) };
    match service.control(Control::Reload) {
        Ok(()) => Ok(true),
        // It left meanwhile; the next one reads it anyway.
        Err(failure) if failure.code == Code::Unavailable => Ok(false),
        Err(failure) => Err(failure),
    }
}

/// What the engine is at; `running` says whether there is one.
///
/// # Errors
/// When one runs and does not answer.
pub fn status(workspace: &Workspace) -> Result<EngineView, Failure> {
    match serving(workspace)? {
        Some(view) => Ok(view),
        None => Ok(EngineView { pid: 0, ..view(workspace, Mode::Command) }),
    }
}

/// The background engine's process. Says on stdout that it serves, or why not, and closes it.
///
/// # Errors
/// When it cannot start; that was said on stdout already.
pub fn serve(workspace: &Workspace, env: &Environment, face: Face) -> Result<(), Failure> {
    let _ = rustix::process::setsid();
    let started = foreign_or_own(workspace, env, true, face);
    let said = match &started {
        Ok(_) => READY.to_vec(),
        Err(failure) => serde_json::to_vec(failure).unwrap_or_default(),
    };
    let _ = rustix::io::write(rustix::stdio::stdout(), &said);
    // Whoever waits for it reads to the end: from here on stdout is nowhere.
    if let Ok(null) = std::fs::OpenOptions::new().write(true).open("/dev/null") {
        let _ = rustix::stdio::dup2_stdout(&null);
    }
    let engine = started?;
    let (kept, ours, handle) = (workspace.clone(), env.clone(), engine.handle());
    let _ = tasks::start(Kind::Effect, move || housekeeping::tidy(&kept, &ours, &handle));
    crate::world::note(&format!("engine {} serves {}", std::process::id(), workspace.root().display()));
    engine.join();
    crate::world::note("engine has left");
    Ok(())
}

/// An engine in this process that stays and serves the socket, for `convoy run`.
///
/// # Errors
/// When another has the workspace, or it cannot be opened.
pub fn foreground(workspace: &Workspace, env: &Environment, face: Face) -> Result<Engine, Failure> {
    foreign_or_own(workspace, env, false, face)
}

/// An engine of this process that stays and serves; a failure if another one serves already.
fn foreign_or_own(
    workspace: &Workspace,
    env: &Environment,
    background: bool,
    face: Face,
) -> Result<Engine, Failure> {
    for _ in 0..GHOSTS_MAX {
        match reach(workspace, env, Mode::Staying { background })? {
            Reached::Remote(service) => match ask(service.as_ref()) {
                Ok(view) => return Err(busy(Some(view.pid))),
                // It has just ended.
                Err(failure) if failure.code == Code::Unavailable => {}
                Err(_) => return Err(busy(None)),
            },
            Reached::Local(mut engine) => {
                engine.serve(workspace, env, face)?;
                return Ok(*engine);
            }
        }
    }
    Err(busy(None))
}
