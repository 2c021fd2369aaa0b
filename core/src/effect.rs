//! Effects: what the executor is to do. Data, run only after what they follow from is committed.
//!
//! An effect names what it is about, with its epoch; the details are read from the state when it is started.
//! Doing one again after a crash is always safe: each looks at the world first.

use crate::id::{CheckpointId, ConvoyId, DeliveryId, Epoch, RigName, SessionId, WorkerId};
use crate::money::Money;
use crate::worker::Member;

/// One thing to be done in the world.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Effect {
    /// Make the workdir of a session, or find the one that was made before a crash.
    Prepare {
        /// Which.
        session: SessionId,
        /// Its epoch.
        epoch: Epoch,
    },
    /// See that a session's supervisor runs, once, and follow it to its end. One that is being stopped is only
    /// followed: nothing is launched for it.
    Supervise {
        /// Which.
        session: SessionId,
        /// Its epoch.
        epoch: Epoch,
    },
    /// Order a session's supervisor to end it; or make sure that it never begins, by making its run record
    /// before a supervisor does. Under way until the session is dead.
    Stop {
        /// Which.
        session: SessionId,
        /// Its epoch.
        epoch: Epoch,
    },
    /// Save what a dead session left in its workdir, and say what it is.
    Inspect {
        /// Which.
        session: SessionId,
        /// Its epoch.
        epoch: Epoch,
    },
    /// Run the gates on a submitted branch, and merge it.
    Merge {
        /// Whose.
        worker: WorkerId,
        /// The epoch of the session that made it.
        epoch: Epoch,
        /// Which try.
        round: u32,
    },
    /// Merge several submitted branches into one candidate, run the gates on it once, and land all of them.
    MergeBatch {
        /// Whose, in the order in which they are merged.
        members: Vec<Member>,
    },
    /// Look at a request on the forge now and then, until it is merged or closed.
    FollowRequest {
        /// Whose.
        worker: WorkerId,
        /// Which look: a person may ask for another at once.
        round: u32,
    },
    /// Try to deliver a notice by a route. Whoever is there may get it twice, with the same key: an engine that dies
    /// between the delivery and its record tries again.
    Deliver {
        /// Which.
        delivery: DeliveryId,
        /// Which try.
        attempt: u32,
    },
    /// Make a checkpoint in git, or find the one that was made before a crash.
    Checkpoint {
        /// Which.
        checkpoint: CheckpointId,
    },
    /// See whether anything of a session changed since its last checkpoint. Nothing is heard if not.
    Compare {
        /// Whose: an attempt's, or a person's own.
        session: SessionId,
        /// The number of that checkpoint; 0: since it began.
        last: u64,
        /// Which look since then.
        look: u64,
    },
    /// Resolve the template by which a checkpoint of a live session is reviewed.
    ReviewCheckpoint {
        /// Which.
        checkpoint: CheckpointId,
    },
    /// Resolve the template by which a submitted branch is reviewed before it lands.
    StartReview {
        /// Whose.
        worker: WorkerId,
        /// The epoch of the session that made it.
        epoch: Epoch,
        /// Which try.
        round: u32,
    },
    /// Make the report of a template convoy out of what its roles left.
    Synthesize {
        /// Which.
        convoy: ConvoyId,
        /// Which making.
        round: u32,
    },
    /// Tell a session's supervisor how much it may spend in all.
    Ceiling {
        /// Whose.
        session: SessionId,
        /// Its epoch.
        epoch: Epoch,
        /// Its ceiling.
        ceiling: Money,
    },
    /// Look how a session does of which nothing was heard, or that spent much, until there is something to say of it.
    Examine {
        /// Which.
        session: SessionId,
        /// Its epoch.
        epoch: Epoch,
        /// Which look: as many judgements of it are in the log.
        round: u32,
        /// How often it spent what may be spent without progress; zero for a look because of silence.
        spent: u32,
    },
    /// Remind an agent that does not do well.
    Nudge {
        /// Whose.
        session: SessionId,
        /// Its epoch.
        epoch: Epoch,
        /// The judgement that led to it.
        round: u32,
    },
    /// Wait until the checkout changes that is in the way of a merge.
    WatchCheckout {
        /// Whose.
        worker: WorkerId,
        /// Which try.
        round: u32,
    },
    /// Tell a rig's tracker what it is to be told.
    Push {
        /// Whose.
        rig: RigName,
        /// Which try.
        round: u64,
    },
}
