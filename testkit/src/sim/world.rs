//! The world outside the engine: the disk with the log and the session directories, and the processes.

use convoy_core::event::Batch;
use convoy_core::id::{Epoch, IssueId, SessionId};
use convoy_core::money::Money;
use convoy_core::report::{AgentResult, Exit, ExitKind, Observation, Report, StopWhy};
use convoy_core::session::Workdir;
use convoy_core::state::State;

use super::agent::Script;
use super::queue::{Ending, Happening, ProcessId};
use super::repo::{Commit, oid};
use super::{Bug, Fault, Sim, trace};

/// Pids go round among so few that they are used again.
const PIDS: u32 = 12;

/// The log on disk.
#[derive(Default)]
pub(super) struct Disk {
    pub(super) batches: Vec<Batch>,
    /// How many of them are synced.
    pub(super) durable: usize,
}

impl Disk {
    pub(super) fn replay(&self) -> State {
        let mut state = State::default();
        for batch in &self.batches {
            state.apply_batch(batch);
        }
        state
    }
    /// A sum over everything in the log.
    pub(super) fn digest(&self) -> u64 {
        self.batches.iter().flat_map(|batch| &batch.events).fold(0, |sum: u64, event| {
            let subject = event.subject().bytes().fold(0, |sum: u64, b| sum.wrapping_mul(31) + u64::from(b));
            sum.rotate_left(7) ^ subject
        })
    }
}

/// A session's run record: who claimed the attempt, for ever.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Record {
    /// A supervisor, with the pid that it wrote down.
    Supervisor { process: ProcessId, pid: u32 },
    /// Recovery, so that no supervisor can.
    Fence,
}

/// A session's directory and its workdir.
#[derive(Debug)]
pub(super) struct Dir {
    pub(super) session: SessionId,
    pub(super) epoch: Epoch,
    pub(super) issue: IssueId,
    pub(super) base: Commit,
    pub(super) head: Commit,
    pub(super) dirty: bool,
    pub(super) record: Option<Record>,
    pub(super) observations: Vec<Observation>,
    pub(super) exit: Option<Exit>,
    /// How often an agent was started in it. For the checks alone.
    pub(super) starts: u32,
    /// What its supervisor was told that its agent may spend; nothing before it was told anything.
    pub(super) ceiling: Option<Option<Money>>,
}

impl Dir {
    /// What its agent has spent, as its supervisor counts: what was reported and what was used since, else what was used.
    fn spent(&self) -> Money {
        self.observations.iter().fold(Money::default(), |spent, observation| match &observation.report {
            Report::Usage { cost: Some(cost), .. } => spent.plus(*cost),
            Report::Result(AgentResult { cost: Some(cost), .. }) => *cost,
            _ => spent,
        })
    }
    fn is_at_its_ceiling(&self) -> bool {
        self.ceiling.flatten().is_some_and(|ceiling| self.spent() >= ceiling)
    }
    pub(super) fn workdir(&self) -> Workdir {
        let branch = format!("convoy/{}", self.session);
        Workdir { path: format!("/w/{}", self.session), branch, base: oid(self.base), onto: None }
    }
}

/// What a process is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Role {
    /// It supervises.
    Supervisor,
    /// It works.
    Agent,
    /// An agent left it behind.
    Leftover,
    /// It has nothing to do with us.
    Stranger,
}

/// A process, dead or alive.
#[derive(Debug)]
pub(super) struct Process {
    pub(super) role: Role,
    pub(super) pid: u32,
    pub(super) alive: bool,
    /// The directory of its session, which its environment names.
    pub(super) dir: String,
    pub(super) script: Script,
    /// An order to stop that came before the agent was started.
    pub(super) ordered: bool,
}

impl Sim {
    /// Where a session's directory is.
    pub(super) fn dir_key(&self, session: &SessionId, issue: &IssueId) -> String {
        match self.options.bug {
            Some(Bug::NamesReused) => issue.to_string(),
            _ => session.to_string(),
        }
    }

    /// Starts a process.
    pub(super) fn spawn(&mut self, role: Role, dir: &str) -> ProcessId {
        let id = self.processes.len();
        let taken = |pid| self.processes.iter().any(|p| p.alive && p.pid == pid);
        let round = (0..PIDS).map(|n| 100 + (id as u32 + n) % PIDS);
        let pid = round.chain(100 + PIDS..).find(|pid| !taken(*pid));
        self.processes.push(Process {
            role,
            pid: pid.unwrap_or_default(),
            alive: true,
            dir: dir.to_owned(),
            script: Vec::new(),
            ordered: false,
        });
        id
    }

