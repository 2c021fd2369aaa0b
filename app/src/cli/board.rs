//! Following a template convoy to its end: a line for each role that changes in its place on a terminal, and a line for
//! each event elsewhere.

use std::cell::RefCell;
use std::fmt::Write as _;
use std::io::IsTerminal as _;

use convoy_api::{Failure, Service};
use convoy_core::event::Envelope;
use convoy_core::id::{ConvoyId, Seq};
use convoy_core::view::{ConvoyView, StrandedView};

use super::context::Context;
use super::follow::{End, Follow, Look, See};
use super::progress::{self, Scope};
use super::{ask, roles, status};
use crate::error::{Error, INTERRUPTED};
use crate::output::Output;
use crate::text;

/// Lines are cut here, because one that the terminal breaks is more than one line to go back over.
const LINE_CHARS: usize = 78;
/// What a role's line says of time, model and cost.
const ROLE_CHARS: usize = 24;

/// Where a convoy stands when nothing more is to be followed.
pub(super) struct Standing {
    /// The convoy.
    pub(super) convoy: ConvoyView,
    /// Why nothing can move, if it is not over.
    pub(super) stuck: Option<StrandedView>,
}

/// Where it is told how a convoy does.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Told {
    /// On stdout, before what came of it.
    Out,
    /// On stderr: stdout is for what came of it alone.
    Aside,
}

/// Follows a convoy from an event on, until it is over or nothing in it can move. The exit status.
pub(super) fn follow(ctx: &mut Context, convoy: &ConvoyView, since: Seq) -> Result<u8, Error> {
    match until_over(ctx, convoy, since, Told::Out)? {
        Some(standing) => report(ctx, &standing),
        None => detached(ctx, &convoy.id),
    }
}

/// Follows a convoy from an event on; nothing if a person has had enough before it is over.
pub(super) fn until_over(
    ctx: &mut Context,
    convoy: &ConvoyView,
    since: Seq,
    told: Told,
) -> Result<Option<Standing>, Error> {
    let live = !ctx.out.quiet
        && match told {
            Told::Out => std::io::stdout().is_terminal() && !ctx.out.json,
            Told::Aside => std::io::stderr().is_terminal(),
        };
    let mut board = Board { out: ctx.out.clone(), told, live, drawn: 0, shown: String::new() };
    let workers = ctx.with(|service| ask::workers(service, false))?;
    let scope = RefCell::new(Scope::new(Some(convoy), &workers));
    let out = &mut ctx.out.clone();
    let mut after = Some(since);
    let look = |service: &dyn Service| -> Result<Look<Standing>, Error> {
        let (standing, seq) = standing(service, &convoy.id)?;
        board.draw(&standing.convoy)?;
        let over = standing.convoy.closed_at.is_some() || standing.stuck.is_some() || board.out.is_closed();
        // What happened between its start and this look is still to be told.
        Ok(Look { end: over.then_some(standing), seq: after.take().unwrap_or(seq) })
    };
    let see = |event: &Envelope| {
        let line = scope.borrow_mut().line(event);
        match line.filter(|_| !live) {
            Some(line) if told == Told::Out => out.say(&line)?,
            Some(line) if !out.quiet => out.aside(&line),
            Some(_) | None => {}
        }
        Ok(if progress::moves(&event.event) || live { See::Look } else { See::Nothing })
    };
    let end = Follow::new(ctx.workspace()?, None).interruptible()?.until(|| ctx.staying(), look, see)?;
    Ok(match end {
        End::Reached(standing) => {
            board.clear()?;
            Some(standing)
        }
        End::Interrupted | End::TimeOut | End::Unseen => None,
    })
}

fn standing(service: &dyn Service, id: &ConvoyId) -> Result<(Standing, Seq), Failure> {
    let (convoy, seq) = ask::convoy(service, id.as_str())?;
    let mut stuck = ask::stranded(service)?;
    stuck.retain(|found| found.convoy_id == *id && found.category.is_stuck());
    Ok((Standing { convoy, stuck: stuck.pop() }, seq))
}

/// The lines of the roles on a terminal.
struct Board {
    out: Output,
    told: Told,
    live: bool,
    /// How many lines are there.
    drawn: usize,
    /// What they say.
    shown: String,
}

impl Board {
    fn draw(&mut self, convoy: &ConvoyView) -> Result<(), Error> {
        if !self.live {
            return Ok(());
        }
        let lines = lines(convoy);
        if lines == self.shown {
            return Ok(());
        }
        let text = format!("{}{lines}", self.back());
        self.drawn = lines.lines().count();
        self.shown = lines;
        self.print(&text)
    }

    fn print(&mut self, text: &str) -> Result<(), Error> {
        match self.told {
            Told::Out => self.out.raw(text),
            Told::Aside => {
                self.out.aside(text);
                Ok(())
            }
        }
    }

    /// Goes back to the first of them, and clears what is there.
    fn back(&self) -> String {
        if self.drawn == 0 { String::new() } else { format!("\x1b[{}A\r\x1b[J", self.drawn) }
    }

    fn clear(&mut self) -> Result<(), Error> {
        let back = self.back();
        self.drawn = 0;
        if back.is_empty() { Ok(()) } else { self.print(&back) }
    }
}

/// A line for each role.
fn lines(convoy: &ConvoyView) -> String {
    let mut said = String::new();
    for role in &convoy.roles {
        let name = text::cut(&role.role, ROLE_CHARS);
        let mut line = format!("{name:<ROLE_CHARS$} {:<9}", role.status);
        match (role.started_at, role.completed_at) {
            (Some(from), Some(to)) => line.push_str(&format!("  {}", text::age(to.since(from).as_secs()))),
            (Some(from), None) => line.push_str(&format!("  since {}", text::clock(from))),
            (None, _) => {}
        }
        if let Some(model) = &role.model {
            line.push_str(&format!("  {}", text::line(model)));
        }
        if role.spent.micros != 0 {
            line.push_str(&format!("  {}", text::money(&role.spent)));
        }
        if let Some(found) = role.findings {
            line.push_str(&format!("  {}", text::count(found as usize, "finding")));
        }
        if let Some(why) = &role.why {
            line.push_str(&format!("  {}", text::line(why)));
        }
        let _ = writeln!(said, "  {} {}", roles::glyph(&role.status), text::cut(&line, LINE_CHARS - 4));
    }
    said
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
