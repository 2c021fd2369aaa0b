//! The dispatcher's inbox: everything that can happen to it, in one bounded queue, and the handle that fills it.
//!
//! Whoever has a handle can speak to the dispatcher and knows nothing else of it.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use convoy_api::{Answer, Code, Control, Failure, Order, Outcome, Query};
use convoy_core::command::{Observed, Request};
use convoy_core::effect::Effect;
use convoy_core::event::Envelope;
use convoy_core::id::{RigName, Seq};
use convoy_core::tracker::{Push, Seen};

use crate::tracker::Trackers;

/// How many inputs may wait; whoever sends more waits for the dispatcher.
const QUEUE_MAX: usize = 1024;

/// Everything that can happen to the dispatcher.
pub(crate) enum Input {
    /// Somebody orders something.
    Order(Order, SyncSender<Result<Outcome, Failure>>),
    /// Somebody asks something.
    Ask(Query, SyncSender<Result<Answer, Failure>>),
    /// Somebody wants to see what is committed from now on.
    Subscribe(SyncSender<Subscription>),
    /// The watcher of that number is gone.
    Unsubscribe(u64),
    /// The executor saw something.
    Observed(Observed),
    /// An issue that somebody ordered was made in its tracker.
    Made(Box<(Order, Seen)>, SyncSender<Result<Outcome, Failure>>),
    /// What are trackers to be told?
    Pushes(SyncSender<Vec<(RigName, u64, Vec<Push>)>>),
    /// A rig's repository was looked at.
    Rig(RigSeen),
    /// Leave.
    Control(Control, SyncSender<Result<(), Failure>>),
}

/// What was seen of a rig's repository. No observation of the log: it is so now, and looked at again.
pub(crate) struct RigSeen {
    pub(crate) rig: RigName,
    /// Where it was looked for; the configuration may say something else by now.
    pub(crate) path: PathBuf,
    /// Why it cannot be used.
    pub(crate) trouble: Option<String>,
    /// What could not be done because of that, and is still to be done. None from whoever looks after it.
    pub(crate) effect: Option<Effect>,
}

/// What a watcher gets: everything after `after`, until it says that it is gone.
pub(crate) struct Subscription {
    pub(crate) number: u64,
    pub(crate) after: Seq,
    pub(crate) events: Receiver<Envelope>,
}

/// A way to reach the dispatcher. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Handle {
    inputs: SyncSender<Input>,
    /// Where issues are made, and read again, that others keep.
    trackers: Arc<Trackers>,
}

pub(crate) fn gone() -> Failure {
    Failure::new(Code::Unavailable, "the engine is leaving").hint("try again; see 'convoy daemon status'")
}

impl Handle {
    fn call<T>(&self, input: impl FnOnce(SyncSender<T>) -> Input) -> Result<T, Failure> {
        let (sender, receiver) = sync_channel(1);
        self.inputs.send(input(sender)).map_err(|_| gone())?;
        receiver.recv().map_err(|_| gone())
    }
    pub(crate) fn order(&self, order: Order) -> Result<Outcome, Failure> {
        if matches!(order.request, Request::ConvoyCheck { .. }) {
            return self.trackers.check(self, order);
        }
        self.trackers.freshen(self);
        match self.trackers.make(self, &order) {
            Some(outcome) => outcome,
            None => self.again_if_unknown(|| self.decide(order.clone())),
        }
    }
    /// What is not known here may have been made in a tracker a moment ago, before anybody could notice.
    fn again_if_unknown<T>(&self, try_it: impl Fn() -> Result<T, Failure>) -> Result<T, Failure> {
        match try_it() {
            Err(failure) if failure.code == Code::NotFound && self.trackers.any() => {
                self.trackers.read_again(self);
                try_it()
            }
            done => done,
        }
    }
    /// Has an order decided that needs nothing of the world.
    pub(crate) fn decide(&self, order: Order) -> Result<Outcome, Failure> {
        self.call(|reply| Input::Order(order, reply))?
    }
    /// Takes in what was made for an order.
    pub(crate) fn made(&self, order: Order, seen: Seen) -> Result<Outcome, Failure> {
        self.call(|reply| Input::Made(Box::new((order, seen)), reply))?
    }
    /// What trackers are to be told now, with the round of each.
    pub(crate) fn pushes(&self) -> Result<Vec<(RigName, u64, Vec<Push>)>, Failure> {
        self.call(Input::Pushes)
    }
    pub(crate) fn ask(&self, query: Query) -> Result<Answer, Failure> {
        self.trackers.freshen(self);
        let mut answer = self.again_if_unknown(|| self.look(query.clone()))?;
        self.trackers.complete(&mut answer);
        Ok(answer)
    }
    /// The answer from what is known already.
    pub(crate) fn look(&self, query: Query) -> Result<Answer, Failure> {
        self.call(|reply| Input::Ask(query, reply))?
    }
    pub(crate) fn trackers(&self) -> &Trackers {
        &self.trackers
    }
    pub(crate) fn subscribe(&self) -> Result<Subscription, Failure> {
        self.call(Input::Subscribe)
    }
    pub(crate) fn unsubscribe(&self, number: u64) {
        let _ = self.inputs.send(Input::Unsubscribe(number));
    }
    pub(crate) fn control(&self, control: Control) -> Result<(), Failure> {
        if control == Control::ReadTrackers {
            self.trackers.read_again(self);
            return Ok(());
        }
        self.call(|reply| Input::Control(control, reply))??;
        if control == Control::Reload {
            self.trackers.reload(self);
        }
        Ok(())
    }
    /// Tells how a repository is.
    pub(crate) fn rig_seen(&self, seen: RigSeen) {
        let _ = self.inputs.send(Input::Rig(seen));
    }
    /// Has the configuration read again; whether there is still somebody who reads it.
    pub(crate) fn reload(&self) -> bool {
        let (sender, receiver) = sync_channel(1);
        let sent = self.inputs.send(Input::Control(Control::Reload, sender)).is_ok();
        let heard = sent.then(|| receiver.recv().ok()).flatten();
        if let Some(Ok(())) = heard {
            self.trackers.reload(self);
        }
        heard.is_some()
    }
    /// Tells what was seen. What is lost because the engine leaves is seen again by the next one.
    pub(crate) fn observed(&self, observed: Observed) {
        let _ = self.inputs.send(Input::Observed(observed));
    }
}

/// A queue for a dispatcher that is about to start, so that its executor can know where to report.
pub(crate) fn queue(trackers: Arc<Trackers>) -> (Handle, Receiver<Input>) {
    let (inputs, receiver) = sync_channel(QUEUE_MAX);
    (Handle { inputs, trackers }, receiver)
}
