//! `convoy stage` and `convoy launch`: what a convoy would do, and having it done.

use std::fmt::Write as _;

use clap::Args;
use convoy_api::{Failure, Service};
use convoy_core::command::Request;
use convoy_core::stage::Finding;
use convoy_core::view::{StageStatus, StageView, TreeView};

use super::ask;
use super::context::Context;
use super::status::issue_glyph;
use super::values::Terms;
use crate::error::{DONE, Error};
use crate::output::{BAD, BOLD, FAINT, paint};
use crate::text;

/// Analyse issues, and stage a convoy of them
///
/// Says what would be worked on when, and what is in the way, and starts nothing. Takes issues, or one epic, whose
/// parts are found through lesser epics, or one staged convoy. What is staged already is staged again in place: it
/// keeps what is not given anew. Only errors keep it from being staged: dependencies in a circle, rigs that nobody
/// knows, issues of another open convoy.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  convoy stage gt-epic\n  convoy stage gt-abc gt-def --title 'Deploy v2.0'\n  \
    convoy stage hq-cv-abc12 --max-parallel 8\n  convoy stage gt-epic --launch"
)]
pub(super) struct Stage {
    /// Issues, or one epic, or one staged convoy
    #[arg(value_name = "WHAT", required = true)]
    what: Vec<String>,
    /// Launch it in the same step
    #[arg(long)]
    launch: bool,
    /// With --launch: although there are warnings
    #[arg(long)]
    force: bool,
    /// What people call it
    #[arg(long, value_name = "NAME")]
    title: Option<String>,
    #[command(flatten)]
    terms: Terms,
}

/// Have a staged convoy worked on
///
/// It is looked at again first; with warnings it is launched by --force only. Issues and epics are staged and
/// launched in one step. Agents work in the background, each issue after those that block it.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  convoy launch hq-cv-abc12\n  convoy launch gt-epic --force")]
pub(super) struct Launch {
    /// One convoy, or one epic, or issues
    #[arg(value_name = "WHAT", required = true)]
    what: Vec<String>,
    /// Although there are warnings
    #[arg(long)]
    force: bool,
}

impl Stage {
    pub(super) fn run(self, ctx: &mut Context) -> Result<u8, Error> {
        let Self { what, launch, force, title, terms } = self;
        let Terms { owner, notify, merge, base, max_parallel } = terms;
        let merge = merge.map(Into::into);
        let asked = what.clone();
        let request = Request::Stage { what, title, owner, notify, merge, base, max_parallel, launch, force };
        carry_out(ctx, request, asked, max_parallel)
    }
}

impl Launch {
    pub(super) fn run(self, ctx: &mut Context) -> Result<u8, Error> {
        let Self { what, force } = self;
        carry_out(ctx, Request::Launch { what: what.clone(), force }, what, None)
    }
}

/// What was found, and why nothing came of it, if nothing did.
struct Found {
    view: StageView,
    note: Option<String>,
    failure: Option<Failure>,
}

/// Asks what there is to find, and has it done. Both go to one engine, one after the other; what is printed is
/// what was decided, unless somebody else came in between.
fn carry_out(
    ctx: &mut Context,
    request: Request,
    what: Vec<String>,
    max_parallel: Option<u32>,
) -> Result<u8, Error> {
    let order = ctx.order(request)?;
    let found = ctx.with(|service| {
        let mut view = ask::stage(service, what, max_parallel)?;
        let outcome = match service.order(order) {
            Ok(outcome) => outcome,
            Err(failure) => {
                view.status = StageStatus::Error;
                view.convoy_id = None;
                view.restaged = false;
                return Ok(Found { view, note: None, failure: Some(failure) });
            }
        };
        let item = outcome.items.into_iter().next();
        let (id, note) = item.map(|item| (item.id, item.note)).unwrap_or_default();
        settle(service, &id, view).map(|view| Found { view, note, failure: None })
    })?;
    ctx.out.json(&found.view)?;
    // What refuses it may have nothing to do with what was found.
    let has_findings = !found.view.errors.is_empty() || !found.view.warnings.is_empty();
    if found.failure.is_none() || has_findings {
        ctx.out.say(&analysis(&found.view))?;
    }
    if let Some(failure) = found.failure {
        return Err(failure.into());
    }
    ctx.out.say(&outcome(&found.view, found.note.as_deref()))?;
    if let (true, false, Some(id)) = (ctx.out.quiet, ctx.out.json, &found.view.convoy_id) {
        ctx.out.raw(&format!("{id}\n"))?;
    }
    Ok(DONE)
}

/// The analysis with what became of it.
fn settle(service: &dyn Service, id: &str, mut view: StageView) -> Result<StageView, Failure> {
    let (convoy, _) = ask::convoy(service, id)?;
    view.status = match (convoy.status.as_str(), convoy.findings.is_empty()) {
        ("staged", true) => StageStatus::StagedReady,
        ("staged", false) => StageStatus::StagedWarnings,
        ("open", _) => StageStatus::Open,
        _ => StageStatus::Landed,
    };
    // Asked for again, what was launched belongs to an open convoy, which is its own.
    view.errors.clear();
    view.title.clone_from(&convoy.title);
    view.convoy_id = Some(convoy.id);
    Ok(view)
}

