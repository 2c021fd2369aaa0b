//! The executor: how effects are carried out in the simulated world, in parts that a crash can come between.
//!
//! This is the contract that the engine's executor keeps. Each effect looks at the world first; what it needs to
//! know of the state it reads when it begins.

use convoy_core::command::Observed;
use convoy_core::effect::Effect;
use convoy_core::id::{DeliveryId, Epoch, SessionId, WorkerId};
use convoy_core::issue::{DiffStat, GateResult};
use convoy_core::session::Findings;
use convoy_core::time::Span;
use convoy_core::worker::{MergeBlock, MergeOutcome, WorkerState};

use super::queue::{Copied, Crash, Happening, Task};
use super::repo::{oid, parse};
use super::world::{Dir, Record, Role};
use super::{Bug, Fault, Sim, trace};

impl Sim {
    /// Begins an effect.
    pub(super) fn begin(&mut self, effect: &Effect) {
        let Some(engine) = &mut self.engine else { return };
        let (instance, state) = (engine.instance, &engine.state);
        trace!(self, "begin {effect:?}");
        let task = match effect.clone() {
            Effect::Prepare { session, epoch } => {
                let worker = state.sessions.get(&session).and_then(|s| state.workers.get(&s.content.worker));
                Task::Prepare { resume: worker.and_then(|w| w.resume_from.clone()), session, epoch }
            }
            Effect::Supervise { session, epoch } => {
                let observed = state.sessions.get(&session).map_or(0, |session| session.observed);
                engine.following.insert(session.clone(), (epoch, observed));
                return self.soon(1, 20, Happening::Probe(instance, session));
            }
            Effect::Stop { session, epoch } => Task::Stop { session, epoch },
            Effect::Inspect { session, epoch } => Task::Inspect { session, epoch },
            // No agent of the simulation takes input.
            Effect::Nudge { .. } => return,
            Effect::Examine { session, epoch, round, spent } => {
                Task::Examine { session, epoch, round, spent }
            }
            Effect::Merge { worker, epoch, round } => Task::Gates { worker, epoch, round },
            Effect::MergeBatch { members } => Task::BatchGates { members },
            // Nobody asks for a request here.
            Effect::FollowRequest { .. } => return,
            Effect::WatchCheckout { worker, round } => Task::Watch { worker, round },
            // No rig of the simulation has a tracker of its own.
            Effect::Push { .. } => return,
            // Not in the simulation yet.
            Effect::Checkpoint { .. } | Effect::Compare { .. } | Effect::ReviewCheckpoint { .. } => return,
            Effect::Synthesize { convoy, round } => Task::Synthesize { convoy, round },
            Effect::StartReview { worker, epoch, round } => Task::StartReview { worker, epoch, round },
            Effect::Ceiling { session, ceiling, .. } => Task::Ceiling { session, ceiling },
            Effect::Deliver { delivery, attempt } => Task::Deliver { delivery, attempt },
        };
        let slow = if matches!(task, Task::Gates { .. } | Task::BatchGates { .. }) { 4_000 } else { 300 };
        self.soon(1, slow, Happening::Part(instance, task));
    }

    /// What an effect came to, on its way to the engine.
    pub(super) fn answer(&mut self, effect: Option<Effect>, observed: Observed) {
        let Some(instance) = self.engine.as_ref().map(|engine| engine.instance) else { return };
        let delayed = |sim: &mut Self, observed, effect, copy, from, to| {
            let observed = Box::new(observed);
            sim.soon(from, to, Happening::Answer { instance, effect, observed, copy });
        };
        // Reports of one session come in their order.
        let report = matches!(observed, Observed::Report { .. });
        if self.fault(Fault::WrongEpoch, 60) {
            let wrong = wrong_epoch(&observed);
            delayed(self, wrong, None, Copied::WrongEpoch, 0, 3_000);
        }
        if !report && self.fault(Fault::LostAnswer, 30) {
            return;
        }
        if self.fault(Fault::DuplicateAnswer, 100) {
            delayed(self, observed.clone(), None, Copied::Again, 5_000, 30_000);
        }
        let (from, to) = if report { (1, 1) } else { (1, 60) };
        delayed(self, observed, effect, Copied::First, from, to);
    }

