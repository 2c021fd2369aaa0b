//! One watcher's way through the events: what it has not seen from the log, then what happens, and the log again for
//! whatever it was too slow for. Nothing is left out unless it is told.

use std::collections::VecDeque;
use std::sync::Arc;

use convoy_api::{Failure, Service};
use convoy_core::id::{Seq, SessionId};
use convoy_core::view::Concern;
use tokio::sync::broadcast::error::RecvError;

use super::concerns;
use super::hub::{Happened, Joined, Told};
use crate::ask;
use crate::http::site::Site;

/// How many events are read at once.
const PAGE: usize = 200;
/// How many events a watcher may be behind to be given all of them; one that is further behind is told that it missed
/// them. Whoever asks for what is long past is behind by its own wish, and gets it.
const BEHIND_MAX: u64 = 10_000;

/// What a watcher wants.
#[derive(Default)]
pub(super) struct Filter {
    /// Only types that begin so.
    pub(super) kind: Option<String>,
    /// Only what concerns this.
    pub(super) concern: Option<Arc<concerns::Shared>>,
}

impl Filter {
    /// Whether it concerns what is watched, of whatever type: what belongs to a convoy is learnt from all of them.
    fn covers(&self, happened: &Happened) -> bool {
        self.concern.as_ref().is_none_or(|concern| concern.covers(&happened.envelope))
    }

    fn is_of_kind(&self, happened: &Happened) -> bool {
        self.kind.as_deref().is_none_or(|kind| happened.envelope.event.name().starts_with(kind))
    }
}

/// What a watcher gets.
pub(super) enum Next {
    /// It happened.
    Event(Arc<Happened>),
    /// These were left out.
    Missed {
        /// The first.
        from: Seq,
        /// The last.
        to: Seq,
        /// Sessions that are not over by now.
        live: Vec<SessionId>,
    },
    /// All that had happened when it came is told.
    Current,
    /// The log cannot be read.
    Failed(Failure),
}

/// A watcher.
pub(super) struct Events {
    site: Site,
    joined: Joined,
    filter: Filter,
    /// The last one that was told or was of no concern.
    at: Seq,
    /// Up to here things are known to have happened.
    known: Seq,
    /// Read from the log and not told yet.
    page: VecDeque<Arc<Happened>>,
    /// Up to here the log was read.
    read: Seq,
    is_current: bool,
    /// It still reads what it asked for, however long that is.
    by_wish: bool,
    ended: bool,
}

impl Events {
    /// Of what happened after `since`, or else from now on.
    pub(super) fn new(site: Site, joined: Joined, since: Option<Seq>, filter: Filter) -> Self {
        let known = joined.latest();
        let at = since.unwrap_or(known).min(known);
        let page = VecDeque::new();
        Self {
            site,
            joined,
            filter,
            at,
            known,
            page,
            read: at,
            is_current: false,
            by_wish: true,
            ended: false,
        }
    }

    /// After which event it is.
    pub(super) fn at(&self) -> Seq {
        self.at
    }

    /// Up to which event things had happened when it came.
    pub(super) fn known(&self) -> Seq {
        self.known
    }

    /// What comes next; nothing when the engine leaves.
    pub(super) async fn next(&mut self) -> Option<Next> {
        loop {
            while let Some(happened) = self.page.pop_front() {
                self.at = happened.envelope.seq;
                if !self.filter.covers(&happened) {
                    continue;
                }
                if Concern::is_widened(&happened.envelope.event) {
                    self.look_again(happened.envelope.subject.clone()).await;
                }
                if self.filter.is_of_kind(&happened) {
                    return Some(Next::Event(happened));
                }
            }
            self.at = self.at.max(self.read);
            if self.ended {
                return None;
            }
            if self.at < self.known {
                if let Err(failure) = self.read().await {
                    self.ended = true;
                    return Some(Next::Failed(failure));
                }
                continue;
            }
            if !std::mem::replace(&mut self.is_current, true) {
                return Some(Next::Current);
            }
            match self.joined.receiver.recv().await {
                Ok(Told::Event(happened)) => {
                    let seq = happened.envelope.seq;
                    self.by_wish = false;
                    if seq.0 == self.at.0 + 1 {
                        self.page.push_back(happened);
                        self.known = seq;
                    } else {
                        self.known = self.known.max(seq);
                    }
                }
                Ok(Told::UpTo(seq)) => self.known = self.known.max(seq),
                Err(RecvError::Lagged(_)) => {
                    self.known = self.joined.latest();
                    if !self.by_wish && self.known.0.saturating_sub(self.at.0) > BEHIND_MAX {
                        let from = Seq(self.at.0 + 1);
                        self.at = self.known;
                        let live = match &self.filter.concern {
                            Some(concern) => self.look_again(concern.id()).await,
                            None => Vec::new(),
                        };
                        return Some(Next::Missed { from, to: self.known, live });
                    }
                }
                Err(RecvError::Closed) => return None,
            }
        }
    }

    /// Finds out what else of a convoy or a worker concerns it now, and which of its sessions are not over. What cannot
    /// be found out now is found with the next event of its kind.
    async fn look_again(&self, id: String) -> Vec<SessionId> {
        let Some(concern) = &self.filter.concern else { return Vec::new() };
        let ask = move |service: &dyn Service| {
            ask::convoy_concern(service, &id).or_else(|_| ask::work_concern(service, &id))
        };
        let Ok((found, _)) = self.site.ask(ask).await else { return Vec::new() };
        let live = found.live.iter().cloned().collect();
        concern.merge(found);
        live
    }

    async fn read(&mut self) -> Result<(), Failure> {
        let (after, known) = (self.at, self.known);
        let kind = self.filter.kind.clone().filter(|_| self.filter.concern.is_none());
        let limit = PAGE.min(usize::try_from(known.0 - after.0).unwrap_or(PAGE));
        let (events, seq) = self.site.ask(move |service| ask::events(service, after, limit, kind)).await?;
        self.page.extend(events.into_iter().map(|event| Arc::new(Happened::new(event))));
        // Should the log say nothing at all, there is nothing to wait for.
        self.read = if seq > after { seq } else { known };
        self.known = self.known.max(self.read);
        Ok(())
    }
}
