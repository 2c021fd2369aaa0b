//! `convoy import`: taking over what another tool has stored.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use convoy_api::query::ConvoyFilter;
use convoy_api::{Failure, ItemView, Order, Service};
use convoy_core::command::Request;
use convoy_core::import::{Existing, ForeignConvoy, Tool};
use convoy_engine::config::{Config, Sources};
use convoy_engine::foreign::{self, Found, Unmapped};
use serde::Serialize;

use super::context::Context;
use super::issue::import::steps;
use super::{ask, issue};
use crate::error::{DONE, Error, PARTIAL};
use crate::text;

/// How many convoys or records are committed in one step.
const STEP_ITEMS: usize = 2_000;
/// How many lines of each sort a person is shown; --json has all.
const SHOWN_MAX: usize = 200;

#[derive(Clone, Copy, Debug, ValueEnum)]
enum From {
    /// Gas Town: the town's folder, with beads' exports in it
    Gastown,
    /// orch: the repository with .orchestration in it
    Orch,
    /// Panopticon: ~/.panopticon
    Panopticon,
}

/// Take over what Gas Town, orch or Panopticon has stored
///
/// Reads their convoys, the issues of these, workers, costs and checkpoints, and changes nothing there. What is here
/// already stays as it is, so that it can be done again at any time. Nothing starts by it: imported convoys only track,
/// or stay staged.
/// What they had and Convoy has not is listed, each with the reason.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  convoy import gastown ~/gt --dry-run\n  convoy import orch . --rig backend\n  \
    convoy import panopticon ~/.panopticon --json"
)]
pub(super) struct Import {
    /// Which tool
    tool: From,
    /// Its folder
    path: PathBuf,
    /// The rig of issues whose prefix no rig has
    #[arg(long)]
    rig: Option<String>,
    /// Say what would be done, and do nothing
    #[arg(long)]
    dry_run: bool,
}

/// What came of it, for scripts.
#[derive(Serialize)]
struct Report {
    from: Tool,
    path: PathBuf,
    dry_run: bool,
    convoys: Vec<Row>,
    issues: Vec<Row>,
    records: Count,
    unmapped: Vec<Unmapped>,
}

#[derive(Serialize)]
struct Row {
    id: String,
    title: String,
    changed: bool,
    note: Option<String>,
    error: Option<Failure>,
}

#[derive(Default, Serialize)]
struct Count {
    new: usize,
    unchanged: usize,
}

impl Import {
    pub(super) fn run(self, ctx: &mut Context) -> Result<u8, Error> {
        let tool = match self.tool {
            From::Gastown => Tool::Gastown,
            From::Orch => Tool::Orch,
            From::Panopticon => Tool::Panopticon,
        };
        let workspace = ctx.workspace()?;
        let config = Config::load(&workspace, &ctx.env, &Sources::default())?;
        let mut found = foreign::read(tool, &self.path)?;
        let refused = if self.rig.is_none() {
            let before = found.convoys.len();
            found.keep_prefixes(&config.rigs().values().map(|rig| rig.prefix.clone()).collect());
            before - found.convoys.len()
        } else {
            0
        };
        let orders = self.orders(ctx, &found)?;
        let dry_run = self.dry_run;
        let Found { issues, convoys, unmapped, .. } = found;
        let [of_issues, of_convoys, of_records] =
            ctx.with(|service| carry_out(service, orders, &convoys, dry_run))?;
        let title = |id: &str| {
            let issue =
                || issues.iter().find(|issue| issue.id.as_str() == id).map(|issue| issue.title.clone());
            let convoy = convoys.iter().find(|convoy| convoy.id.as_str() == id);
            convoy.map(|convoy| convoy.title.clone()).or_else(issue).unwrap_or_default()
        };
        let row = |item: ItemView| Row {
            title: title(&item.id),
            id: item.id,
            changed: item.changed,
            note: item.note,
            error: item.error,
        };
        let new = of_records.iter().filter(|item| item.changed).count();
        let report = Report {
            from: tool,
            path: self.path,
            dry_run,
            convoys: of_convoys.into_iter().map(row).collect(),
            issues: of_issues.into_iter().map(row).collect(),
            records: Count { new, unchanged: of_records.len() - new },
            unmapped,
        };
        ctx.out.json(&report)?;
        ctx.out.say(&shown(&report))?;
        let failed = refused + report.convoys.iter().filter(|row| row.error.is_some()).count();
        Ok(if failed > 0 { PARTIAL } else { DONE })
    }

