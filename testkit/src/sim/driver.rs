//! The driver: the dispatcher's loop as the engine runs it.
//!
//! Receive, step, append, and only then answer, and begin what the plan says and is not under way. A failed or
//! unknown append ends in reading the log again; everything that was received is then looked at once more.

use std::collections::{BTreeMap, BTreeSet};

use convoy_core::address::Address;
use convoy_core::command::Observed;
use convoy_core::decide::{Command, Context, Entropy, step};
use convoy_core::effect::Effect;
use convoy_core::event::Batch;
use convoy_core::id::{Epoch, SessionId};
use convoy_core::plan::{Plan, plan};
use convoy_core::state::State;

use super::queue::{Copied, Crash, Happening, ProcessId};
use super::world::{Record, Role};
use super::{Bug, Fault, Sim, trace};

/// Rounds of proposals in one commit; each makes progress, or it is a mistake.
const ROUNDS_MAX: u32 = 100;
/// How long an engine may try to start before that counts as never, in virtual milliseconds.
const START_MAX: u64 = 15_000;

/// What the engine has received.
#[derive(Clone, Debug)]
pub(super) enum Input {
    /// The request of a client.
    Ask(usize),
    /// Something that an effect came to.
    Seen { effect: Option<Effect>, command: Box<Command>, copy: Copied },
}

/// Everything that dies with the engine's process.
pub(super) struct Engine {
    pub(super) instance: u32,
    pub(super) state: State,
    inbox: Vec<Input>,
    pub(super) ticking: bool,
    pub(super) under_way: BTreeSet<Effect>,
    wake: Option<u64>,
    /// Sessions that are followed, with the number of the last report that was sent on.
    pub(super) following: BTreeMap<SessionId, (Epoch, u64)>,
    /// Supervisors that this engine launched.
    pub(super) launched: BTreeMap<SessionId, ProcessId>,
    /// Sessions that were there when it started.
    pub(super) recovered: BTreeSet<SessionId>,
    /// Replays the log beside the state, when the scenario is thorough.
    pub(super) shadow: Option<State>,
}

impl Sim {
    pub(super) fn happen(&mut self, happening: Happening) {
        let mine = |sim: &Self, instance| {
            sim.engine.as_ref().is_some_and(|engine: &Engine| engine.instance == instance)
        };
        match happening {
            Happening::Tick(instance) if mine(self, instance) => self.tick(),
            Happening::Wake(instance) if mine(self, instance) => {
                if let Some(engine) = &mut self.engine {
                    engine.wake = None;
                }
                self.tick();
            }
            Happening::Answer { instance, effect, observed, copy } if mine(self, instance) => {
                self.receive(Input::Seen { effect, command: Box::new(Command::Observed(*observed)), copy });
            }
            Happening::Part(instance, task) if mine(self, instance) => self.part(task),
            Happening::Probe(instance, session) if mine(self, instance) => self.probe(&session),
            Happening::Tick(_)
            | Happening::Wake(_)
            | Happening::Answer { .. }
            | Happening::Part(..)
            | Happening::Probe(..) => {}
            Happening::Ask(client) => self.ask(client),
            Happening::Crash(crash) => self.crash(crash),
            Happening::Restart => self.restart(),
            Happening::SupervisorUp(id) => self.supervisor_up(id),
            Happening::SupervisorStart(id) => self.supervisor_start(id),
            Happening::SupervisorStop(id, why) => self.supervisor_stop(id, why),
            Happening::Act(id) => self.act(id),
            Happening::Reap(id, ending) => self.reap(id, ending),
            Happening::Strike => self.strike(),
            Happening::CheckoutFreed => self.repo.checkout_in_way = false,
            Happening::RigsFreed => self.free_rigs(),
            Happening::Patrol => self.patrol(),
        }
    }

    /// It comes by at intervals, and once more after everything else: what nobody noticed must not stay.
    pub(super) fn patrol(&mut self) {
        let command = Box::new(Command::Observed(Observed::Patrol));
        self.receive(Input::Seen { effect: None, command, copy: Copied::First });
    }

