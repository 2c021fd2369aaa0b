//! `convoy agent`: which agents are known, and what each can report.

use clap::Subcommand;
use convoy_engine::agent::{Check, Preset, Says};
use convoy_engine::config::{Config, Sources};
use convoy_engine::engine::presets;
use serde::Serialize;

use super::context::Context;
use crate::error::Error;
use crate::text;

/// See which agents are known, installed, and what they report
#[derive(Debug, Subcommand)]
pub(super) enum Agent {
    /// List the agents
    List,
    /// Look whether agents are installed; all if none is named
    Check {
        /// The agent
        name: Option<String>,
    },
}

/// An agent, for scripts.
#[derive(Debug, Serialize, schemars::JsonSchema)]
pub(super) struct AgentView {
    name: String,
    command: Vec<String>,
    default: bool,
    installed: Option<bool>,
    path: Option<String>,
    version: Option<String>,
    reports_usage: bool,
    reports_cost: bool,
    reports_result: bool,
    reports_needs_input: bool,
    sandboxed: bool,
}

impl Agent {
    pub(super) fn run(self, ctx: &mut Context) -> Result<u8, Error> {
        let config = Config::load(&ctx.workspace()?, &ctx.env, &Sources::default())?;
        let presets = presets(&config)?;
        let default = config.text("defaults.agent")?.unwrap_or_default().to_owned();
        let (name, look) = match self {
            Self::List => (None, false),
            Self::Check { name } => (name, true),
        };
        if let Some(name) = &name {
            presets.get(name).map_err(|error| Error::usage(error.to_string()))?;
        }
        let views: Vec<AgentView> = presets
            .iter()
            .filter(|preset| name.as_deref().is_none_or(|name| name == preset.name))
            .map(|preset| view(preset, &default, look.then(|| preset.check(&ctx.env))))
            .collect();
        ctx.out.json(&views)?;
        ctx.out.say(&table(&views))?;
        let missing = look && name.is_some() && views.iter().any(|view| view.installed != Some(true));
        Ok(u8::from(missing))
    }
}

fn view(preset: &Preset, default: &str, check: Option<Check>) -> AgentView {
    let says = |says| says == Says::Yes;
    let reports = preset.reports();
    let (installed, path, version) = match check {
        None => (None, None, None),
        Some(Check::NoCommand | Check::NotInstalled { .. }) => (Some(false), None, None),
        Some(Check::Installed { path, version }) => (Some(true), Some(path.display().to_string()), version),
    };
    AgentView {
        name: preset.name.clone(),
        command: preset.command.clone(),
        default: preset.name == default,
        installed,
        path,
        version,
        reports_usage: says(reports.usage),
        reports_cost: says(reports.cost),
        reports_result: says(reports.result),
        reports_needs_input: says(reports.needs_input),
        sandboxed: preset.sandboxed(),
    }
}

fn table(views: &[AgentView]) -> String {
    let head = ["", "NAME", "INSTALLED", "REPORTS", "SANDBOX", "COMMAND"];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    for view in views {
        let installed = match (view.installed, &view.version, &view.path) {
            (None, ..) => "?".to_owned(),
            (Some(false), ..) => "no".to_owned(),
            (Some(true), Some(version), _) => text::cut(version, 30),
            (Some(true), None, path) => text::cut(path.as_deref().unwrap_or("yes"), 30),
        };
        let told = [
            (view.reports_usage, "usage"),
            (view.reports_cost, "cost"),
            (view.reports_result, "result"),
            (view.reports_needs_input, "needs-input"),
        ];
        let reports: Vec<&str> = told.iter().filter(|(yes, _)| *yes).map(|(_, name)| *name).collect();
        rows.push(vec![
            if view.default { "*".to_owned() } else { String::new() },
            text::line(&view.name).into_owned(),
            installed,
            if reports.is_empty() { "exit status only".to_owned() } else { reports.join(" ") },
            if view.sandboxed { "yes".to_owned() } else { "unsandboxed".to_owned() },
            text::cut(&view.command.join(" "), 60),
        ]);
    }
    text::table(&rows)
}
