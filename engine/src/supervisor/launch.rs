//! The engine's side: launching a supervisor, finding out what became of one, and recovering from one that was
//! killed.

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::Duration;

use convoy_core::id::SessionId;
use convoy_core::report::Exit;
use convoy_core::time::Span;

use super::client::Client;
use super::files::{self, RunBy, RunRecord, SessionDir};
use super::tree::MARK;
use crate::clock::Instant;
use crate::os::spawn::Environment;
use crate::os::{process, spawn};

/// How long a living supervisor may take to listen after its run record exists; usually well below 1 ms.
const LISTEN_LIMIT: Span = Span::from_secs(5);
/// How long to wait between two tries to connect.
const LISTEN_AGAIN: Duration = Duration::from_millis(2);
/// How long killed leftovers may take to be gone.
const REAP_LIMIT: Duration = Duration::from_secs(30);

/// Why a session's state cannot be told or changed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Its files.
    #[error(transparent)]
    Files(#[from] files::Error),
    /// The system.
    #[error("cannot {action}")]
    Io {
        /// What was to be done.
        action: &'static str,
        /// The system's answer.
        source: io::Error,
    },
    /// The supervisor lives and does not listen.
    #[error("supervisor {pid} lives but does not listen")]
    NotListening {
        /// Its process.
        pid: u32,
    },
}

fn io_error(action: &'static str) -> impl FnOnce(io::Error) -> Error {
    move |source| Error::Io { action, source }
}

/// A launched supervisor.
#[derive(Debug)]
pub struct Launched {
    /// Its process. Whoever launched it waits for it, or it stays a zombie as long as the engine lives. Its status
    /// says nothing that its files do not say better.
    pub child: Child,
    /// A connection that it serves from its first moment.
    pub client: Client,
}

/// Launches a supervisor for `dir` by `program supervise DIR`. Returns as soon as its process exists.
///
/// `env` is the supervisor's own environment, usually empty: the agent's is in the specification.
///
/// # Errors
/// When the process cannot be made.
pub fn launch(program: &Path, dir: &SessionDir, env: &Environment) -> Result<Launched, Error> {
    let (ours, theirs) = UnixStream::pair().map_err(io_error("make a connection"))?;
    let log = std::fs::OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o600)
        .open(dir.supervisor_log())
        .map_err(io_error("open supervisor.log"))?;
    let again = log.try_clone().map_err(io_error("open supervisor.log"))?;
    let child = spawn::command(program)
        .arg("supervise")
        .arg(std::path::absolute(dir.path()).map_err(io_error("tell the session directory"))?)
        .envs(env.iter())
        .current_dir("/")
        .stdin(Stdio::from(OwnedFd::from(theirs)))
        .stdout(log)
        .stderr(again)
        .spawn()
        .map_err(io_error("start a supervisor"))?;
    Ok(Launched { child, client: Client::from_stream(ours).map_err(io_error("use a connection"))? })
}

/// What became of a session's supervisor.
#[derive(Debug)]
pub enum Probe {
    /// It has ended; the whole tree of its agent is dead.
    Ended(Exit),
    /// It lives.
    Live(Client),
    /// It will never write an exit: it is gone without one, or the session was fenced. Its agent may still run.
    Dead(RunRecord),
    /// Nobody has created the run record yet. A supervisor that was launched may still do so: fence first.
    NeverStarted,
}

/// Finds out what became of a session's supervisor.
///
/// # Errors
/// When files are damaged, the system refuses, or it lives and does not listen within five seconds.
pub fn probe(dir: &SessionDir) -> Result<Probe, Error> {
    let begun = Instant::now();
    loop {
        if let Some(exit) = dir.exit()? {
            return Ok(Probe::Ended(exit));
        }
        let Some(record) = dir.run_record()? else { return Ok(Probe::NeverStarted) };
        if record.is_dead().map_err(io_error("read the boot id"))? {
            // It may have written its exit between the two looks.
            return Ok(dir.exit()?.map_or(Probe::Dead(record), Probe::Ended));
        }
        if let Ok(client) = Client::connect(dir) {
            return Ok(Probe::Live(client));
        }
        if begun.plus(LISTEN_LIMIT).left().is_zero() {
            return Err(Error::NotListening { pid: record.process.pid });
        }
        record.process.wait_end(LISTEN_AGAIN).map_err(io_error("wait for a supervisor"))?;
    }
}

/// Whether an attempt to fence came first.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[must_use]
pub enum Fenced {
    /// From now on no supervisor can start this session's agent, and none has.
    Fenced,
    /// A supervisor, or an earlier fence, was first: probe again.
    AlreadyStarted,
}

/// Creates the run record in the place of a supervisor, so that none can ever start the agent. Makes the session
/// directory if there is none.
///
/// # Errors
/// When the system refuses; then nothing is known to be fenced.
pub fn fence(dir: &SessionDir) -> Result<Fenced, Error> {
    std::fs::create_dir_all(dir.path()).map_err(io_error("make the session directory"))?;
    let record = RunRecord::here(RunBy::Fence).map_err(io_error("read /proc"))?;
    Ok(if dir.claim(&record)? { Fenced::Fenced } else { Fenced::AlreadyStarted })
}

/// Kills everything that a killed supervisor's agent left behind, and returns how many processes that were. When
/// it returns, none is alive.
///
/// Those are the processes with `CONVOY_SESSION=<session>` in their environment, and those that work inside
/// `workdir`, belong to no other session and have no terminal. Never this process or one above it.
///
/// # Errors
/// When some cannot be killed within 30 seconds: then nothing may be started in their place.
pub fn reap_leftovers(session: &SessionId, workdir: &Path) -> Result<u32, Error> {
    let find = || process::marked_or_inside(MARK, session.as_str(), workdir);
    process::kill_until_none(find, REAP_LIMIT).map_err(io_error("kill what an agent left behind"))
}
