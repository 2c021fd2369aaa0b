//! `convoy top`.

use clap::Args;
use convoy_api::query::{ConvoyFilter, CostOf};
use convoy_api::{Failure, Service};
use convoy_core::event::Envelope;
use convoy_core::id::Seq;

use super::context::Context;
use super::progress::Scope;
use crate::ask;
use crate::error::{DONE, Error};
use crate::top::{self, Data, Start, Wanted};

/// How many events are shown of those that nobody saw happen.
const EVENTS_MAX: u64 = 200;
/// How many convoys are listed; a search in more than that is one for `convoy list`.
const CONVOYS_MAX: usize = 500;

/// Look at everything on one screen, live
///
/// Convoys, workers, what they print, what happens, what needs you and what it costs. Keys stop and retry work and land
/// what is complete; each asks first. '?' shows the keys. With --json it prints the overview, once.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  convoy top\n  convoy top --json | jq .needs")]
pub(super) struct Top {}

impl Top {
    pub(super) fn run(self, ctx: &mut Context) -> Result<u8, Error> {
        let Self {} = self;
        if ctx.out.json {
            let overview = ctx.with(ask::overview)?;
            ctx.out.json(&overview)?;
            return Ok(DONE);
        }
        let workspace = ctx.workspace()?;
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

fn look(service: &dyn Service, wanted: &Wanted) -> Result<(Data, Vec<Envelope>), Failure> {
    // The overview comes first: whatever happens while the others are asked is told by an event after it.
    let overview = ask::overview(service)?;
    let earliest = Seq(overview.seq.0.saturating_sub(EVENTS_MAX));
    let events = match wanted.after {
        None => Vec::new(),
        Some(after) => ask::events(service, after.max(earliest), EVENTS_MAX as usize, None)?.0,
    };
    let active = ConvoyFilter { limit: Some(CONVOYS_MAX), ..ConvoyFilter::default() };
    let (convoys, convoys_total) = ask::convoy_lines(service, active)?;
    // One that is gone has no page, and that is no reason to show nothing.
    let convoy = wanted.convoy.as_ref().and_then(|id| ask::convoy(service, id.as_str()).ok());
    let cost = wanted.cost.then(|| ask::cost(service, CostOf::Workspace, None)).transpose()?;
    let mut workers = ask::workers(service, false)?;
    // Those whose issue is closed, or somebody else's, are history.
    workers.retain(|worker| worker.gave_up || !matches!(worker.state.as_str(), "failed" | "stopped"));
    let data =
        Data { overview, convoys, convoys_total, workers, convoy: convoy.map(|(convoy, _)| convoy), cost };
    Ok((data, events))
}
