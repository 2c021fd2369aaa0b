//! Following a template convoy to its end.

use std::cell::RefCell;
use std::fmt::Write as _;

use convoy_api::{Failure, Service};
use convoy_core::event::Envelope;
use convoy_core::id::{ConvoyId, Seq};
use convoy_core::view::{ConvoyView, StrandedView};

use super::context::Context;
use super::display::Display;
use super::follow::{End, Follow, Look};
use super::progress::Scope;
use super::{ask, roles, status};
use crate::error::{Error, INTERRUPTED};
use crate::live::Stream;
use crate::text;

/// Where a convoy stands when nothing more is to be followed.
pub(super) struct Standing {
    /// The convoy.
    pub(super) convoy: ConvoyView,
    /// Why nothing can move, if it is not over.
    pub(super) stuck: Option<StrandedView>,
}

/// Follows a convoy from an event on, until it is over or nothing in it can move. The exit status.
pub(super) fn follow(ctx: &mut Context, convoy: &ConvoyView, since: Seq) -> Result<u8, Error> {
    match until_over(ctx, convoy, since, Stream::Out)? {
        Some(standing) => report(ctx, &standing),
        None => detached(ctx, &convoy.id),
    }
}

/// Follows a convoy from an event on; nothing if a person has had enough before it is over. How it does is told on the
/// stream.
pub(super) fn until_over(
    ctx: &mut Context,
    convoy: &ConvoyView,
    since: Seq,
    told: Stream,
) -> Result<Option<Standing>, Error> {
    let workspace = ctx.workspace()?;
    let follow = Follow::new(workspace.clone(), None).interruptible()?;
    let (mut display, mut follow) = Display::new(&ctx.out, &ctx.env, told, &workspace, follow)?;
    let workers = ctx.with(|service| ask::workers(service, false))?;
    display.scope = Scope::new(Some(convoy), &workers);
    let display = RefCell::new(display);
    let mut after = Some(since);
    let look = |service: &dyn Service| -> Result<Look<Standing>, Error> {
        let (standing, seq) = standing(service, &convoy.id)?;
        let mut display = display.borrow_mut();
        display.look_at(service, &standing.convoy)?;
        let over = standing.convoy.closed_at.is_some() || standing.stuck.is_some() || display.is_closed();
        // What happened between its start and this look is still to be told.
        Ok(Look { end: over.then_some(standing), seq: after.take().unwrap_or(seq) })
    };
    let see = |event: &Envelope| display.borrow_mut().see(event);
    let show = |woken| display.borrow_mut().show(woken);
    let end = follow.until_shown(|| ctx.staying(), look, see, show)?;
    display.borrow_mut().clear()?;
    Ok(match end {
        End::Reached(standing) => Some(standing),
        End::Interrupted | End::TimeOut | End::Unseen => None,
    })
}

fn standing(service: &dyn Service, id: &ConvoyId) -> Result<(Standing, Seq), Failure> {
    let (convoy, seq) = ask::convoy(service, id.as_str())?;
    let mut stuck = ask::stranded(service)?;
    stuck.retain(|found| found.convoy_id == *id && found.category.is_stuck());
    Ok((Standing { convoy, stuck: stuck.pop() }, seq))
}

fn report(ctx: &mut Context, standing: &Standing) -> Result<u8, Error> {
    let Standing { convoy, stuck } = standing;
    ctx.out.json(convoy)?;
    let mut said = format!("\n{}", status::details(convoy));
    if convoy.closed_at.is_some() {
        let read = match roles::report_path(convoy) {
            Some(_) => format!("convoy output {}    (read the report)", convoy.id),
            None => format!("convoy output {} <role>    (read what one of them wrote)", convoy.id),
        };
        let _ = writeln!(said, "\nNext: {read}");
    }
    if let Some(stuck) = stuck {
        let (detail, command) = (text::line(&stuck.detail), text::line(&stuck.command));
        let _ = writeln!(said, "\nNothing can move in {}: {detail}\n  try: {command}", convoy.id);
    }
    ctx.out.say(&said)?;
    if ctx.out.quiet && !ctx.out.json {
        ctx.out.raw(&format!("{}\n", convoy.id))?;
    }
    Ok(roles::exit_status(convoy))
}

fn detached(ctx: &mut Context, id: &ConvoyId) -> Result<u8, Error> {
    if ctx.out.json {
        let error = Error::refused(format!("interrupted; {id} goes on"))
            .hint(format!("follow it: convoy start {id} --wait"))
            .hint(format!("stop it: convoy stop {id}"));
        return Err(Error { kind: "interrupted", status: INTERRUPTED, ..error });
    }
    ctx.out.say(&format!(
        "\nDetached. {id} goes on in the background.\n\nNext: convoy start {id} --wait    (follow it again)\n      \
         convoy stop {id}    (stop it)\n"
    ))?;
    Ok(INTERRUPTED)
}
