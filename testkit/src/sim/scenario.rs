//! A scenario: what is asked for, what came of it, and the loop that runs it to its end.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use convoy_core::convoy::MergeStrategy;
use convoy_core::health::Thresholds;
use convoy_core::id::{AgentName, DeliveryId, RigName, RouteName};
use convoy_core::policy::{Batches, Budget, Checkpoints, Observers, Policy, Retry, Rig, Routes, Tiers};
use convoy_core::time::{Span, Time};

use super::driver::Engine;
use super::faults::Faults;
use super::invariants::Tracker;
use super::queue::{Happening, Queue};
use super::repo::Repo;
use super::requests::Client;
use super::shrink::shrink;
use super::world::{Dir, Disk, Process};
use super::{Bug, Fault};

/// No scenario needs nearly as many steps; one that does runs in circles.
const STEPS_MAX: u32 = 20_000;
/// Where the virtual clock begins: 2025-12-30T18:15:00Z.
const CLOCK_BEGIN: i64 = 1_767_118_500_000;

/// Which scenario to run.
#[derive(Clone, Debug)]
pub struct Options {
    /// Everything random follows from it.
    pub seed: u64,
    /// The faults that may happen; each seed picks among them.
    pub faults: BTreeSet<Fault>,
    /// How many requests at most, beyond those that set the scene.
    pub requests: usize,
    /// A mistake that is built into the driver.
    pub bug: Option<Bug>,
    /// Compare replay, index, snapshot and views after every commit, not only now and then.
    pub thorough: bool,
    /// Branches land by the merge queue.
    pub queue: bool,
    /// Write down what happens.
    pub trace: bool,
}

impl Options {
    /// The seed with all faults. Every sixteenth is thorough, every third has a merge queue.
    pub fn new(seed: u64) -> Self {
        let faults = Fault::ALL.into_iter().collect();
        Self {
            seed,
            faults,
            requests: 10,
            bug: None,
            thorough: seed.is_multiple_of(16),
            queue: seed.is_multiple_of(3),
            trace: false,
        }
    }
    /// The same with a mistake built in.
    pub fn with_bug(seed: u64, bug: Bug) -> Self {
        Self { bug: Some(bug), ..Self::new(seed) }
    }
}

/// What a scenario did, so that a test can tell that it did something.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Steps of the world.
    pub steps: u32,
    /// Events in the log at the end.
    pub events: u64,
    /// Crashes of the engine.
    pub crashes: u32,
    /// Agents that were started.
    pub agents: u32,
    /// Convoys that landed.
    pub landed: u32,
    /// Faults that happened.
    pub faults: BTreeMap<Fault, u32>,
    /// Types of the events that were committed, when the scenario is thorough.
    pub types: BTreeSet<&'static str>,
    /// A sum over the whole log, by which two runs are compared.
    pub digest: u64,
}

/// A broken promise.
#[derive(Clone, Debug)]
pub struct Violation {
    /// The scenario.
    pub options: Options,
    /// Which promise, and how.
    pub what: String,
    /// Steps until then.
    pub steps: u32,
    /// What happened, when it was written down.
    pub trace: Vec<String>,
}

impl std::fmt::Display for Violation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "seed {}: {}", self.options.seed, self.what)?;
        writeln!(
            f,
            "  after {} steps, with {} requests and the faults {:?}",
            self.steps, self.options.requests, self.options.faults
        )?;
        self.trace.iter().try_for_each(|line| writeln!(f, "  {line}"))
    }
}

/// The whole of a scenario: the world, and the engine in it.
pub(super) struct Sim {
    pub(super) options: Options,
    /// Virtual milliseconds since the begin; never set back.
    pub(super) t: u64,
    /// What the wall clock shows beyond that.
    pub(super) skew: i64,
    pub(super) rng: fastrand::Rng,
    pub(super) queue: Queue,
    pub(super) policy: Arc<Policy>,
    pub(super) faults: Faults,
    pub(super) disk: Disk,
    pub(super) dirs: BTreeMap<String, Dir>,
    /// How often each delivery has arrived at the end of its route.
    pub(super) arrived: BTreeMap<DeliveryId, u32>,
    pub(super) processes: Vec<Process>,
    pub(super) repo: Repo,
    pub(super) engine: Option<Engine>,
    /// Counts engines; what belongs to an earlier one reaches nobody.
    pub(super) instance: u32,
    /// Since when an engine has tried to start.
    pub(super) starting_since: Option<u64>,
    pub(super) clients: Vec<Client>,
    pub(super) tracker: Tracker,
    pub(super) report: Report,
    pub(super) violation: Option<String>,
    /// When something was committed last.
    pub(super) busy_until: u64,
    /// The patrol came by after everything else.
    pub(super) looked_at: Option<usize>,
    pub(super) trace: Vec<String>,
}

/// Writes a line of the trace, which is only put together when it is wanted.
macro_rules! trace {
    ($sim:expr, $($arg:tt)*) => {
        if $sim.options.trace {
            let line = format!("{:>9} {}", $sim.t, format_args!($($arg)*));
            $sim.trace.push(line);
        }
    };
}
pub(super) use trace;