    /// Something for the engine to handle; what comes at nearly the same time is handled together.
    pub(super) fn receive(&mut self, input: Input) {
        let Some(engine) = &mut self.engine else { return };
        engine.inbox.push(input);
        if !std::mem::replace(&mut engine.ticking, true) {
            let instance = engine.instance;
            self.soon(0, 8, Happening::Tick(instance));
        }
    }

    fn tick(&mut self) {
        let Some(mut engine) = self.engine.take() else { return };
        engine.ticking = false;
        let inputs = std::mem::take(&mut engine.inbox);
        let mut group = Vec::new();
        let mut answered = Vec::new();
        for input in &inputs {
            let batch = match input {
                Input::Ask(client) => {
                    let (command, key) = self.request_of(*client, &engine.state);
                    answered.push(*client);
                    self.step(&mut engine.state, &command, Some(key))
                }
                Input::Seen { effect, command, copy } => {
                    if let Some(effect) = effect {
                        engine.under_way.remove(effect);
                    }
                    let batch = self.step(&mut engine.state, command, None);
                    self.check_copy(command, *copy, batch.as_ref());
                    batch
                }
            };
            group.extend(batch);
        }
        let plan = self.settle(&mut engine.state, &mut group);
        if group.is_empty() {
            self.engine = Some(engine);
            self.answer_clients(&answered);
            self.carry_out(&plan);
            return;
        }
        self.append(engine, group, inputs, &answered, &plan);
    }

    fn step(&mut self, state: &mut State, command: &Command, key: Option<String>) -> Option<Batch> {
        let policy = self.policy.clone();
        let actor = if key.is_some() { Address::overseer() } else { engine_address() };
        let entropy = Entropy::new(self.rng.u64(..));
        let mut ctx = Context { now: self.now(), actor, policy: &policy, entropy, key, print: 0 };
        match step(state, command, &mut ctx) {
            Ok((batch, items)) => {
                trace!(self, "{command:?}");
                if let Some(batch) = &batch {
                    for event in &batch.events {
                        trace!(self, "    {event:?}");
                    }
                }
                drop(items);
                if let Some(batch) = &batch {
                    self.check_begun(state, &policy, batch);
                }
                batch
            }
            Err(refusal) => {
                trace!(self, "{command:?}: refused: {refusal}");
                None
            }
        }
    }

    /// Feeds the plan's proposals back until there are none; what they come to belongs to the same commit.
    fn settle(&mut self, state: &mut State, group: &mut Vec<Batch>) -> Plan {
        let policy = self.policy.clone();
        for _ in 0..ROUNDS_MAX {
            let plan = plan(state, &policy, self.now());
            if plan.proposals.is_empty() {
                return plan;
            }
            let before = group.len();
            for proposal in plan.proposals {
                group.extend(self.step(state, &Command::Observed(proposal), None));
            }
            if group.len() == before {
                self.violate("the plan proposes what decide refuses, for ever");
                return Plan::default();
            }
        }
        self.violate("the plan proposes without end");
        Plan::default()
    }

    /// Commits, and what comes after that. Every way in which it can go wrong is here.
    fn append(
        &mut self,
        mut engine: Engine,
        group: Vec<Batch>,
        inputs: Vec<Input>,
        answered: &[usize],
        plan: &Plan,
    ) {
        let crash = self.may_crash();
        if crash && self.fault(Fault::CrashBeforeAppend, 25) {
            self.engine = Some(engine);
            return self.crash(Crash::Kill);
        }
        let unknown = self.fault(Fault::UnknownAppend, 40);
        if !unknown || self.rng.bool() {
            self.disk.batches.extend(group.iter().cloned());
            if !self.faults.has(Fault::LostTail) || self.t > self.faults.until() || self.rng.bool() {
                self.disk.durable = self.disk.batches.len();
            }
        }
        if unknown {
            // The log is read before anything else is decided, and everything is looked at again.
            engine.state = self.disk.replay();
            if let Some(shadow) = &mut engine.shadow {
                shadow.clone_from(&engine.state);
            }
            self.rescan();
            self.engine = Some(engine);
            for input in inputs {
                if self.options.bug != Some(Bug::ForgetsUnknown) {
                    self.receive(input);
                }
            }
            let instance = self.instance;
            return self.soon(0, 8, Happening::Tick(instance));
        }
        let state = std::mem::take(&mut engine.state);
        self.check_group(&state, &group, engine.shadow.as_mut());
        engine.state = state;
        self.engine = Some(engine);
        if crash && self.fault(Fault::CrashAfterAppend, 25) {
            return self.crash(Crash::Kill);
        }
        self.answer_clients(answered);
        self.carry_out(plan);
    }

