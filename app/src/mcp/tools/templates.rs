//! Template convoys: roles that read a repository and write reports.

use std::collections::BTreeMap;
use std::path::PathBuf;

use convoy_api::Order;
use convoy_core::command::Request;
use convoy_core::id::{AgentName, IssueId};
use convoy_engine::templates::{self, Resolved};
use schemars::JsonSchema;
use serde::Deserialize;

use super::super::desk::Desk;
use super::super::tool::{Answer, Kind, Tool, page};
use super::values;
use crate::ask;
use crate::error::Error;
use crate::reports;
use crate::templates::{library, of_name, planned, views};

/// List the templates that convoys can be started with.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct List {
    /// How many to leave out at the beginning: next_offset of the page before.
    offset: Option<usize>,
    /// How many at most; 50 if not given.
    limit: Option<usize>,
}

/// Show a template with all that it inherits: its roles, what each does and needs.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Show {
    /// The template.
    template: String,
}

/// Read what a template convoy wrote: its report and the files of its roles, or the file of one role with its findings.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Report {
    /// The convoy, or a unique prefix of its id.
    convoy: String,
    /// Only what this role wrote.
    role: Option<String>,
}

/// Start a template convoy: roles that read a commit of the repository and write reports. They work in the background.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Start {
    /// The template.
    template: String,
    /// Globs of the files that they look at.
    #[serde(default)]
    files: Vec<String>,
    /// Look at what changed since this branch or commit.
    base: Option<String>,
    /// Issues that it is about.
    #[serde(default)]
    issues: Vec<String>,
    /// The request that they look at, on the host of the repository.
    pr_url: Option<String>,
    /// Values for the prompts, by name.
    #[serde(default)]
    vars: BTreeMap<String, String>,
    /// The repository, if not that of the folder.
    project_path: Option<PathBuf>,
    /// How many roles may be at work at once.
    max_parallel: Option<u32>,
    /// How long it may take in all, such as 20m.
    timeout: Option<String>,
    /// The agent of every role.
    agent: Option<String>,
    /// The model of every role.
    model: Option<String>,
    /// The most that may be spent on it, in US dollars.
    budget_usd: Option<f64>,
    /// The epic that it belongs to.
    epic: Option<String>,
    /// Who is told when it is over; the person if not given.
    owner: Option<String>,
    /// Who else is told: addresses; --human is the person.
    #[serde(default)]
    notify: Vec<String>,
    /// Change the issues that it is about as its judgements say.
    #[serde(default)]
    apply: bool,
    /// Say what would be started, and start nothing.
    #[serde(default)]
    dry_run: bool,
}

/// Make the report of a template convoy again, of what its roles have written. No agent runs.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Synthesize {
    /// The convoy, or a unique prefix of its id.
    convoy: String,
    /// Change the issues that it is about as its judgements say: labels and priority.
    #[serde(default)]
    apply: bool,
}

impl Tool for List {
    const NAME: &'static str = "template_list";
    const TITLE: &'static str = "List templates";
    const KIND: Kind = Kind::Looks;

    fn call(self, desk: &mut Desk<'_>) -> Result<Answer, Error> {
        Answer::page(&views(&library(desk.ctx)?), &page(self.offset, self.limit))
    }
}

impl Tool for Show {
    const NAME: &'static str = "template_show";
    const TITLE: &'static str = "Show a template";
    const KIND: Kind = Kind::Looks;

    fn call(self, desk: &mut Desk<'_>) -> Result<Answer, Error> {
        Answer::of(&of_name(&library(desk.ctx)?, &self.template)?)
    }
}

impl Tool for Report {
    const NAME: &'static str = "convoy_output";
    const TITLE: &'static str = "What a template convoy wrote";
    const KIND: Kind = Kind::Looks;
    const MORE: Option<&'static str> = Some("convoy_output with one role, or the file at its path");

