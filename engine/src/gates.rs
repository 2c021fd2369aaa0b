//! Gates: configured commands that a merged tree has to pass.
//!
//! A gate runs under a supervisor like an agent does: its tree is killed whole when its time is up, its output
//! is bounded and kept, and it outlives an engine that dies. What it runs was written by agents; it gets the
//! same small environment.

use std::collections::BTreeMap;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use convoy_core::id::{Epoch, IssueId, SessionId, WorkerId};
use convoy_core::issue::GateResult;
use convoy_core::report::{Exit, ExitKind, StopWhy};
use convoy_core::time::Span;

use crate::agent::{Asked, Output};
use crate::config::Gate;
use crate::os::spawn::Environment;
use crate::runtime::Runtime;
use crate::supervisor::files::SessionDir;
use crate::supervisor::launch::{self, Fenced, Probe, fence, launch, probe, reap_leftovers};
use crate::supervisor::spec::{Limits, PromptVia, Spec, VERSION, default_ladder};
use crate::world::World;

/// How much of the end of a failed gate's output becomes part of the next prompt.
const TAIL_BYTES: u64 = 8 * 1024;
/// How much of a gate's output is kept.
const OUTPUT_BYTES: u64 = 8 * 1024 * 1024;
/// How often a gate is begun whose supervisor vanishes.
const TRIES_MAX: u32 = 3;

/// Why a gate could not be run; whether it passes is not known.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The supervisor's files or process.
    #[error("gate {name:?} could not be run")]
    Supervisor {
        /// Which gate.
        name: String,
        /// Why.
        source: launch::Error,
    },
    /// Its name does not fit into a file name.
    #[error("gate {name:?} has a name that cannot be part of a file name")]
    Name {
        /// Which gate.
        name: String,
    },
    /// Its supervisor vanished again and again.
    #[error("gate {name:?} was lost {TRIES_MAX} times")]
    Lost {
        /// Which gate.
        name: String,
    },
    /// Its program does not exist or cannot be run.
    #[error("gate {name:?} could not be started: {detail}")]
    Start {
        /// Which gate.
        name: String,
        /// Why.
        detail: String,
    },
    /// A person does not want to know any more.
    #[error("interrupted")]
    Interrupted,
}

/// What gates run on and with.
pub(crate) struct Ground<'a> {
    /// This program, which is also the supervisor.
    pub(crate) program: &'a Path,
    /// Where each run has a folder.
    pub(crate) runs: PathBuf,
    /// All that the gates see of the environment.
    pub(crate) env: BTreeMap<String, String>,
    /// By which a person ends them.
    pub(crate) stops: Option<&'a Stops>,
}

impl<'a> Ground<'a> {
    /// That of merges.
    pub(crate) fn of(world: &'a World) -> Self {
        let env = crate::hooks::plain(&world.settings().presets, &world.env);
        Self { program: &world.program, runs: world.workspace.gates_dir(), env, stops: None }
    }
}

/// Ends what runs when a person interrupts the command that waits for it.
#[derive(Debug, Default)]
pub struct Stops {
    inner: Mutex<Stopping>,
}

#[derive(Debug, Default)]
struct Stopping {
    asked: bool,
    under_way: Option<(SessionDir, Epoch)>,
}

impl Stops {
    /// Ends what is under way, and keeps anything else from beginning. Returns at once.
    pub fn stop(&self) {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        inner.asked = true;
        let Some((dir, epoch)) = inner.under_way.take() else { return };
        loop {
            return match probe(&dir) {
                Ok(Probe::Live(mut client)) => drop(client.stop(epoch)),
                // It will never begin; or it has just done so.
                Ok(Probe::NeverStarted) => match fence(&dir) {
                    Ok(Fenced::AlreadyStarted) => continue,
                    Ok(Fenced::Fenced) | Err(_) => {}
                },
                Ok(Probe::Ended(_) | Probe::Dead(_)) | Err(_) => {}
            };
        }
    }

    /// Whether a person wants no more.
    pub fn is_asked(&self) -> bool {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner).asked
    }

    fn watch(&self, under_way: Option<(SessionDir, Epoch)>) {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner).under_way = under_way;
    }
}

/// How a gate ended.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) result: GateResult,
    /// The end of its output.
    pub(crate) output: String,
    /// It ran out of time.
    pub(crate) timed_out: bool,
}

