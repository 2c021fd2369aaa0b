//! Templates, and starting one.

use std::collections::BTreeMap;
use std::path::PathBuf;

use axum::Json;
use axum::extract::{OriginalUri, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use convoy_api::{Failure, Order};
use convoy_core::id::{AgentName, IssueId};
use convoy_engine::templates::{self, Library, Resolved};
use schemars::JsonSchema;
use serde::Deserialize;

use super::convoys::made;
use super::values;
use crate::ask;
use crate::http::give::{Cut, Page};
use crate::http::take::{Body, Caller, Id, Path, Query};
use crate::http::{Error, Site, tasks};
use crate::templates::{Shown, TemplateView, of_name, of_workspace, planned, views};

/// Which part of a list.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Part {
    /// At most so many: 1 to 1000, 100 if not given.
    pub(super) limit: Option<usize>,
    /// Without the first so many.
    #[serde(default)]
    pub(super) skip: usize,
}

async fn library(site: &Site) -> Result<Library, Failure> {
    let (workspace, env) = (site.workspace().clone(), site.env().clone());
    tasks::blocking(move || of_workspace(&workspace, &env)).await
}

pub(super) async fn list(
    State(site): State<Site>,
    uri: OriginalUri,
    Query(Part { limit, skip }): Query<Part>,
) -> Result<Page<TemplateView>, Error> {
    let cut = Cut::new(limit, skip, uri)?;
    let library = library(&site).await?;
    Ok(cut.of(tasks::blocking(move || Ok(views(&library))).await?))
}

pub(super) async fn show(State(site): State<Site>, Path(id): Path<Id>) -> Result<Json<Shown>, Error> {
    let library = library(&site).await?;
    Ok(Json(tasks::blocking(move || Ok(of_name(&library, &id.text()))).await??))
}

/// A template convoy to be started.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct New {
    /// The template.
    template: String,
    /// Globs of files of the commit that the roles look at.
    #[serde(default)]
    files: Vec<String>,
    /// The request that they look at, on the host of the repository.
    pr_url: Option<String>,
    /// Issues that it is about.
    #[serde(default)]
    issues: Vec<String>,
    /// Look at what changed since this branch or commit.
    base: Option<String>,
    /// A folder in the repository; the workspace's own if not given.
    project_path: Option<PathBuf>,
    /// Values for the prompts.
    #[serde(default)]
    vars: BTreeMap<String, String>,
    /// How many roles may be at work at once.
    max_parallel: Option<u32>,
    /// How long it may take in all: `20m`.
    timeout: Option<String>,
    /// The agent of every role.
    agent: Option<String>,
    /// The model of every role.
    model: Option<String>,
    /// The most that may be spent on it, in US dollars: "2.50".
    budget_usd: Option<String>,
    /// The epic that it belongs to.
    epic: Option<String>,
    /// Who is told when it is over; the person if not given.
    owner: Option<String>,
    /// Who else is told.
    #[serde(default)]
    notify: Vec<String>,
    /// Change the issues that it is about as its judgements say.
    #[serde(default)]
    apply: bool,
    /// Say what would be started, and start nothing.
    #[serde(default)]
    dry_run: bool,
}

pub(super) async fn start(
    State(site): State<Site>,
    caller: Caller,
    Body(mut new): Body<New>,
) -> Result<Response, Error> {
    let dry_run = new.dry_run;
    let (owner, epic) = (new.owner.take(), new.epic.take());
    let notify = values::addresses("notify", std::mem::take(&mut new.notify))?;
    let budget = new.budget_usd.take().map(values::dollars).transpose()?;
    let resolved = new.resolve(&site).await?;
    if dry_run {
        let plan = site.ask(move |service| {
            let plan = planned(&resolved, ask::reserve(service, &resolved, budget)?.as_ref());
            let request = resolved.request(owner, notify, epic, budget);
            service.order(Order { dry_run, ..caller.order(request) }).map(|_| plan)
        });
        return Ok((StatusCode::OK, Json(plan.await?)).into_response());
    }
    let request = resolved.request(owner, notify, epic, budget);
    let show = |service: &dyn convoy_api::Service, id: &str| ask::convoy(service, id);
    let ((convoy, _), changed) = site.make(request, caller, show).await?;
    Ok(made(convoy, changed).into_response())
}

impl New {
    /// Everything is read and resolved here, and nothing of it is read again.
    async fn resolve(self, site: &Site) -> Result<Resolved, Error> {
        let issues = self.issues;
        let found = match issues.is_empty() {
            true => Vec::new(),
            false => site.ask(move |service| ask::issues_by_id(service, issues)).await?,
        };
        let issues: Vec<IssueId> = found.into_iter().map(|issue| issue.id).collect();
        let invalid = |text: String| Error::new(StatusCode::BAD_REQUEST, "invalid", text);
        if let Some(name) = self.vars.keys().find(|name| !templates::is_variable(name)) {
            return Err(invalid(format!("vars: {name:?} is no name of letters, digits and '_'")));
        }
        let agent = self.agent.map(AgentName::new).transpose();
        let (workspace, env) = (site.workspace().clone(), site.env().clone());
        let wanted = templates::Start {
            template: self.template,
            project_path: self.project_path.map(|path| workspace.root().join(path)),
            dir: Some(workspace.root().to_owned()),
            base: self.base,
            files: self.files,
            pr_url: self.pr_url,
            issues,
            vars: self.vars,
            max_parallel: values::at_least_one("max_parallel", self.max_parallel)?,
            timeout: self.timeout.map(values::timeout).transpose()?,
            agent: agent.map_err(|error| invalid(format!("agent: {error}")))?,
            model: self.model,
            apply: self.apply,
            ..templates::Start::default()
        };
        Ok(tasks::blocking(move || templates::resolve(&workspace, &env, &wanted)).await?)
    }
}
