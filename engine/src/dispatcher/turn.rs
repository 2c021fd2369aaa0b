//! One turn: decide what is waiting, propose what is due, commit, and let the world know.

use std::sync::mpsc::{SyncSender, sync_channel};
use std::time::Duration;

use convoy_api::{Code, Control, Failure, ItemView, Order, Outcome};
use convoy_core::address::Address;
use convoy_core::command::{Observed, Request};
use convoy_core::decide::{Command, Context, Entropy, Item, decide, step};
use convoy_core::effect::Effect;
use convoy_core::event::Batch;
use convoy_core::id::RigName;
use convoy_core::tracker::{Push, pushes};

use super::{Dispatcher, Leaving, Replies, WATCH_MAX};
use crate::inbox::{Input, Subscription, gone};
use crate::log::Hash;
use crate::{clock, crash, entropy};

/// How long to wait before what a full disk refused is tried again.
pub(super) const STALLED_PAUSE: Duration = Duration::from_secs(1);
/// How often in one turn the plan may propose something new; the next turn goes on.
const ROUNDS_MAX: usize = 64;

/// Who acts when nobody asked.
fn engine() -> Address {
    Address::new("convoy").expect("a constant that is a valid address")
}

/// What tells one request from another.
fn fingerprint(request: &Request) -> u64 {
    let text = serde_json::to_vec(request).expect("requests are plain data");
    let hash = Hash::of(&text).0;
    u64::from_le_bytes(std::array::from_fn(|i| hash[i]))
}

/// What came of a control.
type Done = Result<(), Failure>;

/// What a turn has decided and not yet committed.
#[derive(Default)]
pub(super) struct Turn {
    pub(super) batches: Vec<Batch>,
    pub(super) replies: Replies,
    pub(super) observed: Vec<Observed>,
    subscribers: Vec<SyncSender<Subscription>>,
    /// Answered when what follows from the configuration is under way.
    reloads: Vec<(SyncSender<Done>, Done)>,
    questions: Vec<(convoy_api::Query, SyncSender<Result<convoy_api::Answer, Failure>>)>,
}

impl Dispatcher {
    pub(super) fn turn(&mut self, inputs: Vec<Input>) {
        let mut turn = Turn::default();
        let mut pushes = Vec::new();
        for observed in std::mem::take(&mut self.stalled) {
            self.observe(observed, &mut turn);
        }
        for input in inputs {
            match input {
                Input::Order(order, reply) => {
                    self.take_command(order, Command::Request, reply, &mut turn);
                }
                Input::Observed(observed) => self.observe(observed, &mut turn),
                Input::Rig(seen) => self.rig_seen(seen),
                Input::Ask(query, reply) => turn.questions.push((query, reply)),
                Input::Subscribe(reply) => turn.subscribers.push(reply),
                Input::Unsubscribe(number) => {
                    self.watchers.remove(&number);
                }
                Input::Made(made, reply) => {
                    let (order, seen) = *made;
                    self.take_command(order, |_| Command::Made(Box::new(seen)), reply, &mut turn);
                }
                Input::Pushes(reply) => pushes.push(reply),
                Input::Control(Control::Down { stop_agents }, reply) => {
                    self.leave(stop_agents, reply, &mut turn);
                }
                // By whoever has the handle: it concerns no state.
                Input::Control(Control::ReadTrackers, reply) => {
                    let _ = reply.send(Ok(()));
                }
                // Whoever leaves has nothing to do by it any more.
                Input::Control(Control::Reload, reply) => {
                    let done = if self.leaving.is_some() { Ok(()) } else { self.reload() };
                    turn.reloads.push((reply, done));
                }
            }
        }
        self.propose(&mut turn);
        let Turn { batches, replies, observed, subscribers, reloads, questions } = turn;
        let records = batches.len();
        if self.commit(batches, replies, observed) {
            if records > 0 {
                crash::point("effects:before");
            }
            self.start_effects();
        }
        for reply in subscribers {
            let (sender, events) = sync_channel(WATCH_MAX);
            self.watches += 1;
            let subscription = Subscription { number: self.watches, after: self.state.seq, events };
            if reply.send(subscription).is_ok() {
                self.watchers.insert(self.watches, sender);
            }
        }
        for reply in pushes {
            let _ = reply.send(self.pushes());
        }
        for (reply, done) in reloads {
            let _ = reply.send(done);
        }
        for (query, reply) in questions {
            self.look_at_rigs(&query);
            let _ = reply.send(self.answer(&query));
        }
    }

