//! `convoy witness`: how the agents at work do, and what is done about those that do not.

use std::fmt::Write as _;

use clap::{Args, Subcommand};
use convoy_core::health::Thresholds;
use convoy_core::time::Time;
use convoy_core::view::{EvidenceView, WitnessView, WorkerView};
use convoy_engine::clock;
use convoy_engine::config::{Config, Sources, WITNESS_KEYS};
use convoy_engine::facts;
use convoy_engine::supervisor::files::SessionDir;
use serde::Serialize;

use super::context::Context;
use super::{ask, config};
use crate::error::{DONE, Error};
use crate::text;

/// See how agents at work do, and by what they are judged
#[derive(Debug, Subcommand)]
pub(super) enum Witness {
    Status(Status),
    /// Report on everything at once: agents, what is stuck, what waits to land, budgets
    ///
    /// Nothing is started by it and no model is asked. Each fact comes with its evidence and the command that would help.
    /// It is what the template health-monitor tells of.
    Report,
    /// Show what the witness goes by, or set one value of it
    #[command(after_help = "Examples:\n  convoy witness config\n  convoy witness config quiet 30m")]
    Config {
        /// A key of it, such as quiet; all if none is named
        #[arg(id = "witness_key", value_name = "KEY")]
        key: Option<String>,
        /// What it is to be
        #[arg(allow_hyphen_values = true, requires = "witness_key")]
        value: Option<String>,
    },
    /// There is nothing to start: the witness is part of the engine
    #[command(hide = true)]
    Start(Ignored),
    /// There is nothing to stop: the witness is part of the engine
    #[command(hide = true)]
    Stop(Ignored),
}

/// How each agent at work does
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  convoy witness status --convoy hq-cv-abc12")]
pub(super) struct Status {
    /// Only those of this convoy
    #[arg(long = "convoy", value_name = "CONVOY")]
    of: Option<String>,
    /// The same, as orch has it
    #[arg(value_name = "CONVOY", conflicts_with = "of")]
    convoy: Option<String>,
}

/// What scripts of other tools say here.
#[derive(Debug, Args)]
pub(super) struct Ignored {
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, hide = true)]
    rest: Vec<String>,
}

/// A worker whose agent runs, and how it does.
#[derive(Debug, Serialize, schemars::JsonSchema)]
pub(super) struct WatchedView {
    worker_id: String,
    name: String,
    issue_id: String,
    convoy_id: Option<String>,
    session_id: Option<String>,
    attempt: u32,
    agent: String,
    model: Option<String>,
    #[serde(flatten)]
    health: WitnessView,
}

impl Witness {
    pub(super) fn run(self, ctx: &mut Context) -> Result<u8, Error> {
        match self {
            Self::Status(Status { of, convoy }) => status(ctx, of.or(convoy).as_deref()),
            Self::Report => report(ctx),
            Self::Config { key, value: Some(value) } => {
                let key = full(&key.unwrap_or_default());
                config::ConfigCommand::Set { key, value }.run(ctx)
            }
            Self::Config { key, value: None } => show(ctx, key.filter(|key| key != "show").as_deref()),
            Self::Start(_) => Err(Error::refused(
                "the witness is part of the engine, and looks at every agent while the engine runs",
            )
            .hint("bring the engine up: convoy up")
            .hint("see how agents do: convoy witness status")),
            Self::Stop(_) => {
                Err(Error::refused("the witness is part of the engine, and is not stopped by itself")
                    .hint("have it look no more: convoy witness config enabled false"))
            }
        }
    }
}

/// `quiet` is `witness.quiet`.
fn full(key: &str) -> String {
    if key.contains('.') { key.to_owned() } else { format!("witness.{key}") }
}

fn status(ctx: &mut Context, convoy: Option<&str>) -> Result<u8, Error> {
    let workspace = ctx.workspace()?;
    let thresholds = Config::load(&workspace, &ctx.env, &Sources::default())?.thresholds()?;
    let convoy = match convoy {
        Some(id) => Some(ctx.with(|service| ask::convoy(service, id))?.0.id),
        None => None,
    };
    let mut workers = ctx.with(|service| ask::workers(service, false))?;
    workers.retain(|worker| convoy.as_ref().is_none_or(|id| worker.convoy_id.as_ref() == Some(id)));
    let mut views = Vec::new();
    for worker in workers {
        let Some(mut health) = worker.health.clone() else { continue };
        if let Some(session) = &worker.session_id {
            let dir = SessionDir::new(workspace.sessions_dir().join(session.as_str()));
            facts::look_again(&mut health, &dir, &thresholds);
        }
        views.push(view(worker, health));
    }
    ctx.out.json(&views)?;
    ctx.out.say(&listing(&views, &thresholds, clock::now()))?;
    Ok(DONE)
}