    fn call(self, desk: &mut Desk<'_>) -> Result<Answer, Error> {
        let (convoy, reports) = reports::find(desk.ctx, &self.convoy)?;
        match &self.role {
            Some(role) => Answer::of(&reports::one(&mut reports::by(desk.ctx), &convoy, &reports, role)?),
            None => Answer::of(&reports::all(&mut reports::by(desk.ctx), &convoy, &reports)?),
        }
    }
}

impl Tool for Start {
    const NAME: &'static str = "template_start";
    const TITLE: &'static str = "Start a template convoy";
    const KIND: Kind = Kind::Changes { destroys: false, again: false, outside: true };

    fn call(mut self, desk: &mut Desk<'_>) -> Result<Answer, Error> {
        let (owner, epic, dry_run) = (self.owner.take(), self.epic.take(), self.dry_run);
        let notify = values::addresses("notify", std::mem::take(&mut self.notify))?;
        let budget = self.budget_usd.map(values::budget).transpose()?;
        let resolved = self.resolve(desk)?;
        let notes = resolved.notes.clone();
        let answer = if dry_run {
            let reserve = desk.ctx.with(|service| ask::reserve(service, &resolved, budget))?;
            let planned = planned(&resolved, reserve.as_ref());
            desk.ctx.act(resolved.request(owner, notify, epic, budget), dry_run)?;
            Answer::of(&planned)?
        } else {
            let order = desk.ctx.order(resolved.request(owner, notify, epic, budget))?;
            Answer::of(&begun(desk, order)?)?
        };
        Ok(notes.into_iter().fold(answer, Answer::note))
    }
}

impl Start {
    /// Everything is read and resolved here, and nothing of it is read again.
    fn resolve(self, desk: &mut Desk<'_>) -> Result<Resolved, Error> {
        let issues: Vec<IssueId> = match self.issues.as_slice() {
            [] => Vec::new(),
            _ => {
                let found = desk.ctx.with(|service| ask::issues_by_id(service, self.issues))?;
                found.into_iter().map(|issue| issue.id).collect()
            }
        };
        let wanted = templates::Start {
            template: self.template,
            project_path: self.project_path.map(|path| desk.ctx.dir().join(path)),
            dir: Some(desk.ctx.dir().to_owned()),
            base: self.base,
            files: self.files,
            pr_url: self.pr_url,
            issues,
            vars: self.vars,
            max_parallel: values::at_least_one("max_parallel", self.max_parallel)?,
            timeout: self.timeout.as_deref().map(values::timeout).transpose()?,
            agent: agent(self.agent)?,
            model: self.model,
            apply: self.apply,
            ..templates::Start::default()
        };
        Ok(templates::resolve(&desk.ctx.workspace()?, &desk.ctx.env, &wanted)?)
    }
}

/// The name of an agent, checked.
pub(super) fn agent(name: Option<String>) -> Result<Option<AgentName>, Error> {
    let agent = name.map(AgentName::new).transpose();
    agent.map_err(|error| Error::usage(format!("agent: {error}")))
}

/// Begins a template convoy, and shows it.
pub(super) fn begun(desk: &mut Desk<'_>, order: Order) -> Result<convoy_core::view::ConvoyView, Error> {
    desk.ctx.with(|service| Ok(ask::after(service, order, ask::convoy)?.1.0))
}

impl Tool for Synthesize {
    const NAME: &'static str = "convoy_synthesize";
    const TITLE: &'static str = "Make a report again";
    const KIND: Kind = Kind::Changes { destroys: false, again: true, outside: false };

    fn call(self, desk: &mut Desk<'_>) -> Result<Answer, Error> {
        let request = Request::ConvoySynthesize { convoy: self.convoy, apply: self.apply };
        let answer = Answer::item(&desk.ctx.act(request, false)?.items)?;
        Ok(answer.note("It is made in the background: read it with convoy_output."))
    }
}
