//! `convoy issue update`.

use clap::Args;
use convoy_core::command::Request;
use convoy_core::event::IssueChange;
use convoy_core::import::Hold;
use convoy_core::issue::CloseReason;

use super::dep::is_convoy;
use crate::cli::context::Context;
use crate::error::Error;
use crate::values;

#[derive(Clone, Debug, PartialEq, Eq)]
enum State {
    Open,
    Closed,
    Held(Hold),
}

const WORDS: &str = "open, closed, in_progress, deferred or blocked";

fn state(word: &str) -> Result<State, String> {
    match word {
        "open" => Ok(State::Open),
        "closed" => Ok(State::Closed),
        "in_progress" | "deferred" | "blocked" => Hold::new(word).map(State::Held),
        "completed" | "done" => Err(format!("an issue is {WORDS}; what is done is closed: --status closed")),
        _ => Err(format!("expected {WORDS}")),
    }
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
    /// open or closed; in_progress, deferred and blocked keep agents from it; goes alone
    ///
    /// A convoy may be named as well: open reopens it, closed closes it.
    #[arg(long, value_name = "STATUS", value_parser = state, conflicts_with_all = ["title", "body", "body_file", "priority",
        "kind", "add_labels", "remove_labels", "acceptance"])]
    status: Option<State>,
}

impl Update {
    pub(super) fn run(self, ctx: &mut Context) -> Result<u8, Error> {
        if let Some(state) = self.status {
            return set(ctx, self.ids, &state);
        }
        let change = IssueChange {
            title: self.title,
            body: self.body.read()?,
            priority: self.priority,
            issue_type: self.kind.map(Into::into),
            add_labels: self.add_labels,
            remove_labels: self.remove_labels,
            hold: None,
            acceptance: (!self.acceptance.is_empty()).then_some(self.acceptance),
        };
        let outcome = ctx.act(Request::IssueUpdate { ids: self.ids, change }, false)?;
        ctx.out.items(&outcome.items, "Updated")
    }
}

/// Issues in one step; then each convoy, which other trackers keep among their issues.
fn set(ctx: &mut Context, ids: Vec<String>, state: &State) -> Result<u8, Error> {
    let (convoys, ids): (Vec<String>, Vec<String>) =
        ctx.with(|service| Ok(ids.into_iter().partition(|id| is_convoy(service, id))))?;
    let done = match state {
        State::Open => "Reopened",
        State::Closed => "Closed",
        State::Held(_) => "Updated",
    };
    let mut items = Vec::new();
    let mut landed = Vec::new();
    if !ids.is_empty() {
        let request = match state {
            State::Open => Request::IssueReopen { ids },
            State::Closed => {
                Request::IssueClose { ids, reason: CloseReason::Completed, duplicate_of: None, note: None }
            }
            State::Held(hold) => {
                let change = IssueChange { hold: Some(hold.clone()), ..IssueChange::default() };
                Request::IssueUpdate { ids, change }
            }
        };
        let (outcome, by_it) = ctx.act_and_land(request)?;
        items.extend(outcome.items);
        landed = by_it;
    }
    for convoy in convoys {
        let request = match state {
            State::Open => Request::ConvoyReopen { convoy },
            State::Closed => Request::ConvoyClose { convoy, reason: None, notify: Vec::new() },
            State::Held(_) => {
                return Err(Error::refused(format!("{convoy} is a convoy: it is opened or closed")));
            }
        };
        items.extend(ctx.act(request, false)?.items);
    }
    let status = ctx.out.items(&items, done)?;
    ctx.out.landed(&landed)?;
    Ok(status)
}
