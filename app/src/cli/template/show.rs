//! `convoy template show`: a template with all that it inherits, or an agent file.

use std::fmt::Write as _;

use clap::Args;
use convoy_core::template::{OnFailure, OutputKind, ReportKind};
use convoy_core::time::Span;
use convoy_engine::templates::{AgentFile, Layer, Who};
use serde::Serialize;

use crate::cli::context::Context;
use crate::error::{DONE, Error};
use crate::output::{BOLD, FAINT, paint};
use crate::templates::{RoleView, Shown, library, of_name, path};
use crate::text;

/// Show a template with all that it inherits, or an agent file
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  convoy template show code-review\n  \
    convoy template show --agent code-review-security")]
pub(in crate::cli) struct Show {
    /// The template
    #[arg(required_unless_present = "agent")]
    name: Option<String>,
    /// An agent file instead, with its prompt
    #[arg(long, value_name = "SUBAGENT", conflicts_with = "name")]
    agent: Option<String>,
}

/// An agent file, for scripts.
#[derive(Debug, Serialize, schemars::JsonSchema)]
struct FileView {
    name: String,
    description: String,
    source: Layer,
    path: Option<String>,
    agent: Option<String>,
    model: Option<String>,
    tools: Option<Vec<String>>,
    permission_mode: Option<String>,
    command: Option<Vec<String>>,
    success: Option<Vec<i32>>,
    output: OutputKind,
    timeout_ms: Option<i64>,
    prompt: String,
}

impl Show {
    pub(super) fn run(self, ctx: &mut Context) -> Result<u8, Error> {
        let library = library(ctx)?;
        if let Some(name) = &self.agent {
            let file = library.agent_file(name).map_err(convoy_api::Failure::from)?;
            let view = file_view(&file);
            ctx.out.json(&view)?;
            ctx.out.say(&said_of_file(&view))?;
            return Ok(DONE);
        }
        let view = of_name(&library, self.name.as_deref().unwrap_or_default())?;
        ctx.out.json(&view)?;
        ctx.out.say(&said(&view))?;
        Ok(DONE)
    }
}

fn file_view(file: &AgentFile) -> FileView {
    let command = file.command.as_ref();
    FileView {
        name: file.name.to_string(),
        description: file.description.clone(),
        source: file.source.layer,
        path: path(&file.source),
        agent: file.agent.as_ref().map(|agent: &convoy_engine::templates::Spot<Who>| agent.value.to_string()),
        model: file.model.clone(),
        tools: file.tools.clone(),
        permission_mode: file.permission_mode.clone(),
        command: command.map(|words| words.iter().map(|word| word.value.clone()).collect()),
        success: command.map(|_| file.success.clone()),
        output: file.output,
        timeout_ms: file.timeout.map(Span::as_millis),
        prompt: file.body.clone(),
    }
}

/// A time as files have it.
fn duration(ms: Option<i64>) -> Option<String> {
    let ms = ms?;
    Some(match (ms % 3_600_000, ms % 60_000, ms % 1000) {
        (0, ..) => format!("{}h", ms / 3_600_000),
        (_, 0, _) => format!("{}m", ms / 60_000),
        (.., 0) => format!("{}s", ms / 1000),
        _ => format!("{ms}ms"),
    })
}

/// A key and its value on a line, if it has one.
fn put(said: &mut String, indent: &str, key: &str, value: Option<String>) {
    if let Some(value) = value {
        let _ = writeln!(said, "{indent}{:<14}{}", format!("{key}:"), text::line(&value));
    }
}

fn place(layer: Layer, path: Option<&String>) -> String {
    path.cloned().unwrap_or_else(|| layer.name().to_owned())
}

fn report(kind: ReportKind) -> &'static str {
    match kind {
        ReportKind::None => "none",
        ReportKind::Review => "review",
        ReportKind::Triage => "triage",
    }
}

fn said(view: &Shown) -> String {
    let mut said = format!("{}\n{}\n\n", paint(BOLD, text::line(&view.name)), text::line(&view.description));
    put(&mut said, "  ", "From", Some(place(view.source, view.path.as_ref())));
    for base in &view.extends {
        put(
            &mut said,
            "  ",
            "Extends",
            Some(format!("{} ({})", base.name, place(base.source, base.path.as_ref()))),
        );
    }
    let config = &view.config;
    put(&mut said, "  ", "At once", config.max_parallel.map(|n| n.to_string()));
    put(&mut said, "  ", "Timeout", duration(config.timeout_ms));
    put(&mut said, "  ", "Report", Some(report(config.synthesis).to_owned()));
    let failure = match config.on_failure {
        OnFailure::Continue => "the others go on",
        OnFailure::Stop => "the others are stopped",
    };
    put(&mut said, "  ", "On failure", Some(failure.to_owned()));
    put(&mut said, "  ", "Output", config.output_dir.clone());
    said.push_str("\n  Phases:\n");
    for (n, phase) in view.phases.iter().enumerate() {
        let _ = writeln!(said, "    {}. {}", n + 1, text::line(&phase.join(", ")));
    }
    for role in &view.roles {
        said.push('\n');
        said_of_role(&mut said, role);
    }
    said
}

fn said_of_role(said: &mut String, role: &RoleView) {
    let each = if role.per_issue { paint(FAINT, " for each issue") } else { String::new() };
    let _ =
        writeln!(said, "  {}{each}: {}", paint(BOLD, text::line(&role.role)), text::line(&role.description));
    let joined = |all: &[String], by: &str| Some(all.join(by)).filter(|text| !text.is_empty());
    put(
        said,
        "    ",
        "Subagent",
        Some(format!("{} ({})", role.subagent, place(role.source, role.path.as_ref()))),
    );
    put(said, "    ", "After", joined(&role.depends_on, ", "));
    match role.runner {
        "none" => put(said, "    ", "Agent", Some("none: what its prompt says is the report".to_owned())),
        "program" => put(said, "    ", "Command", role.command.as_ref().and_then(|words| joined(words, " "))),
        _ => {
            put(
                said,
                "    ",
                "Agent",
                Some(role.agent.clone().unwrap_or_else(|| "the workspace's".to_owned())),
            );
        }
    }
    put(said, "    ", "Model", role.model.clone());
    put(said, "    ", "Tools", role.tools.as_ref().and_then(|tools| joined(tools, ", ")));
    put(said, "    ", "Permissions", role.permission_mode.clone());
    put(said, "    ", "Timeout", duration(role.timeout_ms));
    put(said, "    ", "Attempts", role.max_attempts.map(|n| n.to_string()));
    for (key, value) in &role.params {
        put(said, "    ", &format!("params.{key}"), Some(value.clone()));
    }
}

fn said_of_file(view: &FileView) -> String {
    let mut said = format!("{}\n{}\n\n", paint(BOLD, text::line(&view.name)), text::line(&view.description));
    put(&mut said, "  ", "From", Some(place(view.source, view.path.as_ref())));
    put(&mut said, "  ", "Agent", view.agent.clone());
    put(&mut said, "  ", "Command", view.command.as_ref().map(|words| words.join(" ")));
    put(&mut said, "  ", "Model", view.model.clone());
    put(&mut said, "  ", "Tools", view.tools.as_ref().map(|tools| tools.join(", ")));
    put(&mut said, "  ", "Permissions", view.permission_mode.clone());
    put(&mut said, "  ", "Timeout", duration(view.timeout_ms));
    let _ = write!(said, "\n{}", text::block(&view.prompt));
    said
}
