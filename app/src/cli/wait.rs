//! `convoy wait`.

use clap::Args;
use convoy_api::{Failure, Service};
use convoy_core::event::{Envelope, Event};
use convoy_core::id::Seq;
use convoy_core::time::Span;
use convoy_core::view::ConvoyView;

use super::context::Context;
use super::follow::{End, Follow, Look, See};
use super::{ask, roles, status, values};
use crate::error::{DONE, Error, PARTIAL};
use crate::text;

/// Wait until convoys land
///
/// Exit status: 0 when they landed, 1 when one was abandoned or failed, 5 when roles of a template convoy failed and
/// others did not, 124 when the time ran out.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  convoy wait hq-cv-abc12\n  convoy wait hq-cv-abc12 hq-cv-w3nm6 --any --timeout 1h30m"
)]
pub(super) struct Wait {
    /// Convoys, or unique prefixes of their ids
    #[arg(value_name = "CONVOY", required = true)]
    convoys: Vec<String>,
    /// The longest to wait, such as 10s, 5m or 1h30m
    #[arg(long, value_name = "D", value_parser = values::duration)]
    timeout: Option<Span>,
    /// Until one of them is closed, not all
    #[arg(long)]
    any: bool,
}

impl Wait {
    pub(super) fn run(self, ctx: &mut Context) -> Result<u8, Error> {
        let mut follow = Follow::new(ctx.workspace()?, self.timeout);
        // What is closed already needs no engine that stays.
        let mut seen = ctx.with(|service| self.look(service))?.0;
        if !self.is_over(&seen) {
            let look = |service: &dyn Service| {
                let (views, seq) = self.look(service)?;
                seen = views;
                Ok(Look { end: self.is_over(&seen).then_some(()), seq })
            };
            if follow.until(|| ctx.staying(), look, |event| Ok(matters(event)))? == End::TimeOut {
                return Err(timed_out(&seen));
            }
        }
        self.report(ctx, &seen)
    }

    fn look(&self, service: &dyn Service) -> Result<(Vec<ConvoyView>, Seq), Failure> {
        let mut views = Vec::new();
        let mut first = None;
        for id in &self.convoys {
            let (view, seq) = ask::convoy(service, id)?;
            views.push(view);
            first.get_or_insert(seq);
        }
        Ok((views, first.unwrap_or_default()))
    }

    fn is_over(&self, convoys: &[ConvoyView]) -> bool {
        let mut closed = convoys.iter().map(|convoy| convoy.closed_at.is_some());
        if self.any { closed.any(|closed| closed) } else { closed.all(|closed| closed) }
    }

    fn report(&self, ctx: &mut Context, convoys: &[ConvoyView]) -> Result<u8, Error> {
        match convoys {
            [convoy] => ctx.out.json(convoy)?,
            convoys => ctx.out.json(convoys)?,
        }
        let closed = || convoys.iter().filter(|convoy| convoy.closed_at.is_some());
        for convoy in closed() {
            let (glyph, title) = (status::convoy_glyph(&convoy.status), text::title(&convoy.title));
            ctx.out.say(&format!("🚚 {}: {title} {glyph} {}\n", convoy.id, text::line(&convoy.status)))?;
        }
        // What is worse counts: that one failed before that one has something missing.
        let statuses: Vec<u8> = closed().map(roles::exit_status).collect();
        let worst = [1, PARTIAL].into_iter().find(|status| statuses.contains(status));
        Ok(worst.unwrap_or(DONE))
    }
}

fn matters(event: &Envelope) -> See {
    match event.event {
        Event::ConvoyLanded { .. } | Event::ConvoyAbandoned { .. } | Event::ConvoyReopened { .. } => {
            See::Look
        }
        _ => See::Nothing,
    }
}

fn timed_out(convoys: &[ConvoyView]) -> Error {
    let open: Vec<String> = convoys
        .iter()
        .filter(|convoy| convoy.closed_at.is_none())
        .map(|convoy| format!("{} ({}/{})", convoy.id, convoy.completed, convoy.total))
        .collect();
    let hint = convoys.first().map(|convoy| format!("see why: convoy why {}", convoy.id));
    Failure {
        code: convoy_api::Code::Timeout,
        message: format!("time ran out; not closed yet: {}", open.join(", ")),
        hint,
    }
    .into()
}
