//! Running a hook in a workdir.
//!
//! A hook runs under a supervisor, as a gate does: its tree is killed whole when its time is up or when it has ended,
//! and its output is bounded and kept. It comes from the configuration of the person's workspace, which no agent's
//! branch can change. What an engine that died was running is ended by the next one, and the step that it belongs to
//! is done again: a hook may run more than once.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use convoy_core::id::{ConvoyId, Epoch, IssueId, SessionId, WorkerId};
use convoy_core::report::{ExitKind, StopWhy};

use crate::agent::{Asked, Output, Presets};
use crate::config::{Config, Hook, When};
use crate::explain;
use crate::gates;
use crate::os::spawn::Environment;
use crate::runtime::Runtime;
use crate::settings::Settings;
use crate::supervisor::files::SessionDir;
use crate::supervisor::launch::reap_leftovers;
use crate::supervisor::spec::{Limits, PromptVia, Spec, VERSION, default_ladder};
use crate::workspace::Workspace;
use crate::world::{World, note};

/// How often a hook is begun whose supervisor vanishes.
const TRIES_MAX: u32 = 3;
/// How much of a hook's output is kept.
const OUTPUT_BYTES: u64 = 8 * 1024 * 1024;

/// What hooks need of the world.
pub(crate) struct Host<'a> {
    pub(crate) workspace: &'a Workspace,
    pub(crate) config: &'a Config,
    /// This program, which is also the supervisor.
    pub(crate) program: PathBuf,
    /// What every program that Convoy starts may see.
    pub(crate) env: BTreeMap<String, String>,
}

impl<'a> Host<'a> {
    pub(crate) fn of(world: &'a World, settings: &'a Settings) -> Self {
        let env = plain(&settings.presets, &world.env);
        Self { workspace: &world.workspace, config: &settings.config, program: world.program.clone(), env }
    }
}

/// The environment of programs that are no agents.
pub(crate) fn plain(presets: &Presets, ours: &Environment) -> BTreeMap<String, String> {
    presets.get("plain").map(|preset| preset.environment(ours)).unwrap_or_default()
}

/// Whose workdir a hook runs in.
pub(crate) struct Of<'a> {
    pub(crate) session: &'a SessionId,
    pub(crate) epoch: Epoch,
    pub(crate) worker: &'a WorkerId,
    pub(crate) issue: &'a IssueId,
    pub(crate) convoy: Option<&'a ConvoyId>,
    pub(crate) workdir: &'a Path,
}

/// Runs the hook for a point of a workdir's life, if there is one. The error is a line about what went wrong, and the
/// end of the hook's output in the lines after it.
pub(crate) fn run(host: &Host<'_>, when: When, of: &Of<'_>) -> Result<(), String> {
    let Some(hook) = host.config.hook(when).map_err(|failure| failure.message)? else { return Ok(()) };
    let failed = |what: String| format!("hook {} {what}", when.name());
    for attempt in 1..=TRIES_MAX {
        let mark = crate::entropy::seed() % 1_000_000;
        let name = format!("{}-{}-{mark}", of.session, when.name());
        // Its own mark: what it leaves running is found by it, and nobody's agent is.
        let session = SessionId::new(name).map_err(|error| failed(explain(&error)))?;
        let dir = SessionDir::new(host.workspace.gates_dir().join(session.as_str()));
        let spec = spec(host, &hook, &session, of);
        let exit = gates::supervise(&host.program, &dir, &spec)
            .map_err(|error| failed(format!("could not be run: {}", explain(&error))))?;
        let output = || gates::tail(&dir);
        let Some(exit) = exit else {
            note(&failed(format!("of {}: its supervisor vanished (try {attempt})", of.session)));
            let _ = reap_leftovers(&session, of.workdir);
            continue;
        };
        let what = match exit.kind {
            ExitKind::Exited if exit.code == Some(0) => return Ok(()),
            ExitKind::Exited => match (exit.code, exit.signal) {
                (Some(code), _) => format!("failed with status {code}"),
                (None, signal) => format!("was ended by signal {}", signal.unwrap_or(0)),
            },
            ExitKind::Stopped(StopWhy::WallTime) => {
                format!("ran longer than it may (hooks.{}.timeout)", when.name())
            }
            ExitKind::Stopped(_) => "was stopped".to_owned(),
            ExitKind::StartFailed | ExitKind::HookFailed => {
                format!("could not be started: {}", exit.detail.unwrap_or_default())
            }
        };
        return Err(failed(format!("{what}\n{}", output())));
    }
    Err(failed(format!("was lost {TRIES_MAX} times")))
}

/// Runs a hook whose failure is only worth a remark.
pub(crate) fn run_noted(host: &Host<'_>, when: When, of: &Of<'_>) {
    if let Err(error) = run(host, when, of) {
        note(&format!("session {}: {}", of.session, error.trim_end()));
    }
}

fn spec(host: &Host<'_>, hook: &Hook, session: &SessionId, of: &Of<'_>) -> Spec {
    let mut env = host.env.clone();
    let mut set = |name: &str, value: &str| {
        env.insert(name.to_owned(), value.to_owned());
    };
    set("CONVOY_HOOK", hook.when.name());
    set("CONVOY_HOOK_SESSION", of.session.as_str());
    set("CONVOY_WORKER", of.worker.as_str());
    set("CONVOY_ISSUE", of.issue.as_str());
    set("CONVOY_CONVOY", of.convoy.map_or("", ConvoyId::as_str));
    set("CONVOY_EPOCH", &of.epoch.to_string());
    set("CONVOY_WORKSPACE", &host.workspace.root().to_string_lossy());
    // Git of a hook never climbs out of the workdir.
    let above = of.workdir.parent().unwrap_or(of.workdir);
    set("GIT_CEILING_DIRECTORIES", &above.to_string_lossy());
    Spec {
        version: VERSION,
        session: session.clone(),
        epoch: of.epoch,
        worker: of.worker.clone(),
        issue: of.issue.clone(),
        convoy: of.convoy.cloned(),
        argv: hook.command.clone(),
        workdir: of.workdir.to_owned(),
        env,
        prompt: PromptVia::Stdin,
        translator: Output::Plain,
        asked: Asked::default(),
        limits: Limits {
            wall_ms: u64::try_from(hook.timeout.as_millis()).ok(),
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
