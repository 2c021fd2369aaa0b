//! `convoy run`: have work done, and follow it.

use std::cell::RefCell;
use std::fmt::Write as _;

use clap::Args;
use convoy_api::query::ConvoyFilter;
use convoy_api::{Failure, Order, Service};
use convoy_core::command::Request;
use convoy_core::event::Envelope;
use convoy_core::id::{ConvoyId, Seq};
use convoy_core::view::{ConvoyView, StrandedView};

use super::context::Context;
use super::display::Display;
use super::follow::{End, Follow, Look};
use super::progress::Scope;
use super::way::Way;
use super::{ask, roles, status};
use crate::error::{DONE, Error, INTERRUPTED, PARTIAL};
use crate::live::Stream;
use crate::text;

/// Have a convoy worked on, and follow it until it lands
///
/// Without a convoy: everything that is started. Ends when it has landed, or when nothing can move any more.
/// Ctrl-C ends the following; agents go on.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  convoy run hq-cv-abc12\n  convoy run")]
pub(super) struct Run {
    /// The convoy, or a unique prefix of its id
    convoy: Option<String>,
    /// From which event on it is followed, if not from now on.
    #[arg(skip)]
    since: Option<Seq>,
}

/// Where things stand when nothing more is to be followed.
struct Standing {
    convoys: Vec<ConvoyView>,
    stuck: Vec<StrandedView>,
}

impl Run {
    /// Of one convoy.
    pub(super) fn of(convoy: String) -> Self {
        Self { convoy: Some(convoy), since: None }
    }

    /// Of one convoy, with everything since an event.
    pub(super) fn since(convoy: String, seq: Seq) -> Self {
        Self { convoy: Some(convoy), since: Some(seq) }
    }

    pub(super) fn run(self, ctx: &mut Context) -> Result<u8, Error> {
        let workspace = ctx.workspace()?;
        let env = ctx.env.clone();
        let open = || Ok(Way::to_any(&workspace, &env)?);
        let start = match self.convoy.clone() {
            Some(convoy) => Some(ctx.order(Request::ConvoyStart { convoy })?),
            None => None,
        };
        let mut begun = None;
        let follow = Follow::new(workspace.clone(), None).interruptible()?;
        let (display, mut follow) = Display::new(&ctx.out, &ctx.env, Stream::Out, &workspace, follow)?;
        let display = RefCell::new(display);
        let look = |service: &dyn Service| -> Result<Look<Standing>, Error> {
            let mut display = display.borrow_mut();
            let seq = match begun {
                Some(seq) => seq,
                None => *begun.insert(self.begin(service, start.clone(), &mut display.scope)?),
            };
            Ok(Look { end: self.standing(service, &mut display)?, seq })
        };
        let see = |event: &Envelope| display.borrow_mut().see(event);
        let show = |woken| display.borrow_mut().show(woken);
        let end = follow.until_shown(open, look, see, show)?;
        display.borrow_mut().clear()?;
        match end {
            End::Reached(standing) => report(ctx, self.convoy.is_some(), &standing),
            End::Interrupted | End::TimeOut | End::Unseen => detached(ctx, self.convoy.as_deref()),
        }
    }

    /// Starts the convoy. What happened before is not followed.
    fn begin(&self, service: &dyn Service, start: Option<Order>, scope: &mut Scope) -> Result<Seq, Failure> {
        let seq = match self.since {
            Some(seq) => seq,
            None => ask::engine(service)?.seq,
        };
        let convoy =
            self.convoy.as_deref().map(|id| ask::convoy(service, id)).transpose()?.map(|found| found.0);
        *scope = Scope::new(convoy.as_ref(), &ask::workers(service, false)?);
        if let (Some(order), Some(None)) = (start, convoy.map(|convoy| convoy.closed_at)) {
            service.order(order)?;
        }
        Ok(seq)
    }

    /// Where things stand, if nothing more is to be followed.
    fn standing(&self, service: &dyn Service, display: &mut Display) -> Result<Option<Standing>, Failure> {
        let stuck: Vec<StrandedView> =
            ask::stranded(service)?.into_iter().filter(|found| found.category.is_stuck()).collect();
        let is_stuck = |id: &ConvoyId| stuck.iter().any(|convoy| convoy.convoy_id == *id);
        if let Some(id) = &self.convoy {
            let (convoy, _) = ask::convoy(service, id)?;
            display.look_at(service, &convoy)?;
            let over = convoy.closed_at.is_some() || is_stuck(&convoy.id);
            let stuck = stuck.iter().filter(|stuck| stuck.convoy_id == convoy.id).cloned().collect();
            return Ok(over.then(|| Standing { convoys: vec![convoy], stuck }));
        }
        display.look_around(service)?;
        let engine = ask::engine(service)?;
        if engine.live_sessions > 0 || !engine.open_convoys.iter().all(is_stuck) {
            return Ok(None);
        }
        let mut convoys = ask::convoys(service, ConvoyFilter::default())?;
        convoys.retain(|convoy| engine.open_convoys.contains(&convoy.id));
        let stuck =
            stuck.iter().filter(|stuck| engine.open_convoys.contains(&stuck.convoy_id)).cloned().collect();
        Ok(Some(Standing { convoys, stuck }))
    }
}

fn report(ctx: &mut Context, one: bool, standing: &Standing) -> Result<u8, Error> {
    match standing.convoys.as_slice() {
        [convoy] if one => ctx.out.json(convoy)?,
        convoys => ctx.out.json(convoys)?,
    }
    let mut said = String::new();
    for convoy in &standing.convoys {
        let _ = write!(said, "\n{}", status::details(convoy));
    }
    if standing.convoys.is_empty() {
        said.push_str("Nothing more is under way.\n\nNext: convoy run <convoy>    (start one)\n");
    }
    for stuck in &standing.stuck {
        let (detail, command) = (text::line(&stuck.detail), text::line(&stuck.command));
        let _ = writeln!(said, "\nNothing can move in {}: {detail}\n  try: {command}", stuck.convoy_id);
    }
    ctx.out.say(&said)?;
    let statuses: Vec<u8> = standing.convoys.iter().map(roles::exit_status).collect();
    let failed = statuses.contains(&1) || !standing.stuck.is_empty();
    let partial = statuses.contains(&PARTIAL);
    Ok(if failed {
        1
    } else if partial {
        PARTIAL
    } else {
        DONE
    })
}

fn detached(ctx: &mut Context, convoy: Option<&str>) -> Result<u8, Error> {
    let again = convoy.map(|id| format!(" {}", text::line(id))).unwrap_or_default();
    if ctx.out.json {
        let error =
            Error::refused("interrupted; agents go on").hint(format!("follow them: convoy run{again}"));
        return Err(Error { kind: "interrupted", status: INTERRUPTED, ..error });
    }
    ctx.out.say(&format!(
        "\nDetached. Agents go on under their supervisors.\n\nNext: convoy run{again}    (follow again)\n      \
         convoy work stop <issue>    (stop one)\n      convoy down --stop-agents    (stop all)\n"
    ))?;
    Ok(INTERRUPTED)
}
