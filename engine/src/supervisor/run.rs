//! The main function of a supervisor's process, from its specification to its exit status.

use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use convoy_core::report::{Exit, ExitKind};
use signal_hook::consts::{SIGCHLD, SIGHUP, SIGINT, SIGQUIT, SIGTERM};

use super::files::{self, RunBy, RunRecord, SessionDir};
use super::serve::Server;
use super::spec::Spec;
use super::start;
use super::terminal::Terminal;
use super::tree::log;
use crate::clock;
use crate::os::{socket, spawn};
use crate::runtime::Runtime;

/// Exit status when the run record existed already: nothing was started.
pub const STATUS_CLAIMED: u8 = 3;
/// Exit status when the specification cannot be used: nothing was started, nothing was recorded.
pub const STATUS_SPEC: u8 = 4;
/// Exit status when the supervisor itself failed; there may be no `exit.json`.
pub const STATUS_FAILED: u8 = 5;

/// Why a supervisor cannot do its work.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error("this session was started before, or fenced")]
    Claimed,
    #[error("the specification cannot be used")]
    Spec(#[source] files::Error),
    #[error("the session directory cannot be used")]
    Files(#[from] files::Error),
    #[error("the system refused")]
    Io(#[from] std::io::Error),
}

/// Supervises the session in `dir`; returns when its agent's whole tree is dead and `exit.json` says so.
///
/// This is the whole of `convoy supervise DIR`, and the first thing that its process does. It makes its process a session leader and a sub-reaper and takes
/// over its signals and its standard input, so it is nothing to call inside another program.
pub fn run(dir: &Path) -> ExitCode {
    let result =
        std::path::absolute(dir).map_err(Error::from).and_then(|dir| supervise(&SessionDir::new(dir)));
    let Err(error) = result else { return ExitCode::SUCCESS };
    let source = std::error::Error::source(&error).map(|source| format!(": {source}")).unwrap_or_default();
    let cause = std::error::Error::source(&error)
        .and_then(|source| source.source())
        .map(|cause| format!(": {cause}"));
    log(format_args!("{error}{source}{}", cause.unwrap_or_default()));
    ExitCode::from(match error {
        Error::Claimed => STATUS_CLAIMED,
        Error::Spec(_) => STATUS_SPEC,
        Error::Files(_) | Error::Io(_) => STATUS_FAILED,
    })
}

fn supervise(dir: &SessionDir) -> Result<(), Error> {
    spawn::close_inherited()?;
    // It fails only for one who leads a session already: in a terminal of its own, whose end it is to notice.
    let _ = rustix::process::setsid();
    rustix::process::set_child_subreaper(Some(rustix::process::getpid())).map_err(std::io::Error::from)?;
    let first = match take_stdin()? {
        Some(connection) => Some(connection),
        None => socket::connect(&dir.call()).ok(),
    };
    let signals = Signals::register()?;
    let spec = dir.spec().map_err(Error::Spec)?;
    let terminal = match spec.runtime {
        Runtime::Headless => None,
        Runtime::Tmux => Terminal::take_over(dir, spec.translator)?,
    };
    if dir.exit()?.is_some() || !dir.claim(&RunRecord::here(RunBy::Supervisor)?)? {
        return Err(Error::Claimed);
    }
    // From here on this session is ours, and whatever happens must end in an exit.
    let mut server = match Server::open(dir, &spec, signals, first, terminal) {
        Ok(server) => server,
        Err(error) => {
            dir.write_exit(&start_failed(
                &spec,
                format!("the session directory cannot be used: {error}"),
                0,
            ))?;
            return Err(error.into());
        }
    };
    let exit = match start::start(dir, &spec) {
        Ok(agent) => server.follow(agent)?,
        Err(reason) => start_failed(&spec, reason, 0),
    };
    server.conclude(&exit)?;
    server.part(exit);
    Ok(())
}

fn start_failed(spec: &Spec, reason: String, last_n: u64) -> Exit {
    Exit {
        epoch: spec.epoch,
        code: None,
        signal: None,
        kind: ExitKind::StartFailed,
        detail: Some(reason),
        leaked: 0,
        result: None,
        last_n,
        dropped_bytes: 0,
        elapsed_ms: 0,
        started_at: None,
        ended_at: clock::now(),
    }
}

/// A connection that whoever launched this process left as its standard input, if that is a socket. Standard
/// input is then empty: nothing else may read from the connection.
fn take_stdin() -> std::io::Result<Option<UnixStream>> {
    let stdin = std::io::stdin();
    let is_socket = rustix::fs::fstat(&stdin)
        .is_ok_and(|stat| rustix::fs::FileType::from_raw_mode(stat.st_mode) == rustix::fs::FileType::Socket);
    if !is_socket {
        return Ok(None);
    }
    let connection: OwnedFd = stdin.as_fd().try_clone_to_owned()?;
    rustix::stdio::dup2_stdin(std::fs::File::open("/dev/null")?)?;
    Ok(Some(connection.into()))
}

/// Signals, as bytes that the one loop reads.
#[derive(Debug)]
pub(super) struct Signals {
    /// Readable when a child has ended.
    pub(super) child: UnixStream,
    /// Readable when this process was asked to end.
    pub(super) terminate: UnixStream,
    /// Readable when the terminal of this process is gone.
    pub(super) hangup: UnixStream,
}

impl Signals {
    fn register() -> std::io::Result<Self> {
        let on = |signal| -> std::io::Result<UnixStream> {
            let (here, there) = UnixStream::pair()?;
            here.set_nonblocking(true)?;
            there.set_nonblocking(true)?;
            signal_hook::low_level::pipe::register(signal, there)?;
            Ok(here)
        };
        // Caught and forgotten, not ignored: an ignored signal stays ignored in the agent, which could then not
        // be asked to stop by it.
        for signal in [SIGINT, SIGQUIT] {
            signal_hook::flag::register(signal, Arc::new(AtomicBool::new(false)))?;
        }
        Ok(Self { child: on(SIGCHLD)?, terminate: on(SIGTERM)?, hangup: on(SIGHUP)? })
    }
}
