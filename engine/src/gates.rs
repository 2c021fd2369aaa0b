//! Gates: configured commands that a merged tree has to pass.
//!
//! A gate runs under a supervisor like an agent does: its tree is killed whole when its time is up, its output
//! is bounded and kept, and it outlives an engine that dies. What it runs was written by agents; it gets the
//! same small environment.

use std::collections::BTreeMap;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use convoy_core::id::{Epoch, IssueId, SessionId, WorkerId};
use convoy_core::issue::GateResult;
use convoy_core::report::{Exit, ExitKind, StopWhy};
use convoy_core::time::Span;

use crate::agent::{Asked, Output};
use crate::config::Gate;
use crate::os::spawn::Environment;
use crate::runtime::Runtime;
use crate::supervisor::files::SessionDir;
use crate::supervisor::launch::{self, Probe, launch, probe, reap_leftovers};
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
}

/// Runs one gate to its end. The text is the end of its output.
pub(crate) fn run(
    world: &World,
    gate: &Gate,
    key: &str,
    epoch: Epoch,
    whose: (&WorkerId, &IssueId),
    workdir: &Path,
) -> Result<(GateResult, String), Error> {
    let name = gate.name.clone();
    for attempt in 1..=TRIES_MAX {
        let session = SessionId::new(format!("{key}-{name}-{}", crate::entropy::seed() % 1_000_000))
            .map_err(|_| Error::Name { name: name.clone() })?;
        let dir = SessionDir::new(world.workspace.gates_dir().join(session.as_str()));
        let plain = world
            .settings()
            .presets
            .get("plain")
            .map(|preset| preset.environment(&world.env))
            .unwrap_or_default();
        let spec = spec(gate, &session, epoch, whose, workdir, plain);
        let exit = supervise(&world.program, &dir, &spec)
            .map_err(|source| Error::Supervisor { name: name.clone(), source })?;
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
        if let ExitKind::Stopped(_) = exit.kind {
            output.push_str("\n(the gate ran out of time and was stopped)");
        }
        return Ok((GateResult { name, passed, code: exit.code, duration }, output));
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
        },
        stop: default_ladder(),
        runtime: Runtime::Headless,
        prices: BTreeMap::new(),
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
