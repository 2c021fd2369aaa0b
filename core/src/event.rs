//! Events: what happened, in the past tense, as the log keeps it.
//!
//! The type is dotted (`issue.closed`) and part of the contract with scripts; each has a golden file. A field
//! may be added with a default, never changed or removed.

mod about;

use serde::{Deserialize, Serialize};

use crate::address::Address;
use crate::checkpoint::{Made, NewCheckpoint};
use crate::convoy::{NewConvoy, Observer, Staged};
use crate::health::{Health, Look, Step as WitnessStep};
use crate::id::{
    CheckpointId, ConvoyId, DeliveryId, Epoch, IssueId, NoticeId, RigName, Seq, SessionId, WorkerId,
};
use crate::import::{Hold, ImportedConvoy, ImportedIssue, ImportedRecord};
use crate::issue::{Closed, DependencyType, NewIssue};
use crate::ledger::Level;
use crate::money::Money;
use crate::notice::NewNotice;
use crate::outbox::NewDelivery;
use crate::own_session::{Ended, NewOwnSession};
use crate::report::{Exit, Tokens};
use crate::review::Review;
use crate::session::{NewSession, Outcome, Said, Workdir};
use crate::template::ReportMade;
use crate::time::Time;
use crate::tracker::{Standing, Step};
use crate::worker::{Lesson, MergeBlock, MergePause, MergeRequest, NewWorker, Submission};

/// What of an issue was changed; absent is unchanged.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct IssueChange {
    /// New title.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// New body.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    /// New priority.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub priority: Option<u8>,
    /// New type.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub issue_type: Option<crate::issue::IssueType>,
    /// Labels that were added.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub add_labels: Vec<String>,
    /// Labels that were removed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub remove_labels: Vec<String>,
    /// Open, and not to be worked on here any more: why, in a word.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hold: Option<Hold>,
    /// New acceptance criteria.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub acceptance: Option<Vec<String>>,
}

impl IssueChange {
    /// Makes the change.
    pub fn apply_to(self, content: &mut NewIssue) {
        let Self { title, body, priority, issue_type, add_labels, remove_labels, acceptance, hold: _ } = self;
        content.title = title.unwrap_or_else(|| std::mem::take(&mut content.title));
        content.body = body.unwrap_or_else(|| std::mem::take(&mut content.body));
        content.priority = priority.unwrap_or(content.priority);
        content.issue_type = issue_type.unwrap_or(content.issue_type);
        content.labels.extend(add_labels);
        for label in &remove_labels {
            content.labels.remove(label);
        }
        content.acceptance = acceptance.unwrap_or_else(|| std::mem::take(&mut content.acceptance));
    }
}

/// One fact.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(tag = "type", content = "data")]
#[expect(missing_docs, reason = "each variant is its dotted name; the fields are documented in their types")]
pub enum Event {
    #[serde(rename = "issue.created")]
    IssueCreated { issue: NewIssue },
    #[serde(rename = "issue.imported")]
    IssueImported { issue: Box<ImportedIssue> },
    #[serde(rename = "issue.updated")]
    IssueUpdated { issue: IssueId, change: IssueChange },
    #[serde(rename = "issue.dependency_added")]
    DependencyAdded { issue: IssueId, needs: IssueId, kind: DependencyType },
    #[serde(rename = "issue.dependency_removed")]
    DependencyRemoved { issue: IssueId, needs: IssueId },
    #[serde(rename = "issue.closed")]
    IssueClosed { issue: IssueId, closed: Closed },
    #[serde(rename = "issue.reopened")]
    IssueReopened { issue: IssueId },
    #[serde(rename = "issue.needs_human")]
    IssueNeedsHuman { issue: IssueId, why: String },
    /// As its tracker has it, and as we hold it where that is to differ until the tracker was told.
    #[serde(rename = "issue.mirrored")]
    IssueMirrored {
        issue: Box<NewIssue>,
        standing: Standing,
        assignee: Option<String>,
        created_at: Option<Time>,
        ours: Option<Box<NewIssue>>,
    },
    #[serde(rename = "issue.missing")]
    IssueMissing { issue: IssueId },

