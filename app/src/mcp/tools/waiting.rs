//! Waiting until convoys are over, and telling how they do meanwhile.

use convoy_api::Service;
use convoy_core::time::Span;
use convoy_core::view::{ConvoyView, StandingView, StrandedView};
use convoy_engine::background;
use schemars::JsonSchema;
use serde::Deserialize;

use super::super::desk::Desk;
use super::super::tool::{Answer, Kind, Tool};
use super::values;
use crate::error::Error;
use crate::follow::{End, Follow, Look};
use crate::{ask, progress};

/// How long is waited if nobody says so: a client that gives up before does not wait for ever.
const TIMEOUT_S: i64 = 300;
/// The longest wait: a day.
const TIMEOUT_S_MAX: i64 = 86_400;

/// Wait until convoys are closed, or nothing in them can move any more. How they do is told meanwhile, as progress. When the
/// time is up, that is an error, and nothing has changed: wait again.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Wait {
    /// Convoys, or unique prefixes of their ids.
    convoys: Vec<String>,
    /// Until one of them is closed, not all.
    #[serde(default)]
    any: bool,
    /// The longest to wait, in seconds; 300 if not given.
    timeout_s: Option<i64>,
}

/// How waiting came to its end.
pub(super) enum Over {
    /// This is how they stand.
    Stands(Vec<StandingView>),
    /// The time is up.
    TimeOut,
    /// Nobody waits any more.
    Unwanted,
}

impl Tool for Wait {
    const NAME: &'static str = "wait";
    const TITLE: &'static str = "Wait for convoys";
    const KIND: Kind = Kind::Looks;
    const MORE: Option<&'static str> = Some("convoy_show with one of them");
    const WAITS: bool = true;

    fn call(self, desk: &mut Desk<'_>) -> Result<Answer, Error> {
        let ids = values::some("convoys", self.convoys)?;
        let timeout = self.timeout_s.unwrap_or(TIMEOUT_S);
        if !(0..=TIMEOUT_S_MAX).contains(&timeout) {
            let what = format!("timeout_s: expected a number of seconds from 0 to {TIMEOUT_S_MAX}");
            return Err(Error::usage(what));
        }
        match until_over(desk, &ids, self.any, Span::from_secs(timeout))? {
            Over::Stands(all) => {
                let convoys: Vec<&ConvoyView> = all.iter().map(|one| &one.convoy).collect();
                let answer = Answer::of(&serde_json::json!({ "items": convoys }))?;
                let note = |StrandedView { convoy_id, detail, command, .. }: &StrandedView| {
                    format!("Nothing can move in {convoy_id}: {detail}; try: {command}")
                };
                let notes = all.iter().filter_map(|one| one.stuck.as_ref()).map(note);
                Ok(notes.fold(answer, Answer::note))
            }
            Over::TimeOut => {
                let what = format!("the time ran out after {timeout} s: {} not over", ids.join(", "));
                Err(Error { kind: "timeout", status: 124, ..Error::refused(what) }
                    .hint("agents go on; wait again, or look with why"))
            }
            Over::Unwanted => Err(Error::refused("nobody waits any more; agents go on")),
        }
    }
}

/// Waits until all of these convoys, or with `any` one, are closed or stuck.
pub(super) fn until_over(
    desk: &mut Desk<'_>,
    ids: &[String],
    any: bool,
    timeout: Span,
) -> Result<Over, Error> {
    // What is closed already needs no engine that stays.
    let (standing, _) = desk.ctx.with(|service| ask::standings(service, ids.to_vec()))?;
    if is_over(&standing, any) {
        return Ok(Over::Stands(standing));
    }
    let workspace = desk.ctx.workspace()?;
    let open = || {
        // Who only looks has nobody begin to work.
        if !desk.writes && !background::status(&workspace)?.running {
            return Err(Error::refused(
                "no engine runs, so that nothing changes, and this server only looks",
            )
            .hint("a person starts it with: convoy up"));
        }
        desk.ctx.staying()
    };
    let mut follow = Follow::new(workspace.clone(), Some(timeout));
    desk.waits(&follow);
    let mut teller = desk.teller();
    let mut said = String::new();
    let look = |service: &dyn Service| {
        let (standing, seq) = ask::standings(service, ids.to_vec())?;
        if is_over(&standing, any) {
            // That it is over is the result, and clients know no progress of what has one.
            return Ok(Look { end: Some(standing), seq });
        }
        let now = how_far(&standing);
        if now != said {
            teller.tell(&now);
            said = now;
        }
        Ok(Look { end: None, seq })
    };
    Ok(match follow.until(open, look, |event| Ok(progress::see(&event.event, false)))? {
        End::Reached(standing) => Over::Stands(standing),
        End::TimeOut => Over::TimeOut,
        End::Interrupted | End::Unseen => Over::Unwanted,
    })
}

fn is_over(all: &[StandingView], any: bool) -> bool {
    let mut over = all.iter().map(StandingView::is_over);
    if any { over.any(|over| over) } else { over.all(|over| over) }
}

fn how_far(all: &[StandingView]) -> String {
    let one = |StandingView { convoy, .. }: &StandingView| {
        let working =
            if convoy.in_progress > 0 { format!(", {} at work", convoy.in_progress) } else { String::new() };
        format!("{} {}: {} of {} done{working}", convoy.id, convoy.status, convoy.completed, convoy.total)
    };
    all.iter().map(one).collect::<Vec<_>>().join("; ")
}
