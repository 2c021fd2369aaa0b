//! Snapshots of convoys in git: a file for each on the state's reference, so that pushing the reference carries them.
//!
//! They are derived, like the mirror of issues: what is in the log says which convoys have changed, nothing about the
//! files is in the log, and they can be made again. Written when a convoy is made, changes its status or gets a worker;
//! all convoys of a turn in one commit of each repository. An engine that stays writes beside its dispatcher; that of
//! one command before it ends, and fails never because of it: a stamp in the state folder says up to which event all is
//! written, and the next one goes on from there.

mod page;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::thread::JoinHandle;
use std::time::Duration;

use convoy_core::event::{Batch, Event};
use convoy_core::id::{ConvoyId, Seq};
use convoy_core::policy::Policy;
use convoy_core::state::State;
use convoy_core::time::{Span, Time};

use crate::clock::{self, Instant};
use crate::log::{EventLog, READ_RECORDS_MAX};
use crate::os::spawn::Environment;
use crate::tasks::{self, Kind};
use page::{Manner, Page};

/// How long an engine that stays gathers changes, and how much longer for each issue that a convoy tracks: the file of
/// one with thousands is not written again with each of its workers.
const GATHER: Span = Span::from_millis(100);
const GATHER_EACH_MS: i64 = 5;
/// How long it waits before it tries again what could not be written.
const AGAIN: Span = Span::from_secs(60);
/// How many events after the stamp are read; with more, all convoys are looked at.
const CATCH_UP_MAX: u64 = 20_000;

/// How convoys come into git.
pub(crate) struct Snapshots {
    stamp: PathBuf,
    env: Environment,
    /// The engine stays. That of one command has somebody waiting.
    stays: bool,
    /// Convoys that are to be written, and the event that each is at.
    dirty: BTreeMap<ConvoyId, Mark>,
    /// It is not known which are to be written: all are looked at.
    all: bool,
    /// Whatever is not written is known, so that the stamp may be set once that is.
    known: bool,
    /// When it is written; none while nothing is to be.
    due: Option<Instant>,
    writing: Option<(JoinHandle<bool>, Taken)>,
}

/// The last event by which a convoy's file changes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Mark {
    seq: Seq,
    at: Time,
}

/// What is being written.
struct Taken {
    dirty: BTreeMap<ConvoyId, Mark>,
    all: bool,
}

impl Snapshots {
    /// Those of a workspace whose log ends at `seq`. What came after the stamp is read from the log.
    pub(crate) fn new(stamp: PathBuf, env: &Environment, log: &dyn EventLog, seq: Seq, stays: bool) -> Self {
        let said = std::fs::read_to_string(&stamp).ok().and_then(|text| text.trim().parse().ok());
        let (dirty, env) = (BTreeMap::new(), env.clone());
        let from = if seq == Seq(0) { Some(seq) } else { said.map(Seq).filter(|said| *said <= seq) };
        let from = from.filter(|from| seq.0 - from.0 <= CATCH_UP_MAX);
        // To look at all takes too long for one command; an engine that stays will.
        let (all, known) = (from.is_none() && stays, from.is_some() || stays);
        let mut new = Self { stamp, env, stays, dirty, all, known, due: None, writing: None };
        if let Some(from) = from {
            new.catch_up(log, from);
        }
        if stays && (new.all || !new.dirty.is_empty()) {
            new.due = Some(Instant::now());
        }
        new
    }

    fn catch_up(&mut self, log: &dyn EventLog, from: Seq) {
        let mut at = from;
        loop {
            // Whoever folded the log has said what is wrong with it.
            let Ok(records) = log.read(at, READ_RECORDS_MAX) else { return };
            let Some(last) = records.last() else { return };
            at = Seq(last.first.0 + u64::from(last.count) - 1);
            for record in &records {
                if let Ok(batch) = serde_json::from_slice::<Batch>(&record.body) {
                    self.mark(&batch, record.first);
                }
            }
        }
    }

