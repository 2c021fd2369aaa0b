//! A desk: one rig's tracker, to which one thing is done at a time.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Mutex, MutexGuard, PoisonError};

use convoy_core::command::Observed;
use convoy_core::id::{IssueId, RigName};
use convoy_core::issue::NewIssue;
use convoy_core::time::{Span, Time};
use convoy_core::tracker::{Push, Seen};
use convoy_core::view::TrackerView;

use super::beads::{Beads, Listing, Told};
use crate::inbox::Handle;
use crate::world::note;
use crate::{clock, crash, explain};

/// How many issues are reported at once: they become one record of the log.
const CHUNK: usize = 500;
/// How much text is reported at once, in bytes: a record of the log has a limit of 16 MiB, and escapes take room.
const CHUNK_BYTES: usize = 2 * 1024 * 1024;

/// How long it is told of changes before somebody else has a turn; each call has a limit of its own.
const TELL_LIMIT: Span = Span::from_secs(30);

/// See the module.
pub(crate) struct Desk {
    rig: RigName,
    beads: Beads,
    /// Who holds this reads or tells; what it was like when it was read last.
    turn: Mutex<Memory>,
    health: Mutex<Health>,
    caller: Mutex<Option<Caller>>,
    ended: AtomicBool,
}

/// What was reported last.
#[derive(Default)]
struct Memory {
    /// None when that was that it cannot be read.
    seen: Option<BTreeMap<IssueId, Seen>>,
}

#[derive(Default)]
struct Health {
    read_at: Option<Time>,
    skipped: usize,
}

/// The way to whoever follows the tracker.
struct Caller {
    wake: UnixStream,
    waiting: Vec<SyncSender<()>>,
}

/// What came of reading.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Reading {
    /// It is as it was.
    Same,
    /// Something was reported.
    News,
    /// It cannot be read.
    Lost,
}

