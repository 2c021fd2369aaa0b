//! What happened in a convoy, in sentences: the last of the log that belongs to it.

use convoy_api::{Failure, Service};
use convoy_core::event::Envelope;
use convoy_core::id::Seq;
use convoy_core::time::Time;
use convoy_core::view::DetailsView;
use maud::{Markup, html};

use super::parts::{age, clock_of, empty, safe};
use crate::ask;
use crate::progress::Scope;

/// The most sentences.
const SHOWN_MAX: usize = 50;
/// How many events are read at a time, and how many times at most: what is older is on the command line.
const CHUNK: usize = 500;
const CHUNKS_MAX: usize = 6;

/// One sentence.
pub(super) struct Told {
    at: Time,
    who: String,
    what: String,
}

/// What happened, the latest first.
pub(super) fn read(service: &dyn Service, details: &DetailsView) -> Result<Vec<Told>, Failure> {
    let convoy = &details.convoy;
    let mut scope = Scope::new(Some(convoy), &details.workers);
    let end = match convoy.closed_at {
        Some(at) => seq_at(service, at, details.seq)?,
        None => details.seq,
    };
    // Sentences of later events need what only earlier ones say, so that all are told when they are together; about how many
    // there are is known before.
    let mut chunks: Vec<Vec<Envelope>> = Vec::new();
    let (mut found, mut from) = (0, end);
    for _ in 0..CHUNKS_MAX {
        let start = Seq(from.0.saturating_sub(CHUNK as u64));
        let (mut chunk, _) = ask::events(service, start, CHUNK, None)?;
        chunk.retain(|event| event.seq <= from);
        let begun = chunk.first().is_none_or(|event| event.at < convoy.created_at);
        found += chunk.iter().filter(|event| scope.told(event).is_some()).count();
        chunks.push(chunk);
        if found >= SHOWN_MAX || begun || start.0 == 0 {
            break;
        }
        from = start;
    }
    let said = |event: &Envelope| {
        let (who, what) = scope.told(event)?;
        Some(Told { at: event.at, who, what })
    };
    let mut told: Vec<Told> = chunks.iter().rev().flatten().filter_map(said).collect();
    let spare = told.len().saturating_sub(SHOWN_MAX);
    told.drain(..spare);
    told.reverse();
    Ok(told)
}

/// The last event that was there at a moment. Clocks may jump: then it is one nearby, and sentences may be missing.
fn seq_at(service: &dyn Service, at: Time, last: Seq) -> Result<Seq, Failure> {
    let (mut low, mut high) = (0, last.0);
    while low < high {
        let middle = u64::midpoint(low, high);
        let (events, _) = ask::events(service, Seq(middle), 1, None)?;
        match events.first() {
            Some(event) if event.at <= at => low = middle + 1,
            _ => high = middle,
        }
    }
    // What follows the end of a convoy is told as well: that somebody was told, that its report was made again.
    Ok(Seq(low.saturating_add(CHUNK as u64 / 10).min(last.0)))
}

/// The sentences.
pub(super) fn show(told: &[Told]) -> Markup {
    if told.is_empty() {
        return empty("Nothing to tell", "Usage and other small things are left out.", None);
    }
    html! {
        ol.timeline.panel {
            @for one in told {
                li {
                    span { (age(one.at)) span.hidden { " ago, at " (clock_of(one.at)) } }
                    span { code { (safe(&one.who)) } " " (one.what) }
                }
            }
        }
    }
}