    fn key_of(&self, session: &SessionId) -> Option<String> {
        let state = &self.engine.as_ref()?.state;
        let worker = state.workers.get(&state.sessions.get(session)?.content.worker)?;
        Some(self.dir_key(session, &worker.content.issue))
    }

    /// Looks at the directory of a session that is followed.
    pub(super) fn probe(&mut self, session: &SessionId) {
        let Some(engine) = &mut self.engine else { return };
        let Some((epoch, cursor)) = engine.following.get_mut(session) else { return };
        let epoch = *epoch;
        let Some((stopping, _)) = engine.state.sessions.get(session).map(|s| (s.stopping, s.is_live()))
        else {
            return;
        };
        let Some(key) = ({
            let worker = engine.state.sessions.get(session).map(|s| &s.content.worker);
            let issue = worker.and_then(|w| engine.state.workers.get(w)).map(|w| w.content.issue.clone());
            issue.map(|issue| match self.options.bug {
                Some(Bug::NamesReused) => issue.to_string(),
                _ => session.to_string(),
            })
        }) else {
            return;
        };
        let Some(dir) = self.dirs.get(&key) else { return };
        let news: Vec<_> = dir.observations.iter().filter(|o| o.n > *cursor).cloned().collect();
        *cursor = dir.observations.len() as u64;
        let (exit, record) = (dir.exit.clone(), dir.record);
        for observation in news {
            self.answer(None, Observed::Report { session: session.clone(), epoch, observation });
        }
        let done = match (exit, record) {
            (Some(exit), _) => Some(Observed::Ended { session: session.clone(), epoch, exit }),
            (None, Some(Record::Fence)) => Some(lost(session, epoch, "never started")),
            (None, Some(Record::Supervisor { process, pid })) if self.lives(process, pid) => None,
            (None, Some(Record::Supervisor { .. })) => {
                self.unfollow(session);
                let instance = self.instance;
                let reap = Task::Reap { session: session.clone(), epoch };
                return self.soon(1, 500, Happening::Part(instance, reap));
            }
            (None, None) => return self.launch(session, epoch, &key, stopping),
        };
        if let Some(observed) = done {
            self.unfollow(session);
            self.answer(Some(Effect::Supervise { session: session.clone(), epoch }), observed);
        }
    }

    fn unfollow(&mut self, session: &SessionId) {
        if let Some(engine) = &mut self.engine {
            engine.following.remove(session);
        }
    }

    /// Nothing of the session runs, as far as can be seen: a supervisor is launched. A second one does no harm.
    fn launch(&mut self, session: &SessionId, epoch: Epoch, key: &str, stopping: bool) {
        let Some(engine) = &mut self.engine else { return };
        let waits = engine.launched.get(session).is_some_and(|id| self.processes[*id].alive);
        if waits || (stopping && self.options.bug != Some(Bug::RetryClosed)) {
            return;
        }
        if self.options.bug == Some(Bug::NoFence) && engine.recovered.contains(session) {
            self.unfollow(session);
            let effect = Effect::Supervise { session: session.clone(), epoch };
            return self.answer(Some(effect), lost(session, epoch, "no run record"));
        }
        let issue = self.dirs[key].issue.clone();
        if engine.state.issues.get(&issue).is_none_or(convoy_core::issue::Issue::is_closed) {
            return self.violate(format!("an agent of {issue} is launched, which is closed"));
        }
        // The specification is written once.
        let ceiling = engine.state.sessions.get(session).and_then(|session| session.ceiling);
        if let Some(dir) = self.dirs.get_mut(key) {
            dir.ceiling.get_or_insert(ceiling);
        }
        let id = self.spawn(Role::Supervisor, key);
        trace!(self, "launch supervisor {} of {key}", self.processes[id].pid);
        if let Some(engine) = &mut self.engine {
            engine.launched.insert(session.clone(), id);
        }
        let delay = self.launch_delay();
        self.queue.push(self.t + delay, Happening::SupervisorUp(id));
    }

