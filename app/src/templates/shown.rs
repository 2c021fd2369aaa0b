//! A template with all that it inherits.

use std::collections::BTreeMap;

use convoy_core::template::{OnFailure, OutputKind, ReportKind, Runner};
use convoy_core::time::Span;
use convoy_engine::templates::{Lane, Layer, Library, Plan};
use serde::Serialize;

use super::path;
use crate::error::Error;

/// A template, for scripts.
#[derive(Debug, Serialize, schemars::JsonSchema)]
pub(crate) struct Shown {
    pub(crate) name: String,
    pub(crate) description: String,
    pub(crate) source: Layer,
    pub(crate) path: Option<String>,
    pub(crate) extends: Vec<Base>,
    pub(crate) config: Settings,
    /// Roles by when they can begin at the earliest.
    pub(crate) phases: Vec<Vec<String>>,
    pub(crate) roles: Vec<RoleView>,
}

#[derive(Debug, Serialize, schemars::JsonSchema)]
pub(crate) struct Base {
    pub(crate) name: String,
    pub(crate) source: Layer,
    pub(crate) path: Option<String>,
}

#[derive(Debug, Serialize, schemars::JsonSchema)]
pub(crate) struct Settings {
    pub(crate) output_dir: Option<String>,
    pub(crate) max_parallel: Option<u32>,
    pub(crate) timeout_ms: Option<i64>,
    pub(crate) synthesis: ReportKind,
    pub(crate) on_failure: OnFailure,
}

#[derive(Debug, Serialize, schemars::JsonSchema)]
pub(crate) struct RoleView {
    pub(crate) role: String,
    pub(crate) subagent: String,
    pub(crate) description: String,
    pub(crate) source: Layer,
    pub(crate) path: Option<String>,
    /// It is made once for each issue that is given.
    pub(crate) per_issue: bool,
    pub(crate) depends_on: Vec<String>,
    /// agent, program or none.
    pub(crate) runner: &'static str,
    pub(crate) agent: Option<String>,
    pub(crate) model: Option<String>,
    pub(crate) tools: Option<Vec<String>>,
    pub(crate) permission_mode: Option<String>,
    pub(crate) command: Option<Vec<String>>,
    pub(crate) success: Option<Vec<i32>>,
    pub(crate) output: OutputKind,
    pub(crate) timeout_ms: Option<i64>,
    pub(crate) max_attempts: Option<u32>,
    pub(crate) params: BTreeMap<String, String>,
}

/// The template of this name, with all that it inherits.
pub(crate) fn of_name(library: &Library, name: &str) -> Result<Shown, Error> {
    let plan = library.plan(name).map_err(convoy_api::Failure::from)?;
    Ok(shown(&plan))
}

fn shown(plan: &Plan) -> Shown {
    let template = &plan.template;
    let names = |phase: Vec<&convoy_core::id::RoleName>| phase.into_iter().map(ToString::to_string).collect();
    Shown {
        name: template.name.to_string(),
        description: template.description.clone(),
        source: template.source.layer,
        path: path(&template.source),
        extends: template
            .extends
            .iter()
            .map(|base| Base { name: base.name.clone(), source: base.layer, path: path(base) })
            .collect(),
        config: Settings {
            output_dir: template.config.output_dir.clone(),
            max_parallel: template.config.max_parallel,
            timeout_ms: template.config.timeout.map(Span::as_millis),
            synthesis: plan.report,
            on_failure: template.config.on_failure.unwrap_or_default(),
        },
        phases: plan.graph.phases().into_iter().map(names).collect(),
        roles: plan.lanes.iter().map(role).collect(),
    }
}

fn role(lane: &Lane) -> RoleView {
    let mut view = RoleView {
        role: lane.role.role.value.to_string(),
        subagent: lane.file.name.to_string(),
        description: lane.file.description.clone(),
        source: lane.file.source.layer,
        path: path(&lane.file.source),
        per_issue: lane.role.per_issue,
        depends_on: lane.needs.iter().map(ToString::to_string).collect(),
        runner: "none",
        agent: None,
        model: None,
        tools: None,
        permission_mode: None,
        command: None,
        success: None,
        output: lane.file.output,
        timeout_ms: lane.timeout().map(Span::as_millis),
        max_attempts: lane.role.max_attempts,
        params: lane.role.params.clone(),
    };
    match lane.runner() {
        Runner::Nobody => {}
        Runner::Agent { agent, model, tools, permission_mode } => {
            view.runner = "agent";
            view.agent = agent.map(|agent| agent.to_string());
            (view.model, view.tools, view.permission_mode) = (model, tools, permission_mode);
        }
        Runner::Program { command, success } => {
            view.runner = "program";
            (view.command, view.success) = (Some(command), Some(success));
        }
    }
    view
}
