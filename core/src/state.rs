//! The state: what the log says, folded.
//!
//! `apply` is total and believes the log: whatever it is given has been decided and committed. Everything that
//! is derived (open counts, what is startable, who is active) is kept here too, so that no decision costs more
//! in a large workspace; `recount` makes it afresh, and tests compare the two.

mod budget_events;
mod checkpoint_events;
mod convoy_events;
mod import_events;
mod issue_events;
mod notice_events;
mod own_session_events;
mod session_events;
mod stage_events;
mod startable;
mod tracker_events;
mod worker_events;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use serde::{Deserialize, Serialize};

use crate::checkpoint::Checkpoint;
use crate::convoy::Convoy;
use crate::event::{Batch, Event, Key};
use crate::id::{CheckpointId, ConvoyId, DeliveryId, IssueId, NoticeId, RigName, Seq, SessionId, WorkerId};
use crate::issue::{self, Issue};
use crate::ledger::{Accounts, Ledger};
use crate::notice::Notice;
use crate::outbox::Delivery;
use crate::own_session::OwnSession;
use crate::session::Session;
use crate::template::Step;
use crate::time::Time;
use crate::tracker::{self, Standing, Tracker};
use crate::worker::{Worker, WorkerState};
pub(crate) use session_events::is_news;
pub use startable::{InRig, Place, Startable};

/// How many idempotency keys are remembered; a retry comes within minutes, not after ten thousand others.
pub const KEYS_MAX: usize = 10_000;

/// Everything that is known.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct State {
    /// The last event that is folded in.
    pub seq: Seq,
    /// Issues.
    pub issues: BTreeMap<IssueId, Issue>,
    /// Convoys.
    pub convoys: BTreeMap<ConvoyId, Convoy>,
    /// Workers.
    pub workers: BTreeMap<WorkerId, Worker>,
    /// Sessions.
    pub sessions: BTreeMap<SessionId, Session>,
    /// Notices.
    pub notices: BTreeMap<NoticeId, Notice>,
    /// Trackers that are not ours, by the rig whose issues they keep.
    pub trackers: BTreeMap<RigName, Tracker>,
    /// Deliveries of notices.
    pub deliveries: BTreeMap<DeliveryId, Delivery>,
    /// Sessions of persons, in checkouts of their own.
    pub own_sessions: BTreeMap<SessionId, OwnSession>,
    /// Checkpoints.
    pub checkpoints: BTreeMap<CheckpointId, Checkpoint>,
    /// What may be spent, and what is.
    pub ledger: Ledger,
    /// The epoch of the newest session; 0 before there is one.
    pub epoch: u64,
    /// Issues and convoys ever made; the next one's number.
    pub numbers: u64,
    /// Records of other tools that were taken in, by tool and key.
    pub records: BTreeSet<String>,
    /// Remembered idempotency keys, oldest first, with what they were answered.
    pub keys: VecDeque<Key>,
    /// Derived: see [`Index`].
    #[serde(skip)]
    pub index: Index,
}

/// What is derived from the rest and kept for speed. Rebuilt after a snapshot is read.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Index {
    /// Open issues that nothing blocks, that no worker has, in a started open convoy.
    pub startable: Startable,
    /// Open issues of which more is to be said than that they are open: somebody has them, they failed, are held,
    /// are also a tracker's, or of several convoys.
    pub eventful: BTreeSet<IssueId>,
    /// Rigs that issues are of, or were.
    pub rigs: BTreeSet<RigName>,
    /// Workers to whom something may still happen.
    pub active: BTreeSet<WorkerId>,
    /// Workers that were ever assigned for a convoy.
    pub convoy_workers: BTreeMap<ConvoyId, BTreeSet<WorkerId>>,
    /// Sessions that are not over.
    pub sessions: BTreeSet<SessionId>,
    /// Convoys that are open, newest last.
    pub open: BTreeSet<(u64, ConvoyId)>,
    /// Template convoys that are open, or whose report is to be made.
    pub runs: BTreeSet<ConvoyId>,
    /// Convoys that are staged, newest last.
    pub staged: BTreeSet<(u64, ConvoyId)>,
    /// Issues that their trackers are to be told something of.
    pub pushes: BTreeMap<RigName, BTreeSet<IssueId>>,
    /// Issues that nobody has seen yet, with those that wait for them.
    pub awaited: BTreeMap<IssueId, BTreeSet<IssueId>>,
    /// Convoys that may have become complete in this batch; empty between batches.
    pub touched: BTreeSet<ConvoyId>,
    /// Keys by text.
    pub keys: BTreeMap<String, (u64, Vec<String>)>,
    /// Checkpoints that are to be made.
    pub checkpoints: BTreeSet<CheckpointId>,
    /// The checkpoints of each session, with their numbers.
    pub checkpoints_of: BTreeMap<SessionId, BTreeSet<(u64, CheckpointId)>>,
    /// Own sessions that are open.
    pub own_open: BTreeSet<SessionId>,
    /// The greatest number of a checkpoint in each folder.
    pub sequences: BTreeMap<String, u64>,
    /// What is spent and promised at each level.
    pub accounts: Accounts,
    /// Unread notices.
    pub unread: usize,
    /// Deliveries that are to be tried, by when and age.
    pub outbox: BTreeMap<Time, BTreeSet<(Seq, DeliveryId)>>,
    /// Deliveries that were given up, of notices that nobody has archived.
    pub undelivered: BTreeSet<DeliveryId>,
}

