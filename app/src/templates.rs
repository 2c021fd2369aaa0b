//! Templates, as every surface has them: what there is, what is in one, what would be started.

mod shown;

use convoy_api::Failure;
use convoy_core::time::Span;
use convoy_core::view::ReserveView;
use convoy_engine::config::{Config, Sources};
use convoy_engine::engine::presets;
use convoy_engine::os::spawn::Environment;
use convoy_engine::templates::{Error as Wrong, Layer, Library, ProblemView, Resolved, Source};
use convoy_engine::workspace::Workspace;
use serde::Serialize;
use serde_json::json;

use crate::context::Context;
use crate::error::Error;

pub(crate) use shown::{RoleView, Shown, of_name};

/// A template in a list, for scripts.
#[derive(Debug, Serialize, schemars::JsonSchema)]
pub(crate) struct TemplateView {
    pub(crate) name: String,
    pub(crate) description: Option<String>,
    pub(crate) source: Layer,
    pub(crate) path: Option<String>,
    /// Folders with one of the same name that this one hides.
    pub(crate) hides: Vec<Layer>,
    /// What it rests on, the nearest first.
    pub(crate) extends: Vec<String>,
    pub(crate) roles: Vec<String>,
    pub(crate) ok: bool,
    pub(crate) problems: Vec<ProblemView>,
}

/// What there is in a workspace.
pub(crate) fn of_workspace(workspace: &Workspace, env: &Environment) -> Result<Library, Failure> {
    let config = Config::load(workspace, env, &Sources::default())?;
    let agents = presets(&config)?.iter().map(|preset| preset.name.clone()).collect();
    Ok(Library::open(Some(workspace), env).with_agents(agents))
}

/// What there is here; outside of a workspace what is built in and the user's.
pub(crate) fn library(ctx: &Context) -> Result<Library, Error> {
    match ctx.workspace() {
        Ok(workspace) => Ok(of_workspace(&workspace, &ctx.env)?),
        Err(error) if error.kind == "not_found" => Ok(Library::open(None, &ctx.env)),
        Err(error) => Err(error),
    }
}

/// Where its file is, if it has one.
pub(crate) fn path(source: &Source) -> Option<String> {
    source.path.as_deref().map(|path| path.display().to_string())
}

/// What is wrong with it, if its file is there.
pub(crate) fn problems(wrong: &Wrong) -> Vec<ProblemView> {
    match wrong {
        Wrong::Invalid(problems) => problems.iter().map(convoy_engine::templates::Problem::view).collect(),
        Wrong::Unknown { .. } => Vec::new(),
    }
}

/// The templates of a library, each with what it is made of.
pub(crate) fn views(library: &Library) -> Vec<TemplateView> {
    let view = |source: &Source| {
        let template = library.template(&source.name);
        let (found, wrong) = (template.as_ref().ok(), library.plan(&source.name).err());
        TemplateView {
            name: source.name.clone(),
            description: found.map(|template| template.description.clone()),
            source: source.layer,
            path: path(source),
            hides: library.hidden(source, true),
            extends: found
                .iter()
                .flat_map(|template| &template.extends)
                .map(|base| base.name.clone())
                .collect(),
            roles: found.iter().flat_map(|one| &one.roles).map(|role| role.role.value.to_string()).collect(),
            ok: wrong.is_none(),
            problems: wrong.iter().flat_map(problems).collect(),
        }
    };
    library.templates().iter().map(|source| view(source)).collect()
}

/// What would be started, as is printed with `--json`.
pub(crate) fn planned(resolved: &Resolved, reserve: Option<&ReserveView>) -> serde_json::Value {
    json!({
        "dry_run": true, "title": resolved.name, "template": resolved.run.template, "rig": resolved.run.rig,
        "commit": resolved.run.commit, "base": resolved.run.diff_base, "files": resolved.run.files,
        "timeout_s": resolved.run.timeout.map(Span::as_secs), "max_parallel": resolved.max_parallel,
        "roles": resolved.steps.iter().map(|step| json!({
            "role": step.step.role, "subagent": step.step.subagent, "needs": step.needs,
            "output": step.step.output, "runner": step.step.runner, "timeout_s": step.step.timeout.map(Span::as_secs),
        })).collect::<Vec<_>>(),
        "reserved": reserve, "notes": resolved.notes,
    })
}
