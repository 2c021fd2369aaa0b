//! `convoy top`.

use clap::Args;
use convoy_api::query::{ConvoyFilter, CostOf, IssueFilter};
use convoy_api::{Failure, Service};
use convoy_core::event::Envelope;
use convoy_core::id::Seq;

use super::ask;
use super::context::Context;
use super::progress::Scope;
use crate::error::{DONE, Error};
use crate::top::{self, Data, Start};

/// How many events are shown of those that nobody saw happen.
const EVENTS_MAX: u64 = 200;
/// How many issues that wait for a person are asked for; whoever has more begins with these.
const NEEDS_HUMAN_MAX: usize = 200;

/// Look at everything on one screen, live
///
/// Convoys, workers, what they print, what happens, what needs you and what it costs. Keys stop and retry work and land
/// what is complete; each asks first. '?' shows the keys. With --json it prints what the first screen shows, once.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  convoy top\n  convoy top --json | jq .needs_human")]
pub(super) struct Top {}

impl Top {
    pub(super) fn run(self, ctx: &mut Context) -> Result<u8, Error> {
        let Self {} = self;
        let workspace = ctx.workspace()?;
        if ctx.out.json {
            ctx.out.json(&top::look(&workspace, &ctx.env, look)?)?;
            return Ok(DONE);
        }
        top::check_terminal(&ctx.env)?;
        // Whom sessions belong to that had begun before is known from the first look.
        let mut scope = None;
        let line = move |event: &Envelope, data: &Data| {
            scope.get_or_insert_with(|| Scope::new(None, &data.workers)).line(event)
        };
        let color = ctx.out.colors();
        let (env, actor) = (ctx.env.clone(), ctx.actor()?);
        top::run(Start { workspace, env, actor, color, look, line: Box::new(line) })
    }
}

/// What there is; and if they are wanted, the last events after one that is known.
fn look(service: &dyn Service, after: Option<Seq>) -> Result<(Data, Vec<Envelope>), Failure> {
    // The number comes first: whatever happens while the others are asked is told by an event after it.
    let seq = ask::engine(service)?.seq;
    let events = match after {
        None => Vec::new(),
        Some(after) => {
            let after = after.max(Seq(seq.0.saturating_sub(EVENTS_MAX)));
            ask::events(service, after, EVENTS_MAX as usize, None)?.0
        }
    };
    let needs_human = IssueFilter {
        status: Some("needs_human".to_owned()),
        limit: Some(NEEDS_HUMAN_MAX),
        ..IssueFilter::default()
    };
    let data = Data {
        seq,
        convoys: ask::convoys(service, ConvoyFilter::default())?,
        workers: ask::workers(service, false)?,
        stranded: ask::stranded(service)?,
        needs_human: ask::issues(service, needs_human)?.0,
        cost: ask::cost(service, CostOf::Workspace, None)?,
    };
    Ok((data, events))
}
