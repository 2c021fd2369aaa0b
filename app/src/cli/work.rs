//! `convoy work`: issues with agents on them.

use std::fmt::Write as _;

use clap::{Args, Subcommand};
use convoy_core::command::Request;
use convoy_core::money::Money;
use convoy_core::view::{SessionView, WorkerView};
use convoy_engine::clock;

use super::context::Context;
use super::{ask, witness};
use crate::error::{DONE, Error};
use crate::output::{BOLD, paint};
use crate::text;

/// Assign, look at, stop and retry work
#[derive(Debug, Subcommand)]
pub(super) enum Work {
    Assign(Assign),
    List(List),
    /// Show the worker of an issue, and its attempts
    Status(One),
    /// Let a stopped, failed or waiting issue be worked on again
    Retry(One),
    /// Stop the worker of an issue, and keep its work, until a person resumes it
    Stop(One),
    /// Take an issue from its worker, and keep its work
    Release(One),
}

/// Set an agent to one issue of a convoy
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  convoy work assign gt-abc hq-cv-abc12 --model sonnet")]
pub(super) struct Assign {
    /// The issue
    issue: String,
    /// A convoy that tracks it
    convoy: String,
    /// The agent
    #[arg(long)]
    agent: Option<String>,
    /// The model
    #[arg(long)]
    model: Option<String>,
    /// The most that its worker may spend, in US dollars
    #[arg(long, value_name = "USD")]
    budget: Option<Money>,
}

/// List workers
#[derive(Debug, Args)]
pub(super) struct List {
    /// Also those to whom nothing more happens
    #[arg(long)]
    all: bool,
}

/// An issue with its worker.
#[derive(Debug, Args)]
pub(super) struct One {
    /// The issue, or its worker
    issue: String,
}

impl Work {
    pub(super) fn run(self, ctx: &mut Context) -> Result<u8, Error> {
        let (request, done) = match self {
            Self::List(List { all }) => return list(ctx, all),
            Self::Status(One { issue }) => return show(ctx, &issue),
            Self::Assign(Assign { issue, convoy, agent, model, budget }) => {
                (Request::Assign { issue, convoy, agent, model, budget }, "Assigned")
            }
            Self::Retry(One { issue }) => (Request::WorkRetry { issue }, "Retrying"),
            Self::Stop(One { issue }) => (Request::WorkStop { issue }, "Stopped"),
            Self::Release(One { issue }) => (Request::WorkRelease { issue }, "Released"),
        };
        let outcome = ctx.act(request, false)?;
        ctx.out.item(&outcome.items, done)
    }
}

fn list(ctx: &mut Context, all: bool) -> Result<u8, Error> {
    let workers = ctx.with(|service| ask::workers(service, all))?;
    ctx.out.json(&workers)?;
    let now = clock::now();
    let row = |worker: &WorkerView| {
        let convoy = worker.convoy_id.as_ref().map_or_else(|| "-".to_owned(), ToString::to_string);
        let attempt = format!("{}/{}", worker.attempt, worker.max_attempts);
        let age = now.since(worker.started_at).to_string();
        let why = text::cut(worker.why.as_deref().unwrap_or_default(), 80);
        let name = text::line(&worker.name).into_owned();
        vec![worker.issue_id.to_string(), name, worker.state.clone(), convoy, attempt, age, why]
    };
    if workers.is_empty() {
        ctx.out.say("No work is under way.\n\nNext: convoy sling <issue>\n")?;
        return Ok(DONE);
    }
    let heads = ["ISSUE", "WORKER", "STATE", "CONVOY", "ATTEMPT", "AGE", "WHY"].map(str::to_owned).to_vec();
    let rows: Vec<Vec<String>> = std::iter::once(heads).chain(workers.iter().map(row)).collect();
    ctx.out.say(&text::table(&rows))?;
    Ok(DONE)
}

fn show(ctx: &mut Context, issue: &str) -> Result<u8, Error> {
    let worker = ctx.with(|service| ask::worker(service, issue))?;
    ctx.out.json(&worker)?;
    ctx.out.say(&details(&worker))?;
    Ok(DONE)
}

/// The model of a worker, and why that one.
pub(super) fn model(name: Option<&str>, why: &str) -> String {
    match name {
        Some(name) => format!("model {} ({})", text::line(name), text::line(why)),
        None => format!("model: {}", text::line(why)),
    }
}

/// The model of a session, if it was not the one that its worker began with.
fn escalated(worker: &WorkerView, session: &SessionView) -> String {
    let first = worker.sessions.first().and_then(|first| first.model_rationale.as_ref());
    match (&session.model, &session.model_rationale) {
        (Some(model), Some(why)) if first != Some(why) => {
            format!(", with {} ({})", text::line(model), text::line(why))
        }
        _ => String::new(),
    }
}

fn details(worker: &WorkerView) -> String {
    let name = paint(BOLD, text::line(&worker.name));
    let mut said = format!("{name}: {} on {}\n\n", text::line(&worker.state), worker.issue_id);
    let mut fact = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            let _ = writeln!(said, "  {:<10} {value}", format!("{name}:"));
        }
    };
    let safe = |value: &Option<String>| value.as_deref().map(|value| text::line(value).into_owned());
    fact("Why", safe(&worker.why));
    fact("Convoy", worker.convoy_id.as_ref().map(ToString::to_string));
    let agent = format!("{}, {}", worker.agent, model(worker.model.as_deref(), &worker.model_rationale));
    let sandbox = if worker.sandboxed { "" } else { "; unsandboxed" };
    fact("Agent", Some(format!("{agent}{sandbox}")));
    let failed = format!("{} of at most {} failed", worker.failures, worker.max_attempts);
    fact("Attempt", Some(format!("{} ({failed})", worker.attempt)));
    fact("Branch", safe(&worker.branch));
    fact("Workdir", safe(&worker.workdir));
    fact("Started", Some(text::time(worker.started_at)));
    fact("Active", Some(text::time(worker.last_activity_at)));
    fact("Spent", (worker.spent.micros != 0).then(|| text::money(&worker.spent)));
    if let Some(health) = &worker.health {
        said.push('\n');
        said.push_str(&text::indented(&witness::about(health, clock::now()), "  "));
    }
    if !worker.sessions.is_empty() {
        said.push_str("\n  Sessions:\n");
    }
    for session in &worker.sessions {
        let why = session.why.as_deref().map(|why| format!(": {}", text::cut(why, 120))).unwrap_or_default();
        let cost = session.cost.as_ref().map(|cost| format!("  {}", text::money(cost))).unwrap_or_default();
        let _ = writeln!(
            said,
            "    {}. {}  {}{}{why}{cost}",
            session.number,
            session.id,
            text::line(&session.state),
            escalated(worker, session)
        );
    }
    if let Some(lesson) = worker.lessons.last() {
        let _ = writeln!(said, "\n  The last that did not land: {}", text::cut(&lesson.what, 200));
        said.push_str(&text::indented(lesson.detail.trim_end(), "    "));
        said.push('\n');
    }
    said
}