impl State {
    /// Folds a committed batch in.
    pub fn apply_batch(&mut self, batch: &Batch) {
        for event in &batch.events {
            self.apply(event, batch.at, batch.actor.as_str());
        }
        if let Some(key) = &batch.key {
            self.remember(key.clone());
        }
        self.index.touched.clear();
    }

    /// Remembers an idempotency key, and forgets the oldest when there are too many.
    pub fn remember(&mut self, key: Key) {
        self.index.keys.insert(key.key.clone(), (key.print, key.ids.clone()));
        self.keys.push_back(key);
        if self.keys.len() > KEYS_MAX
            && let Some(old) = self.keys.pop_front()
        {
            self.index.keys.remove(&old.key);
        }
    }

    /// Folds one event in.
    pub fn apply(&mut self, event: &Event, at: Time, actor: &str) {
        self.seq.0 += 1;
        match event {
            Event::IssueImported { issue } => import_events::issue(self, issue),
            Event::ConvoyImported { convoy } => import_events::convoy(self, convoy),
            Event::RecordImported { record } => {
                self.records.insert(import_events::record_key(record));
            }
            Event::IssueCreated { .. }
            | Event::IssueUpdated { .. }
            | Event::DependencyAdded { .. }
            | Event::DependencyRemoved { .. }
            | Event::IssueClosed { .. }
            | Event::IssueReopened { .. }
            | Event::IssueNeedsHuman { .. } => issue_events::apply(self, event, at, actor),
            Event::IssueMirrored { .. }
            | Event::IssueMissing { .. }
            | Event::TrackerLost { .. }
            | Event::TrackerFound { .. }
            | Event::TrackerTold { .. }
            | Event::TrackerRefused { .. } => tracker_events::apply(self, event, at),
            Event::ConvoyCreated { .. }
            | Event::ConvoyIssuesAdded { .. }
            | Event::ConvoyIssuesRemoved { .. }
            | Event::ConvoyWatched { .. }
            | Event::ConvoyUnwatched { .. }
            | Event::ConvoyStarted { .. }
            | Event::ConvoyLanded { .. }
            | Event::ConvoyAbandoned { .. }
            | Event::ConvoyTimedOut { .. }
            | Event::ConvoyStopped { .. }
            | Event::ConvoyReportWanted { .. }
            | Event::ConvoySynthesized { .. }
            | Event::ConvoyReopened { .. } => convoy_events::apply(self, event, at, actor),
            Event::ConvoyStaged { .. } | Event::ConvoyLaunched { .. } => {
                stage_events::apply(self, event, at, actor);
            }
            Event::WorkerAssigned { .. }
            | Event::WorkerWaiting { .. }
            | Event::WorkerReady { .. }
            | Event::WorkerSubmitted { .. }
            | Event::WorkerStopRequested { .. }
            | Event::WorkerReleaseRequested { .. }
            | Event::WorkerStopped { .. }
            | Event::WorkerReleased { .. }
            | Event::WorkerFailed { .. }
            | Event::WorkerDone { .. }
            | Event::WorkerLearned { .. }
            | Event::ReviewStarted { .. }
            | Event::ReviewMade { .. }
            | Event::MergeMoved { .. }
            | Event::MergeBlocked { .. }
            | Event::MergeUnblocked { .. }
            | Event::MergeBatched { .. }
            | Event::MergeSetAside { .. }
            | Event::MergePaused { .. }
            | Event::MergeRequested { .. } => worker_events::apply(self, event, at),
            Event::SessionWanted { .. }
            | Event::SessionPrepared { .. }
            | Event::SessionStarted { .. }
            | Event::SessionUsage { .. }
            | Event::SessionCost { .. }
            | Event::SessionSaid { .. }
            | Event::SessionStopRequested { .. }
            | Event::SessionEnded { .. }
            | Event::SessionLost { .. }
            | Event::SessionSelfReported { .. }
            | Event::SessionNudged { .. }
            | Event::SessionConversation { .. }
            | Event::SessionExtended { .. }
            | Event::WitnessStepped { .. }
            | Event::SessionOver { .. } => session_events::apply(self, event, at),
            Event::SessionOpened { .. } | Event::SessionPaused { .. } | Event::SessionCompleted { .. } => {
                own_session_events::apply(self, event, at, actor);
            }
            Event::CheckpointWanted { .. }
            | Event::CheckpointMade { .. }
            | Event::CheckpointFailed { .. } => checkpoint_events::apply(self, event, at),
            Event::BudgetSet { .. } | Event::BudgetWarned { .. } | Event::BudgetExceeded { .. } => {
                budget_events::apply(self, event, at);
            }
            Event::NoticeSent { .. }
            | Event::NoticeRead { .. }
            | Event::NoticeArchived { .. }
            | Event::NoticeDelivered { .. }
            | Event::NoticeDeliveryFailed { .. }
            | Event::NoticeDeliveryRetried { .. } => notice_events::apply(self, event, at),
        }
    }

