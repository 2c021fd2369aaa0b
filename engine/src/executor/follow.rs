//! Seeing that a session's supervisor runs, once, and following it to its end.

use std::collections::BTreeMap;

use convoy_core::command::Observed;
use convoy_core::report::{Exit, ExitKind, Observation, Report};
use rustix::process::Signal;

use super::job::Supervise;
use super::pricing::{self, Pricing};
use super::{checkpoint, prompt, step};
use crate::agent::{Asked, Given, Output, Preset};
use crate::config::When;
use crate::explain;
use crate::hooks::{self, Host, Of};
use crate::inbox::Handle;
use crate::os::spawn::Environment;
use crate::output;
use crate::prices::Vendor;
use crate::runtime::Runtime;
use crate::runtime::tmux::Tmux;
use crate::settings::Settings;
use crate::supervisor::client::{Client, Message};
use crate::supervisor::files::{RunBy, SessionDir};
use crate::supervisor::launch::{Fenced, Probe, fence, launch, probe, reap_leftovers};
use crate::supervisor::signal;
use crate::supervisor::spec::{Limits, PromptVia, Spec, VERSION};
use crate::world::{World, note};
use crate::{clock, crash};

/// How long a killed supervisor may take to be gone.
const KILL_WAIT: std::time::Duration = std::time::Duration::from_secs(30);
/// How often a supervisor is launched that does not even write its run record.
const LAUNCHES_MAX: u32 = 3;

pub(super) fn run(world: &World, handle: &Handle, job: &Supervise) {
    let dir = SessionDir::new(world.workspace.sessions_dir().join(job.session.as_str()));
    let mut follower = Follower { handle, job, seen: job.observed, launched: None, pricing: None };
    let end = follower.follow(world, &dir).unwrap_or_else(|error| follower.give_up(&dir, &error));
    handle.observed(end);
    follower.reap();
}

struct Follower<'a> {
    handle: &'a Handle,
    job: &'a Supervise,
    /// The number of the last observation that was passed on.
    seen: u64,
    /// The supervisor's process, if it was launched here and was not waited for yet.
    launched: Option<std::process::Child>,
    /// Puts prices to what it uses; made when something is passed on first.
    pricing: Option<Pricing<'a>>,
}

impl<'a> Follower<'a> {
    fn follow(&mut self, world: &'a World, dir: &SessionDir) -> Result<Observed, String> {
        let (session, epoch) = (self.job.session.clone(), self.job.epoch);
        let text = |error: &dyn std::error::Error| explain(error);
        let (mut launches, mut failed, mut ready) = (0, None, false);
        loop {
            match probe(dir).map_err(|error| text(&error))? {
                Probe::Ended(exit) if exit.epoch != epoch => {
                    return Err(format!("its exit is that of attempt {}", exit.epoch));
                }
                Probe::Ended(exit) => {
                    self.catch_up(world, dir)?;
                    return Ok(Observed::Ended { session, epoch, exit });
                }
                Probe::Live(client) => {
                    self.listen(world, dir, client);
                }
                Probe::Dead(record) => {
                    dir.mark_lost();
                    self.catch_up(world, dir)?;
                    let path = std::path::Path::new(&self.job.workdir.path);
                    let killed = reap_leftovers(&session, path).map_err(|error| text(&error))?;
                    let why = match record.by {
                        RunBy::Fence => "it was fenced before it started".to_owned(),
                        RunBy::Supervisor => {
                            format!("its supervisor vanished; {killed} of its processes were killed")
                        }
                    };
                    return Ok(Observed::Lost { session, epoch, why });
                }
                Probe::NeverStarted if launches >= LAUNCHES_MAX => {
                    let detail = failed.unwrap_or_else(|| "it never began".to_owned());
                    return Err(format!("its supervisor was launched {launches} times: {detail}"));
                }
                Probe::NeverStarted if !ready => {
                    ready = true;
                    // It takes time, in which the session may be fenced: looked at again after it.
                    if let Err(detail) = self.before_run(world)
                        && fence(dir).map_err(|error| text(&error))? == Fenced::Fenced
                    {
                        return Ok(self.not_started(ExitKind::HookFailed, detail));
                    }
                }
                Probe::NeverStarted => {
                    launches += 1;
                    if let Err(detail) = write_spec(world, self.job, dir) {
                        return self.cannot_start(dir, detail);
                    }
                    match self.launch(world, dir) {
                        Ok(client) => {
                            // One that told its exit has it on the disk, and needs not be waited for.
                            if !client.is_some_and(|client| self.listen(world, dir, client)) {
                                // It has ended, lost the race for the record, or is late; its files say which.
                                self.reap();
                            }
                        }
                        Err(detail) => failed = Some(detail),
                    }
                }
            }
        }
    }

