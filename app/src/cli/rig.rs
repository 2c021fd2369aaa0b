//! `convoy rig`: the repositories of a workspace.

use std::fmt::Write as _;

use clap::{Args, Subcommand};
use convoy_api::{Failure, Service};
use convoy_core::view::{MergingView, QueuedView, RigHealth, RigStatusView, RigView, RigWorkerView};
use convoy_engine::rig::{self, Addition, Wanted};

use super::ask;
use super::context::Context;
use crate::error::{DONE, Error};
use crate::output::{BAD, BOLD, paint};
use crate::text;

/// How many ready issues are shown to people.
const QUEUE_SHOWN_MAX: usize = 20;

/// Add, see, park and remove repositories
#[derive(Debug, Subcommand)]
pub(super) enum Rig {
    Add(Add),
    /// List them
    List,
    /// Show one, with its workers, its queue, and what waits to be merged
    Status(Name),
    /// Begin no new work in it; what runs goes on
    Park(Name),
    /// Begin work in it again
    Unpark(Name),
    Remove(Remove),
}

/// Add a repository, from its folder or from an address
///
/// A folder is used where it is. An address is cloned to .convoy/rigs/<name>, which git ignores. Everything is
/// checked before anything is changed. Inside a repository that lies elsewhere, commands find this workspace by
/// a note in its git directory.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  convoy rig add api ../api --prefix ap\n  \
    convoy rig add web https://example.com/web.git --default-branch develop")]
pub(super) struct Add {
    /// What it is called
    name: String,
    /// Its folder, or an address: https://…, ssh://…, file://…, user@host:path
    #[arg(value_name = "PATH|URL")]
    from: String,
    /// Prefix of its issues' ids; made from the name if not given
    #[arg(long)]
    prefix: Option<String>,
    /// The branch that work lands in; what the repository says if not given
    #[arg(long, value_name = "BRANCH")]
    default_branch: Option<String>,
}

/// A rig by its name.
#[derive(Debug, Args)]
pub(super) struct Name {
    /// Its name
    rig: String,
}

/// Take a repository out of the workspace
///
/// The repository, its issues and what was done stay. Issues of a removed rig are not worked on; adding it again
/// under the same name goes on with them.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  convoy rig remove api")]
pub(super) struct Remove {
    /// Its name
    rig: String,
    /// Also while open convoys track open issues of it
    #[arg(long)]
    force: bool,
}

impl Rig {
    pub(super) fn run(self, ctx: &mut Context) -> Result<u8, Error> {
        match self {
            Self::Add(add) => add.run(ctx),
            Self::List => list(ctx),
            Self::Status(Name { rig }) => status(ctx, &rig),
            Self::Park(Name { rig }) => park(ctx, &rig, true),
            Self::Unpark(Name { rig }) => park(ctx, &rig, false),
            Self::Remove(Remove { rig, force }) => {
                let (workspace, env) = (ctx.workspace()?, ctx.env.clone());
                let item = ctx.with(|service| rig::remove(&workspace, &env, service, &rig, force))?;
                ctx.out.item(&[item], "Removed")
            }
        }
    }
}

impl Add {
    fn run(self, ctx: &mut Context) -> Result<u8, Error> {
        let (workspace, env, dir) = (ctx.workspace()?, ctx.env.clone(), ctx.dir().to_owned());
        let wanted = Wanted {
            name: &self.name,
            from: &self.from,
            dir: &dir,
            prefix: self.prefix.as_deref(),
            default_branch: self.default_branch.as_deref(),
        };
        let addition = ctx.with(|service| Addition::check(&workspace, &env, service, wanted))?;
        // Nobody else has to wait for the workspace while a large repository is cloned.
        addition.fetch(&workspace, &env)?;
        let item = ctx.with(|service| addition.finish(&workspace, &env, service))?;
        let changed = item.changed;
        let status = ctx.out.item(&[item], "Added")?;
        if changed {
            let name = text::line(&self.name);
            ctx.out.say(&format!("\nNext: convoy issue create 'What is to be done' --rig {name}\n"))?;
        }
        Ok(status)
    }
}

fn park(ctx: &mut Context, name: &str, parked: bool) -> Result<u8, Error> {
    let (workspace, env) = (ctx.workspace()?, ctx.env.clone());
    let park =
        |service: &dyn Service| -> Result<_, Failure> { rig::park(&workspace, &env, service, name, parked) };
    let item = ctx.with(park)?;
    ctx.out.item(&[item], if parked { "Parked" } else { "Unparked" })
}

/// `ok`, or what is wrong with it.
fn health(health: RigHealth, parked: bool) -> &'static str {
    match health {
        RigHealth::Ok if parked => "parked",
        RigHealth::Ok | RigHealth::Unreadable | RigHealth::Unknown => health.name(),
    }
}

