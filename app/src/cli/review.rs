//! `convoy review`: reviewers look at a change, and say whether it is good.

use clap::Args;
use convoy_core::id::{AgentName, ConvoyId};
use convoy_core::money::Money;
use convoy_core::template::ReportKind;
use convoy_core::time::Span;
use convoy_core::view::ConvoyView;
use convoy_engine::pull::{Commented, Pull};
use convoy_engine::reports::Reports;
use convoy_engine::templates;

use super::board::{self, Standing};
use super::context::Context;
use super::{ask, values};
use crate::error::{DONE, Error, INTERRUPTED};
use crate::live::Stream;
use crate::review::{TEMPLATE, approved, outcome, since_default};
use crate::text;

/// Have a change reviewed, and print the report
///
/// Without a flag: everything that differs from where this branch left the default branch, with what is not committed
/// yet. The reviewers read one commit, side by side, and can write nothing but their reports. How they do is told on
/// stderr, and the report is printed on stdout.
///
/// Ctrl-C ends the waiting, and the review goes on.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  convoy review\n  convoy review --base main --files 'src/**'\n  \
    convoy review --pr https://github.com/owner/repo/pull/12 --comment\n\n\
    Exit status: 0 approved, or nothing to review; 1 changes requested; 5 no verdict, because a reviewer failed;\n\
    130 interrupted, and it goes on.")]
pub(super) struct Review {
    /// Look at what changed since this branch or commit
    #[arg(long, value_name = "REF", conflicts_with = "pr")]
    base: Option<String>,
    /// Look at a request on the forge of this repository, by its address or number; needs gh
    #[arg(long, value_name = "URL")]
    pr: Option<String>,
    /// Only these files of the change; may be repeated
    #[arg(long, value_name = "GLOB")]
    files: Vec<String>,
    /// The template; code-review if not given
    #[arg(long, value_name = "NAME", default_value = TEMPLATE, hide_default_value = true)]
    template: String,
    /// The agent of every role
    #[arg(long)]
    agent: Option<String>,
    /// The model of every role
    #[arg(long)]
    model: Option<String>,
    /// The most that may be spent on it, in US dollars
    #[arg(long, value_name = "USD")]
    budget: Option<Money>,
    /// How long it may take in all, such as 20m
    #[arg(long, value_name = "D", value_parser = values::duration)]
    timeout: Option<Span>,
    /// Write the report to the request as a comment, once for each commit
    #[arg(long, requires = "pr")]
    comment: bool,
}

impl Review {
    pub(super) fn run(self, ctx: &mut Context) -> Result<u8, Error> {
        let workspace = ctx.workspace()?;
        let pull = match &self.pr {
            Some(given) => Some(Pull::fetch(&workspace, &ctx.env, ctx.dir(), given)?),
            None => None,
        };
        let start = self.start(ctx, pull.as_ref())?;
        let resolved = match templates::resolve(&workspace, &ctx.env, &start) {
            Ok(resolved) => resolved,
            Err(failure) if templates::is_unchanged(&failure) => return nothing(ctx, &failure.message),
            Err(failure) => return Err(failure.into()),
        };
        if resolved.run.report != ReportKind::Review {
            let what = format!("template {} makes no report of findings", self.template);
            return Err(Error::refused(what).hint(format!("start it: convoy start {}", self.template)));
        }
        for note in &resolved.notes {
            ctx.out.aside(&format!("note: {}\n", text::line(note)));
        }
        let order = ctx.order(resolved.request(None, Vec::new(), None, self.budget))?;
        let (convoy, since) = ctx.with(|service| {
            let since = ask::engine(service)?.seq;
            let (_, (convoy, _)) = ask::after(service, order, ask::convoy)?;
            Ok((convoy, since))
        })?;
        if !ctx.out.quiet {
            ctx.out.aside(&started(&convoy));
        }
        let standing = board::until_over(ctx, &convoy, since, Stream::Err)?;
        let Some(standing) = standing else { return detached(ctx, &convoy.id) };
        let status = report(ctx, &standing)?;
        match pull.filter(|_| self.comment) {
            Some(pull) => comment(ctx, &pull, &standing.convoy, status),
            None => Ok(status),
        }
    }

