//! What agents print: followed once for all who watch a session, read from its file by whoever is behind.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};

use axum::extract::ws::Utf8Bytes;
use convoy_api::{Code, Failure};
use convoy_core::id::{SessionId, WorkerId};
use convoy_engine::tails::{Following, Part, Tail, Tails};
use schemars::JsonSchema;
use serde::Serialize;
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

use crate::http::tasks;

/// How many parts are kept for those who are behind; each is of about 32 KiB.
const RING: usize = 32;
/// How much is read at once for one who is behind, in bytes.
const READ_BYTES: u64 = 64 * 1024;

/// Lines that an agent printed.
#[derive(Serialize, JsonSchema)]
pub(in crate::http) struct OutputView {
    /// The session.
    session: SessionId,
    /// Whose it is.
    worker: Option<WorkerId>,
    /// Where the first of them begins, in bytes.
    offset: u64,
    /// Where to go on.
    next: u64,
    /// The lines.
    lines: Vec<LineView>,
    /// Whether that is all that there will ever be.
    ended: bool,
}

/// A line that an agent printed.
#[derive(Serialize, JsonSchema)]
struct LineView {
    /// Where it begins, in bytes.
    offset: u64,
    /// What it says; made readable, it may be of several lines.
    text: String,
}

impl OutputView {
    pub(in crate::http) fn new(session: &SessionId, worker: Option<&WorkerId>, part: Part) -> Self {
        let lines = part.lines.into_iter().map(|line| LineView { offset: line.offset, text: line.text });
        Self {
            session: session.clone(),
            worker: worker.cloned(),
            offset: part.from,
            next: part.next,
            lines: lines.collect(),
            ended: part.ended,
        }
    }
}

/// A part as all watchers share it.
pub(super) struct Printed {
    from: u64,
    pub(super) next: u64,
    ended: bool,
    pub(super) is_empty: bool,
    /// As JSON.
    pub(super) json: Utf8Bytes,
    /// As a message of a WebSocket, once somebody wants it.
    message: OnceLock<Utf8Bytes>,
}

impl Printed {
    fn new(session: &SessionId, worker: Option<&WorkerId>, part: Part) -> Self {
        let (from, next, ended, is_empty) = (part.from, part.next, part.ended, part.lines.is_empty());
        let view = OutputView::new(session, worker, part);
        let json = serde_json::to_string(&view).unwrap_or_default().into();
        Self { from, next, ended, is_empty, json, message: OnceLock::new() }
    }

    pub(super) fn message(&self) -> Utf8Bytes {
        let make = || format!(r#"{{"type":"output",{}"#, self.json.as_str().get(1..).unwrap_or("}")).into();
        self.message.get_or_init(make).clone()
    }
}

/// One that is followed.
struct Followed {
    sender: broadcast::Sender<Arc<Printed>>,
    _following: Following,
}

/// Those that are followed now.
pub(super) struct Outputs {
    tails: Tails,
    /// Held while one is begun, so that there is one for each session.
    begin: tokio::sync::Mutex<()>,
    followed: Mutex<HashMap<SessionId, Weak<Followed>>>,
}

impl Outputs {
    pub(super) fn new(tails: Tails) -> Self {
        Self { tails, begin: tokio::sync::Mutex::default(), followed: Mutex::default() }
    }

    /// Those that can be read.
    pub(super) fn tails(&self) -> Tails {
        self.tails.clone()
    }

    /// Where to begin who wants to see the end: about so many bytes before it.
    pub(super) async fn before_end(&self, session: &SessionId, bytes: u64) -> Result<u64, Failure> {
        let (tails, session) = (self.tails.clone(), session.clone());
        tasks::blocking(move || match tails.tail(&session).before_end(bytes) {
            // It has printed nothing yet.
            Err(failure) if failure.code == Code::NotFound => Ok(0),
            found => found,
        })
        .await
    }

