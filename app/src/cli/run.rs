//! `convoy run`: have work done, and follow it.

use std::cell::RefCell;
use std::fmt::Write as _;

use clap::Args;
use convoy_api::{Failure, Order, Service};
use convoy_core::command::Request;
use convoy_core::event::Envelope;
use convoy_core::id::Seq;
use convoy_core::view::StandingView;

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
        let look = |service: &dyn Service| -> Result<Look<Vec<StandingView>>, Error> {
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
    fn standing(
        &self,
        service: &dyn Service,
        display: &mut Display,
    ) -> Result<Option<Vec<StandingView>>, Failure> {
        let Some(id) = &self.convoy else {
            display.look_around(service)?;
            return ask::rest(service);
        };
        let (standing, _) = ask::standing(service, id)?;
        display.look_at(service, &standing.convoy)?;
        Ok(standing.is_over().then(|| vec![standing]))
    }
}

fn report(ctx: &mut Context, one: bool, standing: &[StandingView]) -> Result<u8, Error> {
    match standing {
        [of] if one => ctx.out.json(&of.convoy)?,
        all => ctx.out.json(&all.iter().map(|of| &of.convoy).collect::<Vec<_>>())?,
    }
    let mut said = String::new();
    for of in standing {
        let _ = write!(said, "\n{}", status::details(&of.convoy));
    }
    if standing.is_empty() {
        said.push_str("Nothing more is under way.\n\nNext: convoy run <convoy>    (start one)\n");
    }
    for stuck in standing.iter().filter_map(|of| of.stuck.as_ref()) {
        let (detail, command) = (text::line(&stuck.detail), text::line(&stuck.command));
        let _ = writeln!(said, "\nNothing can move in {}: {detail}\n  try: {command}", stuck.convoy_id);
    }
    ctx.out.say(&said)?;
    let statuses: Vec<u8> = standing.iter().map(|of| roles::exit_status(&of.convoy)).collect();
    let failed = statuses.contains(&1) || standing.iter().any(|of| of.stuck.is_some());
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