    /// Somebody else's process takes the pid of a supervisor that has ended.
    pub(super) fn stranger(&mut self) {
        let free = |pid| !self.processes.iter().any(|p| p.alive && p.pid == pid);
        let ended =
            self.processes.iter().rev().find(|p| p.role == Role::Supervisor && !p.alive && free(p.pid));
        if let Some(pid) = ended.map(|p| p.pid) {
            let id = self.spawn(Role::Stranger, "");
            self.processes[id].pid = pid;
        }
    }

    /// Whether the process of a run record lives: by its identity, or, with a bug, by its pid.
    pub(super) fn lives(&self, process: ProcessId, pid: u32) -> bool {
        match self.options.bug {
            Some(Bug::PidOnly) => self.processes.iter().any(|p| p.alive && p.pid == pid),
            _ => self.processes[process].alive,
        }
    }

    pub(super) fn supervisor_of(&self, key: &str) -> Option<ProcessId> {
        match self.dirs.get(key)?.record {
            Some(Record::Supervisor { process, .. }) if self.processes[process].alive => Some(process),
            _ => None,
        }
    }

    /// Kills a process; who waits for it is told.
    pub(super) fn kill(&mut self, id: ProcessId) {
        if std::mem::replace(&mut self.processes[id].alive, false) {
            let key = self.processes[id].dir.clone();
            self.touch(&key);
        }
    }

    /// Kills every agent and leftover whose environment names the session. Says how many.
    pub(super) fn kill_tree(&mut self, key: &str) -> u32 {
        let mut killed = 0;
        for process in &mut self.processes {
            let of_agent = matches!(process.role, Role::Agent | Role::Leftover);
            if process.alive && of_agent && process.dir == key {
                process.alive = false;
                killed += 1;
            }
        }
        killed
    }

    /// A supervisor begins: it claims the attempt, or finds it claimed and ends.
    pub(super) fn supervisor_up(&mut self, id: ProcessId) {
        if !self.processes[id].alive {
            return;
        }
        let key = self.processes[id].dir.clone();
        let pid = self.processes[id].pid;
        let Some(dir) = self.dirs.get_mut(&key) else { return };
        if dir.record.is_some() {
            trace!(self, "supervisor {pid} finds {key} claimed");
            return self.kill(id);
        }
        if self.options.bug == Some(Bug::SpawnBeforeClaim) {
            self.start_agent(id, &key);
            return self.soon(100, 8_000, Happening::SupervisorStart(id));
        }
        trace!(self, "supervisor {pid} claims {key}");
        dir.record = Some(Record::Supervisor { process: id, pid });
        self.soon(5, 500, Happening::SupervisorStart(id));
    }

    pub(super) fn supervisor_start(&mut self, id: ProcessId) {
        if !self.processes[id].alive {
            return;
        }
        let key = self.processes[id].dir.clone();
        if self.options.bug == Some(Bug::SpawnBeforeClaim) {
            let pid = self.processes[id].pid;
            if let Some(dir) = self.dirs.get_mut(&key) {
                dir.record.get_or_insert(Record::Supervisor { process: id, pid });
            }
        } else if self.processes[id].ordered {
            self.agent_ended(&key, Ending::Stopped(StopWhy::Ordered));
        } else {
            self.start_agent(id, &key);
        }
        self.touch(&key);
    }

    fn start_agent(&mut self, supervisor: ProcessId, key: &str) {
        let Some(script) = self.draw_script() else {
            return self.agent_ended(key, Ending::NoStart);
        };
        let id = self.spawn(Role::Agent, key);
        self.processes[id].script = script;
        self.report.agents += 1;
        trace!(self, "supervisor {} starts agent {}", self.processes[supervisor].pid, self.processes[id].pid);
        self.check_agent_start(key);
        let pid = self.processes[id].pid;
        self.observe(key, Report::Started { pid, start_ticks: self.t });
        self.soon(100, 5_000, Happening::Act(id));
    }

    /// A supervisor ends its agent, and whatever it left.
    pub(super) fn supervisor_stop(&mut self, id: ProcessId, why: StopWhy) {
        let process = &mut self.processes[id];
        if !process.alive || process.role != Role::Supervisor {
            return;
        }
        process.ordered = true;
        let key = process.dir.clone();
        if self.dirs.get(&key).is_some_and(|dir| dir.starts == 0 || dir.exit.is_some()) {
            return;
        }
        if self.processes.iter().any(|p| p.alive && p.role == Role::Agent && p.dir == key) {
            self.kill_tree(&key);
            self.soon(10, 10_000, Happening::Reap(id, Ending::Stopped(why)));
        }
    }

