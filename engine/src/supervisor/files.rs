//! The session directory: its files, and how each is written so that it is whole or absent.
//!
//! | file | written by | how |
//! |---|---|---|
//! | `spec.json`, `prompt.txt` | engine, before the launch | once, mode 0600 |
//! | `mcp.json` | engine, before the launch | once, for agents that take the worker's tools by a file |
//! | `run.json` | supervisor, or recovery as a fence | exclusively, durable before anything follows |
//! | `started.json` | supervisor | once, after the agent's process exists |
//! | `output.log` | supervisor | raw output, bounded (see `output`) |
//! | `stdout` | supervisor | its standard output alone, if the specification wants it; durable before `exit.json` |
//! | `observations.ndjson` | supervisor | one line each, numbered from 1 without gaps |
//! | `exit.json` | supervisor | once, durable, after the agent's whole tree is dead |
//! | `lost` | engine | empty, once nobody is left who would write `exit.json`: wakes those who follow the output |
//! | `sock` | supervisor | its Unix socket |
//! | `signal/worker.json` | agent | what it has to say, if it can only write files (see `signal`) |
//! | `call` | engine, for a supervisor in tmux | the socket on which its first connection is made; gone after it |
//! | `supervisor.log` | supervisor | what it has to say when something is wrong with itself |
//!
//! A damaged file is an error, never an empty answer. Only the torn last line of the observations, which a killed
//! supervisor can leave, is dropped: nobody was told of it.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use convoy_core::report::{Exit, Observation};
use convoy_core::time::Time;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::spec::Spec;
use crate::clock;
use crate::os::process::{self, Process};

/// The longest line of `observations.ndjson`. Texts in reports are cut well below it.
pub const OBSERVATION_BYTES_MAX: usize = 128 * 1024;
/// The largest of the JSON files: a specification with a large environment.
const JSON_BYTES_MAX: u64 = 8 * 1024 * 1024;

/// What can be wrong with a session directory.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The system refused.
    #[error("cannot {action} {path}")]
    Io {
        /// What was to be done.
        action: &'static str,
        /// With which file.
        path: PathBuf,
        /// The system's answer.
        source: std::io::Error,
    },
    /// A file does not hold what it should.
    #[error("{path} is damaged at line {line}: {reason}")]
    Damaged {
        /// Which file.
        path: PathBuf,
        /// Where in it.
        line: u64,
        /// What is wrong.
        reason: String,
    },
}

impl Error {
    /// Whether there was no room on the disk.
    pub(super) fn is_full(&self) -> bool {
        use std::io::ErrorKind::{QuotaExceeded, StorageFull};
        matches!(self, Self::Io { source, .. } if matches!(source.kind(), StorageFull | QuotaExceeded))
    }
}

/// The content of `run.json`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct RunRecord {
    /// The version of this form.
    pub version: u32,
    /// Who created it.
    pub by: RunBy,
    /// The boot in which it was created.
    pub boot_id: String,
    /// Who that is.
    #[serde(flatten)]
    pub process: Process,
    /// When.
    pub at: Time,
}

/// Who created a run record.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunBy {
    /// The supervisor, which then starts the agent.
    Supervisor,
    /// Recovery, so that no supervisor can ever start it.
    Fence,
}

/// The content of `started.json`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Started {
    /// The version of this form.
    pub version: u32,
    /// The boot in which the agent runs.
    pub boot_id: String,
    /// Its process.
    #[serde(flatten)]
    pub process: Process,
    /// When it was started, for people.
    pub at: Time,
    /// The same in milliseconds since boot. What has elapsed is the difference to that clock now, which nobody
    /// sets and which also counts suspended time; after another boot the agent is dead anyway.
    pub boot_ms: u64,
}

impl RunRecord {
    /// A record of this process.
    ///
    /// # Errors
    /// When `/proc` is not readable.
    pub fn here(by: RunBy) -> std::io::Result<Self> {
        Ok(Self {
            version: 1,
            by,
            boot_id: process::boot_id()?,
            process: Process::current()?,
            at: clock::now(),
        })
    }

    /// Whether nobody is left who would say how the session ended.
    ///
    /// # Errors
    /// When the system does not say which boot this is.
    pub fn is_dead(&self) -> std::io::Result<bool> {
        Ok(self.by == RunBy::Fence || self.boot_id != process::boot_id()? || !self.process.is_alive())
    }
}

/// The directory of one session.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SessionDir {
    path: PathBuf,
}

