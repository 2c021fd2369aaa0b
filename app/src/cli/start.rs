//! `convoy start`: a template convoy, or a convoy of issues.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use clap::Args;
use convoy_api::{Code, Failure};
use convoy_core::command::Request;
use convoy_core::id::{AgentName, IssueId};
use convoy_core::money::Money;
use convoy_core::template::Runner;
use convoy_core::time::Span;
use convoy_core::view::{ConvoyView, ReserveView};
use convoy_engine::templates::{self, Resolved};

use super::context::Context;
use super::{ask, board, roles, run, values};
use crate::error::{DONE, Error};
use crate::output::{BOLD, paint};
use crate::templates::planned;
use crate::text;

/// Start a template convoy: roles that read a repository and write reports
///
/// Of a convoy that is there already, the work is started. A name that is both means the convoy.
///
/// Roles read one commit of the repository; of what is not committed yet, one is made that no branch has. With --wait the
/// exit status is 0 when all roles are done, 5 when some of them failed, and 1 when all did, or it was stopped.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  convoy start code-review --files 'src/**/*.rs'\n  \
    convoy start code-review --base main --wait\n  \
    convoy start planning --issue gt-abc --var depth=deep\n  \
    convoy start triage --issue gt-abc --issue gt-def\n  \
    convoy start hq-cv-abc12\n\n\
    Templates: convoy template list")]
pub(super) struct Start {
    /// A template, or a convoy
    what: String,
    #[command(flatten)]
    about: About,
    #[command(flatten)]
    terms: Terms,
    /// Say what would be started, and start nothing
    #[arg(long)]
    dry_run: bool,
    /// Follow it to its end
    #[arg(long, conflicts_with = "dry_run")]
    wait: bool,
}

/// What the roles look at.
#[derive(Debug, Args)]
struct About {
    /// Files of the commit that they look at; may be repeated
    #[arg(long, value_name = "GLOB")]
    files: Vec<String>,
    /// The request that they look at, on the host of the repository
    #[arg(long, value_name = "URL")]
    pr_url: Option<String>,
    /// An issue that it is about; may be repeated
    #[arg(long = "issue", visible_alias = "issue-id", value_name = "ID")]
    issues: Vec<String>,
    /// Look at what changed since this branch or commit
    #[arg(long, value_name = "REF")]
    base: Option<String>,
    /// The repository, if not that of the folder
    #[arg(long, value_name = "PATH")]
    project_path: Option<PathBuf>,
    /// A value for the prompts, as name=value; may be repeated
    #[arg(long = "var", value_name = "NAME=VALUE", value_parser = variable)]
    vars: Vec<(String, String)>,
}

/// How it is run.
#[derive(Debug, Args)]
struct Terms {
    /// How many roles may be at work at once
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    max_parallel: Option<u32>,
    /// How long it may take in all, such as 20m
    #[arg(long, value_name = "D", value_parser = values::duration)]
    timeout: Option<Span>,
    /// The agent of every role
    #[arg(long)]
    agent: Option<String>,
    /// The model of every role
    #[arg(long)]
    model: Option<String>,
    /// The most that may be spent on it, in US dollars
    #[arg(long, value_name = "USD", allow_hyphen_values = true, value_parser = values::dollars)]
    budget: Option<Money>,
    /// The epic that it belongs to
    #[arg(long, value_name = "NAME")]
    epic: Option<String>,
    /// Who is told when it is over; you if not given
    #[arg(long, value_name = "ADDR")]
    owner: Option<String>,
    /// Who else is told; may be repeated, '--human' is the person
    #[arg(long, value_name = "ADDR", allow_hyphen_values = true, value_parser = values::subscriber)]
    notify: Vec<String>,
    /// Change the issues that it is about as its judgements say
    #[arg(long)]
    apply: bool,
    /// Where its folder of reports is made
    #[arg(long, value_name = "DIR")]
    output_dir: Option<PathBuf>,
}

fn variable(text: &str) -> Result<(String, String), String> {
    let expected = || "expected name=value, with a name of letters, digits and '_'".to_owned();
    let (name, value) = text.split_once('=').ok_or_else(expected)?;
    if !templates::is_variable(name) {
        return Err(expected());
    }
    Ok((name.to_owned(), value.to_owned()))
}

impl Start {
    pub(super) fn run(self, ctx: &mut Context) -> Result<u8, Error> {
        let found = ctx.with(|service| match ask::convoy(service, &self.what) {
            Ok((convoy, _)) => Ok(Some(convoy)),
            Err(failure) if failure.code == Code::NotFound => Ok(None),
            Err(failure) => Err(failure),
        })?;
        match found {
            Some(convoy) => self.convoy(ctx, &convoy),
            None => self.template(ctx),
        }
    }

