//! `convoy mq`: the merge queue.

use std::fmt::Write as _;

use clap::{Args, Subcommand};
use convoy_core::command::Request;
use convoy_core::view::QueueItemView;

use super::ask;
use super::context::Context;
use crate::error::{DONE, Error};
use crate::text;

/// Look at what is to land, and steer it
///
/// Branches land one after another in each base branch. With 'merge = "queue"' several are merged together and
/// tested once.
#[derive(Debug, Subcommand)]
pub(super) enum Mq {
    List(List),
    Status(Status),
    Retry(Retry),
    Reject(Reject),
}

/// List what is to land, in order
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  convoy mq list --json")]
pub(super) struct List {
    /// Only of this rig
    #[arg(long)]
    rig: Option<String>,
}

/// Show where a branch is in the queue
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  convoy mq status gt-abc")]
pub(super) struct Status {
    /// The issue, or its worker
    issue: String,
}

/// Try a branch at once that something holds up, or look at its request at once
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  convoy mq retry gt-abc")]
pub(super) struct Retry {
    /// The issue, or its worker
    issue: String,
}

/// Give a branch back instead of merging it
///
/// With a reason its worker goes on from its work, and is told the reason. Without one the issue waits for a person.
/// Neither counts as a failed attempt.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  convoy mq reject gt-abc --reason 'the login needs a test'")]
pub(super) struct Reject {
    /// The issue, or its worker
    issue: String,
    /// What is to be done differently
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
}

impl Mq {
    pub(super) fn run(self, ctx: &mut Context) -> Result<u8, Error> {
        match self {
            Self::List(List { rig }) => list(ctx, rig),
            Self::Status(Status { issue }) => status(ctx, &issue),
            Self::Retry(Retry { issue }) => {
                let outcome = ctx.act(Request::MergeRetry { issue }, false)?;
                ctx.out.item(&outcome.items, "Retrying the merge of")
            }
            Self::Reject(Reject { issue, reason }) => {
                let outcome = ctx.act(Request::MergeReject { issue, reason }, false)?;
                ctx.out.item(&outcome.items, "Rejected the branch of")
            }
        }
    }
}

fn list(ctx: &mut Context, rig: Option<String>) -> Result<u8, Error> {
    let items = ctx.with(|service| ask::queue(service, rig, None))?;
    ctx.out.json(&items)?;
    if items.is_empty() {
        ctx.out.say("Nothing waits to land.\n")?;
        return Ok(DONE);
    }
    let row = |item: &QueueItemView| {
        let or_none = |value: Option<String>| value.unwrap_or_else(|| "-".to_owned());
        vec![
            or_none(item.position.map(|n| n.to_string())),
            item.issue_id.to_string(),
            text::line(&item.state).into_owned(),
            item.strategy.name().to_owned(),
            or_none(item.batch.map(|batch| batch.0.to_string())),
            lane(item),
            or_none(item.age_s.map(text::age)),
            text::cut(item.request.as_deref().or(item.detail.as_deref()).unwrap_or_default(), 80),
        ]
    };
    let heads = ["", "ISSUE", "STATE", "MERGE", "BATCH", "INTO", "AGE", "DETAIL"];
    let heads = heads.map(str::to_owned).to_vec();
    let rows: Vec<Vec<String>> = std::iter::once(heads).chain(items.iter().map(row)).collect();
    ctx.out.say(&text::table(&rows))?;
    Ok(DONE)
}

/// The rig and the branch that it lands in.
fn lane(item: &QueueItemView) -> String {
    match &item.base_branch {
        Some(branch) => format!("{}/{}", text::line(&item.rig), text::line(branch)),
        None => text::line(&item.rig).into_owned(),
    }
}

fn status(ctx: &mut Context, issue: &str) -> Result<u8, Error> {
    let mut items = ctx.with(|service| ask::queue(service, None, Some(issue.to_owned())))?;
    let item = items.pop().ok_or_else(|| Error::refused(format!("{issue} is not in the merge queue")))?;
    ctx.out.json(&item)?;
    let mut said = format!("{}: {}\n\n", item.issue_id, text::line(&item.state));
    let mut fact = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            let _ = writeln!(said, "  {:<11} {value}", format!("{name}:"));
        }
    };
    fact("Position", item.position.map(|n| n.to_string()));
    fact("Strategy", Some(item.strategy.name().to_owned()));
    fact("Into", Some(lane(&item)));
    fact("Batch", item.batch.map(|batch| batch.0.to_string()));
    fact("Branch", item.branch.as_deref().map(|branch| text::line(branch).into_owned()));
    fact("Submitted", item.submitted_at.map(text::time));
    fact("Round", (item.round > 0).then(|| item.round.to_string()));
    fact("Conflicts", (item.conflicts > 0).then(|| item.conflicts.to_string()));
    fact("Request", item.request.as_deref().map(|url| text::line(url).into_owned()));
    fact("Retry at", item.retry_at.map(text::time));
    fact("Detail", item.detail.as_deref().map(|detail| text::cut(detail, 300)));
    ctx.out.say(&said)?;
    Ok(DONE)
}
