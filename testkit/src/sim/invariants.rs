//! The promises, as they are checked: of every committed batch, at every restart, and at the end.

use std::collections::{BTreeMap, BTreeSet};

use convoy_core::address::Address;
use convoy_core::command::Observed;
use convoy_core::decide::{Command, convoy_affords};
use convoy_core::event::{Batch, Event};
use convoy_core::id::{ConvoyId, Epoch, IssueId, SessionId, WorkerId};
use convoy_core::issue::{CloseReason, Issue, Status};
use convoy_core::money::Money;
use convoy_core::outbox;
use convoy_core::plan::plan;
use convoy_core::policy::{Observers, Policy};
use convoy_core::report::Report;
use convoy_core::state::State;
use convoy_core::view::Category;
use convoy_core::worker::{MergeOutcome, WorkerState};
use convoy_core::{ledger, view, why};

use super::Sim;
use super::dump::dump;
use super::queue::Copied;
use super::repo::parse;
use super::templates::{self, Runs};
use super::world::Role;

/// How long everything may take after the last fault, in virtual milliseconds.
const LANDED_WITHIN: u64 = 30 * 60_000;
/// What the checks remember of the log.
#[derive(Default)]
pub(super) struct Tracker {
    keys: BTreeSet<String>,
    told: BTreeSet<(ConvoyId, u32, Address)>,
    landings: BTreeMap<ConvoyId, u32>,
    epoch: u64,
    stopped: BTreeSet<WorkerId>,
    stopping: BTreeSet<WorkerId>,
    holders: BTreeMap<IssueId, WorkerId>,
    failed: BTreeSet<WorkerId>,
    over: BTreeSet<SessionId>,
    closed: BTreeSet<IssueId>,
    runs: Runs,
}

impl Tracker {
    /// Takes a batch in, and says what is wrong with it.
    fn scan(&mut self, batch: &Batch) -> Result<(), String> {
        if let Some(key) = &batch.key
            && !self.keys.insert(key.key.clone())
        {
            return Err(format!("the request with key {} was done twice", key.key));
        }
        self.runs.scan(batch)?;
        for event in &batch.events {
            self.event(event, batch.key.is_some())?;
        }
        Ok(())
    }

    fn event(&mut self, event: &Event, asked: bool) -> Result<(), String> {
        let subject = event.subject();
        if event.epoch().is_some() && self.over.iter().any(|id| id.as_str() == subject) {
            return Err(format!("{subject} is over, and yet: {event:?}"));
        }
        let stopped = self.stopped.iter().any(|id| id.as_str() == subject);
        let about_money = matches!(
            event,
            Event::BudgetSet { .. } | Event::BudgetWarned { .. } | Event::BudgetExceeded { .. }
        );
        if stopped && !about_money && !matches!(event, Event::WorkerReleased { .. }) {
            return Err(format!("{subject} is stopped, and yet: {event:?}"));
        }
        match event {
            Event::IssueClosed { issue, .. } if !self.closed.insert(issue.clone()) => {
                return Err(format!("{issue} was closed twice"));
            }
            Event::IssueReopened { issue } => {
                self.closed.remove(issue);
            }
            Event::WorkerAssigned { worker } => {
                let held = self.holders.get(&worker.issue);
                if !asked && held.is_some_and(|id| self.stopped.contains(id)) {
                    return Err(format!("{} was stopped, and is resurrected", worker.issue));
                }
                self.holders.insert(worker.issue.clone(), worker.id.clone());
            }
            Event::WorkerStopRequested { worker, .. } => {
                self.stopping.insert(worker.clone());
            }
            Event::WorkerReleaseRequested { worker, why } => {
                if self.stopping.contains(worker) && !why.starts_with("released by") {
                    return Err(format!("{worker} was to be stopped, and is to be released: {why}"));
                }
                self.stopping.remove(worker);
            }
            Event::WorkerStopped { worker, .. } => {
                self.stopped.insert(worker.clone());
            }
            Event::WorkerReleased { worker, .. } => {
                self.stopped.remove(worker);
            }
            Event::WorkerFailed { worker, .. } if !self.failed.insert(worker.clone()) => {
                return Err(format!("{worker} failed twice"));
            }
            Event::SessionWanted { session } => {
                let Epoch(epoch) = session.epoch;
                if epoch <= self.epoch {
                    return Err(format!("epoch {epoch} was used before"));
                }
                self.epoch = epoch;
                if self.stopped.contains(&session.worker) {
                    return Err(format!("{} is stopped, and begins a session", session.worker));
                }
                let issue = self.holders.iter().find(|(_, worker)| **worker == session.worker);
                if issue.is_none_or(|(issue, _)| self.closed.contains(issue)) {
                    return Err(format!("{} begins a session for a closed issue", session.worker));
                }
            }
            Event::SessionOver { session, .. } => {
                self.over.insert(session.clone());
            }
            Event::ConvoyLanded { convoy, landing_epoch, .. }
            | Event::ConvoyAbandoned { convoy, landing_epoch, .. } => {
                let before = self.landings.insert(convoy.clone(), *landing_epoch).unwrap_or_default();
                if *landing_epoch != before + 1 {
                    return Err(format!("{convoy}: landing epoch {landing_epoch} after {before}"));
                }
            }
            Event::NoticeSent { notice, .. } => {
                if let (Some(convoy), Some(epoch)) = (&notice.convoy, notice.landing_epoch)
                    && !self.told.insert((convoy.clone(), epoch, notice.to.clone()))
                {
                    return Err(format!("{} was told twice of landing {epoch} of {convoy}", notice.to));
                }
            }
            _ => {}
        }
        Ok(())
    }
}