    #[serde(rename = "tracker.lost")]
    TrackerLost { rig: RigName, why: String },
    #[serde(rename = "tracker.found")]
    TrackerFound { rig: RigName },
    #[serde(rename = "tracker.told")]
    TrackerTold { rig: RigName, issue: IssueId, steps: Vec<Step> },
    #[serde(rename = "tracker.refused")]
    TrackerRefused { rig: RigName, issue: IssueId, error: String, failures: u32, until: Time },

    #[serde(rename = "convoy.created")]
    ConvoyCreated { convoy: NewConvoy },
    #[serde(rename = "convoy.imported")]
    ConvoyImported { convoy: Box<ImportedConvoy> },
    #[serde(rename = "convoy.issues_added")]
    ConvoyIssuesAdded { convoy: ConvoyId, issues: Vec<IssueId> },
    #[serde(rename = "convoy.issues_removed")]
    ConvoyIssuesRemoved { convoy: ConvoyId, issues: Vec<IssueId> },
    #[serde(rename = "convoy.watched")]
    ConvoyWatched { convoy: ConvoyId, address: Address },
    #[serde(rename = "convoy.unwatched")]
    ConvoyUnwatched { convoy: ConvoyId, address: Address },
    #[serde(rename = "convoy.staged")]
    ConvoyStaged { convoy: NewConvoy, staged: Staged },
    #[serde(rename = "convoy.launched")]
    ConvoyLaunched { convoy: ConvoyId },
    #[serde(rename = "convoy.started")]
    ConvoyStarted { convoy: ConvoyId },
    #[serde(rename = "convoy.timed_out")]
    ConvoyTimedOut { convoy: ConvoyId },
    #[serde(rename = "convoy.stopped")]
    ConvoyStopped { convoy: ConvoyId, by: String },
    #[serde(rename = "convoy.report_wanted")]
    ConvoyReportWanted { convoy: ConvoyId, apply: bool },
    #[serde(rename = "convoy.synthesized")]
    ConvoySynthesized { convoy: ConvoyId, report: Box<ReportMade> },
    #[serde(rename = "convoy.landed")]
    ConvoyLanded { convoy: ConvoyId, landing_epoch: u32, observer: Observer },
    #[serde(rename = "convoy.abandoned")]
    ConvoyAbandoned { convoy: ConvoyId, landing_epoch: u32, reason: Option<String>, open: Vec<IssueId> },
    #[serde(rename = "convoy.reopened")]
    ConvoyReopened {
        convoy: ConvoyId,
        #[serde(default)]
        held: bool,
    },

    #[serde(rename = "worker.assigned")]
    WorkerAssigned { worker: NewWorker },
    #[serde(rename = "worker.waiting")]
    WorkerWaiting { worker: WorkerId, until: Time, why: String },
    #[serde(rename = "worker.ready")]
    WorkerReady { worker: WorkerId },
    #[serde(rename = "worker.submitted")]
    WorkerSubmitted { worker: WorkerId, submission: Submission },
    #[serde(rename = "worker.stop_requested")]
    WorkerStopRequested { worker: WorkerId, by: String },
    #[serde(rename = "worker.release_requested")]
    WorkerReleaseRequested { worker: WorkerId, why: String },
    #[serde(rename = "worker.stopped")]
    WorkerStopped { worker: WorkerId, by: String },
    #[serde(rename = "worker.released")]
    WorkerReleased { worker: WorkerId, why: String },
    #[serde(rename = "worker.failed")]
    WorkerFailed { worker: WorkerId, why: String },
    #[serde(rename = "worker.done")]
    WorkerDone { worker: WorkerId },
    #[serde(rename = "worker.learned")]
    WorkerLearned { worker: WorkerId, lesson: Lesson, count: Counted, resume_from: Option<String> },

