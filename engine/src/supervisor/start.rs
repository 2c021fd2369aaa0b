//! Starting the agent: argv only, a clean environment, its own session and process group, and its pipes without
//! blocking.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{ChildStderr, ChildStdin, ChildStdout, Command, Stdio};

use super::duplex::Duplex;
use super::files::SessionDir;
use super::spec::{Confine, PromptVia, Spec};
use super::tree::MARK;
use crate::os::process::Process;
use crate::os::{program, spawn};

/// The variable that tells an agent's own commands where its supervisor listens.
pub const SOCKET: &str = "CONVOY_SOCKET";
/// How much of the prompt is handed over at once: what fits into a pipe.
const PROMPT_PIECE_BYTES: usize = 64 * 1024;

/// A started agent.
#[derive(Debug)]
pub(super) struct Agent {
    pub(super) process: Process,
    pub(super) pidfd: OwnedFd,
    pub(super) prompt: Option<Feeder>,
    /// Its input, if it stays open while the agent works.
    pub(super) duplex: Option<Duplex>,
    pub(super) stdout: Option<ChildStdout>,
    pub(super) stderr: Option<ChildStderr>,
}

/// Starts the agent, or says in a line why that cannot be.
pub(super) fn start(dir: &SessionDir, spec: &Spec) -> Result<Agent, String> {
    let [name, arguments @ ..] = spec.argv.as_slice() else { return Err("the command is empty".to_owned()) };
    if !spec.workdir.is_dir() {
        return Err(format!("{} is not a directory", spec.workdir.display()));
    }
    let path = spec.env.get("PATH").map(AsRef::as_ref);
    let found = if name.contains('/') {
        program::find(&spec.workdir.join(name).to_string_lossy(), None)
    } else {
        program::find(name, path)
    };
    let file = found.ok_or_else(|| format!("{name}: no such program"))?;
    if !program::runnable(&file) {
        return Err(format!("{}: not a program of this machine (exec format error)", file.display()));
    }
    let prompt = match spec.prompt {
        PromptVia::Stdin => {
            Some(File::open(dir.prompt()).map_err(|error| format!("{}: {error}", dir.prompt().display()))?)
        }
        PromptVia::File | PromptVia::Duplex => None,
    };
    let first = match spec.prompt {
        PromptVia::Duplex => Some(
            std::fs::read_to_string(dir.prompt())
                .map_err(|error| format!("{}: {error}", dir.prompt().display()))?,
        ),
        PromptVia::Stdin | PromptVia::File => None,
    };
    let mut command = match &spec.confine {
        None => {
            let mut command = spawn::command(&file);
            command.arg0(name).args(arguments);
            command
        }
        Some(confine) => confined(confine, name, &file, arguments),
    };
    command
        .current_dir(&spec.workdir)
        .envs(&spec.env)
        .env(MARK, spec.session.as_str())
        .env(SOCKET, dir.socket())
        .stdin(if prompt.is_some() || first.is_some() { Stdio::piped() } else { Stdio::null() })
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    spawn::own_session(&mut command);
    spawn::die_with_parent(&mut command);
    let mut child = command.spawn().map_err(|error| format!("{}: {error}", file.display()))?;
    // The child was not waited for, so its pid is its own until this supervisor has seen its end.
    let pid = child.id();
    crate::os::process::behind_the_engine(pid);
    let own = || -> io::Result<Agent> {
        let process =
            Process::of(pid).ok_or_else(|| io::Error::other("the process has no entry in /proc"))?;
        let pidfd = process.pidfd()?.ok_or_else(|| io::Error::other("the process has no descriptor"))?;
        let stdin = child.stdin.take();
        stdin.as_ref().map_or(Ok(()), nonblocking)?;
        let (prompt, duplex) = match (prompt, first, stdin) {
            (Some(file), _, Some(pipe)) => (Some(Feeder::new(file, pipe)), None),
            (None, Some(first), Some(pipe)) => (None, Some(Duplex::new(&first, pipe))),
            (_, _, _) => (None, None),
        };
        let agent = Agent {
            process,
            pidfd,
            prompt,
            duplex,
            stdout: child.stdout.take(),
            stderr: child.stderr.take(),
        };
        agent.stdout.as_ref().map_or(Ok(()), nonblocking)?;
        agent.stderr.as_ref().map_or(Ok(()), nonblocking)?;
        Ok(agent)
    };
    own().map_err(|error| format!("process {pid} cannot be followed: {error}"))
}

/// The call of a program that becomes the agent's: the process stays the same, and with it all that is known of it.
fn confined(confine: &Confine, name: &str, file: &Path, arguments: &[String]) -> Command {
    let mut command = spawn::command(&confine.program);
    command.arg("confine");
    for place in &confine.write {
        command.arg("--write").arg(place);
    }
    command.args(["--arg0", name, "--"]).arg(file).args(arguments);
    command
}

fn nonblocking(fd: impl AsFd) -> io::Result<()> {
    let flags = rustix::fs::fcntl_getfl(&fd)?;
    Ok(rustix::fs::fcntl_setfl(&fd, flags | rustix::fs::OFlags::NONBLOCK)?)
}

/// Hands the prompt to the agent as it reads it, and closes its standard input afterwards.
#[derive(Debug)]
pub(super) struct Feeder {
    file: File,
    pipe: ChildStdin,
    piece: Vec<u8>,
    done: usize,
}

impl Feeder {
    /// With a pipe that does not block.
    fn new(file: File, pipe: ChildStdin) -> Self {
        Self { file, pipe, piece: Vec::new(), done: 0 }
    }

    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        self.pipe.as_fd()
    }

    /// Writes what fits. `false` when all is written, or the agent no longer reads.
    pub(super) fn feed(&mut self) -> bool {
        loop {
            if self.done == self.piece.len() {
                self.done = 0;
                self.piece.clear();
                match (&mut self.file).take(PROMPT_PIECE_BYTES as u64).read_to_end(&mut self.piece) {
                    Ok(0) | Err(_) => return false,
                    Ok(_) => {}
                }
            }
            match self.pipe.write(self.piece.get(self.done..).unwrap_or_default()) {
                Ok(count) => self.done += count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return true,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return false,
            }
        }
    }
}