    /// The agent's process has ended; its supervisor, if it lives, will notice.
    pub(super) fn agent_ended(&mut self, key: &str, ending: Ending) {
        let supervisors = self.processes.iter().position(|p| {
            p.alive && p.role == Role::Supervisor && p.dir == key && self.options.bug.is_some()
        });
        if let Some(supervisor) = self.supervisor_of(key).or(supervisors) {
            self.soon(1, 200, Happening::Reap(supervisor, ending));
        }
    }

    /// The supervisor kills what is left, writes how it ended, and ends itself.
    pub(super) fn reap(&mut self, id: ProcessId, ending: Ending) {
        if !self.processes[id].alive {
            return;
        }
        let key = self.processes[id].dir.clone();
        let leaked = self.kill_tree(&key);
        let now = self.now();
        let Some(dir) = self.dirs.get_mut(&key) else { return };
        if dir.exit.is_none() {
            let (code, kind) = match ending {
                Ending::Status(code) => (Some(code), ExitKind::Exited),
                Ending::NoStart => (None, ExitKind::StartFailed),
                Ending::Stopped(why) => (None, ExitKind::Stopped(why)),
            };
            let result: Option<AgentResult> = dir.observations.iter().rev().find_map(|o| match &o.report {
                Report::Result(result) => Some(result.clone()),
                _ => None,
            });
            dir.exit = Some(Exit {
                epoch: dir.epoch,
                code,
                signal: None,
                kind,
                detail: None,
                leaked,
                result,
                last_n: dir.observations.len() as u64,
                dropped_bytes: 0,
                elapsed_ms: 0,
                started_at: None,
                ended_at: now,
            });
            trace!(self, "exit of {key}: {ending:?}, {leaked} leaked");
        }
        self.kill(id);
    }

    /// A supervisor writes down what it saw of its agent.
    pub(super) fn observe(&mut self, key: &str, report: Report) {
        let supervisor = self.supervisor_of(key);
        let at = self.now();
        let Some(dir) = self.dirs.get_mut(key).filter(|_| supervisor.is_some()) else { return };
        let (before, was_there) = (dir.spent(), dir.is_at_its_ceiling());
        let n = dir.observations.len() as u64 + 1;
        dir.observations.push(Observation { n, at, epoch: dir.epoch, report });
        let (spends, is_there) = (dir.spent() > before, dir.is_at_its_ceiling());
        if was_there && spends {
            self.violate(format!("{key}: its agent goes on spending at its ceiling"));
        }
        // Whether or not an engine runs.
        if let Some(supervisor) = supervisor.filter(|_| is_there && self.options.bug != Some(Bug::SpendsOn)) {
            self.soon(1, 50, Happening::SupervisorStop(supervisor, StopWhy::Spend));
        }
        self.touch(key);
    }

    /// A supervisor is told that its agent may spend more.
    pub(super) fn raise_ceiling(&mut self, key: &str, ceiling: Money) {
        if self.supervisor_of(key).is_some()
            && let Some(dir) = self.dirs.get_mut(key)
        {
            let known = dir.ceiling.flatten();
            dir.ceiling = Some(known.max(Some(ceiling)));
        }
    }

    /// Something in a session's directory has changed: who follows it looks.
    pub(super) fn touch(&mut self, key: &str) {
        let Some(session) = self.dirs.get(key).map(|dir| dir.session.clone()) else { return };
        if let Some(engine) = self.engine.as_ref().filter(|engine| engine.following.contains_key(&session)) {
            let instance = engine.instance;
            self.soon(1, 50, Happening::Probe(instance, session));
        }
    }

    /// How long a new supervisor takes to make its run record.
    pub(super) fn launch_delay(&mut self) -> u64 {
        if self.fault(Fault::LateRecord, 500) { self.rng.u64(1_000..20_000) } else { self.rng.u64(5..100) }
    }

    /// What the world thinks of an agent that begins.
    fn check_agent_start(&mut self, key: &str) {
        let Some(dir) = self.dirs.get_mut(key) else { return };
        dir.starts += 1;
        let (starts, issue) = (dir.starts, dir.issue.clone());
        if starts > 1 {
            self.violate(format!("{key}: its agent was started {starts} times"));
        }
        let agents = self.processes.iter().filter(|p| p.alive && p.role == Role::Agent);
        let of_issue =
            agents.clone().filter(|p| self.dirs.get(&p.dir).is_some_and(|dir| dir.issue == issue)).count();
        let all = agents.count();
        if of_issue > 1 {
            self.violate(format!("{of_issue} agents at once on {issue}"));
        }
        if all > self.policy.max_parallel as usize {
            self.violate(format!("{all} agents at once where {} may be", self.policy.max_parallel));
        }
    }
}