    #[serde(rename = "merge.moved")]
    MergeMoved { worker: WorkerId, round: u32, now: String },
    #[serde(rename = "merge.blocked")]
    MergeBlocked { worker: WorkerId, block: MergeBlock },
    #[serde(rename = "merge.unblocked")]
    MergeUnblocked { worker: WorkerId, round: u32 },
    #[serde(rename = "merge.batched")]
    MergeBatched { rig: RigName, base: Option<String>, workers: Vec<WorkerId>, because: Batched },
    #[serde(rename = "merge.set_aside")]
    MergeSetAside { worker: WorkerId, files: Vec<String> },
    #[serde(rename = "merge.paused")]
    MergePaused { worker: WorkerId, round: u32, pause: MergePause },
    #[serde(rename = "merge.requested")]
    MergeRequested { worker: WorkerId, request: MergeRequest },

    /// A submitted branch, or a session that works on, waits for the word of this convoy.
    #[serde(rename = "review.started")]
    ReviewStarted {
        worker: WorkerId,
        convoy: ConvoyId,
        /// Of which checkpoint; none if of a submitted branch.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        checkpoint: Option<CheckpointId>,
    },
    #[serde(rename = "review.made")]
    ReviewMade {
        worker: WorkerId,
        session: SessionId,
        /// Of which checkpoint; none if of a submitted branch.
        #[serde(default)]
        checkpoint: Option<CheckpointId>,
        review: Box<Review>,
    },

    #[serde(rename = "session.wanted")]
    SessionWanted { session: NewSession },
    #[serde(rename = "session.prepared")]
    SessionPrepared { session: SessionId, epoch: Epoch, workdir: Workdir },
    #[serde(rename = "session.started")]
    SessionStarted { session: SessionId, epoch: Epoch, n: u64, pid: u32, at: Time },
    #[serde(rename = "session.usage")]
    SessionUsage {
        session: SessionId,
        epoch: Epoch,
        n: u64,
        message_id: String,
        model: Option<String>,
        tokens: Tokens,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        cost: Option<Money>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        price: Option<String>,
    },
    #[serde(rename = "session.cost")]
    SessionCost { session: SessionId, epoch: Epoch, n: u64, cost: Option<Money>, tokens: Option<Tokens> },
    /// The agent's own word about what it cost, in all.
    #[serde(rename = "session.self_reported")]
    SessionSelfReported { session: SessionId, epoch: Epoch, n: u64, cost: Money },
    #[serde(rename = "session.conversation")]
    SessionConversation {
        session: SessionId,
        epoch: Epoch,
        n: u64,
        conversation: String,
        model: Option<String>,
    },
    /// It may spend this much in all from now on.
    #[serde(rename = "session.extended")]
    SessionExtended { session: SessionId, epoch: Epoch, ceiling: Money },
    #[serde(rename = "session.said")]
    SessionSaid { session: SessionId, epoch: Epoch, n: u64, said: Said },
    /// Somebody said something to its agent while it worked.
    #[serde(rename = "session.nudged")]
    SessionNudged { session: SessionId, epoch: Epoch, n: u64, by: Option<String>, text: String },
    #[serde(rename = "session.stop_requested")]
    SessionStopRequested { session: SessionId, epoch: Epoch },
    #[serde(rename = "session.ended")]
    SessionEnded { session: SessionId, epoch: Epoch, exit: Exit },
    #[serde(rename = "session.lost")]
    SessionLost { session: SessionId, epoch: Epoch, why: String },
    #[serde(rename = "session.over")]
    SessionOver { session: SessionId, epoch: Epoch, outcome: Outcome },

    /// The witness judged a session otherwise than before, or took a step. `n` is the observation that led to it.
    #[serde(rename = "witness.stepped")]
    WitnessStepped {
        session: SessionId,
        epoch: Epoch,
        n: Option<u64>,
        round: u32,
        health: Health,
        step: Option<WitnessStep>,
        unable: Option<String>,
        look: Option<Box<Look>>,
    },

