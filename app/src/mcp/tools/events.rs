//! What happened.

use convoy_core::id::Seq;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use super::super::desk::Desk;
use super::super::tool::{Answer, Fitting, Kind, Tool, fitting};
use crate::ask;
use crate::error::Error;

/// How many events are given at once if nobody says so.
const EVENTS: usize = 100;
/// The most that are given at once.
const EVENTS_MAX: usize = 1000;

/// List what happened after a number, oldest first. Each event has a number, a time, a dotted type such as convoy.landed,
/// and a subject. `status` has the number of the last one as seq.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct List {
    /// Only those after this number: next_since of the result before; 0 for all.
    #[serde(default)]
    since: u64,
    /// Only those whose type is this or begins so: convoy.landed, issue.
    r#type: Option<String>,
    /// How many at most; 100 if not given.
    limit: Option<usize>,
}

impl Tool for List {
    const NAME: &'static str = "events";
    const TITLE: &'static str = "What happened";
    const KIND: Kind = Kind::Looks;
    const MORE: Option<&'static str> = Some("a smaller limit");

    fn call(self, desk: &mut Desk<'_>) -> Result<Answer, Error> {
        let limit = self.limit.unwrap_or(EVENTS).clamp(1, EVENTS_MAX);
        let (events, seq) =
            desk.ctx.with(|service| ask::events(service, Seq(self.since), limit, self.r#type))?;
        let Fitting { items, cut: left_out } = fitting(events.iter())?;
        let cut = items.len() < events.len();
        let last =
            if cut { events.get(items.len().saturating_sub(1)).map_or(seq, |event| event.seq) } else { seq };
        let more = cut || events.len() == limit;
        Ok(Answer::of(&json!({ "items": items, "next_since": last, "more": more }))?.cut(left_out))
    }
}