impl Sim {
    /// What the checks remember is made afresh from the log, which may have lost its tail.
    pub(super) fn rescan(&mut self) {
        self.tracker = Tracker::default();
        for batch in &self.disk.batches {
            if let Err(what) = self.tracker.scan(batch) {
                return self.violate(what);
            }
        }
    }

    /// After every commit.
    pub(super) fn check_group(&mut self, state: &State, group: &[Batch], shadow: Option<&mut State>) {
        self.busy_until = self.t;
        for batch in group {
            if let Err(what) = self.tracker.scan(batch) {
                return self.violate(what);
            }
            for event in &batch.events {
                if let Err(what) = self.check_event(state, event) {
                    return self.violate(what);
                }
            }
        }
        if let Err(what) = self.check_state(state) {
            return self.violate(what);
        }
        if let Some(shadow) = shadow {
            for batch in group {
                shadow.apply_batch(batch);
                if let Err(what) = check_grants(shadow, &self.policy, batch) {
                    return self.violate(what);
                }
            }
            self.report.types.extend(group.iter().flat_map(|batch| &batch.events).map(Event::name));
            if *shadow != *state {
                return self.violate("replaying the log gives another state");
            }
            if let Err(what) = self.check_thoroughly(state) {
                self.violate(what);
            }
        }
    }