    /// One that is there.
    fn convoy(self, ctx: &mut Context, convoy: &ConvoyView) -> Result<u8, Error> {
        if let Some(flag) = self.template_flag() {
            let is = format!("{:?} is convoy {}, and {flag} is for templates", self.what, convoy.id);
            return Err(Error::usage(is).hint(format!("start it as it is: convoy start {}", convoy.id)));
        }
        if convoy.template.is_some() && self.wait {
            let seq = ctx.with(|service| Ok(ask::engine(service)?.seq))?;
            return board::follow(ctx, convoy, seq);
        }
        if self.wait {
            return run::Run::of(convoy.id.to_string()).run(ctx);
        }
        let request = Request::ConvoyStart { convoy: convoy.id.to_string() };
        let outcome = ctx.act(request, self.dry_run)?;
        let done = if self.dry_run { "Would start convoy" } else { "Started convoy" };
        let status = ctx.out.item(&outcome.items, done)?;
        if !self.dry_run {
            let id = &convoy.id;
            ctx.out.say(&format!("\nNext: convoy run {id}    (follow it)\n      convoy status {id}\n"))?;
        }
        Ok(status)
    }

    /// A template: everything is read and resolved here, and nothing of it is read again.
    fn template(self, ctx: &mut Context) -> Result<u8, Error> {
        let workspace = ctx.workspace()?;
        let (wait, dry_run, what) = (self.wait, self.dry_run, self.what.clone());
        let issues = self.about.issues.clone();
        let issues = ctx.with(|service| match issues.as_slice() {
            [] => Ok(Vec::new()),
            _ => ask::issues_by_id(service, issues),
        })?;
        let Terms { owner, notify, epic, budget, output_dir, .. } = &self.terms;
        let (owner, notify, epic, budget) = (owner.clone(), notify.clone(), epic.clone(), *budget);
        let output_dir = output_dir.as_deref().map(|dir| absolute(ctx, dir)).transpose()?;
        let start = self.start(ctx, issues.into_iter().map(|issue| issue.id).collect())?;
        let mut resolved =
            templates::resolve(&workspace, &ctx.env, &start).map_err(|failure| unknown(failure, &what))?;
        if output_dir.is_some() {
            resolved.run.output_dir = output_dir;
        }
        for note in &resolved.notes {
            ctx.out.aside(&format!("note: {}\n", text::line(note)));
        }
        if dry_run {
            return would(ctx, resolved, budget, |resolved| resolved.request(owner, notify, epic, budget));
        }
        let order = ctx.order(resolved.request(owner, notify, epic, budget))?;
        let (convoy, since) = ctx.with(|service| {
            let since = ask::engine(service)?.seq;
            let (_, (convoy, _)) = ask::after(service, order, ask::convoy)?;
            Ok((convoy, since))
        })?;
        if !wait {
            ctx.out.json(&convoy)?;
        }
        ctx.out.say(&started(&convoy, wait))?;
        if wait {
            return board::follow(ctx, &convoy, since);
        }
        if ctx.out.quiet && !ctx.out.json {
            ctx.out.raw(&format!("{}\n", convoy.id))?;
        }
        Ok(DONE)
    }

    /// What is wanted, in the engine's words.
    fn start(self, ctx: &Context, issues: Vec<IssueId>) -> Result<templates::Start, Error> {
        let Self { what, about, terms, .. } = self;
        let agent = terms.agent.map(AgentName::new).transpose();
        let agent = agent.map_err(|error| Error::usage(format!("--agent: {error}")))?;
        let mut vars = BTreeMap::new();
        for (name, value) in about.vars {
            if vars.insert(name.clone(), value).is_some() {
                return Err(Error::usage(format!("--var: {name} is given twice")));
            }
        }
        Ok(templates::Start {
            template: what,
            project_path: about.project_path.map(|path| ctx.dir().join(path)),
            dir: Some(ctx.dir().to_owned()),
            base: about.base,
            files: about.files,
            pr_url: about.pr_url,
            issues,
            vars,
            max_parallel: terms.max_parallel,
            timeout: terms.timeout,
            agent,
            model: terms.model,
            apply: terms.apply,
            ..templates::Start::default()
        })
    }

