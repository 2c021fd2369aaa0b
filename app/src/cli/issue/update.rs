//! `convoy issue update`.

use clap::{Args, ValueEnum};
use convoy_core::command::Request;
use convoy_core::event::IssueChange;
use convoy_core::issue::CloseReason;

use crate::cli::context::Context;
use crate::cli::values;
use crate::error::Error;

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum State {
    /// Open it again
    Open,
    /// Close it as completed
    Closed,
}

/// Change issues
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  convoy issue update gt-abc --priority 0 --add-label urgent\n  \
    convoy issue update gt-abc --body-file -\n  convoy issue update gt-abc --status closed")]
#[group(id = "change", required = true, multiple = true,
    args = ["title", "body", "body_file", "priority", "kind", "add_labels", "remove_labels", "acceptance", "status"])]
pub(in crate::cli) struct Update {
    /// Issues, or unique prefixes of their ids
    #[arg(value_name = "ID", required = true)]
    ids: Vec<String>,
    /// New title
    #[arg(long)]
    title: Option<String>,
    #[command(flatten)]
    body: values::Body,
    /// From 0, most urgent, to 4
    #[arg(long, value_name = "0-4", value_parser = clap::value_parser!(u8).range(0..=4))]
    priority: Option<u8>,
    /// What sort of work
    #[arg(long = "type", value_name = "TYPE")]
    kind: Option<values::Type>,
    /// A label to add; may be repeated
    #[arg(long = "add-label", value_name = "LABEL")]
    add_labels: Vec<String>,
    /// A label to take away; may be repeated
    #[arg(long = "remove-label", value_name = "LABEL")]
    remove_labels: Vec<String>,
    /// When it counts as done, in place of what was said before; may be repeated
    #[arg(long, value_name = "TEXT")]
    acceptance: Vec<String>,
    /// Open or close it; goes alone
    #[arg(long, conflicts_with_all = ["title", "body", "body_file", "priority", "kind", "add_labels", "remove_labels",
        "acceptance"])]
    status: Option<State>,
}

impl Update {
    pub(super) fn run(self, ctx: &mut Context) -> Result<u8, Error> {
        let ids = self.ids;
        let (request, done) = match self.status {
            Some(State::Open) => (Request::IssueReopen { ids }, "Reopened"),
            Some(State::Closed) => {
                let reason = CloseReason::Completed;
                (Request::IssueClose { ids, reason, duplicate_of: None, note: None }, "Closed")
            }
            None => {
                let change = IssueChange {
                    title: self.title,
                    body: self.body.read()?,
                    priority: self.priority,
                    issue_type: self.kind.map(Into::into),
                    add_labels: self.add_labels,
                    remove_labels: self.remove_labels,
                    acceptance: (!self.acceptance.is_empty()).then_some(self.acceptance),
                };
                (Request::IssueUpdate { ids, change }, "Updated")
            }
        };
        let (outcome, landed) = ctx.act_and_land(request)?;
        let status = ctx.out.items(&outcome.items, done)?;
        ctx.out.landed(&landed)?;
        Ok(status)
    }
}
