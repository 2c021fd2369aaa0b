//! Streams as messages of a WebSocket: what happens in a convoy or to a worker, and what its agents print.
//!
//! Messages are JSON objects with a `type`: `start`, `event`, `output`, `output_end`, `missed`, `end`. What a caller sends
//! is not listened to, except that it closes.

use std::collections::HashMap;
use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket, WebSocketUpgrade, close_code};
use axum::extract::{RawQuery, State};
use axum::http::StatusCode;
use axum::response::Response;
use convoy_api::{Code, Failure};
use convoy_core::event::{Envelope, Event};
use convoy_core::id::{Seq, SessionId};
use convoy_core::view::Concern;
use futures_util::stream::{BoxStream, SelectAll, SplitSink, unfold};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::sync::OwnedSemaphorePermit;

use super::concerns;
use super::events::{Events, Filter, Next};
use super::hub::Joined;
use super::outputs::{Printed, Watch};
use super::sse::SHOWN_BYTES;
use crate::ask;
use crate::http::take::{Id, Path};
use crate::http::{Error, Site};

/// How long a message may take to be sent.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long the last word may take, to one who did not listen.
const LAST_PATIENCE: Duration = Duration::from_secs(1);
/// The largest message that a caller may send, in bytes: nobody listens to it.
const HEARD_BYTES_MAX: usize = 4 * 1024;
/// Buffers of a connection, in bytes: a thousand watchers have a thousand of them.
const BUFFER_BYTES: usize = 2 * 1024;
/// How many sessions a caller may say it has seen a part of.
const RESUMED_MAX: usize = 256;

/// From where on.
#[derive(Default)]
struct From {
    since: Option<Seq>,
    offsets: HashMap<SessionId, u64>,
    raw: bool,
}

impl From {
    fn parse(query: Option<&str>) -> Result<Self, Error> {
        let wrong = |what: String| Error::new(StatusCode::BAD_REQUEST, "invalid", what);
        let pairs: Vec<(String, String)> = serde_urlencoded::from_str(query.unwrap_or_default())
            .map_err(|error| wrong(format!("the query cannot be read: {error}")))?;
        let mut from = Self::default();
        for (name, value) in pairs {
            let bad = || wrong(format!("{name}={value:?} is not accepted"));
            match name.as_str() {
                "since" => from.since = Some(Seq(value.parse().map_err(|_| bad())?)),
                "raw" => from.raw = value.parse().map_err(|_| bad())?,
                "output" => {
                    let (session, offset) = value.rsplit_once(':').ok_or_else(bad)?;
                    let session = SessionId::new(session).map_err(|error| wrong(error.to_string()))?;
                    from.offsets.insert(session, offset.parse().map_err(|_| bad())?);
                }
                _ => {
                    return Err(wrong(format!("there is no parameter {name:?}"))
                        .hint("there are: since=SEQ, output=SESSION:OFFSET (as often as needed), raw=true"));
                }
            }
        }
        if from.offsets.len() > RESUMED_MAX {
            return Err(wrong(format!("no more than {RESUMED_MAX} sessions can be resumed at once")));
        }
        Ok(from)
    }
}

/// What happens in a convoy.
pub(in crate::http) async fn convoy(
    State(site): State<Site>,
    Path(id): Path<Id>,
    RawQuery(query): RawQuery,
    upgrade: WebSocketUpgrade,
) -> Result<Response, Error> {
    let from = From::parse(query.as_deref())?;
    let joined = site.streams().hub.join().await?;
    let (concern, _) = site.ask(move |service| ask::convoy_concern(service, &id.text())).await?;
    serve(site, joined, concern, from, upgrade)
}

/// What happens to a worker.
pub(in crate::http) async fn work(
    State(site): State<Site>,
    Path(id): Path<Id>,
    RawQuery(query): RawQuery,
    upgrade: WebSocketUpgrade,
) -> Result<Response, Error> {
    let from = From::parse(query.as_deref())?;
    let joined = site.streams().hub.join().await?;
    let (concern, _) = site.ask(move |service| ask::work_concern(service, &id.text())).await?;
    serve(site, joined, concern, from, upgrade)
}

