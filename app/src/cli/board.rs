//! Following a template convoy to its end.

use std::cell::RefCell;
use std::fmt::Write as _;

use convoy_api::Service;
use convoy_core::event::Envelope;
use convoy_core::id::{ConvoyId, Seq};
use convoy_core::view::{ConvoyView, StandingView};

use super::context::Context;
use super::display::Display;
use super::follow::{End, Follow, Look};
use super::progress::Scope;
use super::{ask, roles, status};
use crate::error::{Error, INTERRUPTED};
use crate::live::Stream;
use crate::text;

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
) -> Result<Option<StandingView>, Error> {
    let workspace = ctx.workspace()?;
    let follow = Follow::new(workspace.clone(), None).interruptible()?;
    let (mut display, mut follow) = Display::new(&ctx.out, &ctx.env, told, &workspace, follow)?;
    let workers = ctx.with(|service| ask::workers(service, false))?;
    display.scope = Scope::new(Some(convoy), &workers);
    let display = RefCell::new(display);
    let mut after = Some(since);
    let look = |service: &dyn Service| -> Result<Look<StandingView>, Error> {
        let (standing, seq) = ask::standing(service, convoy.id.as_str())?;
        let mut display = display.borrow_mut();
        display.look_at(service, &standing.convoy)?;
        let over = standing.is_over() || display.is_closed();
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

fn report(ctx: &mut Context, standing: &StandingView) -> Result<u8, Error> {
    let StandingView { convoy, stuck } = standing;
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