fn report(ctx: &mut Context) -> Result<u8, Error> {
    let workspace = ctx.workspace()?;
    let config = Config::load(&workspace, &ctx.env, &Sources::default())?;
    let mut found = ctx.with(|service| ask::facts(service))?;
    facts::refresh(&mut found, &workspace, &ctx.env, &config);
    ctx.out.json(&found)?;
    ctx.out.say(&facts::markdown(&found))?;
    Ok(DONE)
}

fn view(worker: WorkerView, health: WitnessView) -> WatchedView {
    WatchedView {
        worker_id: worker.id.to_string(),
        name: worker.name,
        issue_id: worker.issue_id.to_string(),
        convoy_id: worker.convoy_id.map(|id| id.to_string()),
        session_id: worker.session_id.map(|id| id.to_string()),
        attempt: worker.attempt,
        agent: worker.agent,
        model: worker.model,
        health,
    }
}

fn listing(views: &[WatchedView], thresholds: &Thresholds, now: Time) -> String {
    if !thresholds.enabled {
        return "The witness is switched off.\n\nNext: convoy witness config enabled true\n".to_owned();
    }
    if views.is_empty() {
        return "No agent is at work.\n".to_owned();
    }
    let mut said = String::new();
    for view in views {
        let name = text::line(&view.name).into_owned();
        let _ = writeln!(
            said,
            "{} on {} (attempt {}): {}",
            name, view.issue_id, view.attempt, view.health.health
        );
        said.push_str(&text::indented(&about(&view.health, now), "  "));
        said.push('\n');
    }
    said
}

/// The lines about how a session does.
pub(super) fn about(health: &WitnessView, now: Time) -> String {
    let mut said = String::new();
    let _ = writeln!(said, "Health:   {}: {}", health.health, text::line(&health.why));
    if let Some(evidence) = &health.evidence {
        let _ = writeln!(said, "Evidence: {}", seen(evidence, now));
    }
    for step in &health.steps {
        let unable = step.unable.as_deref().map(|why| format!(": not possible, {}", text::line(why)));
        let at = text::time(step.at);
        let _ = writeln!(said, "Step:     {} at {at}{}", step.step, unable.unwrap_or_default());
    }
    if let (Some(step), Some(at)) = (&health.next_step, health.next_at) {
        let _ = writeln!(said, "Next:     {step} at {}, if nothing is heard before", text::time(at));
    }
    said
}

fn seen(evidence: &EvidenceView, now: Time) -> String {
    let seconds = |ms: u64| format!("{}.{:03}s", ms / 1000, ms % 1000);
    let mut facts = vec![format!("silent for {}", seconds(evidence.silent_ms))];
    if let (Some(tool), Some(ms)) = (&evidence.tool, evidence.tool_ms) {
        facts.push(format!("{} at work for {}", text::line(tool), seconds(ms)));
    }
    facts.push(text::count(evidence.processes as usize, "process"));
    facts.push(if evidence.window_ms > 0 {
        let (cpu, window) = (seconds(evidence.window_cpu_ms), seconds(evidence.window_ms));
        format!("{cpu} of processor time in {window}")
    } else {
        format!("{} of processor time in all", seconds(evidence.cpu_ms))
    });
    if let (Some(what), Some(count)) = (&evidence.repeated, evidence.repeated_count) {
        facts.push(format!("{count} times in a row: {}", text::line(what)));
    }
    facts.extend(evidence.waiting.as_deref().map(|what| format!("waits for a person: {}", text::line(what))));
    facts.extend(evidence.retry_at.map(|at| format!("tries again at {}", text::time(at))));
    facts.extend(evidence.changed_at.map(|at| format!("files changed last at {}", text::time(at))));
    format!("{} ({} ago)", facts.join(", "), text::age(now.since(evidence.at).as_secs()))
}

fn show(ctx: &mut Context, key: Option<&str>) -> Result<u8, Error> {
    let config = Config::load(&ctx.workspace()?, &ctx.env, &Sources::default())?;
    let wanted = key.map(full);
    let keys: Vec<&str> = WITNESS_KEYS
        .iter()
        .copied()
        .filter(|key| wanted.as_deref().is_none_or(|wanted| wanted == *key))
        .collect();
    if keys.is_empty() {
        let key = wanted.unwrap_or_default();
        return Err(Error {
            status: 3,
            kind: "not_found",
            ..Error::refused(format!("the witness has no key {key}"))
        }
        .hint("see all of them: convoy witness config"));
    }
    let entries: Vec<_> = keys.iter().filter_map(|key| config.entry(key)).collect();
    let views: Vec<_> = entries.iter().map(|entry| config::view(entry)).collect();
    ctx.out.json(&views)?;
    let rows: Vec<Vec<String>> = entries
        .iter()
        .map(|entry| {
            vec![entry.key.clone(), text::cut(&entry.value.to_string(), 60), entry.origin.to_string()]
        })
        .collect();
    ctx.out.say(&text::table(&rows))?;
    Ok(DONE)
}
