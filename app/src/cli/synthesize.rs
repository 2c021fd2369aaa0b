//! `convoy synthesize`.

use clap::Args;
use convoy_api::Service;
use convoy_core::command::Request;
use convoy_core::event::{Envelope, Event};
use convoy_core::view::{ConvoyView, ReportView};

use super::context::Context;
use super::follow::{End, Follow, Look, See};
use super::{ask, roles};
use crate::error::{DONE, Error, INTERRUPTED};
use crate::text;

/// Make the report of a template convoy again
///
/// It is made of what its roles have written, by code; no agent runs.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  convoy synthesize hq-cv-abc12 --wait\n  convoy synthesize hq-cv-abc12 --apply"
)]
pub(super) struct Synthesize {
    /// The convoy, or a unique prefix of its id
    convoy: String,
    /// Change the issues that it is about as its judgements say: labels and priority
    #[arg(long)]
    apply: bool,
    /// Wait until it is made, and say where it is
    #[arg(long)]
    wait: bool,
}

impl Synthesize {
    pub(super) fn run(self, ctx: &mut Context) -> Result<u8, Error> {
        let order =
            ctx.order(Request::ConvoySynthesize { convoy: self.convoy.clone(), apply: self.apply })?;
        let (outcome, before) = ctx.with(|service| {
            let before = ask::convoy(service, &self.convoy)?.0;
            Ok((service.order(order)?, before))
        })?;
        if !self.wait {
            let status = ctx.out.item(&outcome.items, "Report wanted of")?;
            let id = &before.id;
            ctx.out.say(&format!("\nNext: convoy output {id}    (read it, when it is made)\n"))?;
            return Ok(status);
        }
        let round = report(&before).map_or(0, |report| report.round);
        let look = |service: &dyn Service| {
            let (convoy, seq) = ask::convoy(service, before.id.as_str())?;
            let made = report(&convoy).is_some_and(|report| report.round > round);
            Ok(Look { end: made.then_some(convoy), seq })
        };
        let see = |event: &Envelope| {
            let made = matches!(event.event, Event::ConvoySynthesized { .. });
            Ok(if made && event.subject == before.id.as_str() { See::Look } else { See::Nothing })
        };
        match Follow::new(ctx.workspace()?, None).interruptible()?.until(|| ctx.staying(), look, see)? {
            End::Reached(convoy) => made(ctx, &convoy),
            End::Interrupted | End::TimeOut | End::Unseen => {
                ctx.out.say(&format!(
                    "\nIt is made in the background.\n\nNext: convoy output {}\n",
                    before.id
                ))?;
                Ok(INTERRUPTED)
            }
        }
    }
}

fn report(convoy: &ConvoyView) -> Option<&ReportView> {
    convoy.context.as_ref()?.report.as_ref()
}

fn made(ctx: &mut Context, convoy: &ConvoyView) -> Result<u8, Error> {
    ctx.out.json(convoy)?;
    let Some(report) = report(convoy) else { return Ok(DONE) };
    if let Some(why) = &report.error {
        return Err(Error::refused(format!("the report of {} could not be made: {why}", convoy.id))
            .hint(format!("read what its roles wrote: convoy output {} <role>", convoy.id)));
    }
    let mut said = format!("Report {} of {} is made", report.round, convoy.id);
    if let Some(counts) = roles::counts(&report.counts) {
        said.push_str(&format!(": {counts}"));
    }
    said.push('\n');
    if let Some(path) = roles::report_path(convoy) {
        said.push_str(&format!("  {}\n", text::line(&path)));
    }
    said.push_str(&format!("\nNext: convoy output {}    (read it)\n", convoy.id));
    ctx.out.say(&said)?;
    Ok(DONE)
}