    /// Watches what a session prints, from an offset on.
    ///
    /// # Errors
    /// When its agent was never started, or nothing of it is kept any more.
    pub(super) async fn watch(
        &self,
        session: SessionId,
        worker: Option<WorkerId>,
        from: u64,
        raw: bool,
    ) -> Result<Watch, Failure> {
        let (followed, receiver) = self.follow(&session, worker.as_ref()).await?;
        let tails = self.tails.clone();
        let of = session.clone();
        let tail = tasks::blocking(move || Ok(tails.tail(&of))).await?;
        Ok(Watch {
            tail,
            session,
            worker,
            raw,
            at: from,
            receiver,
            behind: true,
            ended: false,
            _followed: followed,
        })
    }

    async fn follow(
        &self,
        session: &SessionId,
        worker: Option<&WorkerId>,
    ) -> Result<(Arc<Followed>, broadcast::Receiver<Arc<Printed>>), Failure> {
        let _one = self.begin.lock().await;
        let known = self.followed().get(session).and_then(Weak::upgrade);
        if let Some(followed) = known {
            let receiver = followed.sender.subscribe();
            return Ok((followed, receiver));
        }
        let (sender, receiver) = broadcast::channel(RING);
        let (tails, of, whose, told) = (self.tails.clone(), session.clone(), worker.cloned(), sender.clone());
        let following = tasks::blocking(move || {
            let to = of.clone();
            let tell = move |part| {
                // That nobody listens just now is their business.
                let _ = told.send(Arc::new(Printed::new(&to, whose.as_ref(), part)));
            };
            tails.follow(&of, 0, Box::new(tell))
        })
        .await?;
        let followed = Arc::new(Followed { sender, _following: following });
        let mut all = self.followed();
        all.retain(|_, one| one.strong_count() > 0);
        all.insert(session.clone(), Arc::downgrade(&followed));
        drop(all);
        Ok((followed, receiver))
    }

    fn followed(&self) -> std::sync::MutexGuard<'_, HashMap<SessionId, Weak<Followed>>> {
        self.followed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One watcher of one session.
pub(super) struct Watch {
    tail: Tail,
    session: SessionId,
    worker: Option<WorkerId>,
    raw: bool,
    at: u64,
    receiver: broadcast::Receiver<Arc<Printed>>,
    /// There may be more in the file than it was told.
    behind: bool,
    ended: bool,
    _followed: Arc<Followed>,
}

impl Watch {
    /// Up to where it was told.
    pub(super) fn at(&self) -> u64 {
        self.at
    }

    /// Whether there is nothing more to come, and everything was seen.
    pub(super) async fn is_over(&self) -> bool {
        let (tail, at) = (self.tail.clone(), self.at);
        let part = tasks::blocking(move || tail.part(at, 1, true)).await;
        part.is_ok_and(|part| part.ended && part.next == at)
    }

    /// What was printed next; nothing when that was all.
    pub(super) async fn next(&mut self) -> Option<Arc<Printed>> {
        while !self.ended {
            if self.behind {
                if let Some(printed) = self.read().await {
                    return Some(printed);
                }
                continue;
            }
            match self.receiver.recv().await {
                // Lines as they were printed are in the file only.
                Ok(printed) if self.raw || printed.from != self.at => {
                    self.behind = printed.next > self.at || printed.ended;
                }
                Ok(printed) => {
                    self.at = printed.next;
                    self.ended = printed.ended;
                    if !printed.is_empty {
                        return Some(printed);
                    }
                }
                Err(RecvError::Lagged(_)) => self.behind = true,
                Err(RecvError::Closed) => self.ended = true,
            }
        }
        None
    }

    /// Reads one part of the file; nothing if there is nothing to be shown in it.
    async fn read(&mut self) -> Option<Arc<Printed>> {
        let (tail, at, raw) = (self.tail.clone(), self.at, self.raw);
        let Ok(part) = tasks::blocking(move || tail.part(at, READ_BYTES, raw)).await else {
            // Nothing is printed yet, or nothing of it is left, of which the follower tells.
            self.behind = false;
            return None;
        };
        self.behind = part.next > self.at;
        self.at = part.next;
        self.ended = part.ended;
        (!part.lines.is_empty()).then(|| Arc::new(Printed::new(&self.session, self.worker.as_ref(), part)))
    }
}
