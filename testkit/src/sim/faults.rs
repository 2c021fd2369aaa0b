//! Which faults happen, and when. Each seed picks some of those allowed, and a time after which all goes well.

use std::collections::BTreeSet;

use super::Options;
use super::queue::{Crash, Happening};
use super::world::Role;
use super::{Sim, trace};

/// What can go wrong.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Fault {
    /// The engine is killed at any time.
    Crash,
    /// The engine is killed before an append.
    CrashBeforeAppend,
    /// The engine is killed after an append, before anything follows from it.
    CrashAfterAppend,
    /// The answer to an append is lost; it may have been done.
    UnknownAppend,
    /// The log is not synced at once, and its tail is lost when the engine is killed.
    LostTail,
    /// The machine loses power.
    PowerLoss,
    /// What an effect came to is never heard of.
    LostAnswer,
    /// It is heard of twice.
    DuplicateAnswer,
    /// Something is heard of another epoch.
    WrongEpoch,
    /// A supervisor is killed.
    KillSupervisor,
    /// A supervisor is slow to make its run record.
    LateRecord,
    /// The wall clock jumps.
    ClockJump,
    /// Agents fail, hang, do nothing, or leave processes behind.
    BadAgent,
    /// Gates fail.
    GateFails,
    /// Branches conflict.
    Conflict,
    /// The base branch moves.
    BaseMoves,
    /// A person's checkout is in the way of a merge.
    CheckoutInWay,
    /// Workdirs cannot be made.
    PrepareFails,
    /// Whoever is at the end of a route does not take a notice.
    DeliveryFails,
    /// A foreign process gets the pid of one that ended.
    Stranger,
    /// A rig is parked, or its repository goes away.
    RigHeld,
}

impl Fault {
    /// All of them.
    pub const ALL: [Self; 21] = [
        Self::Crash,
        Self::CrashBeforeAppend,
        Self::CrashAfterAppend,
        Self::UnknownAppend,
        Self::LostTail,
        Self::PowerLoss,
        Self::LostAnswer,
        Self::DuplicateAnswer,
        Self::WrongEpoch,
        Self::KillSupervisor,
        Self::LateRecord,
        Self::ClockJump,
        Self::BadAgent,
        Self::GateFails,
        Self::Conflict,
        Self::BaseMoves,
        Self::CheckoutInWay,
        Self::PrepareFails,
        Self::DeliveryFails,
        Self::Stranger,
        Self::RigHeld,
    ];
}

/// Crashes of one scenario at most.
const CRASHES_MAX: u32 = 5;

pub(super) struct Faults {
    on: u32,
    until: u64,
    rng: fastrand::Rng,
}

fn bit(fault: Fault) -> u32 {
    1 << (fault as u32)
}

impl Faults {
    pub(super) fn new(options: &Options, rng: &mut fastrand::Rng) -> Self {
        let mut rng = fastrand::Rng::with_seed(rng.u64(..));
        // Some seeds have every fault, some few, some none.
        let share = rng.u32(0..=100);
        let picked: BTreeSet<Fault> = Fault::ALL.into_iter().filter(|_| rng.u32(0..100) < share).collect();
        let on = picked.intersection(&options.faults).map(|fault| bit(*fault)).sum();
        Self { on, until: rng.u64(20_000..120_000), rng }
    }
    pub(super) fn has(&self, fault: Fault) -> bool {
        self.on & bit(fault) != 0
    }
    pub(super) fn until(&self) -> u64 {
        self.until
    }
    pub(super) fn hit(&mut self, fault: Fault, permille: u32, t: u64) -> bool {
        self.on & bit(fault) != 0 && t < self.until && self.rng.u32(0..1000) < permille
    }
}

impl Sim {
    /// Plans the faults that strike by themselves, and the restart after which all goes well.
    pub(super) fn plan_faults(&mut self) {
        let until = self.faults.until();
        for _ in 0..self.faults.rng.u32(0..8) {
            let at = self.faults.rng.u64(0..until);
            self.queue.push(at, Happening::Strike);
        }
        self.queue.push(until, Happening::Crash(Crash::Kill));
        self.queue.push(until + 1, Happening::CheckoutFreed);
        self.queue.push(until + 1, Happening::RigsFreed);
    }

    /// Whether the engine may be killed once more.
    pub(super) fn may_crash(&self) -> bool {
        self.report.crashes < CRASHES_MAX
    }

    pub(super) fn strike(&mut self) {
        if self.may_crash() {
            if self.fault(Fault::PowerLoss, 100) {
                return self.crash(Crash::Power);
            }
            if self.fault(Fault::LostTail, 250) {
                return self.crash(Crash::KillLosingTail);
            }
            if self.fault(Fault::Crash, 400) {
                return self.crash(Crash::Kill);
            }
        }
        if self.fault(Fault::ClockJump, 400) {
            let jump = [-86_400_000, -3_600_000, -5_000, 5_000, 3_600_000, 86_400_000];
            self.skew += self.faults.rng.choice(jump).unwrap_or_default();
        }
        if self.fault(Fault::KillSupervisor, 600) {
            let alive = self.processes.iter().enumerate();
            let alive = alive.filter(|(_, p)| p.alive && p.role == Role::Supervisor).map(|(id, _)| id);
            if let Some(id) = self.faults.rng.choice(alive.collect::<Vec<_>>()) {
                trace!(self, "supervisor {} is killed", self.processes[id].pid);
                self.kill(id);
            }
        }
        if self.fault(Fault::BaseMoves, 500) {
            self.repo.move_base();
        }
        if self.fault(Fault::CheckoutInWay, 500) {
            self.repo.checkout_in_way = true;
            self.soon(1000, 40_000, Happening::CheckoutFreed);
        }
        if self.fault(Fault::RigHeld, 500) {
            self.hold_rig();
        }
        if self.fault(Fault::Stranger, 700) {
            self.stranger();
        }
    }
}