fn hold<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Desk {
    pub(crate) fn new(rig: RigName, beads: Beads) -> Self {
        let (turn, health, caller) = (Mutex::default(), Mutex::default(), Mutex::default());
        Self { rig, beads, turn, health, caller, ended: AtomicBool::new(false) }
    }

    pub(super) fn beads(&self) -> &Beads {
        &self.beads
    }

    pub(super) fn rig(&self) -> &RigName {
        &self.rig
    }

    /// Whether the other is a desk for the same data, by the same program.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        self.beads.is_like(&other.beads)
    }

    /// Has whoever follows it leave.
    pub(super) fn end(&self) {
        self.ended.store(true, Ordering::Release);
        if let Some(caller) = hold(&self.caller).as_mut() {
            let _ = caller.wake.write(&[0]);
        }
        // What is under way reports before anybody else reads, or not at all.
        drop(hold(&self.turn));
    }

    pub(super) fn has_ended(&self) -> bool {
        self.ended.load(Ordering::Acquire)
    }

    /// Reads it, and reports what is not as it was.
    pub(crate) fn read(&self, handle: &Handle) -> Reading {
        let mut memory = hold(&self.turn);
        let listing = self.beads.list();
        if self.has_ended() {
            // Another desk is asked now, or none: what is late here would undo what it said.
            return Reading::Lost;
        }
        match listing {
            Ok(Listing { issues, skipped }) => {
                *hold(&self.health) = Health { read_at: Some(clock::now()), skipped };
                self.report(handle, &mut memory, issues)
            }
            Err(error) => {
                let why = explain(&error);
                if memory.seen.take().is_some() {
                    note(&format!("the tracker of {} cannot be read: {why}", self.rig));
                }
                handle.observed(Observed::TrackerLost { rig: self.rig.clone(), why });
                Reading::Lost
            }
        }
    }

    fn report(&self, handle: &Handle, memory: &mut Memory, issues: Vec<Seen>) -> Reading {
        let now: BTreeMap<IssueId, Seen> =
            issues.into_iter().map(|seen| (seen.issue.id.clone(), seen)).collect();
        let before = memory.seen.take();
        let known = |seen: &Seen| before.as_ref().and_then(|all| all.get(&seen.issue.id)) == Some(seen);
        let news: Vec<Seen> = now.values().filter(|seen| !known(seen)).cloned().collect();
        let same = news.is_empty() && before.is_some_and(|before| before.len() == now.len());
        if !same {
            let mut chunks = chunks(news);
            let last = chunks.pop().unwrap_or_default();
            for issues in chunks {
                handle.observed(Observed::Tracker { rig: self.rig.clone(), issues, all: None });
            }
            let all: BTreeSet<IssueId> = now.keys().cloned().collect();
            handle.observed(Observed::Tracker { rig: self.rig.clone(), issues: last, all: Some(all) });
        }
        memory.seen = Some(now);
        if same { Reading::Same } else { Reading::News }
    }

    /// Tells it, and reports what it took.
    pub(crate) fn push(&self, handle: &Handle, round: u64, pushes: &[Push]) {
        let _turn = hold(&self.turn);
        let (mut pushed, mut changed) = (Vec::new(), Vec::new());
        let deadline = clock::Instant::now().plus(TELL_LIMIT);
        for push in pushes {
            // The rest is told in the next round; somebody may be waiting for a turn.
            if !pushed.is_empty() && deadline.left().is_zero() {
                break;
            }
            crash::point("push:before");
            match self.beads.tell(push) {
                Told::Pushed(one) => pushed.push(one),
                // What is to be told now is decided anew; that it was looked at is what ends this round.
                Told::Changed(seen) => {
                    let (issue, steps) = (push.issue.clone(), Vec::new());
                    pushed.push(convoy_core::tracker::Pushed { issue, steps, error: None });
                    changed.push(*seen);
                }
            }
        }
        crash::point("push:after");
        if self.has_ended() {
            // The rig's tracker is another by now, which was told nothing.
            changed.clear();
            for one in &mut pushed {
                (one.steps, one.error) = (Vec::new(), Some("its rig has another tracker now".to_owned()));
            }
        }
        if !changed.is_empty() {
            handle.observed(Observed::Tracker { rig: self.rig.clone(), issues: changed, all: None });
        }
        handle.observed(Observed::Pushed { rig: self.rig.clone(), round, pushed });
    }

    /// Does something with the tracker while nobody else does.
    pub(super) fn alone<T>(&self, work: impl FnOnce(&Beads) -> T) -> T {
        let _turn = hold(&self.turn);
        work(&self.beads)
    }

    /// Adds what only the engine knows.
    pub(crate) fn complete(&self, view: &mut TrackerView) {
        let health = hold(&self.health);
        view.version = self.beads.version().map(str::to_owned);
        view.read_at = health.read_at;
        view.skipped = health.skipped;
        view.watched = hold(&self.caller).is_some();
    }

    /// Says how to wake whoever follows it from now on.
    pub(super) fn followed_by(&self, wake: UnixStream) {
        *hold(&self.caller) = Some(Caller { wake, waiting: Vec::new() });
    }

    /// Says that nobody follows it any more.
    pub(super) fn unfollowed(&self) {
        *hold(&self.caller) = None;
    }

    /// Has whoever follows it read once more; the answer comes when that is reported. None if nobody follows it.
    pub(super) fn ask_to_read(&self) -> Option<Receiver<()>> {
        let mut caller = hold(&self.caller);
        let caller = caller.as_mut()?;
        let (sender, receiver) = sync_channel(1);
        caller.waiting.push(sender);
        // If it is full, it wakes up anyway.
        let _ = caller.wake.write(&[0]);
        Some(receiver)
    }

    /// Who waits for the next reading.
    pub(super) fn waiting(&self) -> Vec<SyncSender<()>> {
        hold(&self.caller).as_mut().map(|caller| std::mem::take(&mut caller.waiting)).unwrap_or_default()
    }
}

/// How much text an issue is, in bytes.
fn size(seen: &Seen) -> usize {
    let NewIssue { title, body, labels, needs, acceptance, .. } = &seen.issue;
    let lists = labels.iter().chain(acceptance).map(String::len).sum::<usize>();
    let needs: usize = needs.keys().map(|id| id.as_str().len()).sum();
    title.len() + body.len() + lists + needs + seen.reason.as_ref().map_or(0, String::len)
}

fn chunks(issues: Vec<Seen>) -> Vec<Vec<Seen>> {
    let mut chunks: Vec<Vec<Seen>> = Vec::new();
    let mut bytes = 0;
    for seen in issues {
        let size = size(&seen);
        bytes += size;
        match chunks.last_mut().filter(|chunk| chunk.len() < CHUNK && bytes < CHUNK_BYTES) {
            Some(chunk) => chunk.push(seen),
            None => {
                chunks.push(vec![seen]);
                bytes = size;
            }
        }
    }
    chunks
}