/// Serves who was there before it was asked what belongs to what is watched: what happens in between comes to it.
fn serve(
    site: Site,
    joined: Joined,
    concern: Concern,
    from: From,
    upgrade: WebSocketUpgrade,
) -> Result<Response, Error> {
    let place = site.streams().place()?;
    let over = concern.over;
    let (id, live) = (concern.id.clone(), concern.live.iter().cloned().collect());
    let shared = site.streams().concerns.share(concern);
    let filter = Filter { kind: None, concern: Some(std::sync::Arc::clone(&shared)) };
    let events = Events::new(site.clone(), joined, from.since, filter);
    let upgrade = upgrade
        .read_buffer_size(BUFFER_BYTES)
        .write_buffer_size(BUFFER_BYTES)
        .max_message_size(HEARD_BYTES_MAX)
        .max_frame_size(HEARD_BYTES_MAX);
    Ok(upgrade.on_upgrade(move |socket| async move {
        let watcher = Watcher { site, id, over, concern: shared, from, open: 0, _place: place };
        watcher.run(socket, events, live).await;
    }))
}

/// What comes to a watcher, from one of its sources.
enum Heard {
    Happened(Next),
    /// The engine leaves.
    Leaving,
    Printed(std::sync::Arc<Printed>),
    OutputEnded(SessionId, u64),
    /// The caller closes, or went away.
    Gone,
    Nothing,
}

type Sources = SelectAll<BoxStream<'static, Heard>>;
type Sink = SplitSink<WebSocket, Message>;

struct Watcher {
    site: Site,
    /// The convoy's id, or the worker's.
    id: String,
    /// Whether nothing more is to be expected of it.
    over: bool,
    concern: std::sync::Arc<concerns::Shared>,
    from: From,
    /// How many outputs it watches.
    open: usize,
    _place: OwnedSemaphorePermit,
}

/// Why a connection ends.
struct Ended(u16, &'static str);

impl Watcher {
    async fn run(mut self, socket: WebSocket, events: Events, live: Vec<SessionId>) {
        let (mut sink, stream) = socket.split();
        let mut sources = Sources::new();
        sources.push(stream.map(heard).chain(futures_util::stream::iter([Heard::Gone])).boxed());
        let Ended(code, reason) = self.watch(&mut sink, &mut sources, events, live).await;
        let close = Message::Close(Some(CloseFrame { code, reason: Utf8Bytes::from_static(reason) }));
        let _ = tokio::time::timeout(LAST_PATIENCE, sink.send(close)).await;
        // The other side's word that it has closed, if it comes soon.
        let _ = tokio::time::timeout(LAST_PATIENCE, async {
            while !matches!(sources.next().await, Some(Heard::Gone) | None) {}
        })
        .await;
    }

    async fn watch(
        &mut self,
        sink: &mut Sink,
        sources: &mut Sources,
        events: Events,
        live: Vec<SessionId>,
    ) -> Ended {
        let start = json!({"type": "start", "id": self.id, "seq": events.at(), "sessions": live});
        if let Err(ended) = say(sink, &start).await {
            return ended;
        }
        let begun = events.known();
        sources.push(happening(events));
        let resumed: Vec<SessionId> = self.from.offsets.keys().cloned().collect();
        for session in live.into_iter().chain(resumed) {
            if let Err(ended) = self.open(sink, sources, &session, begun).await {
                return ended;
            }
        }
        let mut current = false;
        while let Some(heard) = sources.next().await {
            let done = match heard {
                Heard::Nothing => Ok(()),
                Heard::Gone => return Ended(close_code::NORMAL, "bye"),
                Heard::Leaving => {
                    let _ = say(sink, &json!({"type": "end", "reason": "leaving"})).await;
                    return Ended(close_code::AWAY, "the engine leaves");
                }
                Heard::Printed(printed) => send(sink, printed.message()).await,
                Heard::OutputEnded(session, at) => {
                    self.open -= 1;
                    say(sink, &json!({"type": "output_end", "session": session, "next": at})).await
                }
                Heard::Happened(Next::Current) => {
                    current = true;
                    Ok(())
                }
                Heard::Happened(Next::Event(happened)) => {
                    self.over = over_after(&happened.envelope, &self.id, self.over);
                    let told = send(sink, happened.message()).await;
                    match (told, &happened.envelope.event) {
                        (Ok(()), Event::SessionStarted { session, .. }) => {
                            self.open(sink, sources, session, happened.envelope.seq).await
                        }
                        (told, _) => told,
                    }
                }
                Heard::Happened(Next::Missed { from, to, live }) => {
                    let mut told = say(sink, &json!({"type": "missed", "from": from, "to": to})).await;
                    for session in live {
                        told = told.and(self.open(sink, sources, &session, to).await);
                    }
                    told
                }
                Heard::Happened(Next::Failed(failure)) => self.fail(sink, &failure).await,
            };
            if let Err(ended) = done {
                return ended;
            }
            if current && self.over && self.open == 0 {
                let _ = say(sink, &json!({"type": "end", "reason": "over"})).await;
                return Ended(close_code::NORMAL, "that is all");
            }
        }
        Ended(close_code::NORMAL, "that is all")
    }

    /// Begins to watch an output: from where the caller has it, else what it has not seen of it since it left, else the
    /// end of it.
    async fn open(
        &mut self,
        sink: &mut Sink,
        sources: &mut Sources,
        session: &SessionId,
        at: Seq,
    ) -> Result<(), Ended> {
        let known = self.from.offsets.get(session).copied();
        let Some(worker) = self.concern.worker(session).filter(|_| known != Some(OPENED)) else {
            return Ok(());
        };
        let outputs = &self.site.streams().outputs;
        let begun_since = self.from.since.is_some_and(|since| since < at);
        let watch = async {
            let from = match known {
                Some(offset) => offset,
                None if begun_since => 0,
                None => outputs.before_end(session, SHOWN_BYTES).await?,
            };
            outputs.watch(session.clone(), Some(worker), from, self.from.raw).await
        };
        match watch.await {
            Ok(watch) => {
                self.from.offsets.insert(session.clone(), OPENED);
                self.open += 1;
                sources.push(printing(session.clone(), watch));
                Ok(())
            }
            // One that has not started has no output yet: it is opened when it starts.
            Err(failure) if failure.code == Code::NotFound => Ok(()),
            Err(Failure { message, .. }) => {
                let said =
                    json!({"type": "output_end", "session": session, "next": known, "reason": message});
                say(sink, &said).await
            }
        }
    }

    async fn fail(&self, sink: &mut Sink, failure: &Failure) -> Result<(), Ended> {
        let _ = say(sink, &json!({"type": "end", "reason": failure.message})).await;
        Err(Ended(close_code::ERROR, "the log cannot be read"))
    }
}

/// In the place of an offset: it is being watched.
const OPENED: u64 = u64::MAX;

fn happening(events: Events) -> BoxStream<'static, Heard> {
    unfold(
        events,
        |mut events| async move { events.next().await.map(|next| (Heard::Happened(next), events)) },
    )
    .chain(futures_util::stream::iter([Heard::Leaving]))
    .boxed()
}