    /// A person began to work, in a checkout of their own.
    #[serde(rename = "session.opened")]
    SessionOpened { session: Box<NewOwnSession> },
    #[serde(rename = "session.paused")]
    SessionPaused { session: SessionId, reason: Option<String> },
    #[serde(rename = "session.completed")]
    SessionCompleted { session: SessionId, outcome: Ended },

    /// It is to be made; its id and number are its own from now on.
    #[serde(rename = "checkpoint.wanted")]
    CheckpointWanted { checkpoint: NewCheckpoint },
    /// It is in git.
    #[serde(rename = "checkpoint.made")]
    CheckpointMade { checkpoint: CheckpointId, made: Made },
    #[serde(rename = "checkpoint.failed")]
    CheckpointFailed { checkpoint: CheckpointId, why: String },

    /// None: no limit any more.
    #[serde(rename = "budget.set")]
    BudgetSet { level: Level, limit: Option<Money> },
    #[serde(rename = "budget.warned")]
    BudgetWarned { level: Level, limit: Money, spent: Money },
    #[serde(rename = "budget.exceeded")]
    BudgetExceeded { level: Level, limit: Money, spent: Money },

    #[serde(rename = "record.imported")]
    RecordImported { record: ImportedRecord },

    #[serde(rename = "notice.sent")]
    NoticeSent {
        notice: NewNotice,
        #[serde(default)]
        deliveries: Vec<NewDelivery>,
    },
    #[serde(rename = "notice.read")]
    NoticeRead { notice: NoticeId },
    #[serde(rename = "notice.archived")]
    NoticeArchived { notice: NoticeId },
    #[serde(rename = "notice.delivered")]
    NoticeDelivered { notice: NoticeId, delivery: DeliveryId, attempt: u32 },
    #[serde(rename = "notice.delivery_failed")]
    NoticeDeliveryFailed {
        notice: NoticeId,
        delivery: DeliveryId,
        attempt: u32,
        why: String,
        retry_at: Option<Time>,
    },
    #[serde(rename = "notice.delivery_retried")]
    NoticeDeliveryRetried { notice: NoticeId, delivery: DeliveryId },
}

/// Why branches are tested together.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Batched {
    /// It was their turn.
    Gathered,
    /// They are a part of a batch that did not land as a whole.
    Split {
        /// Why it did not.
        why: String,
    },
}

/// What an attempt that did not land counts as.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Counted {
    /// A failure of the task or its gates.
    Failure,
    /// A lost session.
    Lost,
    /// A merge conflict.
    Conflict,
    /// A review that found what blocks.
    Review,
    /// Nothing: it was ended on purpose.
    Nothing,
}

/// What one command came to: the unit that is committed, whole or not at all.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Batch {
    /// When it was decided.
    pub at: Time,
    /// Who asked.
    pub actor: Address,
    /// The key by which a repeated request is recognised.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<Key>,
    /// The facts, in order.
    pub events: Vec<Event>,
}

/// An idempotency key with the ids that the request was answered with.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Key {
    /// Given by the caller, opaque.
    pub key: String,
    /// What the first request made or changed, by the reference given.
    pub ids: Vec<String>,
    /// The fingerprint of that request.
    #[serde(default)]
    pub print: u64,
}

/// An event with its place in the order, as `convoy events` prints it.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Envelope {
    /// Its place.
    pub seq: Seq,
    /// When.
    pub at: Time,
    /// Who.
    pub actor: Address,
    /// What it is about.
    pub subject: String,
    /// The attempt.
    pub epoch: Option<Epoch>,
    /// Type and data.
    #[serde(flatten)]
    pub event: Event,
}

impl Batch {
    /// The events with their places; the first has `first`.
    pub fn envelopes(self, first: Seq) -> impl Iterator<Item = Envelope> {
        let (at, actor) = (self.at, self.actor);
        self.events.into_iter().enumerate().map(move |(i, event)| Envelope {
            seq: Seq(first.0 + i as u64),
            at,
            actor: actor.clone(),
            subject: event.subject().to_owned(),
            epoch: event.epoch(),
            event,
        })
    }
}
