//! One look at what is committed for all who watch: begun with the first of them, ended with the last.
//!
//! It goes through a ring of bounded length. Whoever falls behind in it, and whatever is too large for it, is read from
//! the log; see `events`.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use axum::extract::ws::Utf8Bytes;
use convoy_api::{Code, Failure};
use convoy_core::event::Envelope;
use convoy_core::id::Seq;
use convoy_engine::face::{Watched, Watching};
use convoy_engine::tasks::{self as threads, Kind};
use tokio::sync::broadcast;

use crate::http::tasks;

/// How many events are kept for those who are behind.
const RING: usize = 1024;
/// The largest event that goes through the ring, in bytes of JSON; with the length of the ring, 16 MiB in all.
const EVENT_BYTES_MAX: usize = 16 * 1024;

/// What happened, as all watchers share it.
pub(super) struct Happened {
    pub(super) envelope: Envelope,
    /// As `convoy events --json` prints it, once somebody wants it.
    json: OnceLock<Utf8Bytes>,
    /// As a message of a WebSocket, once somebody wants it.
    message: OnceLock<Utf8Bytes>,
}

impl Happened {
    pub(super) fn new(envelope: Envelope) -> Self {
        Self { envelope, json: OnceLock::new(), message: OnceLock::new() }
    }

    pub(super) fn json(&self) -> &str {
        // The log had it as JSON.
        let make = || serde_json::to_string(&self.envelope).unwrap_or_default().into();
        self.json.get_or_init(make).as_str()
    }

    pub(super) fn message(&self) -> Utf8Bytes {
        let make = || {
            let (seq, name) = (self.envelope.seq, self.envelope.event.name());
            format!(r#"{{"type":"event","seq":{seq},"name":"{name}","event":{}}}"#, self.json()).into()
        };
        self.message.get_or_init(make).clone()
    }
}

/// What goes through the ring.
#[derive(Clone)]
pub(super) enum Told {
    /// It happened.
    Event(Arc<Happened>),
    /// Up to here things happened; they are in the log.
    UpTo(Seq),
}

struct Running {
    number: u64,
    sender: broadcast::Sender<Told>,
    latest: Arc<AtomicU64>,
    watchers: usize,
    watched: Watched,
}

/// The one look.
pub(super) struct Hub {
    watching: Watching,
    /// Held while one is begun, so that there is only one.
    begin: tokio::sync::Mutex<u64>,
    running: Mutex<Option<Running>>,
}

/// One watcher's part in it.
pub(super) struct Joined {
    hub: Arc<Hub>,
    number: u64,
    pub(super) receiver: broadcast::Receiver<Told>,
    latest: Arc<AtomicU64>,
}

impl Joined {
    /// The last event that is known to have happened.
    pub(super) fn latest(&self) -> Seq {
        Seq(self.latest.load(Ordering::Acquire))
    }
}

impl Drop for Joined {
    fn drop(&mut self) {
        let mut running = self.hub.running();
        let Some(one) = running.as_mut().filter(|one| one.number == self.number) else { return };
        one.watchers -= 1;
        if one.watchers == 0 {
            let ended = running.take();
            // To say so to an engine that is at work may take a moment.
            tasks::start(async move {
                let _ = tasks::blocking(move || {
                    drop(ended);
                    Ok(())
                })
                .await;
            });
        }
    }
}

impl Hub {
    pub(super) fn new(watching: Watching) -> Self {
        Self { watching, begin: tokio::sync::Mutex::default(), running: Mutex::default() }
    }

    fn running(&self) -> std::sync::MutexGuard<'_, Option<Running>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes part: everything after what is the latest then comes through the receiver, or is said to be missing there.
    ///
    /// # Errors
    /// When the engine is leaving.
    pub(super) async fn join(self: &Arc<Self>) -> Result<Joined, Failure> {
        let mut count = self.begin.lock().await;
        if let Some(joined) = self.joined() {
            return Ok(joined);
        }
        let watching = self.watching.clone();
        let (seq, events, watched) = tasks::blocking(move || watching.begin()).await?;
        *count += 1;
        let (sender, receiver) = broadcast::channel(RING);
        let latest = Arc::new(AtomicU64::new(seq.0));
        let number = *count;
        let pump =
            Pump { hub: Arc::clone(self), number, sender: sender.clone(), latest: Arc::clone(&latest) };
        let running = Running { number, sender, latest: Arc::clone(&latest), watchers: 1, watched };
        *self.running() = Some(running);
        let joined = Joined { hub: Arc::clone(self), number, receiver, latest };
        threads::start(Kind::Watch, move || pump.run(Box::new(events)))
            .map_err(|error| Failure::new(Code::Unavailable, format!("no thread for a stream: {error}")))?;
        Ok(joined)
    }

    fn joined(self: &Arc<Self>) -> Option<Joined> {
        let mut running = self.running();
        let one = running.as_mut()?;
        one.watchers += 1;
        let (receiver, latest) = (one.sender.subscribe(), Arc::clone(&one.latest));
        Some(Joined { hub: Arc::clone(self), number: one.number, receiver, latest })
    }
}

/// Brings events from the engine into the ring.
struct Pump {
    hub: Arc<Hub>,
    number: u64,
    sender: broadcast::Sender<Told>,
    latest: Arc<AtomicU64>,
}

impl Pump {
    fn run(self, mut events: Box<dyn Iterator<Item = Envelope>>) {
        loop {
            events.for_each(|envelope| self.tell(envelope));
            // Ended by the last watcher, or too slow for the engine, or the engine leaves.
            if !self.is_wanted() {
                return;
            }
            let Ok((seq, more, watched)) = self.hub.watching.begin() else {
                let mut running = self.hub.running();
                let ours = running.as_ref().is_some_and(|one| one.number == self.number);
                drop(ours.then(|| running.take()));
                return;
            };
            let mut running = self.hub.running();
            let Some(one) = running.as_mut().filter(|one| one.number == self.number) else { return };
            let before = std::mem::replace(&mut one.watched, watched);
            drop(running);
            drop(before);
            self.latest.store(seq.0, Ordering::Release);
            let _ = self.sender.send(Told::UpTo(seq));
            events = Box::new(more);
        }
    }

    fn tell(&self, envelope: Envelope) {
        let seq = envelope.seq;
        let happened = Happened::new(envelope);
        let told = if happened.json().len() > EVENT_BYTES_MAX {
            Told::UpTo(seq)
        } else {
            Told::Event(Arc::new(happened))
        };
        self.latest.store(seq.0, Ordering::Release);
        // That nobody listens just now is their business.
        let _ = self.sender.send(told);
    }

    fn is_wanted(&self) -> bool {
        self.hub.running().as_ref().is_some_and(|one| one.number == self.number)
    }
}