    /// Issues, then convoys, then records, each in steps of a bounded size. Whatever ends this between two steps, the
    /// next import goes on.
    fn orders(&self, ctx: &Context, found: &Found) -> Result<[Vec<Order>; 3], Error> {
        let orders = |requests: Vec<Request>| -> Result<Vec<Order>, Error> {
            requests.into_iter().map(|request| ctx.order(request)).collect()
        };
        let issues = steps(found.issues.clone()).into_iter().map(|issues| Request::IssueImport {
            issues,
            rig: self.rig.clone(),
            existing: Existing::Keep,
        });
        let convoys = found.convoys.chunks(STEP_ITEMS).map(|c| Request::ConvoyImport { convoys: c.to_vec() });
        let records = found.records.chunks(STEP_ITEMS).map(|r| Request::RecordImport { records: r.to_vec() });
        Ok([orders(issues.collect())?, orders(convoys.collect())?, orders(records.collect())?])
    }
}

fn carry_out(
    service: &dyn Service,
    orders: [Vec<Order>; 3],
    convoys: &[ForeignConvoy],
    dry_run: bool,
) -> Result<[Vec<ItemView>; 3], Failure> {
    let [issues, of_convoys, records] = orders;
    let issues = issue::import::import(service, issues, dry_run)?;
    let convoys =
        if dry_run { would(service, convoys)? } else { issue::import::import(service, of_convoys, false)? };
    let records = issue::import::import(service, records, dry_run)?;
    Ok([issues, convoys, records])
}

/// What would come of convoys whose issues are not here yet.
fn would(service: &dyn Service, convoys: &[ForeignConvoy]) -> Result<Vec<ItemView>, Failure> {
    let filter = ConvoyFilter { all: true, ..ConvoyFilter::default() };
    let there: BTreeSet<String> =
        ask::convoys(service, filter)?.into_iter().map(|convoy| convoy.id.to_string()).collect();
    let item = |convoy: &ForeignConvoy| {
        let is_here = there.contains(convoy.id.as_str());
        let note = if is_here { "already here; it stays as it is" } else { "would be imported" };
        ItemView {
            id: convoy.id.to_string(),
            ok: true,
            changed: !is_here,
            note: Some(note.to_owned()),
            error: None,
        }
    };
    Ok(convoys.iter().map(item).collect())
}

fn shown(report: &Report) -> String {
    let mut said = String::new();
    let new = |rows: &[Row]| rows.iter().filter(|row| row.changed).count();
    for row in report.convoys.iter().take(SHOWN_MAX) {
        let note = match &row.error {
            Some(failure) => format!("not imported: {}", failure.message),
            None => row.note.clone().unwrap_or_default(),
        };
        let _ = writeln!(said, "  🚚 {}: {}  ({})", row.id, text::title(&row.title), text::line(&note));
    }
    let _ = writeln!(
        said,
        "{} from {}: {}, {}, {}; {} were here already.",
        if report.dry_run { "Would take over" } else { "Took over" },
        report.from.name(),
        text::count(new(&report.convoys), "convoy"),
        text::count(new(&report.issues), "issue"),
        text::count(report.records.new, "record"),
        report.convoys.len() - new(&report.convoys) + report.issues.len() - new(&report.issues)
            + report.records.unchanged
    );
    if !report.unmapped.is_empty() {
        let _ = writeln!(said, "\nWhat has no counterpart here ({}):", report.unmapped.len());
        for one in report.unmapped.iter().take(SHOWN_MAX) {
            let place =
                if one.path.is_empty() { String::new() } else { format!(" ({})", text::line(&one.path)) };
            let _ =
                writeln!(said, "  {} {}{place}: {}", one.kind, text::line(&one.id), text::line(&one.reason));
        }
        if report.unmapped.len() > SHOWN_MAX {
            let _ = writeln!(said, "  … and {} more: --json has all", report.unmapped.len() - SHOWN_MAX);
        }
    }
    if !report.dry_run && new(&report.convoys) > 0 {
        let _ = writeln!(
            said,
            "\nNext: convoy list --all\n      convoy events --type record.imported    (what was kept as history)"
        );
    }
    said
}
