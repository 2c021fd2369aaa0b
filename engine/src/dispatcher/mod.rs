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
mod cost;
mod fold;
mod reload;
#[cfg(test)]
mod tests;
mod turn;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender};
use std::time::Duration;

use convoy_api::query::EngineView;
use convoy_api::{Code, Failure, Outcome};
use convoy_core::command::Observed;
use convoy_core::effect::Effect;
use convoy_core::event::Envelope;
use convoy_core::id::RigName;
use convoy_core::plan::{Plan, plan};
use convoy_core::policy::Policy;
use convoy_core::session::{Session, SessionState};
use convoy_core::state::State;
use convoy_core::time::Span;

use crate::clock;
use crate::executor::Executor;
use crate::log::EventLog;
use crate::mirror::Mirror;
use crate::settings::Source;
use crate::snapshots::Snapshots;
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
    pub(crate) idle_exit: Option<Duration>,
    /// How often the patrol comes by.
    pub(crate) patrol: Option<Span>,
    /// The file that issues are mirrored to.
    pub(crate) mirror: Option<Mirror>,
    /// How convoys come into git.
    pub(crate) snapshots: Option<Snapshots>,
    /// Where the configuration is read again.
    pub(crate) source: Source,
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
    idle_exit: Option<Duration>,
    /// When something last came in.
    busy_at: clock::Instant,
    patrol: Option<Patrol>,
    mirror: Option<Mirror>,
    snapshots: Option<Snapshots>,
    source: Source,
    /// Why the configuration as it stands now is not gone by, if it is not.
    refused: Option<String>,
    /// Rigs whose repositories somebody looks out for.
    watched: BTreeSet<(RigName, String)>,
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
    let Setup {
        log,
        folded: (state, unsaved),
        policy,
        view,
        executor,
        idle_exit,
        patrol,
        source,
        socket,
        mirror,
        snapshots,
    } = setup;
    let dispatcher = Dispatcher {
        log,
        state,
        policy,
        view,
        executor,
        idle_exit,
        busy_at: clock::Instant::now(),
        patrol: patrol.map(Patrol::new),
        mirror,
        snapshots,
        source,
        refused: None,
        watched: BTreeSet::new(),
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
        self.watch_rigs();
        // What was under way when the last engine ended is wanted still: the first turn starts it again.
        // What was read before it began is known to it.
        let waiting = self.inputs.try_iter().take(GROUP_MAX);
        let patrol = self.patrol.iter().map(|_| Input::Observed(Observed::Patrol));
        let mut next: Option<Vec<Input>> = Some(waiting.chain(patrol).collect());
        while let Some(inputs) = next {
            self.turn(inputs);
            if let Some(mirror) = &mut self.mirror {
                mirror.write_if_due(&self.state);
            }
            if let Some(snapshots) = &mut self.snapshots {
                snapshots.write_if_due(&self.state, &self.policy);
            }
            if self.may_leave() {
                break;
            }
            next = self.wait();
        }
        self.close();
    }

    /// What is waiting, or nothing when a timer is due; none when it is time to end.
    fn wait(&mut self) -> Option<Vec<Input>> {
        // Whoever comes while this runs waits a moment; whoever comes later finds a small log to write to.
        let _ = self.log.maintain();
        let first = match self.next_wake() {
            None => self.inputs.recv().ok()?,
            Some((limit, wake)) => match self.inputs.recv_timeout(limit) {
                Ok(input) => input,
                Err(RecvTimeoutError::Timeout) => return self.woken(wake),
                Err(RecvTimeoutError::Disconnected) => return None,
            },
        };
        self.busy_at = clock::Instant::now();
        let mut inputs = vec![first];
        while inputs.len() < GROUP_MAX {
            match self.inputs.try_recv() {
                Ok(input) => inputs.push(input),
                Err(_) => break,
            }
        }
        Some(inputs)
    }

    /// What there is to do when a timer went off; none when it is time to end.
    fn woken(&mut self, wake: Wake) -> Option<Vec<Input>> {
        match wake {
            Wake::Plan | Wake::Mirror | Wake::Snapshots => Some(Vec::new()),
            Wake::Idle => None,
            Wake::Patrol => {
                if let Some(patrol) = &mut self.patrol {
                    *patrol = Patrol::new(patrol.every);
                }
                Some(vec![Input::Observed(Observed::Patrol)])
            }
        }
    }

    /// How long to wait at most, and for what.
    fn next_wake(&self) -> Option<(Duration, Wake)> {
        if !self.stalled.is_empty() || self.starved {
            return Some((turn::STALLED_PAUSE, Wake::Plan));
        }
        // Rounded up, so that the time has come when the timer fires.
        let planned = self
            .plan
            .wake_at
            .map(|at| (std_duration(at.since(clock::now())) + Duration::from_millis(1), Wake::Plan));
        let idle = self
            .idle_exit
            .filter(|_| self.plan.is_idle() && !self.plan.waits && self.watchers.is_empty())
            .map(|limit| (limit.saturating_sub(self.busy_at.elapsed()), Wake::Idle));
        // With nothing open there is nothing to look after, and no reason to wake up.
        let patrol = self
            .patrol
            .as_ref()
            .filter(|_| !self.state.index.open.is_empty())
            .map(|patrol| (patrol.next.left(), Wake::Patrol));
        let mirror = self.mirror.as_ref().and_then(Mirror::left).map(|left| (left, Wake::Mirror));
        let snapshots = self.snapshots.as_ref().and_then(Snapshots::left).map(|left| (left, Wake::Snapshots));
        [planned, idle, patrol, mirror, snapshots].into_iter().flatten().min_by_key(|(limit, _)| *limit)
    }

    fn may_leave(&self) -> bool {
        match &self.leaving {
            Some(leaving) if leaving.stop_agents => {
                // What only wants its workdir has not begun, and does not while the engine leaves. What a dead one
                // left is saved when there is a repository for it, by whichever engine is there then.
                let sessions = self.state.index.sessions.iter().filter_map(|id| self.state.sessions.get(id));
                let may_stay = |session: &Session| match session.state {
                    SessionState::Wanted | SessionState::Over { .. } => true,
                    SessionState::Starting { .. } | SessionState::Running { .. } => false,
                    SessionState::Ended { .. } => {
                        let worker = self.state.workers.get(&session.content.worker);
                        worker.is_some_and(|worker| !self.policy.reaches(&worker.content.rig))
                    }
                };
                sessions.into_iter().all(may_stay)
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
        if let Some(mirror) = self.mirror.take() {
            mirror.close(&self.state);
        }
        if let Some(snapshots) = self.snapshots.take() {
            snapshots.close(&self.state, &self.policy);
        }
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
                !matches!(
                    effect,
                    Effect::Prepare { .. }
                        | Effect::Merge { .. }
                        | Effect::MergeBatch { .. }
                        | Effect::Deliver { .. }
                ) || self.under_way.contains(effect)
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

/// Why the dispatcher wakes up although nothing came in.
#[derive(Clone, Copy)]
enum Wake {
    /// The plan has something for this time.
    Plan,
    /// The patrol comes by.
    Patrol,
    /// The mirror is to be written.
    Mirror,
    /// Convoys are to be written to git.
    Snapshots,
    /// It has been idle for long enough.
    Idle,
}

/// The patrol's timer. On the monotonic clock: it comes by neither more nor less often because somebody set the date.
struct Patrol {
    every: Span,
    next: clock::Instant,
}

impl Patrol {
    fn new(every: Span) -> Self {
        Self { every, next: clock::Instant::now().plus(every) }
    }
}

fn std_duration(span: Span) -> Duration {
    Duration::from_millis(u64::try_from(span.as_millis()).unwrap_or(0))
}

/// Replies that wait for the commit.
type Replies = Vec<(SyncSender<Result<Outcome, Failure>>, Result<Outcome, Failure>)>;
