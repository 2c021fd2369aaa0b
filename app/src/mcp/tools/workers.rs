//! Workers: who works on what, what their agents print, and setting agents to issues.

use convoy_api::Failure;
use convoy_core::command::Request;
use convoy_core::id::SessionId;
use convoy_core::view::WorkerView;
use convoy_engine::output;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use super::super::bound::RESULT_BYTES_MAX;
use super::super::desk::Desk;
use super::super::tool::{Answer, Kind, Tool, page};
use super::values;
use crate::ask;
use crate::error::Error;

/// How many lines of output are given at once if nobody says so.
const LINES: usize = 200;
/// The most that are given at once.
const LINES_MAX: usize = 2_000;
/// The longest line, in bytes; the whole of it is in the output file.
const LINE_BYTES_MAX: usize = 4 * 1024;
/// What the lines of one result may take. In JSON they take more.
const LINES_BYTES_MAX: usize = RESULT_BYTES_MAX / 2;

/// List workers: who works on which issue, and how that goes. Without `all`, only those to whom something may still happen,
/// or that failed.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct List {
    /// All that ever were.
    #[serde(default)]
    all: bool,
    /// How many to leave out at the beginning: next_offset of the page before.
    offset: Option<usize>,
    /// How many at most; 50 if not given.
    limit: Option<usize>,
}

/// Show a worker: its issue, agent, attempts, what each came to and cost.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Show {
    /// The worker, its issue or one of its sessions.
    worker: String,
}

/// Read what an agent printed, made readable: the last lines, or with `after` those that follow a line. Lines are counted
/// from 1.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Output {
    /// The worker, its issue or one of its sessions; of a worker the latest session is meant.
    worker: String,
    /// Go on after this line: next_after of the result before; 0 for the beginning. Without it, the last lines.
    after: Option<usize>,
    /// How many lines at most; 200 if not given.
    limit: Option<usize>,
    /// As it was printed, not made readable.
    #[serde(default)]
    raw: bool,
}

/// Set agents to issues. An issue that is in no open convoy gets one. They work in the background; what is being worked on
/// already is left to its worker.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Sling {
    /// Ids of the issues.
    issues: Vec<String>,
    /// A rig, or a rig and a name for the worker: gastown/amber.
    target: Option<String>,
    /// The agent; the workspace's if not given.
    agent: Option<String>,
    /// The model.
    model: Option<String>,
    /// The branch that the work lands in.
    base: Option<String>,
    /// The most that each of their workers may spend, in US dollars.
    budget_usd: Option<f64>,
    /// Make no convoy.
    #[serde(default)]
    no_convoy: bool,
    /// Also in a rig that is parked.
    #[serde(default)]
    force: bool,
    /// Say what would happen, and do nothing.
    #[serde(default)]
    dry_run: bool,
}

/// Stop the worker of an issue, and keep its work, until it is retried.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Stop {
    /// The issue, or its worker.
    issue: String,
}

/// Let a stopped, failed or waiting issue be worked on again.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Retry {
    /// The issue, or its worker.
    issue: String,
}

impl Tool for List {
    const NAME: &'static str = "worker_list";
    const TITLE: &'static str = "List workers";
    const KIND: Kind = Kind::Looks;
    const MORE: Option<&'static str> =
        Some("worker_show with one of them, or a smaller limit and next_offset");

    fn call(self, desk: &mut Desk<'_>) -> Result<Answer, Error> {
        let workers: Vec<WorkerView> = desk.ctx.with(|service| ask::workers(service, self.all))?;
        Answer::page(&workers, &page(self.offset, self.limit))
    }
}

impl Tool for Show {
    const NAME: &'static str = "worker_show";
    const TITLE: &'static str = "Show a worker";
    const KIND: Kind = Kind::Looks;
    const MORE: Option<&'static str> = Some("worker_output with one session");

    fn call(self, desk: &mut Desk<'_>) -> Result<Answer, Error> {
        Answer::of(&desk.ctx.with(|service| ask::worker(service, &self.worker))?)
    }
}

impl Tool for Output {
    const NAME: &'static str = "worker_output";
    const TITLE: &'static str = "What an agent printed";
    const KIND: Kind = Kind::Looks;
    const MORE: Option<&'static str> = Some("worker_output with after and a smaller limit");