    /// The next part of an effect.
    pub(super) fn part(&mut self, task: Task) {
        trace!(self, "part {task:?}");
        match task {
            Task::Prepare { session, epoch, resume } => self.prepare(&session, epoch, resume.as_deref()),
            Task::Stop { session, epoch } => self.stop(session, epoch),
            Task::Reap { session, epoch } => {
                if let Some(key) = self.key_of(&session)
                    && self.options.bug != Some(Bug::NoReap)
                {
                    self.kill_tree(&key);
                }
                let effect = Effect::Supervise { session: session.clone(), epoch };
                self.answer(Some(effect), lost(&session, epoch, "its supervisor vanished"));
            }
            Task::Inspect { ref session, epoch }
                if self.ends_unsaid(&Effect::Inspect { session: session.clone(), epoch }) => {}
            Task::Gates { ref worker, epoch, round } | Task::Swap { ref worker, epoch, round, .. }
                if self.ends_unsaid(&Effect::Merge { worker: worker.clone(), epoch, round }) => {}
            Task::Inspect { session, epoch } => self.inspect(&session, epoch),
            Task::Examine { session, epoch, round, spent } => self.examine(session, epoch, round, spent),
            Task::Gates { worker, epoch, round } => self.gates(worker, epoch, round),
            Task::Swap { worker, epoch, round, tip, expected } => {
                let outcome = self.swap(&tip, expected);
                self.merged(worker, epoch, round, outcome);
            }
            Task::Synthesize { convoy, round } => self.synthesize(convoy, round),
            Task::StartReview { worker, epoch, round } => self.start_review(worker, epoch, round),
            Task::Deliver { delivery, attempt } => self.deliver(delivery, attempt),
            Task::Ceiling { session, ceiling } => {
                if let Some(key) = self.key_of(&session) {
                    self.raise_ceiling(&key, ceiling);
                }
            }
            Task::BatchGates { members } => self.batch_gates(members),
            Task::BatchSwap { members, tips, expected } => self.batch_swap(members, &tips, expected),
            Task::Watch { worker, round } => {
                if self.repo.checkout_in_way {
                    let instance = self.instance;
                    return self.soon(1_000, 5_000, Happening::Part(instance, Task::Watch { worker, round }));
                }
                let effect = Effect::WatchCheckout { worker: worker.clone(), round };
                self.answer(Some(effect), Observed::CheckoutChanged { worker, round });
            }
        }
    }

    fn prepare(&mut self, session: &SessionId, epoch: Epoch, resume: Option<&str>) {
        let Some(key) = self.key_of(session) else { return };
        let effect = Effect::Prepare { session: session.clone(), epoch };
        // A workdir that is there already was made before the log lost its tail, and is found.
        if !self.dirs.contains_key(&key) && !self.reaches_session(session) {
            let (session, error) = (session.clone(), "it is away".to_owned());
            let failed = Observed::PrepareFailed { session, epoch, error, permanent: false };
            return self.answer(Some(effect), failed);
        }
        if !self.dirs.contains_key(&key) {
            if self.fault(Fault::PrepareFails, 150) {
                let permanent = self.rng.u32(0..8) == 0;
                let error = "no space left on device".to_owned();
                let failed = Observed::PrepareFailed { session: session.clone(), epoch, error, permanent };
                return self.answer(Some(effect), failed);
            }
            let now = self.repo.base;
            let resume = resume.and_then(parse).filter(|tip| !self.repo.contains(now, *tip));
            let base = resume.map_or(now, |tip| self.repo.merge_base(now, tip));
            let state = self.engine.as_ref().map(|engine| &engine.state);
            let worker = state.and_then(|s| s.workers.get(&s.sessions.get(session)?.content.worker));
            let Some(issue) = worker.map(|worker| worker.content.issue.clone()) else { return };
            let dir = Dir {
                session: session.clone(),
                epoch,
                issue,
                base,
                head: resume.unwrap_or(base),
                dirty: false,
                record: None,
                observations: Vec::new(),
                exit: None,
                starts: 0,
                ceiling: None,
            };
            self.dirs.insert(key.clone(), dir);
            if self.may_crash() && self.fault(Fault::Crash, 30) {
                return self.crash(Crash::Kill);
            }
        }
        let workdir = self.dirs[&key].workdir();
        self.answer(Some(effect), Observed::Prepared { session: session.clone(), epoch, workdir });
    }