/// Runs one scenario to its end.
///
/// # Errors
/// The first broken promise.
pub fn run(options: &Options) -> Result<Report, Box<Violation>> {
    let mut sim = Sim::new(options.clone());
    sim.set_the_scene();
    while sim.violation.is_none() {
        let Some((t, happening)) = sim.queue.pop() else {
            // Again and again, as long as something follows from it: what one patrol lands may be the review of a branch.
            let batches = sim.disk.batches.len();
            if sim.looked_at.replace(batches) != Some(batches) {
                // As if it came right after the last thing that happened: engines were also woken for nothing since.
                sim.t = sim.busy_until.max(sim.faults.until() + 1);
                sim.patrol();
                continue;
            }
            sim.check_end();
            break;
        };
        sim.t = t;
        sim.report.steps += 1;
        if sim.report.steps > STEPS_MAX {
            sim.violate("it runs in circles");
            break;
        }
        sim.happen(happening);
    }
    match sim.violation.take() {
        None => {
            sim.report.digest = sim.disk.digest();
            Ok(sim.report)
        }
        Some(what) => {
            Err(Box::new(Violation { options: sim.options, what, steps: sim.report.steps, trace: sim.trace }))
        }
    }
}

/// Runs seeds one after another, up to the first broken promise.
///
/// # Errors
/// The violation, cut down to as little as still shows it, with its trace.
pub fn run_many(seeds: impl IntoIterator<Item = u64>, bug: Option<Bug>) -> Result<Report, Box<Violation>> {
    let mut total = Report::default();
    for seed in seeds {
        let options = Options { bug, ..Options::new(seed) };
        let report = run(&options).map_err(|violation| shrink(&violation))?;
        total.steps += report.steps;
        total.events += report.events;
        total.crashes += report.crashes;
        total.agents += report.agents;
        total.landed += report.landed;
        total.types.extend(report.types);
        for (fault, count) in report.faults {
            *total.faults.entry(fault).or_default() += count;
        }
        total.digest = total.digest.rotate_left(5) ^ report.digest;
    }
    Ok(total)
}

impl Sim {
    fn new(options: Options) -> Self {
        let mut rng = fastrand::Rng::with_seed(options.seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let faults = Faults::new(&options, &mut rng);
        let policy = Arc::new(policy(options.queue, &mut rng));
        Self {
            t: 0,
            skew: 0,
            queue: Queue::default(),
            policy,
            faults,
            disk: Disk::default(),
            dirs: BTreeMap::new(),
            arrived: BTreeMap::new(),
            processes: Vec::new(),
            repo: Repo::new(),
            engine: None,
            instance: 0,
            starting_since: None,
            clients: Vec::new(),
            tracker: Tracker::default(),
            report: Report::default(),
            violation: None,
            busy_until: 0,
            looked_at: None,
            trace: Vec::new(),
            rng,
            options,
        }
    }

    /// What the wall clock shows.
    pub(super) fn now(&self) -> Time {
        Time::from_millis(CLOCK_BEGIN + self.t as i64 + self.skew)
    }

    /// Has something happen in between `from` and `to` milliseconds.
    pub(super) fn soon(&mut self, from: u64, to: u64, happening: Happening) {
        let at = self.t + self.rng.u64(from..=to);
        self.queue.push(at, happening);
    }

    pub(super) fn fault(&mut self, fault: Fault, permille: u32) -> bool {
        let hit = self.faults.hit(fault, permille, self.t);
        if hit {
            *self.report.faults.entry(fault).or_default() += 1;
            trace!(self, "FAULT {fault:?}");
        }
        hit
    }

    pub(super) fn violate(&mut self, what: impl Into<String>) {
        if self.violation.is_none() {
            let what = what.into();
            trace!(self, "VIOLATION {what}");
            self.violation = Some(what);
        }
    }
}

fn policy(queue: bool, rng: &mut fastrand::Rng) -> Policy {
    let name = |text: &str| RigName::new(text).expect("a constant that is a valid name");
    let agent = AgentName::new("claude").expect("a constant that is a valid name");
    let rig = |prefix: &str, max_parallel| Rig { prefix: prefix.to_owned(), max_parallel, ..Rig::default() };
    Policy {
        rigs: BTreeMap::from([(name("home"), rig("hq", None)), (name("tools"), rig("gt", Some(1)))]),
        home: name("home"),
        agents: vec![agent.clone()],
        sandboxed: Vec::new(),
        roles_sandboxed: false,
        agent,
        model: None,
        complexity: BTreeMap::new(),
        merge: if queue { MergeStrategy::Queue } else { MergeStrategy::Direct },
        batches: Batches { max: 3, wait: Span::from_secs(10) },
        max_parallel: rng.u32(1..=4),
        notify: Vec::new(),
        routes: Routes {
            every: vec![RouteName::new("pager").expect("a constant that is a valid name")],
            backoff_max: Span::from_secs(60),
            ..Routes::default()
        },
        retry: Retry {
            max_attempts: 3,
            backoff: Span::from_secs(10),
            backoff_max: Span::from_secs(60),
            ..Retry::default()
        },
        observers: observers(rng),
        witness: thresholds(rng),
        tiers: Tiers::default(),
        budget: Budget::default(),
        checkpoints: Checkpoints::OFF,
        reviews: super::reviews::wanted(rng),
    }
}

/// More patient than an agent that works is silent, and less than a supervisor that has had enough of one that hangs.
fn thresholds(rng: &mut fastrand::Rng) -> Thresholds {
    let quiet = Span::from_secs(rng.i64(10..=30));
    let times = |n: i64| Span::from_millis(quiet.as_millis() * n);
    Thresholds { quiet, stuck: times(2), stop: times(3), ..Thresholds::default() }
}

/// Often all of them; else any of them, and the patrol, so that nothing complete is left at the end.
fn observers(rng: &mut fastrand::Rng) -> Observers {
    if rng.bool() {
        return Observers::default();
    }
    Observers {
        close: rng.bool(),
        merger: rng.bool(),
        witness: rng.bool(),
        tracker: rng.bool(),
        patrol: true,
    }
}
