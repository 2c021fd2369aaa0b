//! `convoy issue import`.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

use clap::Args;
use convoy_api::{Failure, ItemView, Order, Service};
use convoy_core::command::Request;
use convoy_core::import::{Existing, ForeignIssue};
use convoy_engine::interchange::{self, Lines};
use serde::Serialize;

use super::export;
use crate::cli::context::Context;
use crate::error::{DONE, Error};
use crate::output::items_status;
use crate::text;

/// About how many bytes of issues are committed in one step. A file of that size is imported whole or not at all; a
/// larger one in several steps, after all of it was checked.
const STEP_BYTES: usize = 6 * 1024 * 1024;
/// How many lines a person is shown of what is not imported.
const SHOWN_MAX: usize = 50;

/// Take issues from JSONL, with beads' own field names
///
/// Everything is checked before anything is imported. An issue that is here already is changed to what the file says,
/// unless it changed here after it changed there: that is reported, and --force takes the file's. Fields that Convoy
/// has no use for are kept and exported again. What is deferred, pinned, blocked or in progress over there is not
/// worked on here until somebody says so with 'issue reopen'.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  bd export | convoy issue import\n  convoy issue import .beads/issues.jsonl --dry-run\n  \
    convoy issue import other.jsonl --rig backend"
)]
pub(in crate::cli) struct Import {
    /// The file; '-' or none is stdin
    file: Option<PathBuf>,
    /// The rig of issues whose prefix no rig has
    #[arg(long)]
    rig: Option<String>,
    /// Take the file's issues also where ours are newer
    #[arg(long)]
    force: bool,
    /// Say what would be done, and do nothing
    #[arg(long)]
    dry_run: bool,
}

/// What came of an import, for scripts.
#[derive(Serialize)]
struct Report<'a> {
    dry_run: bool,
    new: usize,
    changed: usize,
    unchanged: usize,
    conflicts: usize,
    skipped: Vec<Skipped<'a>>,
    items: Vec<&'a ItemView>,
}

#[derive(Serialize)]
struct Skipped<'a> {
    line: u32,
    what: &'a str,
}

impl Import {
    pub(super) fn run(self, ctx: &mut Context) -> Result<u8, Error> {
        let mut lines = self.read()?;
        if !lines.problems.is_empty() {
            return Err(Error::usage(format!("nothing was imported\n{}", lines.problems.join("\n"))));
        }
        let same = lines.drop_same(&ctx.with(export::all)?);
        let (issues, skipped) = (lines.issues, lines.skipped);
        let existing = if self.force { Existing::Force } else { Existing::Update };
        let requests: Vec<Request> = steps(issues)
            .into_iter()
            .map(|issues| Request::IssueImport { issues, rig: self.rig.clone(), existing })
            .collect();
        let orders =
            requests.into_iter().map(|request| ctx.order(request)).collect::<Result<Vec<_>, Error>>()?;
        let dry_run = self.dry_run;
        let items = ctx.with(|service| import(service, orders, dry_run))?;
        let with_note = |note: &str| items.iter().filter(|item| item.note.as_deref() == Some(note)).count();
        let report = Report {
            dry_run,
            new: with_note("new"),
            changed: with_note("changed"),
            unchanged: same + items.iter().filter(|item| item.ok && !item.changed).count(),
            conflicts: items.iter().filter(|item| !item.ok).count(),
            skipped: skipped.iter().map(|(line, what)| Skipped { line: *line, what }).collect(),
            items: items.iter().filter(|item| !item.ok || item.changed).collect(),
        };
        ctx.out.json(&report)?;
        ctx.out.say(&shown(&report))?;
        for item in items.iter().filter(|item| !item.ok).take(if ctx.out.json { 0 } else { SHOWN_MAX }) {
            if let Some(failure) = &item.error {
                ctx.out.error(&Error::from(failure.clone()).hint("take the file's with --force"));
            }
        }
        Ok(if items.is_empty() { DONE } else { items_status(&items) })
    }

    fn read(&self) -> Result<Lines, Error> {
        let file = self.file.as_deref().filter(|file| *file != Path::new("-"));
        let name = file.map_or_else(|| "stdin".to_owned(), |file| file.display().to_string());
        let failed = |error: std::io::Error| Error::usage(format!("cannot read {name}: {error}"));
        let reader: Box<dyn BufRead> = match file {
            Some(file) => Box::new(BufReader::new(std::fs::File::open(file).map_err(failed)?)),
            None => Box::new(BufReader::new(std::io::stdin())),
        };
        interchange::read(reader).map_err(failed)
    }
}

/// In steps of a bounded size; one step if it can be.
pub(in crate::cli) fn steps(issues: Vec<ForeignIssue>) -> Vec<Vec<ForeignIssue>> {
    let (mut steps, mut bytes) = (vec![Vec::new()], 0);
    for issue in issues {
        let size = serde_json::to_vec(&issue).map_or(0, |text| text.len());
        if bytes > 0 && bytes + size > STEP_BYTES {
            steps.push(Vec::new());
            bytes = 0;
        }
        bytes += size;
        if let Some(step) = steps.last_mut() {
            step.push(issue);
        }
    }
    steps.retain(|step| !step.is_empty());
    steps
}

/// Everything is asked for as a dry run first where it does not go in one step.
pub(in crate::cli) fn import(
    service: &dyn Service,
    orders: Vec<Order>,
    dry_run: bool,
) -> Result<Vec<ItemView>, Failure> {
    let mut items = Vec::new();
    if orders.len() > 1 || dry_run {
        for order in &orders {
            items.extend(service.order(Order { dry_run: true, ..order.clone() })?.items);
        }
    }
    if dry_run {
        return Ok(items);
    }
    items.clear();
    for order in orders {
        items.extend(service.order(order)?.items);
    }
    Ok(items)
}

fn shown(report: &Report<'_>) -> String {
    let mut said = format!(
        "{}: {} new, {} changed, {} unchanged",
        if report.dry_run { "Would import" } else { "Imported" },
        report.new,
        report.changed,
        report.unchanged
    );
    if report.conflicts > 0 {
        said.push_str(&format!(", {} newer here", report.conflicts));
    }
    said.push('\n');
    for skipped in report.skipped.iter().take(SHOWN_MAX) {
        said.push_str(&format!(
            "  line {}: {}, not an issue: left out\n",
            skipped.line,
            text::cut(skipped.what, 40)
        ));
    }
    if report.new > 0 && !report.dry_run {
        said.push_str("\nNext: convoy issue list --ready\n");
    }
    said
}