    /// Starts a supervisor as its specification says; a connection to it, if there is one at once.
    fn launch(&mut self, world: &World, dir: &SessionDir) -> Result<Option<Client>, String> {
        let spec = dir.spec().map_err(|error| explain(&error))?;
        crash::point("launch:before");
        let client = match spec.runtime {
            Runtime::Headless => {
                let launched =
                    launch(&world.program, dir, &Environment::default()).map_err(|error| explain(&error))?;
                self.launched = Some(launched.child);
                Some(launched.client)
            }
            Runtime::Tmux => Tmux::find(&world.workspace, &world.env)
                .and_then(|tmux| tmux.launch(&world.program, &spec.session, dir))
                .map_err(|error| explain(&error))?,
        };
        crash::point("launch:after");
        Ok(client)
    }

    /// Waits for a supervisor that was launched here, or it would stay a zombie.
    fn reap(&mut self) {
        if let Some(mut child) = self.launched.take() {
            let _ = child.wait();
        }
    }

    /// Passes on what a live supervisor says, until it ends or is gone; whether it told its exit.
    fn listen(&mut self, world: &'a World, dir: &SessionDir, client: Client) -> bool {
        let Ok(messages) = client.subscribe(self.seen) else { return false };
        for message in messages {
            match message {
                Ok(Message::Observation(observation)) => self.pass_on(world, dir, observation),
                Ok(Message::Exit(_)) => return true,
                Err(_) => return false,
            }
        }
        false
    }

    /// Passes on what is in the file and was not heard.
    fn catch_up(&mut self, world: &'a World, dir: &SessionDir) -> Result<(), String> {
        for observation in dir.observations_after(self.seen).map_err(|error| explain(&error))? {
            self.pass_on(world, dir, observation);
        }
        Ok(())
    }

    fn pass_on(&mut self, world: &'a World, dir: &SessionDir, mut observation: Observation) {
        self.seen = self.seen.max(observation.n);
        self.price(world, dir, &mut observation);
        let matters = match &observation.report {
            Report::Started { .. }
            | Report::Usage { .. }
            | Report::Result(_)
            | Report::Done { .. }
            | Report::Blocked { .. }
            | Report::Conversation { .. }
            | Report::CheckpointAsked { .. }
            | Report::Escalated { .. }
            | Report::SelfReported { .. }
            | Report::Waiting { .. }
            | Report::Looping { .. }
            | Report::Retrying { .. }
            | Report::Nudged { .. }
            | Report::Note { .. } => true,
            // For whoever watches; the core decides nothing by them.
            Report::Tool { .. } | Report::Stopping { .. } | Report::Unknown => false,
        };
        if matters {
            let (session, epoch) = (self.job.session.clone(), self.job.epoch);
            self.handle.observed(Observed::Report { session, epoch, observation });
        }
    }

    /// Puts what it cost to usage. One whose specification cannot be read is not priced, and goes on.
    fn price(&mut self, world: &'a World, dir: &SessionDir, observation: &mut Observation) {
        if self.pricing.is_none() {
            match dir.spec() {
                Ok(spec) => self.pricing = Some(Pricing::new(&world.prices, &spec, self.job.model.clone())),
                Err(error) => return pricing::unknown(&self.job.session, &error),
            }
        }
        if let Some(pricing) = &mut self.pricing {
            pricing.put(dir, observation);
        }
    }

    /// Nothing was started and nothing will be: what is wrong is not going to mend itself.
    fn cannot_start(&self, dir: &SessionDir, detail: String) -> Result<Observed, String> {
        let _ = fence(dir).map_err(|error| explain(&error))?;
        Ok(self.not_started(ExitKind::StartFailed, detail))
    }