    /// Begins what is not under way, and forgets what is no longer wanted.
    fn carry_out(&mut self, plan: &Plan) {
        let now = self.now();
        let Some(engine) = &mut self.engine else { return };
        engine.under_way.retain(|effect| plan.effects.contains(effect));
        let new: Vec<Effect> = plan.effects.difference(&engine.under_way).cloned().collect();
        engine.under_way.extend(new.iter().cloned());
        if let Some(at) = plan.wake_at {
            let at = self.t + at.since(now).as_millis() as u64;
            if engine.wake.is_none_or(|wake| at < wake) {
                engine.wake = Some(at);
                self.queue.push(at, Happening::Wake(engine.instance));
            }
        }
        for effect in &new {
            self.begin(effect);
        }
    }

    pub(super) fn crash(&mut self, crash: Crash) {
        trace!(self, "CRASH {crash:?}");
        self.report.crashes += 1;
        if crash == Crash::Power {
            for process in &mut self.processes {
                process.alive = false;
            }
        }
        if crash != Crash::Kill {
            self.disk.batches.truncate(self.disk.durable);
            self.rescan();
        }
        self.engine = None;
        self.instance += 1;
        self.unanswered();
        if self.starting_since.is_none() {
            self.starting_since = Some(self.t);
            self.soon(100, 4_000, Happening::Restart);
        }
    }

    /// An engine starts: the ordinary path, from the log and from what it finds.
    pub(super) fn restart(&mut self) {
        let Some(since) = self.starting_since else { return };
        let inherits = self.options.bug == Some(Bug::LockInherited);
        if inherits && self.processes.iter().any(|p| p.alive && p.role != Role::Stranger) {
            if self.t - since > START_MAX {
                self.violate("the engine cannot start: a process that it started holds its lock");
            }
            return self.soon(1_000, 1_000, Happening::Restart);
        }
        self.starting_since = None;
        let state = self.disk.replay();
        self.disk.durable = self.disk.batches.len();
        self.check_replayed(&state);
        if self.options.bug != Some(Bug::IgnoresUnknown) {
            self.fence_unknown(&state);
        }
        trace!(self, "START at event {}", state.seq);
        let recovered = state.index.sessions.clone();
        let shadow = self.options.thorough.then(|| state.clone());
        self.engine = Some(Engine {
            instance: self.instance,
            state,
            inbox: Vec::new(),
            ticking: true,
            under_way: BTreeSet::new(),
            wake: None,
            following: BTreeMap::new(),
            launched: BTreeMap::new(),
            recovered,
            shadow,
        });
        let instance = self.instance;
        self.soon(1, 100, Happening::Tick(instance));
    }

    /// Sessions that the log has forgotten are ended, and what they did is saved, before anything is planned.
    fn fence_unknown(&mut self, state: &State) {
        let unknown = self.dirs.iter().filter(|(_, dir)| !state.sessions.contains_key(&dir.session));
        for key in unknown.map(|(key, _)| key.clone()).collect::<Vec<_>>() {
            if let Some(supervisor) = self.supervisor_of(&key) {
                self.processes[supervisor].alive = false;
            }
            self.kill_tree(&key);
            if let Some(dir) = self.dirs.get_mut(&key) {
                trace!(self, "unknown {key} is fenced");
                dir.record.get_or_insert(Record::Fence);
            }
            self.collect(&key);
        }
    }
}

/// Who the engine is in the log.
fn engine_address() -> Address {
    Address::new("convoy").expect("a constant that is a valid address")
}
