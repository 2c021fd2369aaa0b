//! What is going to happen, in the order of virtual time. Ties happen in the order in which they were put in.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use convoy_core::command::Observed;
use convoy_core::effect::Effect;
use convoy_core::id::{ConvoyId, DeliveryId, Epoch, SessionId, WorkerId};
use convoy_core::money::Money;
use convoy_core::report::StopWhy;
use convoy_core::worker::Member;

/// A process by its true identity: its place in the list of all that ever were.
pub(super) type ProcessId = usize;

/// One thing that happens. Those with an instance belong to that engine and die with it.
#[derive(Debug)]
pub(super) enum Happening {
    /// The engine handles what it has received.
    Tick(u32),
    /// The engine planned to look again.
    Wake(u32),
    /// What an effect came to reaches the engine.
    Answer { instance: u32, effect: Option<Effect>, observed: Box<Observed>, copy: Copied },
    /// An effect goes on.
    Part(u32, Task),
    /// The engine looks at the directory of a session that it follows.
    Probe(u32, SessionId),
    /// A client asks, or asks again.
    Ask(usize),
    /// The engine is killed.
    Crash(Crash),
    /// Somebody starts an engine.
    Restart,
    /// A supervisor begins to run, and makes its run record.
    SupervisorUp(ProcessId),
    /// A supervisor starts its agent.
    SupervisorStart(ProcessId),
    /// A supervisor ends its agent.
    SupervisorStop(ProcessId, StopWhy),
    /// An agent does the next thing.
    Act(ProcessId),
    /// Its supervisor notices that an agent has ended.
    Reap(ProcessId, Ending),
    /// The faults that strike by themselves.
    Strike,
    /// A person has tidied their checkout.
    CheckoutFreed,
    /// No rig is parked any more, and every repository is there.
    RigsFreed,
    /// The patrol's timer goes off, if an engine runs.
    Patrol,
}

/// Whether an answer is the true one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Copied {
    /// It is.
    First,
    /// It was delivered before.
    Again,
    /// It names an epoch that is not the session's.
    WrongEpoch,
}

/// How hard the engine is hit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Crash {
    /// Its process is killed.
    Kill,
    /// Its process is killed, and what it had not synced is gone.
    KillLosingTail,
    /// The machine loses power: no process is left, and what was not synced is gone.
    Power,
}

/// How an agent ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Ending {
    /// By itself.
    Status(i32),
    /// Its program is missing.
    NoStart,
    /// By its supervisor.
    Stopped(StopWhy),
}

/// The parts of effects that take more than one.
#[derive(Clone, Debug)]
pub(super) enum Task {
    Prepare { session: SessionId, epoch: Epoch, resume: Option<String> },
    Stop { session: SessionId, epoch: Epoch },
    Reap { session: SessionId, epoch: Epoch },
    Inspect { session: SessionId, epoch: Epoch },
    Examine { session: SessionId, epoch: Epoch, round: u32, spent: u32 },
    Gates { worker: WorkerId, epoch: Epoch, round: u32 },
    Swap { worker: WorkerId, epoch: Epoch, round: u32, tip: String, expected: u32 },
    BatchGates { members: Vec<Member> },
    BatchSwap { members: Vec<Member>, tips: Vec<String>, expected: u32 },
    Watch { worker: WorkerId, round: u32 },
    Deliver { delivery: DeliveryId, attempt: u32 },
    Ceiling { session: SessionId, ceiling: Money },
    Synthesize { convoy: ConvoyId, round: u32 },
    StartReview { worker: WorkerId, epoch: Epoch, round: u32 },
}

struct Entry {
    at: u64,
    number: u64,
    happening: Happening,
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.number == other.number
    }
}
impl Eq for Entry {}
impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Entry {
    /// The earliest is the greatest, as the heap wants it.
    fn cmp(&self, other: &Self) -> Ordering {
        (other.at, other.number).cmp(&(self.at, self.number))
    }
}

/// See the module.
#[derive(Default)]
pub(super) struct Queue {
    heap: BinaryHeap<Entry>,
    number: u64,
}

impl Queue {
    pub(super) fn push(&mut self, at: u64, happening: Happening) {
        self.number += 1;
        self.heap.push(Entry { at, number: self.number, happening });
    }
    pub(super) fn pop(&mut self) -> Option<(u64, Happening)> {
        self.heap.pop().map(|entry| (entry.at, entry.happening))
    }
}