    fn before_run(&self, world: &World) -> Result<(), String> {
        let of = Of {
            session: &self.job.session,
            epoch: self.job.epoch,
            worker: &self.job.worker,
            issue: &self.job.issue,
            convoy: self.job.convoy.as_ref(),
            workdir: std::path::Path::new(&self.job.workdir.path),
        };
        hooks::run(&Host::of(world, &world.settings()), When::BeforeRun, &of)
    }

    fn not_started(&self, kind: ExitKind, detail: String) -> Observed {
        let (session, epoch) = (self.job.session.clone(), self.job.epoch);
        let exit = Exit {
            epoch,
            code: None,
            signal: None,
            kind,
            detail: Some(detail),
            leaked: 0,
            result: None,
            last_n: self.seen,
            started_at: None,
            ended_at: clock::now(),
            dropped_bytes: 0,
            elapsed_ms: 0,
        };
        Observed::Ended { session, epoch, exit }
    }

    /// Something is wrong with the session's own files or processes. Only what is proven dead is called lost.
    fn give_up(&self, dir: &SessionDir, error: &str) -> Observed {
        let (session, epoch) = (self.job.session.clone(), self.job.epoch);
        note(&format!("session {session}: {error}"));
        let _ = fence(dir);
        // A supervisor that lives and cannot be spoken to must not start, or go on with, an agent.
        if let Ok(Some(record)) = dir.run_record()
            && record.by == RunBy::Supervisor
        {
            let _ = record.process.signal(Signal::KILL);
            let _ = record.process.wait_end(KILL_WAIT);
        }
        let path = std::path::Path::new(&self.job.workdir.path);
        while let Err(still) = reap_leftovers(&session, path) {
            // Each try takes up to half a minute by itself; the slot stays taken until nothing lives.
            note(&format!("session {session}: cannot be ended: {}", explain(&still)));
        }
        Observed::Lost { session, epoch, why: error.to_owned() }
    }
}

fn write_spec(world: &World, job: &Supervise, dir: &SessionDir) -> Result<(), String> {
    if dir.spec().is_ok() {
        return Ok(());
    }
    // Half made by an engine that died: no supervisor is launched before the specification is whole.
    if dir.path().exists() {
        std::fs::remove_dir_all(dir.path()).map_err(|error| explain(&error))?;
    }
    if let Some(role) = &job.role {
        return step::write_spec(world, job, role, dir);
    }
    let settings = world.settings();
    let preset = settings.presets.get(job.agent.as_str()).map_err(|error| explain(&error))?;
    let env = environment(world, job, preset.environment(&world.env), dir);
    let tools = tools(&settings, world, preset, dir, &env)?;
    let earlier = job.conversation.as_ref();
    // One that the agent no longer has would end it at once: then it begins afresh, with the same prompt.
    let conversation = earlier.and_then(|earlier| preset.conversation(&earlier.id, &env));
    let goes_on = conversation.as_ref().and(earlier);
    let argv = preset.argv_with(job.model.as_deref(), conversation.as_ref(), &dir.prompt(), &tools.arguments);
    let mut argv = preset.native(argv, &world.env);
    if argv.is_empty() {
        return Err(format!("agent {} has no command; set agents.{}.command", job.agent, job.agent));
    }
    argv.extend(preset.hooks.arguments(&world.program, &argv));
    let spec = Spec {
        argv,
        env,
        prompt: preset.prompt,
        asked: Asked {
            model: job.model.clone(),
            used: conversation.map(|conversation| conversation.used).unwrap_or_default(),
        },
        stop: preset.stop.clone(),
        ..specification(world, job, preset.output, preset.runtime)?
    };
    let printed = |session: &_| output::tail(&world.workspace, session);
    let brief = checkpoint::brief(world, job);
    let prompt = prompt::prompt(job, goes_on, &brief, printed);
    dir.create_with(&spec, &prompt, tools.file.as_deref()).map_err(|error| explain(&error))
}