    /// Ends a session, or sees to it that it never begins; says the former again until it is dead.
    fn stop(&mut self, session: SessionId, epoch: Epoch) {
        let Some(key) = self.key_of(&session) else { return };
        let Some(dir) = self.dirs.get_mut(&key) else { return };
        if dir.exit.is_some() {
            return;
        }
        match dir.record {
            None | Some(Record::Fence) => {
                if self.options.bug != Some(Bug::NoFence) {
                    dir.record = Some(Record::Fence);
                    trace!(self, "{key} is fenced");
                }
                self.unfollow(&session);
                let effect = Effect::Stop { session: session.clone(), epoch };
                self.answer(Some(effect), lost(&session, epoch, "never started"));
            }
            Some(Record::Supervisor { process, .. }) if self.processes[process].alive => {
                let why = convoy_core::report::StopWhy::Ordered;
                self.soon(1, 100, Happening::SupervisorStop(process, why));
                let instance = self.instance;
                self.soon(10_000, 10_000, Happening::Part(instance, Task::Stop { session, epoch }));
            }
            // Whoever follows it will find it dead.
            Some(Record::Supervisor { .. }) => {}
        }
    }

    fn inspect(&mut self, session: &SessionId, epoch: Epoch) {
        let Some(key) = self.key_of(session) else { return };
        if self.processes.iter().any(|p| p.alive && p.dir == key && p.role != Role::Supervisor) {
            self.violate(format!("{key} is looked at while its agent lives"));
        }
        self.collect(&key);
        if self.may_crash() && self.fault(Fault::Crash, 30) {
            return self.crash(Crash::Kill);
        }
        let left = self.left_by_role(session);
        let dir = &self.dirs[&key];
        let commits = self.repo.ahead(dir.base, dir.head);
        let diff = DiffStat { commits, files: commits, insertions: commits, deletions: 0 };
        let findings = if let Some(left) = left {
            left
        } else if self.repo.contains(dir.head, dir.base) {
            Findings::Work { tip: oid(dir.head), diff, leftovers: false, unfit: None }
        } else {
            Findings::Rewritten { kept_at: dir.workdir().branch }
        };
        let effect = Effect::Inspect { session: session.clone(), epoch };
        self.answer(Some(effect), Observed::Found { session: session.clone(), epoch, findings });
    }

    /// Brings what is in a workdir to the repository, edits and all.
    pub(super) fn collect(&mut self, key: &str) {
        let Some(dir) = self.dirs.get_mut(key) else { return };
        if std::mem::take(&mut dir.dirty) {
            dir.head = self.repo.commit(dir.head);
        }
        if dir.head != dir.base {
            self.repo.refs.insert(dir.workdir().branch, dir.head);
        }
    }

    fn gates(&mut self, worker: WorkerId, epoch: Epoch, round: u32) {
        let state = self.engine.as_ref().map(|engine| &engine.state);
        let Some(WorkerState::Submitted(submission)) =
            state.and_then(|state| state.workers.get(&worker)).map(|worker| &worker.state)
        else {
            return;
        };
        let tip = submission.tip.clone();
        let Some(commit) = parse(&tip) else { return };
        let base = self.repo.base;
        let gates = vec![GateResult {
            name: "test".into(),
            passed: true,
            code: Some(0),
            duration: Span::from_secs(1),
        }];
        if self.repo.contains(base, commit) {
            let landed = MergeOutcome::Landed { merge_commit: Some(oid(base)), gates };
            return self.merged(worker, epoch, round, landed);
        }
        if self.fault(Fault::Conflict, 120) {
            return self.merged(
                worker,
                epoch,
                round,
                MergeOutcome::Conflict { files: vec!["a".into()], theirs: Vec::new() },
            );
        }
        if self.fault(Fault::GateFails, 200) {
            let failed = MergeOutcome::GateFailed { gates, output: "boom".into() };
            return self.merged(worker, epoch, round, failed);
        }
        if self.fault(Fault::BaseMoves, 200) {
            self.repo.move_base();
        }
        let swap = Task::Swap { worker, epoch, round, tip, expected: base };
        let instance = self.instance;
        self.soon(1, 400, Happening::Part(instance, swap));
    }

