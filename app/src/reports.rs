//! What the roles of a template convoy wrote, as every surface has it.

use std::path::PathBuf;

use convoy_api::Service;
use convoy_core::view::{ConvoyView, RoleView, WorkerView};
use convoy_engine::reports::{self, Reports};
use convoy_engine::workspace::Workspace;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use crate::ask;
use crate::context::Context;
use crate::error::Error;

/// A file of a role, or the report of all: what is printed with `--json`.
#[derive(Serialize, JsonSchema)]
pub(crate) struct FileView {
    /// Who wrote it; null of the report that was made of all.
    pub(crate) role: Option<String>,
    /// Where it is.
    pub(crate) path: PathBuf,
    /// All of it.
    pub(crate) content: String,
    /// The findings beside it, if it has some.
    pub(crate) findings: Option<Value>,
}

/// Everything that a template convoy has written, as is printed with `--json` without a role.
#[derive(Serialize, JsonSchema)]
pub(crate) struct OutputView {
    pub(crate) convoy_id: String,
    /// Its folder.
    pub(crate) path: PathBuf,
    /// The report that was made of all, if it was.
    pub(crate) report: Option<FileView>,
    pub(crate) roles: Vec<RoleOutput>,
}

/// The files of a role.
#[derive(Serialize, JsonSchema)]
pub(crate) struct RoleOutput {
    pub(crate) role: String,
    pub(crate) status: String,
    /// What it gave, its report first.
    pub(crate) files: Vec<PathBuf>,
    /// What attempts left that came to nothing: nobody has looked at it.
    pub(crate) left: Vec<PathBuf>,
}

/// Tells who worked on an issue, as far as that can be told.
pub(crate) type Who<'a> = dyn FnMut(&str) -> Option<WorkerView> + 'a;

/// Told by the engine that a command calls.
pub(crate) fn by(ctx: &mut Context) -> impl FnMut(&str) -> Option<WorkerView> {
    |issue| ctx.with(|service: &dyn Service| ask::worker(service, issue)).ok()
}

/// A convoy of a template, and where what it wrote is.
pub(crate) fn find(ctx: &mut Context, convoy: &str) -> Result<(ConvoyView, Reports), Error> {
    let workspace = ctx.workspace()?;
    let convoy = ctx.with(|service| Ok(ask::convoy(service, convoy)?.0))?;
    let reports = written_by(&workspace, &convoy)?;
    Ok((convoy, reports))
}

/// Where what a convoy of a template wrote is.
pub(crate) fn written_by(workspace: &Workspace, convoy: &ConvoyView) -> Result<Reports, Error> {
    Reports::of(workspace, convoy).ok_or_else(|| {
        let what = format!("convoy {} is not of a template, and writes no reports", convoy.id);
        Error::refused(what)
            .hint(format!("see what its agents printed: convoy logs <issue of {}>", convoy.id))
    })
}

/// What one role wrote.
pub(crate) fn one(
    who: &mut Who<'_>,
    convoy: &ConvoyView,
    reports: &Reports,
    name: &str,
) -> Result<FileView, Error> {
    let Some(role) = convoy.roles.iter().find(|role| role.role == name) else {
        let names: Vec<&str> = convoy.roles.iter().map(|role| role.role.as_str()).collect();
        let failure = convoy_api::Failure::new(
            convoy_api::Code::NotFound,
            format!("convoy {} has no role {name:?}", convoy.id),
        );
        return Err(Error::from(failure).hint(format!("its roles are: {}", names.join(", "))));
    };
    let Some(file) = role.files.first() else { return Err(wrote_nothing(who, convoy, reports, role)) };
    Ok(FileView {
        role: Some(role.role.clone()),
        path: reports.path(file).map_err(unreadable)?,
        content: reports.text(file).map_err(unreadable)?,
        findings: reports.findings(&role.files).map_err(unreadable)?,
    })
}

fn wrote_nothing(who: &mut Who<'_>, convoy: &ConvoyView, reports: &Reports, role: &RoleView) -> Error {
    let name = &role.role;
    let (why, hint) = match (role.status.as_str(), &role.why) {
        ("failed", Some(why)) => {
            (format!(": {why}"), format!("what its agent printed: convoy logs {}", role.issue_id))
        }
        ("failed", None) => (String::new(), format!("what its agent printed: convoy logs {}", role.issue_id)),
        ("running", _) => {
            (" yet: it is at work".to_owned(), format!("follow it: convoy logs {} -f", role.issue_id))
        }
        _ => (" yet".to_owned(), format!("see how it goes: convoy status {}", convoy.id)),
    };
    let left = left(who, reports, role);
    let error = Error::refused(format!("role {name} has written nothing{why}")).hint(hint);
    match left.as_slice() {
        [] => error,
        left => {
            let left: Vec<String> = left.iter().map(|path| path.display().to_string()).collect();
            error.hint(format!("its attempts left, and nobody has looked at it: {}", left.join(", ")))
        }
    }
}

/// What attempts of a role left that came to nothing.
fn left(who: &mut Who<'_>, reports: &Reports, role: &RoleView) -> Vec<PathBuf> {
    if role.attempts == 0 || role.status == "completed" {
        return Vec::new();
    }
    let issue = role.issue_id.to_string();
    // That a worker cannot be shown is no reason not to show what there is.
    let sessions = who(&issue).map(|worker| worker.sessions).unwrap_or_default();
    let of = |session| {
        let (folder, names) = reports.left_by(session);
        names.into_iter().map(move |name| folder.join(name))
    };
    sessions.iter().flat_map(|session| of(&session.id)).collect()
}

/// The report that was made of all, if it was.
pub(crate) fn report(convoy: &ConvoyView, reports: &Reports) -> Result<Option<FileView>, Error> {
    let made = convoy.context.as_ref().and_then(|run| run.report.as_ref());
    let Some(file) = made.and_then(|report| report.files.first()) else { return Ok(None) };
    Ok(Some(FileView {
        role: None,
        path: reports.path(file).map_err(unreadable)?,
        content: reports.text(file).map_err(unreadable)?,
        findings: None,
    }))
}

/// The report, and the files of all roles.
pub(crate) fn all(who: &mut Who<'_>, convoy: &ConvoyView, reports: &Reports) -> Result<OutputView, Error> {
    let report = report(convoy, reports)?;
    let roles: Vec<RoleOutput> = convoy.roles.iter().map(|role| of_role(who, reports, role)).collect();
    let (convoy_id, path) = (convoy.id.to_string(), reports.folder().to_owned());
    Ok(OutputView { convoy_id, path, report, roles })
}

fn of_role(who: &mut Who<'_>, reports: &Reports, role: &RoleView) -> RoleOutput {
    let files = role.files.iter().filter_map(|file| reports.path(file).ok()).collect();
    let left = left(who, reports, role);
    RoleOutput { role: role.role.clone(), status: role.status.clone(), files, left }
}

fn unreadable(error: reports::Error) -> Error {
    let why = std::error::Error::source(&error).map(|source| format!(": {source}"));
    Error::refused(format!("{error}{}", why.unwrap_or_default()))
        .hint("it may have been removed, by a person or after [retention] outputs")
}