/// Runs one gate to its end.
pub(crate) fn run(
    ground: &Ground<'_>,
    gate: &Gate,
    key: &str,
    epoch: Epoch,
    whose: (&WorkerId, &IssueId),
    workdir: &Path,
) -> Result<Ran, Error> {
    let name = gate.name.clone();
    let interrupted = || ground.stops.is_some_and(Stops::is_asked);
    for attempt in 1..=TRIES_MAX {
        if interrupted() {
            return Err(Error::Interrupted);
        }
        let session = SessionId::new(format!("{key}-{name}-{}", crate::entropy::seed() % 1_000_000))
            .map_err(|_| Error::Name { name: name.clone() })?;
        let dir = SessionDir::new(ground.runs.join(session.as_str()));
        let spec = spec(gate, &session, epoch, whose, workdir, ground.env.clone());
        if let Some(stops) = ground.stops {
            stops.watch(Some((dir.clone(), epoch)));
        }
        let exit = supervise(ground.program, &dir, &spec);
        if let Some(stops) = ground.stops {
            stops.watch(None);
        }
        if interrupted() {
            let _ = reap_leftovers(&session, workdir);
            return Err(Error::Interrupted);
        }
        let exit = exit.map_err(|source| Error::Supervisor { name: name.clone(), source })?;
        // A supervisor that vanished or could not go on says nothing about the tree.
        let exit = exit.filter(|exit| match exit.kind {
            ExitKind::Stopped(why) => why == StopWhy::WallTime,
            ExitKind::Exited | ExitKind::StartFailed | ExitKind::HookFailed => true,
        });
        let Some(exit) = exit else {
            crate::world::note(&format!("gate {name:?}: its supervisor vanished (try {attempt})"));
            let _ = reap_leftovers(&session, workdir);
            continue;
        };
        if exit.kind == ExitKind::StartFailed {
            return Err(Error::Start { name, detail: exit.detail.unwrap_or_default() });
        }
        let passed = exit.kind == ExitKind::Exited && exit.code == Some(0);
        let duration = exit.started_at.map_or(Span::default(), |at| exit.ended_at.since(at));
        let mut output = tail(&dir);
        let timed_out = matches!(exit.kind, ExitKind::Stopped(_));
        if timed_out {
            output.push_str("\n(the gate ran out of time and was stopped)");
        }
        return Ok(Ran { result: GateResult { name, passed, code: exit.code, duration }, output, timed_out });
    }
    Err(Error::Lost { name })
}

fn spec(
    gate: &Gate,
    session: &SessionId,
    epoch: Epoch,
    (worker, issue): (&WorkerId, &IssueId),
    workdir: &Path,
    env: BTreeMap<String, String>,
) -> Spec {
    Spec {
        version: VERSION,
        session: session.clone(),
        epoch,
        worker: worker.clone(),
        issue: issue.clone(),
        convoy: None,
        argv: gate.command.clone(),
        workdir: workdir.to_owned(),
        env,
        prompt: PromptVia::Stdin,
        translator: Output::Plain,
        asked: Asked::default(),
        limits: Limits {
            wall_ms: u64::try_from(gate.timeout.as_millis()).ok(),
            silence_ms: None,
            spend_micros: None,
            output_bytes: OUTPUT_BYTES,
            ..Limits::default()
        },
        stop: default_ladder(),
        runtime: Runtime::Headless,
        prices: BTreeMap::new(),
        confine: None,
        stdout_bytes: None,
    }
}

/// The command's end; none if its supervisor vanished without one.
pub(crate) fn supervise(
    program: &Path,
    dir: &SessionDir,
    spec: &Spec,
) -> Result<Option<Exit>, launch::Error> {
    dir.create(spec, "")?;
    let mut launched = launch(program, dir, &Environment::default())?;
    if let Ok(messages) = launched.client.subscribe(0) {
        // Only its end matters.
        messages.for_each(drop);
    }
    let _ = launched.child.wait();
    Ok(match probe(dir)? {
        Probe::Ended(exit) => Some(exit),
        Probe::Live(_) | Probe::Dead(_) | Probe::NeverStarted => None,
    })
}

/// The end of what a command printed.
pub(crate) fn tail(dir: &SessionDir) -> String {
    let mut bytes = Vec::new();
    if let Ok(mut file) = std::fs::File::open(dir.output()) {
        let start = file.metadata().map_or(0, |meta| meta.len().saturating_sub(TAIL_BYTES));
        let _ = file.seek(SeekFrom::Start(start)).and_then(|_| file.read_to_end(&mut bytes));
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