    fn call(self, desk: &mut Desk<'_>) -> Result<Answer, Error> {
        let session = desk.ctx.with(|service| ask::session(service, &self.worker))?;
        let limit = self.limit.unwrap_or(LINES).clamp(1, LINES_MAX);
        let lines = Lines::read(desk, &session, self.raw, self.after, limit)?;
        let last = lines.first + lines.kept.len();
        let answer = Answer::of(&json!({
            "session_id": session, "lines": lines.kept, "after": lines.first, "total": lines.total,
            "next_after": (last < lines.total).then_some(last),
        }))?;
        Ok(match (self.after, lines.first) {
            (None, 1..) => {
                answer.note(format!("These are the last lines; {} stand before them.", lines.first))
            }
            (_, _) => answer,
        })
    }
}

/// Some lines of an output.
struct Lines {
    kept: std::collections::VecDeque<String>,
    /// How many stand before them.
    first: usize,
    /// How many there are in all.
    total: usize,
}

impl Lines {
    fn read(
        desk: &mut Desk<'_>,
        session: &SessionId,
        raw: bool,
        after: Option<usize>,
        limit: usize,
    ) -> Result<Self, Error> {
        let workspace = desk.ctx.workspace()?;
        let mut lines = Self { kept: Default::default(), first: after.unwrap_or(0), total: 0 };
        let (mut bytes, mut full) = (0, false);
        output::lines(&workspace, session, raw)?.try_for_each(|line| -> Result<(), Failure> {
            let line = &line?;
            lines.total += 1;
            if lines.total <= after.unwrap_or(0) || full {
                return Ok(());
            }
            let line = cut(line);
            bytes += line.len();
            lines.kept.push_back(line);
            let over = |lines: &Self, bytes| lines.kept.len() > limit || bytes > LINES_BYTES_MAX;
            if after.is_some() {
                // From the beginning: what is too much is not taken, but for the first.
                full = over(&lines, bytes);
                if full && lines.kept.len() > 1 {
                    lines.kept.pop_back();
                }
                return Ok(());
            }
            // From the end: the oldest go.
            while over(&lines, bytes) && lines.kept.len() > 1 {
                bytes -= lines.kept.pop_front().map_or(0, |line| line.len());
                lines.first += 1;
            }
            Ok(())
        })?;
        lines.first = lines.first.min(lines.total);
        Ok(lines)
    }
}

fn cut(line: &str) -> String {
    let end = line.floor_char_boundary(LINE_BYTES_MAX);
    if end == line.len() { line.to_owned() } else { format!("{}… ({} bytes)", &line[..end], line.len()) }
}

impl Tool for Sling {
    const NAME: &'static str = "sling";
    const TITLE: &'static str = "Set agents to issues";
    const KIND: Kind = Kind::Changes { destroys: false, again: true, outside: true };

    fn call(self, desk: &mut Desk<'_>) -> Result<Answer, Error> {
        let request = Request::Sling {
            issues: values::some("issues", self.issues)?,
            target: self.target,
            agent: self.agent,
            model: self.model,
            base: self.base,
            no_convoy: self.no_convoy,
            force: self.force,
            budget: self.budget_usd.map(values::budget).transpose()?,
        };
        let mut outcome = desk.ctx.act(request, self.dry_run)?;
        // Ids that were made up for a dry run are nobody's.
        outcome
            .items
            .iter_mut()
            .filter(|item| self.dry_run && item.changed)
            .for_each(|item| item.note = None);
        Answer::items(&outcome.items)
    }
}

impl Tool for Stop {
    const NAME: &'static str = "worker_stop";
    const TITLE: &'static str = "Stop a worker";
    const KIND: Kind = Kind::Changes { destroys: true, again: true, outside: false };

    fn call(self, desk: &mut Desk<'_>) -> Result<Answer, Error> {
        Answer::item(&desk.ctx.act(Request::WorkStop { issue: self.issue }, false)?.items)
    }
}

impl Tool for Retry {
    const NAME: &'static str = "worker_retry";
    const TITLE: &'static str = "Try again";
    const KIND: Kind = Kind::Changes { destroys: false, again: true, outside: true };

    fn call(self, desk: &mut Desk<'_>) -> Result<Answer, Error> {
        Answer::item(&desk.ctx.act(Request::WorkRetry { issue: self.issue }, false)?.items)
    }
}