    /// What trackers are to be told now, with the round of each.
    fn pushes(&self) -> Vec<(RigName, u64, Vec<Push>)> {
        let wanted = self.plan.effects.iter().filter_map(|effect| match effect {
            Effect::Push { rig, round } => Some((rig, *round)),
            _ => None,
        });
        let now = clock::now();
        wanted.map(|(rig, round)| (rig.clone(), round, pushes(&self.state, &self.policy, rig, now))).collect()
    }

    /// Decides what was ordered, as the command that it comes to.
    fn take_command(
        &mut self,
        order: Order,
        command: impl FnOnce(Request) -> Command,
        reply: SyncSender<Result<Outcome, Failure>>,
        turn: &mut Turn,
    ) {
        if self.leaving.is_some() {
            // Whoever orders now would be heard by nobody: the next engine takes it.
            let _ = reply.send(Err(gone()));
            return;
        }
        let actor = match Address::new(&order.actor) {
            Ok(actor) => actor,
            Err(error) => {
                let _ = reply.send(Err(Failure::new(Code::Invalid, format!("actor: {error}"))));
                return;
            }
        };
        let print = order.key.as_ref().map_or(0, |_| fingerprint(&order.request));
        let command = command(order.request);
        let mut ctx = Context {
            now: clock::now(),
            actor,
            policy: &self.policy,
            entropy: Entropy::new(entropy::seed()),
            key: order.key,
            print,
        };
        let view = |items: Vec<Item>| items.into_iter().map(ItemView::from).collect();
        let outcome = if order.dry_run {
            decide(&self.state, &command, &mut ctx).map(|d| Outcome {
                items: view(d.items),
                seq: self.state.seq,
                would: d.events,
            })
        } else {
            step(&mut self.state, &command, &mut ctx).map(|(batch, items)| {
                turn.batches.extend(batch);
                Outcome { items: view(items), seq: self.state.seq, would: Vec::new() }
            })
        };
        // Even a refusal waits for the commit: it may rest on what is decided in the same turn.
        turn.replies.push((reply, outcome.map_err(Failure::from)));
    }

    pub(super) fn observe(&mut self, observed: Observed, turn: &mut Turn) {
        let mut ctx = Context {
            now: clock::now(),
            actor: engine(),
            policy: &self.policy,
            entropy: Entropy::new(entropy::seed()),
            key: None,
            print: 0,
        };
        let command = Command::Observed(observed);
        if let Ok((Some(batch), _)) = step(&mut self.state, &command, &mut ctx) {
            turn.batches.push(batch);
        }
        // Also what changes nothing now: it may rest on something of this turn that the log does not take.
        if let Command::Observed(observed) = command {
            turn.observed.push(observed);
        }
    }

    /// Lets the plan propose what is due, until it has nothing new, in the same commit as what led to it.
    fn propose(&mut self, turn: &mut Turn) {
        for _ in 0..ROUNDS_MAX {
            self.replan();
            if self.executor.is_none() {
                return;
            }
            let before = turn.batches.len();
            for proposal in std::mem::take(&mut self.plan.proposals) {
                self.observe(proposal, turn);
            }
            if turn.batches.len() == before {
                return;
            }
        }
    }

    fn leave(&mut self, stop_agents: bool, reply: SyncSender<Result<(), Failure>>, turn: &mut Turn) {
        let leaving = self.leaving.get_or_insert_with(Leaving::default);
        leaving.waiting.push(reply);
        leaving.stop_agents |= stop_agents;
        if stop_agents {
            self.observe(Observed::Leaving, turn);
        }
    }
}