    /// Of an event, with the state after its group.
    fn check_event(&self, state: &State, event: &Event) -> Result<(), String> {
        match event {
            Event::SessionWanted { session } => {
                let worker = &state.workers[&session.worker];
                let issue = &state.issues[&worker.content.issue];
                if let Some(blocker) = state.open_blockers(issue).next() {
                    return Err(format!("{} is begun, and {blocker} blocks it", issue.content.id));
                }
                if issue.worker.as_ref() != Some(&session.worker) {
                    return Err(format!("{} is begun by a worker that does not have it", issue.content.id));
                }
            }
            Event::ConvoyLanded { convoy, landing_epoch, .. } => {
                let found = &state.convoys[convoy];
                let told =
                    |to: &Address| self.tracker.told.contains(&(convoy.clone(), *landing_epoch, to.clone()));
                // Who watches may have changed within the group; what comes of a gate is told with its branch.
                let always = std::iter::once(&found.content.owner).chain(&found.content.notify);
                if let Some(to) = always.filter(|_| !found.is_gate()).find(|to| !told(to)) {
                    return Err(format!("{to} was not told of landing {landing_epoch} of {convoy}"));
                }
            }
            Event::IssueClosed { issue, closed } => {
                let evidence = closed.evidence.as_deref();
                if closed.reason == CloseReason::Merged
                    && let Some(commit) = evidence.and_then(|e| parse(e.commit.as_deref()?))
                    && !self.repo.contains(self.repo.base, commit)
                {
                    return Err(format!("{issue} is closed as merged, and its commit is not in the base"));
                }
            }
            Event::SessionEnded { session, .. } => {
                let dir = self.dirs.values().find(|dir| dir.session == *session);
                let said = dir.and_then(|dir| dir.observations.iter().rev().find(|o| is_said(&o.report)));
                if said.is_some() != state.sessions[session].said.is_some() {
                    return Err(format!("what the agent of {session} said is forgotten"));
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn check_state(&self, state: &State) -> Result<(), String> {
        if !state.index.touched.is_empty() {
            return Err("a convoy is touched between batches".into());
        }
        for (_, id) in &state.index.open {
            let convoy = &state.convoys[id];
            let closed = |id: &IssueId| state.issues[id].is_closed();
            let complete = !convoy.content.tracked.is_empty() && convoy.content.tracked.iter().all(closed);
            let excused = convoy.lacks_report()
                || convoy.held
                || convoy.content.owned
                || self.policy.observers != Observers::default();
            if complete && !excused {
                return Err(format!("{id} is open, and all its issues are closed"));
            }
        }
        let (mut all, mut by_rig, mut by_convoy, mut issues) =
            (0, BTreeMap::new(), BTreeMap::new(), BTreeSet::new());
        for id in &state.index.sessions {
            let session = &state.sessions[id];
            let worker = &state.workers[&session.content.worker];
            if !issues.insert(&worker.content.issue) {
                return Err(format!("{} has two sessions", worker.content.issue));
            }
            if session.is_live() {
                all += 1;
                *by_rig.entry(&worker.content.rig).or_insert(0) += 1;
                *by_convoy.entry(&worker.content.convoy).or_insert(0) += 1;
            }
        }
        let rig_over = by_rig.iter().any(|(rig, count)| {
            self.policy.rigs.get(*rig).and_then(|rig| rig.max_parallel).is_some_and(|max| *count > max)
        });
        let convoy_over = by_convoy.iter().any(|(convoy, count)| {
            let convoy = convoy.as_ref().map(|id| &state.convoys[id]);
            convoy.and_then(|convoy| convoy.content.max_parallel).is_some_and(|max| *count > max)
        });
        if all > self.policy.max_parallel || rig_over || convoy_over {
            return Err("more sessions than may be".into());
        }
        Ok(())
    }

    fn check_thoroughly(&self, state: &State) -> Result<(), String> {
        let mut fresh = state.clone();
        fresh.recount();
        if fresh != *state {
            return Err("what is derived differs when it is made afresh".into());
        }
        let bytes = postcard::to_stdvec(state).map_err(|error| format!("no snapshot: {error}"))?;
        let mut back: State =
            postcard::from_bytes(&bytes).map_err(|error| format!("no state from the snapshot: {error}"))?;
        back.recount();
        if back != *state {
            return Err("the snapshot holds another state".into());
        }
        self.check_views(state)
    }

    /// Status, why and stranded say the same.
    fn check_views(&self, state: &State) -> Result<(), String> {
        let now = self.now();
        let stranded = view::stranded(state, &self.policy, now);
        for (id, convoy) in &state.convoys {
            templates::check(state, convoy)?;
            let shown = view::convoy(state, &self.policy, convoy, now);
            let open: Vec<&Issue> = convoy.content.tracked.iter().map(|id| &state.issues[id]).collect();
            let open: Vec<&Issue> = open.into_iter().filter(|issue| !issue.is_closed()).collect();
            if shown.completed + open.len() != shown.total {
                return Err(format!("{id}: {} of {} completed", shown.completed, shown.total));
            }
            let reasons = why::convoy(state, &self.policy, convoy, now);
            if reasons.is_empty() {
                return Err(format!("{id}: nobody knows why"));
            }
            let runs = open.iter().any(|issue| {
                let Some(worker) = issue.worker.as_ref().map(|id| &state.workers[id]) else { return false };
                let WorkerState::Running { session } = &worker.state else { return false };
                // What a dead one left waits until there is a repository to save it in.
                state.sessions[session].is_live() || self.policy.reaches(&worker.content.rig)
            });
            let stuck =
                stranded.iter().find(|view| view.convoy_id == *id && view.category != Category::Overdue);
            if let Some(view) = stuck.filter(|_| runs || !convoy.is_open()) {
                return Err(format!("{id} is stranded, and moves: {}", view.detail));
            }
        }
        for (id, issue) in &state.issues {
            let reasons = why::issue(state, &self.policy, issue, now);
            let startable = state.index.startable.contains(id);
            let ready = matches!(issue.status, Status::Open) && reasons.iter().any(|r| r.code == "ready");
            let waits = reasons
                .iter()
                .any(|r| ["at_capacity", "over_budget"].contains(&r.code) || r.code.starts_with("rig_"));
            if ready && self.policy.hold(&issue.content.rig).is_some() {
                return Err(format!("{id}: its rig is held, and why says {reasons:?}"));
            }
            if reasons.is_empty() || (ready && !startable) || (startable && !ready && !waits) {
                return Err(format!("{id}: startable {startable}, and why says {reasons:?}"));
            }
        }
        Ok(())
    }

    /// What the driver gives twice, or to the wrong attempt, changes nothing.
    pub(super) fn check_copy(&mut self, command: &Command, copy: Copied, batch: Option<&Batch>) {
        // What stands in the way of a merge may do so again, in the same round.
        let again = match command {
            Command::Observed(
                Observed::Merge { outcome: MergeOutcome::Blocked(_), .. } | Observed::CheckoutChanged { .. },
            ) => true,
            Command::Observed(Observed::Batch { tried }) => {
                tried.iter().any(|(_, outcome)| matches!(outcome, MergeOutcome::Blocked(_)))
            }
            _ => false,
        };
        // The first one may have been lost with the log's tail, or with an engine.
        let lost = copy == Copied::Again && (again || self.report.crashes > 0 || self.unknown_happened());
        if copy != Copied::First && batch.is_some() && !lost {
            self.violate(format!("it changes something ({copy:?}): {command:?}"));
        }
    }

    fn unknown_happened(&self) -> bool {
        self.report.faults.contains_key(&super::Fault::UnknownAppend)
            || self.report.faults.contains_key(&super::Fault::LostAnswer)
    }

    /// At every restart.
    pub(super) fn check_replayed(&mut self, state: &State) {
        if self.options.thorough {
            let mut fresh = state.clone();
            fresh.recount();
            if fresh != *state {
                self.violate("what is derived differs when it is made afresh from the log");
            }
        }
    }

    /// When nothing more happens.
    pub(super) fn check_end(&mut self) {
        let Some(engine) = &mut self.engine else { return self.violate("no engine at the end") };
        let state = std::mem::take(&mut engine.state);
        self.report.events = state.seq.0;
        let landed = |convoy: &&convoy_core::convoy::Convoy| {
            matches!(convoy.status, convoy_core::convoy::Status::Landed { .. })
        };
        self.report.landed = state.convoys.values().filter(landed).count() as u32;
        if let Err(what) = self.at_the_end(&state) {
            self.violate(what);
        }
    }

    fn at_the_end(&mut self, state: &State) -> Result<(), String> {
        if self.disk.replay() != *state {
            return Err("replaying the log gives another state at the end".into());
        }
        if let Some(client) = self.clients.iter().position(|client| !client.is_answered()) {
            return Err(format!("client {client} was never answered"));
        }
        self.check_views(state)?;
        if self.busy_until > self.faults.until() + LANDED_WITHIN {
            return Err("it took too long after the last fault".into());
        }
        if let Some(p) = self.processes.iter().find(|p| p.alive && p.role != Role::Stranger) {
            return Err(format!("stuck: process {} ({:?}) of {} is left", p.pid, p.role, p.dir));
        }
        let rest = plan(state, &self.policy, self.now());
        if !rest.is_idle() {
            return Err(format!("stuck: {rest:?}\n{}", dump(state)));
        }
        let affordable = |id: &&IssueId| {
            let convoy = state.started_convoy(&state.issues[*id]);
            convoy.is_none_or(|convoy| convoy_affords(state, &self.policy, convoy, self.now()).is_ok())
        };
        if let Some(entry) = state.index.startable.issues().find(affordable) {
            return Err(format!("stuck: {entry:?} is ready, and nothing happens\n{}", dump(state)));
        }
        if let Some(due) = state.convoys.values().find(|convoy| convoy.is_due_to_land()) {
            return Err(format!("stuck: {} is complete, and did not land", due.content.id));
        }
        let stranded = view::stranded(state, &self.policy, self.now());
        for (_, id) in &state.index.open {
            if !stranded.iter().any(|view| view.convoy_id == *id) {
                return Err(format!("stuck: {id} is open, and is not stranded\n{}", dump(state)));
            }
        }
        self.check_outbox(state)?;
        self.check_commits(state)
    }

    /// Every notice has a delivery by the one route there is; what is said to have arrived did.
    fn check_outbox(&self, state: &State) -> Result<(), String> {
        if state.deliveries.len() != state.notices.len() {
            return Err(format!("{} deliveries of {} notices", state.deliveries.len(), state.notices.len()));
        }
        for (id, delivery) in &state.deliveries {
            let arrived = self.arrived.get(id).copied().unwrap_or_default();
            match delivery.status {
                outbox::Status::Pending { .. } => return Err(format!("stuck: {id} is never delivered")),
                outbox::Status::Delivered { .. } if arrived == 0 => {
                    return Err(format!("{id} is said to have arrived, and has not"));
                }
                outbox::Status::Delivered { .. } | outbox::Status::GivenUp { .. } => {}
            }
        }
        Ok(())
    }

    /// Every commit can be reached, and whoever goes on from it knows of it.
    fn check_commits(&self, state: &State) -> Result<(), String> {
        let kept = self.repo.reach(self.repo.refs.values().copied().chain([self.repo.base]));
        if let Some(lost) = self.repo.made.iter().find(|commit| !kept.contains(commit)) {
            return Err(format!("commit {lost} is lost"));
        }
        for dir in self.dirs.values().filter(|dir| dir.head != dir.base) {
            let Some(session) = state.sessions.get(&dir.session) else { continue };
            let worker = &state.workers[&session.content.worker];
            // What a role changes in its workdir is no work.
            if state.step_of(worker).is_some() {
                continue;
            }
            let goes_on = worker.resume_from.as_deref().and_then(parse);
            let known = self.repo.contains(self.repo.base, dir.head)
                || goes_on.is_some_and(|tip| self.repo.contains(tip, dir.head))
                || worker.lessons.iter().any(|l| l.session == dir.session && l.branch.is_some());
            if !known {
                return Err(format!("nobody goes on from what {} did", dir.session));
            }
        }
        Ok(())
    }
}

/// Nothing is granted past a limit, and what is granted is kept.
fn check_grants(state: &State, policy: &Policy, batch: &Batch) -> Result<(), String> {
    for event in &batch.events {
        let session = match event {
            Event::SessionWanted { session } => &session.id,
            Event::SessionExtended { session, .. } => session,
            _ => continue,
        };
        let session = &state.sessions[session];
        for level in ledger::levels_of(state, session) {
            let Some(limit) = ledger::limit(state, policy, &level) else { continue };
            let account = ledger::account(state, &level, batch.at);
            if session.ceiling.is_none() {
                return Err(format!("{} begins without a reservation at {level}", session.content.id));
            }
            if session.reserved() > Money::default() && account.settled.plus(account.reserved) > limit {
                return Err(format!("more than ${limit} is granted at {level}: {account:?}"));
            }
        }
    }
    Ok(())
}

fn is_said(report: &Report) -> bool {
    matches!(report, Report::Done { .. } | Report::Blocked { .. })
}