    /// Makes everything derived afresh.
    pub fn recount(&mut self) {
        self.index = Index::default();
        for issue in self.issues.values_mut() {
            issue.dependents.clear();
            issue.convoys.clear();
        }
        let blockers = |(id, issue): (&IssueId, &Issue)| -> Vec<(IssueId, IssueId)> {
            issue.blockers().map(|blocker| (blocker.clone(), id.clone())).collect()
        };
        let pairs: Vec<(IssueId, IssueId)> = self.issues.iter().flat_map(blockers).collect();
        for (blocker, id) in pairs {
            if let Some(blocker) = self.issues.get_mut(&blocker) {
                blocker.dependents.insert(id);
            } else {
                self.index.awaited.entry(blocker).or_default().insert(id);
            }
        }
        for (id, convoy) in &mut self.convoys {
            convoy.open_count = 0;
            for issue in &convoy.content.tracked {
                if let Some(issue) = self.issues.get_mut(issue) {
                    issue.convoys.insert(id.clone());
                    convoy.open_count += usize::from(!issue.is_closed());
                }
            }
            if convoy.is_open() {
                self.index.open.insert((convoy.number, id.clone()));
            } else if convoy.staged().is_some() {
                self.index.staged.insert((convoy.number, id.clone()));
            }
        }
        let runs: Vec<ConvoyId> = self.convoys.keys().cloned().collect();
        runs.iter().for_each(|id| self.refresh_run(id));
        let mut startable = Startable::default();
        for issue in self.issues.values() {
            if let Some(convoy) = self.starts_for(issue) {
                startable.put(issue, &convoy.content.id);
            }
        }
        self.index.startable = startable;
        let eventful = self.issues.values().filter(|issue| is_eventful(issue));
        self.index.eventful = eventful.map(|issue| issue.content.id.clone()).collect();
        self.index.rigs = self.issues.values().map(|issue| issue.content.rig.clone()).collect();
        let pending = self.issues.values().filter(|issue| !tracker::steps(self, issue).is_empty());
        let pending: Vec<_> = pending.map(|i| (i.content.rig.clone(), i.content.id.clone())).collect();
        for (rig, id) in pending {
            self.index.pushes.entry(rig).or_default().insert(id);
        }
        for (id, worker) in &self.workers {
            if worker.state.is_active() {
                self.index.active.insert(id.clone());
            }
            if let Some(convoy) = &worker.content.convoy {
                self.index.convoy_workers.entry(convoy.clone()).or_default().insert(id.clone());
            }
        }
        for (id, session) in &self.sessions {
            if !matches!(session.state, crate::session::SessionState::Over { .. }) {
                self.index.sessions.insert(id.clone());
            }
        }
        self.index.keys =
            self.keys.iter().map(|key| (key.key.clone(), (key.print, key.ids.clone()))).collect();
        self.recount_accounts();
        checkpoint_events::recount(self);
        own_session_events::recount(self);
        self.index.unread = self.notices.values().filter(|notice| notice.is_unread()).count();
        let deliveries: Vec<DeliveryId> = self.deliveries.keys().cloned().collect();
        deliveries.iter().for_each(|id| self.index_delivery(id));
    }

    /// What of an issue's blockers is not closed.
    pub fn open_blockers<'a>(&'a self, issue: &'a Issue) -> impl Iterator<Item = &'a IssueId> {
        issue.blockers().filter(|id| self.issues.get(*id).is_none_or(|blocker| !blocker.is_closed()))
    }

    /// Whether the issue of a worker still waits for it: it is not closed, and nobody else has it.
    pub fn is_current(&self, worker: &Worker) -> bool {
        let issue = self.issues.get(&worker.content.issue).filter(|issue| !issue.was_closed());
        issue.is_some_and(|issue| issue.worker.as_ref() == Some(&worker.content.id))
    }