impl SessionDir {
    /// The directory at `path`, which need not exist yet.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }
    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }
    /// The supervisor's socket.
    pub fn socket(&self) -> PathBuf {
        self.path.join("sock")
    }
    /// Where a supervisor that inherits no connection calls whoever launched it.
    pub(crate) fn call(&self) -> PathBuf {
        self.path.join("call")
    }
    /// The prompt, for agents that read it from a file.
    pub fn prompt(&self) -> PathBuf {
        self.path.join("prompt.txt")
    }
    /// What an agent's program reads to have the worker's tools, if it takes them so.
    pub fn mcp(&self) -> PathBuf {
        self.path.join("mcp.json")
    }
    /// Where an agent that can only write files says something.
    pub fn signal_file(&self) -> PathBuf {
        self.path.join("signal").join("worker.json")
    }
    /// The raw output.
    pub fn output(&self) -> PathBuf {
        self.path.join("output.log")
    }
    /// What the agent printed to its standard output, alone and from the beginning, if that was asked for.
    pub fn stdout(&self) -> PathBuf {
        self.path.join("stdout")
    }
    /// The observations.
    pub fn observations(&self) -> PathBuf {
        self.path.join("observations.ndjson")
    }
    /// What the supervisor itself had to say.
    pub fn supervisor_log(&self) -> PathBuf {
        self.path.join("supervisor.log")
    }

    /// Makes the directory (0700) with its specification and prompt (0600). It is durable when it is claimed.
    ///
    /// # Errors
    /// When it exists already, or the system refuses.
    pub fn create(&self, spec: &Spec, prompt: &str) -> Result<(), Error> {
        self.create_with(spec, prompt, None)
    }

    /// The same, with the file of the worker's tools.
    ///
    /// # Errors
    /// When it exists already, or the system refuses.
    pub fn create_with(&self, spec: &Spec, prompt: &str, mcp: Option<&str>) -> Result<(), Error> {
        let io = |action| move |source| Error::Io { action, path: self.path.clone(), source };
        if let Some(parent) = self.path.parent() {
            DirBuilder::new().recursive(true).mode(0o700).create(parent).map_err(io("make the parent of"))?;
        }
        DirBuilder::new().mode(0o700).create(&self.path).map_err(io("make"))?;
        self.write_new("prompt.txt", prompt.as_bytes())?;
        if let Some(mcp) = mcp {
            self.write_new("mcp.json", mcp.as_bytes())?;
        }
        self.write_new("spec.json", &self.json("spec.json", spec)?)
    }

    /// The specification.
    ///
    /// # Errors
    /// When it is missing or damaged.
    pub fn spec(&self) -> Result<Spec, Error> {
        self.read("spec.json")?.ok_or_else(|| Error::Io {
            action: "read",
            path: self.path.join("spec.json"),
            source: std::io::ErrorKind::NotFound.into(),
        })
    }
    /// The run record, if anybody created it.
    ///
    /// # Errors
    /// When it is damaged or unreadable.
    pub fn run_record(&self) -> Result<Option<RunRecord>, Error> {
        self.read("run.json")
    }
    /// Who the agent is, if it was started.
    ///
    /// # Errors
    /// When it is damaged or unreadable.
    pub fn started(&self) -> Result<Option<Started>, Error> {
        self.read("started.json")
    }
    /// How it ended, if it has.
    ///
    /// # Errors
    /// When it is damaged or unreadable.
    pub fn exit(&self) -> Result<Option<Exit>, Error> {
        self.read("exit.json")
    }

    /// Whether its agent prints no more: it has ended, or its supervisor is gone without a word.
    pub fn is_over(&self) -> bool {
        let ended = || self.exit().is_ok_and(|exit| exit.is_some());
        let dead = |record: RunRecord| record.is_dead().unwrap_or(false);
        ended() || self.run_record().ok().flatten().is_some_and(dead)
    }

    /// All observations with a number above `after`, in order.
    ///
    /// # Errors
    /// When a whole line is not an observation, or the numbers have a gap.
    pub fn observations_after(&self, after: u64) -> Result<Vec<Observation>, Error> {
        let path = self.observations();
        let file = match open_plain(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(source) => return Err(Error::Io { action: "open", path, source }),
        };
        let mut reader = BufReader::with_capacity(64 * 1024, file);
        let (mut all, mut line, mut number) = (Vec::new(), Vec::new(), 0_u64);
        loop {
            line.clear();
            let limited = &mut (&mut reader).take(OBSERVATION_BYTES_MAX as u64 + 1);
            if let Err(source) = limited.read_until(b'\n', &mut line) {
                return Err(Error::Io { action: "read", path, source });
            }
            number += 1;
            let damaged = |reason: String| Error::Damaged { path: path.clone(), line: number, reason };
            if line.len() > OBSERVATION_BYTES_MAX {
                return Err(damaged(format!("longer than {OBSERVATION_BYTES_MAX} bytes")));
            }
            if line.pop() != Some(b'\n') {
                return Ok(all);
            }
            if number <= after {
                continue;
            }
            let observation: Observation =
                serde_json::from_slice(&line).map_err(|error| damaged(error.to_string()))?;
            if observation.n != number {
                return Err(damaged(format!("number {} where {number} is expected", observation.n)));
            }
            all.push(observation);
        }
    }

    /// Creates the run record: `true` if this call did, `false` if somebody had done so before. It is durable when
    /// this returns.
    ///
    /// # Errors
    /// When the system refuses. Then it is not known to exist, and nothing may be started.
    pub fn claim(&self, record: &RunRecord) -> Result<bool, Error> {
        let path = self.path.join("run.json");
        let temporary = format!("run.json.{}", record.process.pid);
        let whole = self.json("run.json", record)?;
        self.write_durable(&temporary, &whole)?;
        // A link is made with its whole content or not at all, and never over another.
        let linked = std::fs::hard_link(self.path.join(&temporary), &path);
        let io = |action| {
            let path = path.clone();
            move |source| Error::Io { action, path, source }
        };
        std::fs::remove_file(self.path.join(&temporary)).map_err(io("remove the temporary form of"))?;
        match linked {
            // The record can only outlast a power failure if the directory that holds it does.
            Ok(()) => sync_dir(&self.path)
                .and_then(|()| self.path.parent().map_or(Ok(()), sync_dir))
                .map_err(io("sync the directory of"))
                .map(|()| true),
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(false),
            Err(source) => Err(Error::Io { action: "create", path, source }),
        }
    }

    /// Says who the agent is. Not durable on its own: after a power failure there is no agent to find.
    pub(super) fn write_started(&self, started: &Started) -> Result<(), Error> {
        self.write_new("started.json", &self.json("started.json", started)?)
    }

    /// Says that nobody will say how it ended. That is so without this file, too.
    pub(crate) fn mark_lost(&self) {
        let _ = self.write_new("lost", b"");
    }

    /// Says how it ended, durably and once.
    pub(super) fn write_exit(&self, exit: &Exit) -> Result<(), Error> {
        let path = self.path.join("exit.json");
        let whole = self.json("exit.json", exit)?;
        self.write_durable("exit.json.new", &whole)?;
        std::fs::rename(self.path.join("exit.json.new"), &path)
            .and_then(|()| sync_dir(&self.path))
            .map_err(|source| Error::Io { action: "create", path, source })
    }

    fn json(&self, name: &str, value: &impl Serialize) -> Result<Vec<u8>, Error> {
        let mut whole = serde_json::to_vec(value).map_err(|error| Error::Damaged {
            path: self.path.join(name),
            line: 0,
            reason: error.to_string(),
        })?;
        whole.push(b'\n');
        Ok(whole)
    }

    fn read<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>, Error> {
        let path = self.path.join(name);
        let mut whole = Vec::new();
        let read = open_plain(&path).and_then(|file| file.take(JSON_BYTES_MAX).read_to_end(&mut whole));
        match read {
            Ok(_) => {}
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(Error::Io { action: "read", path, source }),
        }
        serde_json::from_slice(&whole).map(Some).map_err(|error| Error::Damaged {
            path,
            line: error.line() as u64,
            reason: error.to_string(),
        })
    }

    fn write_new(&self, name: &str, content: &[u8]) -> Result<(), Error> {
        let path = self.path.join(name);
        OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)
            .and_then(|mut file| file.write_all(content))
            .map_err(|source| Error::Io { action: "write", path, source })
    }

    fn write_durable(&self, name: &str, content: &[u8]) -> Result<(), Error> {
        let path = self.path.join(name);
        OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&path)
            .and_then(|mut file| file.write_all(content).and_then(|()| file.sync_data()))
            .map_err(|source| Error::Io { action: "write", path, source })
    }
}

fn sync_dir(dir: &Path) -> std::io::Result<()> {
    File::open(dir)?.sync_all()
}

/// Opens a file for reading that is a plain file of this directory. An agent can write here: a pipe in the place of
/// a file would hold its reader up for ever, and a link would lead it elsewhere.
pub(crate) fn open_plain(path: &Path) -> std::io::Result<File> {
    let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
    let file = OpenOptions::new().read(true).custom_flags(flags.bits() as i32).open(path)?;
    if file.metadata()?.is_file() { Ok(file) } else { Err(std::io::Error::other("it is not a plain file")) }
}