fn printing(session: SessionId, watch: Watch) -> BoxStream<'static, Heard> {
    unfold(Some((session, watch)), |state| async move {
        let (session, mut watch) = state?;
        Some(match watch.next().await {
            Some(printed) => (Heard::Printed(printed), Some((session, watch))),
            None => (Heard::OutputEnded(session, watch.at()), None),
        })
    })
    .boxed()
}

fn heard(message: Result<Message, axum::Error>) -> Heard {
    match message {
        Ok(Message::Text(_) | Message::Binary(_) | Message::Ping(_) | Message::Pong(_)) => Heard::Nothing,
        Ok(Message::Close(_)) | Err(_) => Heard::Gone,
    }
}

/// Whether nothing more is to be expected after this.
fn over_after(envelope: &Envelope, id: &str, over: bool) -> bool {
    let ours = envelope.subject == id;
    match &envelope.event {
        Event::ConvoyLanded { .. }
        | Event::ConvoyAbandoned { .. }
        | Event::WorkerDone { .. }
        | Event::WorkerFailed { .. }
        | Event::WorkerReleased { .. }
        | Event::WorkerStopped { .. }
            if ours =>
        {
            true
        }
        Event::ConvoyReopened { .. } | Event::WorkerReady { .. } | Event::WorkerAssigned { .. } if ours => {
            false
        }
        _ => over,
    }
}

async fn say(sink: &mut Sink, message: &Value) -> Result<(), Ended> {
    send(sink, message.to_string().into()).await
}

/// Sends a message, and does not wait for ever for one who does not read.
async fn send(sink: &mut Sink, message: Utf8Bytes) -> Result<(), Ended> {
    match tokio::time::timeout(PATIENCE, sink.send(Message::Text(message))).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) => Err(Ended(close_code::NORMAL, "gone")),
        Err(_) => Err(Ended(close_code::AGAIN, "you read too slowly")),
    }
}