fn analysis(view: &StageView) -> String {
    let mut said = format!("{}\n\n", paint(BOLD, text::line(&view.title)));
    for (n, node) in view.tree.iter().enumerate() {
        branch(node, "  ", n + 1 == view.tree.len(), view.tree.len() > 1, &mut said);
    }
    let heads = ["WAVE", "ISSUE", "TITLE", "RIG", "BLOCKED BY"].map(str::to_owned).to_vec();
    let mut rows = vec![heads];
    for wave in &view.waves {
        rows.extend(wave.tasks.iter().map(|task| {
            let blocked_by: Vec<&str> =
                task.blocked_by.iter().map(convoy_core::id::IssueId::as_str).collect();
            let blocked_by = if blocked_by.is_empty() { "-".to_owned() } else { blocked_by.join(", ") };
            let title = text::title(&task.title);
            vec![wave.number.to_string(), task.id.to_string(), title, task.rig.clone(), blocked_by]
        }));
    }
    if rows.len() > 1 {
        let _ = write!(said, "\n{}", text::table(&rows));
    }
    if !view.gated.is_empty() {
        said.push_str("\n  Gated, and in no wave:\n");
    }
    for gated in &view.gated {
        let by: Vec<&str> = gated.gated_by.iter().map(convoy_core::id::IssueId::as_str).collect();
        let _ = writeln!(said, "    {}: {} (by {})", gated.id, text::title(&gated.title), by.join(", "));
    }
    let _ = writeln!(said, "\n  {}", summary(view));
    findings("Errors", &view.errors, &mut said);
    findings("Warnings", &view.warnings, &mut said);
    said
}

/// `N tasks across M waves (max parallelism K in wave W)`.
fn summary(view: &StageView) -> String {
    let in_waves: usize = view.waves.iter().map(|wave| wave.tasks.len()).sum();
    let waves = format!("{} across {}", text::count(in_waves, "task"), text::count(view.waves.len(), "wave"));
    // The first of the widest.
    let widest = view.waves.iter().rev().max_by_key(|wave| wave.tasks.len());
    let most = widest.map(|wave| format!(" (max parallelism {} in wave {})", wave.tasks.len(), wave.number));
    let gated = if view.gated.is_empty() { String::new() } else { format!(", {} gated", view.gated.len()) };
    format!("{waves}{}{gated}", most.unwrap_or_default())
}

fn branch(node: &TreeView, indent: &str, last: bool, has_peers: bool, said: &mut String) {
    let (sign, more) = match (has_peers, last) {
        (false, _) => ("", ""),
        (true, true) => ("└── ", "    "),
        (true, false) => ("├── ", "│   "),
    };
    let kind = paint(FAINT, format_args!("[{}]", node.issue_type.name()));
    let (glyph, title) = (issue_glyph(&node.status), text::title(&node.title));
    let _ = writeln!(said, "{indent}{sign}{glyph} {}: {title} {kind}", node.id);
    for (n, child) in node.children.iter().enumerate() {
        branch(child, &format!("{indent}{more}"), n + 1 == node.children.len(), true, said);
    }
}

fn findings(head: &str, findings: &[Finding], said: &mut String) {
    if !findings.is_empty() {
        let _ = writeln!(said, "\n  {}:", paint(BAD, head));
    }
    for finding in findings {
        let (message, fix) = (text::line(&finding.message), text::line(&finding.suggested_fix));
        let _ = writeln!(said, "    {}: {message}\n      {fix}", finding.category.name());
    }
}

fn outcome(view: &StageView, note: Option<&str>) -> String {
    let Some(id) = &view.convoy_id else { return String::new() };
    let title = text::line(&view.title);
    let note = note.map(text::line).unwrap_or_default();
    match view.status {
        StageStatus::StagedReady | StageStatus::StagedWarnings => {
            let note = if note.is_empty() { "staged".into() } else { note };
            let force = if view.warnings.is_empty() { "" } else { " --force" };
            format!(
                "\n🚚 → {id}: {title}: {note}\n\nNext: convoy launch {id}{force}    (have it worked on)\n"
            )
        }
        StageStatus::Open if note.starts_with("already") => {
            format!("\n🚚 {id}: {title}: {note}\n\nNext: convoy status {id}\n")
        }
        StageStatus::Open => {
            let first = view.waves.first().map_or(0, |wave| wave.tasks.len());
            format!(
                "\n🚚 {id}: {title} is launched\n\n  Wave 1: {}. Each later one follows as what blocks it is closed.\n\n\
                 Next: convoy run {id}       (follow it)\n      convoy status {id}\n",
                text::count(first, "task")
            )
        }
        StageStatus::Landed => format!("\n🚚 ✓ {id}: {title} has landed: every issue was closed\n"),
        StageStatus::Error => String::new(),
    }
}
