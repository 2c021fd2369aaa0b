//! Streams as server-sent events, which browsers take up again by themselves.

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use convoy_core::id::{Seq, SessionId};
use futures_util::Stream;
use futures_util::stream::unfold;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;
use tokio::sync::OwnedSemaphorePermit;

use super::events::{Events, Filter, Next};
use super::hub::Joined;
use super::outputs::Watch;
use crate::ask;
use crate::http::take::{Id, Path, Query};
use crate::http::{Error, Site};

/// How often something is sent while nothing happens, so that both sides know that the other is there.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// How much of what was printed already is shown to who does not say from where, in bytes.
pub(super) const SHOWN_BYTES: u64 = 64 * 1024;

/// Which events.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct Wanted {
    /// After which one; without it, and without the header `Last-Event-ID`, from now on.
    since: Option<u64>,
    /// Only those whose dotted type begins so.
    #[serde(rename = "type")]
    kind: Option<String>,
    /// Only what concerns this convoy.
    convoy: Option<String>,
}

fn last_id(headers: &HeaderMap) -> Option<&str> {
    headers.get("last-event-id")?.to_str().ok()
}

fn sse<S>(stream: S) -> Response
where
    S: Stream<Item = Result<Event, Infallible>> + Send + 'static,
{
    Sse::new(stream).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)).into_response()
}

/// What happens, as it does.
pub(in crate::http) async fn events(
    State(site): State<Site>,
    headers: HeaderMap,
    Query(wanted): Query<Wanted>,
) -> Result<Response, Error> {
    let streams = site.streams();
    let place = streams.place()?;
    // What a browser says it has seen is later than what the page's address says.
    let since = last_id(&headers).and_then(|id| id.parse().ok()).or(wanted.since).map(Seq);
    // It is there before it asks what belongs to the convoy: what happens in between comes to it.
    let joined = streams.hub.join().await?;
    let concern = match wanted.convoy {
        Some(id) => {
            let (concern, _) = site.ask(move |service| ask::convoy_concern(service, &id)).await?;
            Some(streams.concerns.share(concern))
        }
        None => None,
    };
    let events = Events::new(site.clone(), joined, since, Filter { kind: wanted.kind, concern });
    let start = event("start", &events.at().to_string(), &json!({"seq": events.at()}).to_string());
    let state = EventStream { events, start: Some(start), _place: place };
    Ok(sse(unfold(state, |mut state| async move { state.next().await.map(|event| (Ok(event), state)) })))
}

struct EventStream {
    events: Events,
    start: Option<Event>,
    _place: OwnedSemaphorePermit,
}

impl EventStream {
    async fn next(&mut self) -> Option<Event> {
        if let Some(start) = self.start.take() {
            return Some(start);
        }
        loop {
            return Some(match self.events.next().await? {
                Next::Event(happened) => {
                    event(happened.envelope.event.name(), &happened.envelope.seq.to_string(), happened.json())
                }
                Next::Missed { from, to, .. } => {
                    event("missed", &to.to_string(), &json!({"from": from, "to": to}).to_string())
                }
                Next::Current => continue,
                Next::Failed(failure) => Event::default().event("failed").data(failure.to_string()),
            });
        }
    }
}

fn event(name: &str, id: &str, json: &str) -> Event {
    Event::default().event(name).id(id).data(json)
}

/// From where on.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct From {
    /// From this byte on; without it, and without the header `Last-Event-ID`, from 64 KiB before the end.
    offset: Option<u64>,
    /// As it was printed, not made readable.
    #[serde(default)]
    raw: bool,
}

/// What an agent prints, as it does.
pub(in crate::http) async fn output(
    State(site): State<Site>,
    Path(id): Path<Id>,
    headers: HeaderMap,
    Query(from): Query<From>,
) -> Result<Response, Error> {
    let streams = site.streams();
    let place = streams.place()?;
    let id = id.text();
    let of = id.clone();
    let worker = site.ask(move |service| ask::worker(service, &of)).await?;
    let session = ask::session_of(&worker, &id)?.clone();
    let last = last_id(&headers).and_then(|id| id.split_once(':'));
    let last = last.filter(|(of, _)| *of == session.as_str()).and_then(|(_, at)| at.parse().ok());
    let at = match last.or(from.offset) {
        Some(at) => at,
        None => streams.outputs.before_end(&session, SHOWN_BYTES).await?,
    };
    // It keeps the engine here.
    let joined = streams.hub.join().await?;
    let watch = streams.outputs.watch(session.clone(), Some(worker.id.clone()), at, from.raw).await?;
    if last.is_some() && watch.is_over().await {
        // A browser that has seen the end comes back until it is told not to.
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    let state = OutputStream { watch: Some(watch), session, _joined: joined, _place: place };
    Ok(sse(unfold(state, |mut state| async move { state.next().await.map(|event| (Ok(event), state)) })))
}

struct OutputStream {
    watch: Option<Watch>,
    session: SessionId,
    _joined: Joined,
    _place: OwnedSemaphorePermit,
}

impl OutputStream {
    async fn next(&mut self) -> Option<Event> {
        let watch = self.watch.as_mut()?;
        if let Some(printed) = watch.next().await {
            return Some(event(
                "output",
                &format!("{}:{}", self.session, printed.next),
                printed.json.as_str(),
            ));
        }
        let at = watch.at();
        self.watch = None;
        let said = json!({"session": self.session, "next": at}).to_string();
        Some(event("end", &format!("{}:{at}", self.session), &said))
    }
}