/// What an agent is given so that it has the worker's tools, unless the configuration leaves them out.
pub(super) fn tools(
    settings: &Settings,
    world: &World,
    preset: &Preset,
    dir: &SessionDir,
    env: &BTreeMap<String, String>,
) -> Result<Given, String> {
    let wanted = settings.config.flag("session.mcp").map_err(|failure| failure.message)?;
    Ok(if wanted { preset.mcp.given(&world.program, dir, env) } else { Given::default() })
}

/// What is the same for all that is run: who it is, and its limits. There is nothing to run in it yet.
pub(super) fn specification(
    world: &World,
    job: &Supervise,
    output: Output,
    runtime: Option<Runtime>,
) -> Result<Spec, String> {
    let settings = world.settings();
    let runtime = match runtime {
        Some(runtime) => runtime,
        None => settings.config.runtime().map_err(|failure| failure.message)?,
    };
    if runtime == Runtime::Tmux {
        Tmux::find(&world.workspace, &world.env).map_err(|error| explain(&error))?;
    }
    let millis = |key: &str| {
        let span = settings.config.span(key).map_err(|failure| failure.message)?;
        Ok::<_, String>(u64::try_from(span.as_millis()).ok().filter(|ms| *ms > 0))
    };
    Ok(Spec {
        version: VERSION,
        session: job.session.clone(),
        epoch: job.epoch,
        worker: job.worker.clone(),
        issue: job.issue.clone(),
        convoy: job.convoy.clone(),
        argv: Vec::new(),
        workdir: job.workdir.path.clone().into(),
        env: BTreeMap::new(),
        prompt: PromptVia::Stdin,
        translator: output,
        asked: Asked::default(),
        limits: Limits {
            wall_ms: millis("limits.wall_time")?,
            silence_ms: millis("limits.silence")?,
            spend_micros: job.ceiling.map(convoy_core::money::Money::as_micros),
            output_bytes: settings.config.bytes("limits.output").map_err(|failure| failure.message)?,
            loops: settings.config.thresholds().map_err(|failure| failure.message)?.loops,
        },
        stop: Vec::new(),
        runtime,
        // A limit may be set while it runs.
        prices: world.prices.ceilings(Vendor::of(output), clock::now()),
        confine: None,
        stdout_bytes: None,
    })
}

/// What the agent sees: what its preset lets pass, who it is, and how to reach its supervisor.
pub(super) fn environment(
    world: &World,
    job: &Supervise,
    mut env: BTreeMap<String, String>,
    dir: &SessionDir,
) -> BTreeMap<String, String> {
    let mut set = |name: &str, value: &str| {
        env.insert(name.to_owned(), value.to_owned());
    };
    set("CONVOY_SESSION", job.session.as_str());
    set("CONVOY_WORKER", job.worker.as_str());
    set("CONVOY_ISSUE", job.issue.as_str());
    set("CONVOY_CONVOY", job.convoy.as_ref().map_or("", convoy_core::id::ConvoyId::as_str));
    set("CONVOY_EPOCH", &job.epoch.to_string());
    set("CONVOY_ATTEMPT", &job.number.to_string());
    set("CONVOY_BRIEF_FILE", &dir.prompt().to_string_lossy());
    set(signal::VARIABLE, &dir.signal_file().to_string_lossy());
    set("CONVOY_BIN", &world.program.to_string_lossy());
    // Commits carry the attempt, and git never climbs out of the workdir.
    set("GIT_AUTHOR_NAME", &format!("Convoy worker {}", job.worker));
    set("GIT_AUTHOR_EMAIL", &format!("{}@convoy.invalid", job.session));
    set("GIT_COMMITTER_NAME", &format!("Convoy worker {}", job.worker));
    set("GIT_COMMITTER_EMAIL", &format!("{}@convoy.invalid", job.session));
    set("GIT_CEILING_DIRECTORIES", &world.workdirs.path().to_string_lossy());
    // `convoy` is found by the agent even if it is not installed.
    if let Some(bin) = world.program.parent().and_then(std::path::Path::to_str) {
        let path = env.get("PATH").map(|path| format!("{path}:{bin}")).unwrap_or_else(|| bin.to_owned());
        env.insert("PATH".to_owned(), path);
    }
    env
}