    pub(super) fn swap(&mut self, tip: &str, expected: u32) -> MergeOutcome {
        if self.repo.checkout_in_way {
            let block = MergeBlock { why: "local changes".into(), files: vec!["a".into()] };
            return MergeOutcome::Blocked(block);
        }
        match parse(tip).map(|tip| self.repo.merge(expected, tip)) {
            Some(Ok(commit)) => MergeOutcome::Landed { merge_commit: Some(oid(commit)), gates: Vec::new() },
            Some(Err(now)) => MergeOutcome::Moved { now: oid(now) },
            None => MergeOutcome::Broken { error: "no such commit".into() },
        }
    }

    /// A notice arrives, or does not; and whether it did is told, or the engine dies first.
    fn deliver(&mut self, delivery: DeliveryId, attempt: u32) {
        let effect = Effect::Deliver { delivery: delivery.clone(), attempt };
        if self.fault(Fault::DeliveryFails, 400) {
            let permanent = self.rng.u32(0..8) == 0;
            let why = "it answered 503".to_owned();
            return self.answer(Some(effect), Observed::DeliveryFailed { delivery, attempt, why, permanent });
        }
        *self.arrived.entry(delivery.clone()).or_default() += 1;
        if self.may_crash() && self.fault(Fault::Crash, 30) {
            return self.crash(Crash::Kill);
        }
        self.answer(Some(effect), Observed::Delivered { delivery, attempt });
    }

    fn merged(&mut self, worker: WorkerId, epoch: Epoch, round: u32, outcome: MergeOutcome) {
        if self.may_crash() && self.fault(Fault::Crash, 60) {
            return self.crash(Crash::Kill);
        }
        let effect = Effect::Merge { worker: worker.clone(), epoch, round };
        self.answer(Some(effect), Observed::Merge { worker, epoch, round, outcome });
    }
}

fn lost(session: &SessionId, epoch: Epoch, why: &str) -> Observed {
    Observed::Lost { session: session.clone(), epoch, why: why.to_owned() }
}

/// The same observation of an attempt that does not exist.
fn wrong_epoch(observed: &Observed) -> Observed {
    let mut wrong = observed.clone();
    match &mut wrong {
        Observed::Prepared { epoch, .. }
        | Observed::PrepareFailed { epoch, .. }
        | Observed::Ended { epoch, .. }
        | Observed::Lost { epoch, .. }
        | Observed::Found { epoch, .. }
        | Observed::Transcript { epoch, .. }
        | Observed::Examined { epoch, .. }
        | Observed::NotNudged { epoch, .. }
        | Observed::Merge { epoch, .. } => epoch.0 += 1,
        // One of the two places of a report's epoch is wrong.
        Observed::Report { observation, .. } => observation.epoch.0 += 1,
        Observed::CheckoutChanged { round, .. } => *round += 1,
        Observed::ReviewResolved { member, .. } => member.epoch.0 += 1,
        // The next try does come, and is not to be taken for this one.
        Observed::Delivered { attempt, .. } | Observed::DeliveryFailed { attempt, .. } => *attempt += 1_000,
        Observed::Batch { tried } => tried.iter_mut().for_each(|(member, _)| member.epoch.0 += 1),
        Observed::Synthesized { report, .. } => report.round += 1_000,
        Observed::Pushed { round, .. } => *round += 1,
        Observed::Dispatch { .. }
        | Observed::Begin { .. }
        | Observed::Due { .. }
        | Observed::Gather { .. }
        | Observed::MergeDue { .. }
        | Observed::Patrol
        | Observed::Changed { .. }
        | Observed::Leaving
        | Observed::TimeUp { .. }
        | Observed::ReviewOver { .. }
        | Observed::ReviewUnwanted { .. }
        | Observed::CheckpointMade { .. }
        | Observed::CheckpointReviewResolved { .. }
        | Observed::CheckpointReviewOver { .. }
        | Observed::CheckpointFailed { .. }
        | Observed::Tracker { .. }
        | Observed::TrackerLost { .. } => {}
    }
    wrong
}