    /// These batches were committed; the last of their events is `state`'s last.
    pub(crate) fn saw(&mut self, batches: &[Batch], state: &State) {
        let count: u64 = batches.iter().map(|batch| batch.events.len() as u64).sum();
        let mut first = Seq(state.seq.0 - count + 1);
        let mut largest = None;
        for batch in batches {
            let changed = self.mark(batch, first);
            let tracked = |id| state.convoys.get(id).map(|convoy| convoy.content.tracked.len());
            largest = largest.max(changed.iter().filter_map(tracked).max());
            first = Seq(first.0 + batch.events.len() as u64);
        }
        if let Some(tracked) = largest
            && self.due.is_none()
        {
            let each = Span::from_millis(GATHER_EACH_MS.saturating_mul(tracked as i64));
            self.due = Some(Instant::now().plus(GATHER).plus(each));
        }
    }

    /// Remembers which convoys a batch changes; gives them.
    fn mark(&mut self, batch: &Batch, first: Seq) -> Vec<ConvoyId> {
        let mut changed = Vec::new();
        for (seq, event) in (first.0..).map(Seq).zip(&batch.events) {
            if let Some(convoy) = concerns(event) {
                self.dirty.insert(convoy.clone(), Mark { seq, at: batch.at });
                changed.push(convoy.clone());
            }
        }
        changed
    }

    /// How long until it is to be written.
    pub(crate) fn left(&self) -> Option<Duration> {
        self.due.filter(|_| self.stays).map(Instant::left)
    }

    /// Writes in a thread of its own if it is time. One writes at a time.
    pub(crate) fn write_if_due(&mut self, state: &State, policy: &Policy) {
        if self.left().is_none_or(|left| !left.is_zero()) {
            return;
        }
        if self.writing.as_ref().is_some_and(|(writing, _)| !writing.is_finished()) {
            self.due = Some(Instant::now().plus(GATHER));
            return;
        }
        self.due = None;
        if !self.collect() {
            // Not with each change of others: whatever is in the way may stay there for long.
            self.due = Some(Instant::now().plus(AGAIN));
            return;
        }
        let page = self.page(state, policy);
        let taken = Taken { dirty: std::mem::take(&mut self.dirty), all: std::mem::take(&mut self.all) };
        match tasks::start(Kind::Effect, move || page.write()) {
            Ok(writing) => self.writing = Some((writing, taken)),
            Err(_) => self.take_back(taken),
        }
    }

    /// Waits for what is being written; whether it was.
    fn collect(&mut self) -> bool {
        let Some((writing, taken)) = self.writing.take() else { return true };
        let went_well = writing.join().unwrap_or(false);
        if !went_well {
            self.take_back(taken);
        }
        went_well
    }

    fn take_back(&mut self, taken: Taken) {
        self.all |= taken.all;
        for (convoy, mark) in taken.dirty {
            self.dirty.entry(convoy).or_insert(mark);
        }
    }

    /// Brings all up to date before the engine leaves.
    pub(crate) fn close(mut self, state: &State, policy: &Policy) {
        self.collect();
        self.page(state, policy).write();
    }

    fn page(&self, state: &State, policy: &Policy) -> Page {
        let stamp = self.known.then(|| (self.stamp.clone(), state.seq));
        let mut marks = self.dirty.clone();
        if self.all {
            let mark = |id: &ConvoyId| (id.clone(), Mark { seq: state.seq, at: clock::now() });
            let others: Vec<_> =
                state.convoys.keys().filter(|id| !marks.contains_key(*id)).map(mark).collect();
            marks.extend(others);
        }
        let manner = Manner { quick: !self.stays, compare: self.all };
        Page::new(state, policy, &marks, stamp, &self.env, manner)
    }
}

/// The convoy whose file changes by an event: it was made, its status is another, or it got a worker.
fn concerns(event: &Event) -> Option<&ConvoyId> {
    match event {
        Event::ConvoyCreated { convoy } | Event::ConvoyStaged { convoy, .. } => Some(&convoy.id),
        Event::ConvoyImported { convoy } => Some(&convoy.convoy.id),
        Event::ConvoyLaunched { convoy }
        | Event::ConvoyLanded { convoy, .. }
        | Event::ConvoyAbandoned { convoy, .. }
        | Event::ConvoyReopened { convoy, .. } => Some(convoy),
        Event::WorkerAssigned { worker } => worker.convoy.as_ref(),
        _ => None,
    }
}
