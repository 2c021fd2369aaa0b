//! The dispatcher: the one owner of the state and the log.
//!
//! One thread, one queue, one closed set of inputs. Each turn takes what is waiting, decides each input, lets the
//! plan propose what is due, and commits all of it in one durable step. Only then are replies sent, watchers
//! told, and effects handed to the executor.
//!
//! Decisions are applied to the state before the commit, because later ones of the same turn must see them.
//! Nobody outside sees the state until the commit is through; when it is refused, the state is folded again from
//! the log and everybody of that turn is told.

mod answer;
mod commit;
mod fold;
mod turn;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender};

use convoy_api::query::EngineView;
use convoy_api::{Code, Failure, Outcome};
use convoy_core::command::Observed;
use convoy_core::effect::Effect;
use convoy_core::event::Envelope;
use convoy_core::plan::{Plan, plan};
use convoy_core::policy::Policy;
use convoy_core::session::SessionState;
use convoy_core::state::State;

use crate::clock;
use crate::executor::Executor;
use crate::log::EventLog;
use crate::tasks::{self, Kind};

pub(crate) use fold::fold;

use crate::inbox::Input;

/// How many inputs are committed in one durable step.
const GROUP_MAX: usize = 256;
/// How many events a watcher may be behind before it has to ask again.
const WATCH_MAX: usize = 4096;

/// How a dispatcher is set up.
pub(crate) struct Setup {
    pub(crate) log: Box<dyn EventLog>,
    /// The log, folded, and how many events the snapshot on disk is behind.
    pub(crate) folded: (State, u64),
    pub(crate) policy: Policy,
    pub(crate) view: EngineView,
    /// Carries effects out. Without one, decisions are made and nothing is started.
    pub(crate) executor: Option<Executor>,
    /// Leave after so long with nothing to do.
    pub(crate) idle_exit: Option<std::time::Duration>,
    /// What is removed before it leaves, so that nobody calls who would not be heard.
    pub(crate) socket: Option<std::path::PathBuf>,
}

/// The dispatcher's own memory.
pub(crate) struct Dispatcher {
    log: Box<dyn EventLog>,
    state: State,
    policy: Policy,
    view: EngineView,
    executor: Option<Executor>,
    idle_exit: Option<std::time::Duration>,
    socket: Option<std::path::PathBuf>,
    inputs: Receiver<Input>,
    /// Who sees what is committed, by a number of their own.
    watchers: BTreeMap<u64, SyncSender<Envelope>>,
    watches: u64,
    /// What was handed to the executor and is still wanted. Not started again until it was unwanted once.
    under_way: BTreeSet<Effect>,
    /// Observations that could not be committed because the disk was full.
    stalled: Vec<Observed>,
    /// Events since the snapshot on disk.
    unsaved: u64,
    /// Nothing new is started: the engine is about to leave.
    leaving: Option<Leaving>,
    /// Something should be started and the disk is too full for it.
    starved: bool,
    plan: Plan,
}

/// How the engine leaves.
#[derive(Default)]
struct Leaving {
    /// Who is told when it is done.
    waiting: Vec<SyncSender<Result<(), Failure>>>,
    /// Agents are stopped first.
    stop_agents: bool,
}

/// Starts a dispatcher in a thread of its own. It ends when it is told to, when it has been idle for long enough,
/// or when every handle is gone.
///
/// # Errors
/// When the system has no thread for it.
pub(crate) fn start(setup: Setup, inputs: Receiver<Input>) -> Result<std::thread::JoinHandle<()>, Failure> {
    let Setup { log, folded: (state, unsaved), policy, view, executor, idle_exit, socket } = setup;
    let dispatcher = Dispatcher {
        log,
        state,
        policy,
        view,
        executor,
        idle_exit,
        socket,
        inputs,
        watchers: BTreeMap::new(),
        watches: 0,
        under_way: BTreeSet::new(),
        stalled: Vec::new(),
        unsaved,
        leaving: None,
        starved: false,
        plan: Plan::default(),
    };
    tasks::start(Kind::Dispatcher, move || dispatcher.run())
        .map_err(|error| Failure::new(Code::Unavailable, format!("cannot start a thread: {error}")))
}

impl Dispatcher {
    fn run(mut self) {
        // What was under way when the last engine ended is wanted still: the first turn starts it again.
        // What was read before it began is known to it.
        let waiting = self.inputs.try_iter().take(GROUP_MAX).collect();
        self.turn(waiting);
        while let Some(inputs) = self.wait() {
            self.turn(inputs);
            if self.may_leave() {
                break;
            }
        }
        self.close();
    }