    /// The first flag that was given and that only templates take.
    fn template_flag(&self) -> Option<&'static str> {
        let (about, terms) = (&self.about, &self.terms);
        let given = [
            (!about.files.is_empty(), "--files"),
            (about.pr_url.is_some(), "--pr-url"),
            (!about.issues.is_empty(), "--issue"),
            (about.base.is_some(), "--base"),
            (about.project_path.is_some(), "--project-path"),
            (!about.vars.is_empty(), "--var"),
            (terms.max_parallel.is_some(), "--max-parallel"),
            (terms.timeout.is_some(), "--timeout"),
            (terms.agent.is_some(), "--agent"),
            (terms.model.is_some(), "--model"),
            (terms.budget.is_some(), "--budget"),
            (terms.epic.is_some(), "--epic"),
            (terms.owner.is_some(), "--owner"),
            (!terms.notify.is_empty(), "--notify"),
            (terms.apply, "--apply"),
            (terms.output_dir.is_some(), "--output-dir"),
        ];
        given.into_iter().find_map(|(given, flag)| given.then_some(flag))
    }
}

/// A folder that the command named, as the engine is to find it.
fn absolute(ctx: &Context, dir: &Path) -> Result<String, Error> {
    let path = std::path::absolute(ctx.dir().join(dir));
    let path = path.map_err(|error| Error::usage(format!("--output-dir: {error}")))?;
    let text = path.to_str().filter(|text| !text.contains(char::is_control));
    text.map(str::to_owned).ok_or_else(|| Error::usage("--output-dir: expected a path of plain text"))
}

/// There is neither a template nor a convoy of that name.
fn unknown(failure: Failure, what: &str) -> Error {
    let nothing = failure.code == Code::NotFound && failure.message.contains("template");
    let error = Error::from(failure);
    if !nothing {
        return error;
    }
    Error { message: format!("{what:?} is no convoy, and {}", error.message), ..error }
        .hint("see: convoy template list, convoy list --all")
}

/// What would be started. The engine is asked whether it would take it.
fn would(
    ctx: &mut Context,
    resolved: Resolved,
    budget: Option<Money>,
    request: impl FnOnce(Resolved) -> Request,
) -> Result<u8, Error> {
    let reserve = ctx.with(|service| ask::reserve(service, &resolved, budget))?;
    let view = planned(&resolved, reserve.as_ref());
    let mut said = format!("Would start {}\n\n  Roles:\n", paint(BOLD, text::line(&resolved.name)));
    let rows: Vec<Vec<String>> = resolved
        .steps
        .iter()
        .map(|step| {
            let needs: Vec<&str> = step.needs.iter().map(|need| need.as_str()).collect();
            let after = if needs.is_empty() { String::new() } else { format!("after {}", needs.join(", ")) };
            vec![step.step.role.to_string(), step.step.subagent.to_string(), who(&step.step.runner), after]
        })
        .collect();
    said.push_str(&text::table(&rows));
    if let Some(commit) = &resolved.run.commit {
        let _ = writeln!(said, "\n  Commit:    {}", text::line(commit));
    }
    if !resolved.run.files.is_empty() {
        let _ = writeln!(said, "  Files:     {}", roles::files(&resolved.run.files));
    }
    if let Some(ReserveView { roles, each, total }) = &reserve {
        let roles = text::count(*roles, "role");
        let _ = writeln!(said, "  Reserved:  ${} as it begins, ${} for each of {roles}", total.usd, each.usd);
    }
    ctx.act(request(resolved), true)?;
    ctx.out.json(&view)?;
    said.push_str("\nNothing was started.\n");
    ctx.out.say(&said)?;
    Ok(DONE)
}

fn who(runner: &Runner) -> String {
    match runner {
        Runner::Agent { agent, model, .. } => {
            let agent = agent.as_ref().map_or("the default agent", AgentName::as_str);
            let model = model.as_deref().map(|model| format!(" {}", text::line(model)));
            format!("{agent}{}", model.unwrap_or_default())
        }
        Runner::Program { command, .. } => {
            text::line(command.first().map_or("", String::as_str)).into_owned()
        }
        Runner::Nobody => "nobody: its prompt is its report".to_owned(),
    }
}

fn started(convoy: &ConvoyView, wait: bool) -> String {
    let id = &convoy.id;
    let title = paint(BOLD, text::line(&convoy.title));
    let mut said = format!("🚚 Started {id}: {title}\n\n  Roles:\n{}\n", roles::table(&convoy.roles, false));
    if let Some(dir) = &convoy.output_dir {
        let _ = writeln!(said, "  Output:  {}", text::line(dir));
    }
    if wait {
        said.push('\n');
        return said;
    }
    let _ = writeln!(
        said,
        "\nNext: convoy status {id}          (how it goes)\n      convoy start {id} --wait    (follow it)\n      \
         convoy output {id}          (what it has written)\n      convoy stop {id}            (stop it)"
    );
    said
}