    fn start(&self, ctx: &Context, pull: Option<&Pull>) -> Result<templates::Start, Error> {
        let agent = self.agent.clone().map(AgentName::new).transpose();
        let agent = agent.map_err(|error| Error::usage(format!("--agent: {error}")))?;
        let start = templates::Start {
            template: self.template.clone(),
            dir: Some(ctx.dir().to_owned()),
            base: self.base.clone(),
            files: self.files.clone(),
            timeout: self.timeout,
            agent,
            model: self.model.clone(),
            ..templates::Start::default()
        };
        let Some(pull) = pull else {
            return if self.base.is_none() && !self.files.is_empty() {
                since_default(ctx, start)
            } else {
                Ok(start)
            };
        };
        Ok(templates::Start {
            rig: Some(pull.rig.clone()),
            commit: Some(pull.head.clone()),
            base: Some(pull.base.clone()),
            pr_url: Some(pull.url.clone()),
            ..start
        })
    }
}

fn nothing(ctx: &mut Context, why: &str) -> Result<u8, Error> {
    ctx.out.json(&approved(why))?;
    ctx.out.say(&format!("Nothing to review: {}\n", text::line(why)))?;
    Ok(DONE)
}

fn started(convoy: &ConvoyView) -> String {
    let files = convoy.context.as_ref().map_or(0, |run| run.files.len());
    let (roles, title) = (text::count(convoy.roles.len(), "role"), text::line(&convoy.title));
    format!("🚚 {}: {title}\n{} and {}\n\n", convoy.id, text::count(files, "file"), roles)
}

fn detached(ctx: &Context, id: &ConvoyId) -> Result<u8, Error> {
    let error = Error::refused(format!("interrupted; the review goes on in the background as {id}"))
        .hint(format!("see how it does: convoy status {id}; read it when it is over: convoy output {id}"))
        .hint(format!("stop it: convoy stop {id}"));
    ctx.out.error(&error);
    Ok(INTERRUPTED)
}

fn report(ctx: &mut Context, standing: &Standing) -> Result<u8, Error> {
    let outcome = outcome(&ctx.workspace()?, &standing.convoy, standing.stuck.as_ref())?;
    ctx.out.json(&outcome.view)?;
    if let Some(content) = outcome.report.filter(|_| !ctx.out.json) {
        ctx.out.raw(&format!("{}\n", text::block(&content).trim_end()))?;
    }
    if let Some((why, hint)) = outcome.trouble.filter(|_| !ctx.out.json) {
        let what = format!("{} came to no verdict: {why}", standing.convoy.id);
        ctx.out.error(&Error::refused(what).hint(format!("try: {hint}")));
    }
    Ok(outcome.status)
}

/// Writes the report where the change is asked for.
fn comment(ctx: &mut Context, pull: &Pull, convoy: &ConvoyView, status: u8) -> Result<u8, Error> {
    let made = convoy.context.as_ref().and_then(|run| run.report.as_ref());
    let file = made.filter(|report| report.error.is_none()).and_then(|report| report.files.first());
    let Some((reports, file)) = Reports::of(&ctx.workspace()?, convoy).zip(file) else {
        ctx.out.aside(&format!("{}: nothing is written there: there is no report\n", pull.url));
        return Ok(status);
    };
    let report = reports.text(file).map_err(|error| Error::refused(convoy_engine::explain(&error)))?;
    let again = format!(
        "write it yourself: convoy output {} | gh pr comment {} --body-file -",
        convoy.id, pull.number
    );
    let said = match pull.comment(&ctx.env, &report).map_err(|failure| Error::from(failure).hint(again))? {
        Commented::Written => format!("{}: commented\n", text::line(&pull.url)),
        Commented::Already { url } => {
            format!("{}: this commit has its comment already: {}\n", text::line(&pull.url), text::line(&url))
        }
    };
    ctx.out.aside(&said);
    Ok(status)
}