    /// What is waiting, or nothing when a timer is due; none when it is time to end.
    fn wait(&mut self) -> Option<Vec<Input>> {
        // Whoever comes while this runs waits a moment; whoever comes later finds a small log to write to.
        let _ = self.log.maintain();
        let first = match self.next_wake() {
            None => self.inputs.recv().ok()?,
            Some((limit, idle)) => match self.inputs.recv_timeout(limit) {
                Ok(input) => input,
                Err(RecvTimeoutError::Timeout) if idle => return None,
                Err(RecvTimeoutError::Timeout) => return Some(Vec::new()),
                Err(RecvTimeoutError::Disconnected) => return None,
            },
        };
        let mut inputs = vec![first];
        while inputs.len() < GROUP_MAX {
            match self.inputs.try_recv() {
                Ok(input) => inputs.push(input),
                Err(_) => break,
            }
        }
        Some(inputs)
    }

    /// How long to wait at most, and whether the engine has been idle for long enough then.
    fn next_wake(&self) -> Option<(std::time::Duration, bool)> {
        let millis = |span: convoy_core::time::Span| {
            std::time::Duration::from_millis(u64::try_from(span.as_millis()).unwrap_or(0))
        };
        if !self.stalled.is_empty() || self.starved {
            return Some((turn::STALLED_PAUSE, false));
        }
        if let Some(at) = self.plan.wake_at {
            // Rounded up, so that the time has come when the timer fires.
            return Some((millis(at.since(clock::now())) + std::time::Duration::from_millis(1), false));
        }
        match self.idle_exit {
            Some(limit) if self.plan.is_idle() && self.watchers.is_empty() => Some((limit, true)),
            _ => None,
        }
    }

    fn may_leave(&self) -> bool {
        match &self.leaving {
            Some(leaving) if leaving.stop_agents => {
                // What only wants its workdir has not begun, and does not while the engine leaves.
                let sessions = self.state.index.sessions.iter().filter_map(|id| self.state.sessions.get(id));
                sessions.into_iter().all(|session| matches!(session.state, SessionState::Wanted))
            }
            Some(_) => true,
            None => false,
        }
    }

    fn close(mut self) {
        if let Some(socket) = &self.socket {
            let _ = std::fs::remove_file(socket);
        }
        self.save_snapshot(commit::SNAPSHOT_AT_CLOSE);
        let Self { leaving, log, executor, .. } = self;
        drop(executor);
        drop(log);
        for waiting in leaving.map(|leaving| leaving.waiting).unwrap_or_default() {
            let _ = waiting.send(Ok(()));
        }
    }

    fn replan(&mut self) {
        self.plan = plan(&self.state, &self.policy, clock::now());
        self.starved = !self.plan.is_idle() && !self.has_room_on_disk();
        if self.leaving.is_some() || self.starved {
            self.plan.proposals.clear();
            self.plan.effects.retain(|effect| {
                !matches!(effect, Effect::Prepare { .. } | Effect::Merge { .. })
                    || self.under_way.contains(effect)
            });
        }
    }

    /// Whether there is room for what another agent will write.
    fn has_room_on_disk(&self) -> bool {
        self.executor.as_ref().is_none_or(Executor::has_room)
    }

    /// Hands what is newly wanted to the executor.
    fn start_effects(&mut self) {
        let Some(executor) = &self.executor else { return };
        executor.want(&self.plan.effects);
        self.under_way.retain(|effect| self.plan.effects.contains(effect));
        for effect in &self.plan.effects {
            if !self.under_way.contains(effect) {
                if executor.start(effect, &self.state, &self.policy) {
                    self.under_way.insert(effect.clone());
                } else {
                    // The system has no thread to spare; it is asked again in a moment.
                    self.starved = true;
                }
            }
        }
    }

    fn publish(&mut self, envelopes: &[Envelope]) {
        self.watchers.retain(|_, watcher| {
            // One that has fallen too far behind is dropped; it asks again from where it was.
            envelopes.iter().all(|envelope| watcher.try_send(envelope.clone()).is_ok())
        });
    }
}

/// Replies that wait for the commit.
type Replies = Vec<(SyncSender<Result<Outcome, Failure>>, Result<Outcome, Failure>)>;