    /// Whether nothing stands between the issue and a worker, as far as the issue itself is concerned.
    pub fn is_ready(&self, issue: &Issue) -> bool {
        matches!(issue.status, issue::Status::Open)
            && (issue.is_workable() || issue.content.step.is_some())
            && issue.held.is_none()
            && (issue.is_free() || self.was_ours(issue))
            && self.open_blockers(issue).next().is_none()
            && !issue.worker.as_ref().and_then(|id| self.workers.get(id)).is_some_and(|worker| {
                worker.state.is_active() || matches!(worker.state, WorkerState::Stopped { .. })
            })
    }

    /// The oldest open convoy of an issue that somebody started.
    pub fn started_convoy(&self, issue: &Issue) -> Option<&Convoy> {
        issue
            .convoys
            .iter()
            .filter_map(|id| self.convoys.get(id))
            .filter(|convoy| convoy.is_open() && convoy.started_at.is_some())
            .min_by_key(|convoy| convoy.number)
    }

    /// How many live sessions there are: in all, in `rig`, and for `convoy`.
    pub fn live_sessions(&self, rig: &crate::id::RigName, convoy: Option<&ConvoyId>) -> (u32, u32, u32) {
        let mut counts = (0, 0, 0);
        for session in
            self.index.sessions.iter().filter_map(|id| self.sessions.get(id)).filter(|s| s.is_live())
        {
            counts.0 += 1;
            if let Some(worker) = self.workers.get(&session.content.worker) {
                counts.1 += u32::from(worker.content.rig == *rig);
                counts.2 += u32::from(convoy.is_some() && worker.content.convoy.as_ref() == convoy);
            }
        }
        counts
    }

    /// The convoy for which a worker may be assigned without anybody asking. In a large workspace most issues are
    /// in no convoy.
    fn starts_for(&self, issue: &Issue) -> Option<&Convoy> {
        self.started_convoy(issue).filter(|_| self.is_ready(issue))
    }

    /// Whether its tracker says that a worker of ours has it, who has given it back.
    fn was_ours(&self, issue: &Issue) -> bool {
        let mirror = issue.mirror.as_deref().filter(|_| !issue.is_unknown());
        mirror.is_some_and(|mirror| {
            // One that is being reopened is closed there until the tracker was told.
            mirror.standing == Standing::Closed
                || mirror.standing == Standing::InProgress && tracker::has_it(self, mirror)
        })
    }

    /// Puts the issue into the queue of what can be started, or takes it out; and likewise the queue of what its
    /// tracker is to be told, and the other lists.
    pub(crate) fn refresh_startable(&mut self, id: &IssueId) {
        self.refresh_pushes(id);
        self.index.startable.take(id);
        let Some(issue) = self.issues.get(id) else { return };
        if is_eventful(issue) {
            self.index.eventful.insert(id.clone());
        } else {
            self.index.eventful.remove(id);
        }
        if let Some(convoy) = self.starts_for(issue).map(|convoy| convoy.content.id.clone()) {
            self.index.startable.put(issue, &convoy);
        }
    }

    /// Lists a template convoy as one that something is still due of, or not.
    pub(crate) fn refresh_run(&mut self, id: &ConvoyId) {
        let convoy = self.convoys.get(id).filter(|convoy| convoy.content.run.is_some());
        if convoy.is_some_and(|convoy| convoy.is_open() || convoy.report_due().is_some()) {
            self.index.runs.insert(id.clone());
        } else {
            self.index.runs.remove(id);
        }
    }

    /// The role of a worker's issue, if it is one.
    pub fn step_of(&self, worker: &Worker) -> Option<&Step> {
        self.issues.get(&worker.content.issue)?.content.step.as_deref()
    }

    fn refresh_pushes(&mut self, id: &IssueId) {
        let Some(issue) = self.issues.get(id).filter(|issue| issue.mirror.is_some()) else { return };
        let rig = issue.content.rig.clone();
        if tracker::steps(self, issue).is_empty() {
            if let Some(pending) = self.index.pushes.get_mut(&rig) {
                pending.remove(id);
                if pending.is_empty() {
                    self.index.pushes.remove(&rig);
                }
            }
        } else {
            self.index.pushes.entry(rig).or_default().insert(id.clone());
        }
    }

    pub(crate) fn refresh_convoy(&mut self, id: &ConvoyId) {
        let tracked = self.convoys.get(id).map(|convoy| convoy.content.tracked.clone()).unwrap_or_default();
        for issue in &tracked {
            self.refresh_startable(issue);
        }
    }
}

fn is_eventful(issue: &Issue) -> bool {
    let plain = matches!(issue.status, issue::Status::Open)
        && issue.worker.is_none()
        && issue.held.is_none()
        && issue.mirror.is_none()
        && issue.convoys.len() <= 1;
    !plain && !issue.is_closed()
}