fn list(ctx: &mut Context) -> Result<u8, Error> {
    let rigs = ctx.with(ask::rigs)?;
    ctx.out.json(&rigs)?;
    let row = |rig: &RigView| {
        let or_none = |text: &Option<String>| text::line(text.as_deref().unwrap_or("-")).into_owned();
        vec![
            text::line(rig.name.as_str()).into_owned(),
            or_none(&rig.prefix),
            health(rig.health, rig.parked).to_owned(),
            rig.live.to_string(),
            rig.ready.to_string(),
            rig.merging.to_string(),
            rig.open_issues.to_string(),
            or_none(&rig.path),
        ]
    };
    let heads = ["RIG", "PREFIX", "STATE", "AGENTS", "READY", "MERGING", "OPEN", "PATH"];
    let heads = heads.map(str::to_owned).to_vec();
    let rows: Vec<Vec<String>> = std::iter::once(heads).chain(rigs.iter().map(row)).collect();
    ctx.out.say(&text::table(&rows))?;
    for rig in rigs.iter().filter_map(|rig| Some((&rig.name, rig.detail.as_deref()?))) {
        ctx.out.say(&format!("\n{} {}: {}\n", paint(BAD, "!"), rig.0, text::line(rig.1)))?;
    }
    Ok(DONE)
}

fn status(ctx: &mut Context, name: &str) -> Result<u8, Error> {
    let rig = ctx.with(|service| ask::rig(service, name))?;
    ctx.out.json(&rig)?;
    ctx.out.say(&details(&rig))?;
    Ok(DONE)
}

fn details(rig: &RigStatusView) -> String {
    let mut said =
        format!("{}: {}\n\n", paint(BOLD, text::line(rig.name.as_str())), health(rig.health, rig.parked));
    let mut fact = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            let _ = writeln!(said, "  {:<10} {}", format!("{name}:"), text::line(&value));
        }
    };
    fact("Why", rig.detail.clone());
    fact("Path", rig.path.clone());
    fact("Prefix", rig.prefix.clone());
    fact(
        "Branch",
        rig.path
            .as_ref()
            .map(|_| rig.default_branch.clone().unwrap_or_else(|| "what the repository says".to_owned())),
    );
    fact("Tracker", rig.tracker.map(|tracker| tracker.name().to_owned()));
    fact("Parked", rig.parked.then(|| format!("begins nothing new; convoy rig unpark {}", rig.name)));
    fact("Limit", rig.max_parallel.map(|max| format!("{max} agents at once")));
    fact("Open", Some(format!("{}, {} ready", text::count(rig.open_issues, "issue"), rig.ready)));
    section(
        &mut said,
        "Workers",
        &["ISSUE", "WORKER", "STATE", "CONVOY", "AGE", "WHY"],
        &rig.workers,
        worker,
    );
    section(&mut said, "Merging", &["ISSUE", "WORKER", "INTO", "ROUND", "HELD UP BY"], &rig.merges, merging);
    let queue = &rig.queue[..rig.queue.len().min(QUEUE_SHOWN_MAX)];
    section(&mut said, "Queue", &["ISSUE", "PRIORITY", "CONVOY", "TITLE"], queue, queued);
    if rig.ready > queue.len() {
        let _ = writeln!(said, "    and {} more", rig.ready - queue.len());
    }
    said
}

fn section<T>(said: &mut String, name: &str, heads: &[&str], all: &[T], row: impl Fn(&T) -> Vec<String>) {
    if all.is_empty() {
        return;
    }
    let heads = heads.iter().map(|head| (*head).to_owned()).collect();
    let rows: Vec<Vec<String>> = std::iter::once(heads).chain(all.iter().map(row)).collect();
    let table: String = text::table(&rows).lines().map(|line| format!("    {line}\n")).collect();
    let _ = write!(said, "\n  {name}:\n{table}");
}

fn convoys(all: &[convoy_core::id::ConvoyId]) -> String {
    let all: Vec<&str> = all.iter().map(convoy_core::id::ConvoyId::as_str).collect();
    if all.is_empty() { "-".to_owned() } else { all.join(", ") }
}

fn worker(worker: &RigWorkerView) -> Vec<String> {
    vec![
        worker.issue_id.to_string(),
        text::line(worker.id.as_str()).into_owned(),
        worker.state.clone(),
        convoys(&worker.convoys),
        text::age(worker.age_s),
        text::cut(worker.why.as_deref().unwrap_or_default(), 80),
    ]
}

fn merging(merge: &MergingView) -> Vec<String> {
    vec![
        merge.issue_id.to_string(),
        merge.worker_id.to_string(),
        text::line(merge.base_branch.as_deref().unwrap_or("default")).into_owned(),
        merge.round.to_string(),
        text::cut(merge.blocked.as_deref().unwrap_or("-"), 80),
    ]
}

fn queued(issue: &QueuedView) -> Vec<String> {
    let started = if issue.started { "" } else { " (not started)" };
    vec![
        issue.id.to_string(),
        issue.priority.to_string(),
        format!("{}{started}", convoys(&issue.convoys)),
        text::cut(&issue.title, text::TITLE_CHARS),
    ]
}
