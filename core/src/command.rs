//! Commands: what people and agents ask for (`Request`), and what the executor saw (`Observed`).
//!
//! References in requests are text as a person typed it, any unique prefix of an id; `decide` resolves them.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::checkpoint::Made;
use crate::event::IssueChange;
use crate::health::Look;
use crate::id::{CheckpointId, ConvoyId, DeliveryId, Epoch, IssueId, RigName, SessionId, WorkerId};
use crate::import::{Existing, ForeignConvoy, ForeignIssue, ImportedRecord};
use crate::issue::{CloseReason, DependencyType, IssueType};
use crate::money::Money;
use crate::own_session::Ended;
use crate::report::{Exit, Observation};
use crate::session::{Findings, TranscriptUsage, Workdir};
use crate::template::{Judged, ReportMade};
use crate::time::Time;
use crate::tracker::{Pushed, Seen};
use crate::worker::{Member, MergeOutcome};

/// What a budget is for, as a person named it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BudgetScope {
    /// The only active epic or convoy.
    Only,
    /// A session.
    Session(String),
    /// A worker, or an issue's.
    Worker(String),
    /// A convoy.
    Convoy(String),
    /// An epic.
    Epic(String),
    /// Each day (UTC).
    Day,
}

/// What is asked of the engine from outside.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case", deny_unknown_fields)]
#[expect(missing_docs, reason = "the fields are the flags of the commands, documented there")]
pub enum Request {
    /// Make an issue.
    IssueCreate {
        id: Option<String>,
        rig: Option<String>,
        title: String,
        body: String,
        issue_type: IssueType,
        priority: u8,
        labels: Vec<String>,
        parent: Option<String>,
        needs: Vec<String>,
        acceptance: Vec<String>,
    },
    /// Change issues.
    IssueUpdate { ids: Vec<String>, change: IssueChange },
    /// Close issues.
    IssueClose { ids: Vec<String>, reason: CloseReason, duplicate_of: Option<String>, note: Option<String> },
    /// Open closed issues again.
    IssueReopen { ids: Vec<String> },
    /// Make one issue depend on another.
    DependencyAdd { id: String, needs: String, kind: DependencyType },
    /// Take a dependency away.
    DependencyRemove { id: String, needs: String },
    /// Take issues of another tracker in: all, or none if there is anything wrong with one of them.
    IssueImport { issues: Vec<ForeignIssue>, rig: Option<String>, existing: Existing },
    /// Make a convoy.
    ConvoyCreate {
        name: String,
        issues: Vec<String>,
        owner: Option<String>,
        notify: Vec<String>,
        merge: Option<crate::convoy::MergeStrategy>,
        base: Option<String>,
        max_parallel: Option<u32>,
        start: bool,
        #[serde(default)]
        from_epic: Option<String>,
        #[serde(default)]
        epic: Option<String>,
        #[serde(default)]
        owned: bool,
        #[serde(default)]
        due: Option<Time>,
        #[serde(default)]
        budget: Option<Money>,
    },
    /// Take convoys of another tool in; what is here already stays as it is.
    ConvoyImport { convoys: Vec<ForeignConvoy> },
    /// Keep what another tool did as history, each record once.
    RecordImport { records: Vec<ImportedRecord> },
    /// Track more issues.
    ConvoyAdd { convoy: String, issues: Vec<String> },
    /// Track issues no more.
    ConvoyRemove { convoy: String, issues: Vec<String> },
    /// Analyse issues, an epic or a staged convoy, and stage a convoy of them, or restage it.
    Stage {
        what: Vec<String>,
        title: Option<String>,
        owner: Option<String>,
        notify: Vec<String>,
        merge: Option<crate::convoy::MergeStrategy>,
        base: Option<String>,
        max_parallel: Option<u32>,
        launch: bool,
        force: bool,
    },
    /// Open a staged convoy and have it worked on; issues and epics are staged first.
    Launch { what: Vec<String>, force: bool },
    /// Begin a template convoy. Everything was read and resolved before; nothing is read again.
    TemplateStart {
        name: String,
        run: Box<crate::template::Run>,
        steps: Vec<crate::template::NewStep>,
        #[serde(default)]
        owner: Option<String>,
        #[serde(default)]
        notify: Vec<String>,
        #[serde(default)]
        max_parallel: Option<u32>,
        #[serde(default)]
        epic: Option<String>,
        #[serde(default)]
        budget: Option<Money>,
    },
    /// End what runs of a convoy, for good if it is a template convoy, else until somebody starts it again.
    ConvoyStop { convoy: String },
    /// Make the report of a template convoy again; with `apply`, have issues changed as it says.
    ConvoySynthesize { convoy: String, apply: bool },
    /// Have a convoy worked on as a whole.
    ConvoyStart { convoy: String },
    /// Land what is complete.
    ConvoyCheck { convoy: Option<String> },
    /// Close a convoy whatever its issues are.
    ConvoyClose { convoy: String, reason: Option<String>, notify: Vec<String> },
    /// Open a closed convoy again.
    ConvoyReopen { convoy: String },
    /// Land an owned convoy.
    ConvoyLand { convoy: String },
    /// Be told of a convoy's landing; whoever asks if no address is given.
    ConvoyWatch { convoy: String, address: Option<String> },
    /// Be told no more.
    ConvoyUnwatch { convoy: String, address: Option<String> },
    /// Have issues worked on, each in a convoy.
    Sling {
        issues: Vec<String>,
        target: Option<String>,
        agent: Option<String>,
        model: Option<String>,
        base: Option<String>,
        no_convoy: bool,
        force: bool,
        #[serde(default)]
        budget: Option<Money>,
    },
    /// Have one issue of a convoy worked on.
    Assign {
        issue: String,
        convoy: String,
        agent: Option<String>,
        model: Option<String>,
        #[serde(default)]
        budget: Option<Money>,
    },
    /// Let a stopped, failed or waiting worker's issue be worked on again.
    WorkRetry { issue: String },
    /// Stop an issue's worker until a person resumes it.
    WorkStop { issue: String },
    /// Take the issue from its worker.
    WorkRelease { issue: String },
    /// Limit what may be spent, or limit it no more.
    BudgetSet { scope: BudgetScope, amount: Option<Money> },
    /// Try a held up merge at once.
    MergeRetry { issue: String },
    /// Give a submitted branch back instead of merging it.
    MergeReject { issue: String, reason: Option<String> },
    /// Begin a person's own session of an epic, in a checkout; with `resume`, from where the last one was.
    SessionStart {
        epic: Option<String>,
        rig: String,
        path: String,
        #[serde(default)]
        resume: bool,
        #[serde(default)]
        budget: Option<Money>,
        #[serde(default)]
        sequence: u64,
        #[serde(default)]
        from: Option<Carried>,
    },
    /// Give an issue to an agent in the background of an epic.
    SessionBackground {
        epic: Option<String>,
        issue: Option<String>,
        #[serde(default)]
        agent: Option<String>,
        #[serde(default)]
        model: Option<String>,
        #[serde(default)]
        budget: Option<Money>,
    },
    /// Pause what is open of an epic, and stop its agents in the background.
    SessionPause {
        epic: Option<String>,
        #[serde(default)]
        path: Option<String>,
        #[serde(default)]
        reason: Option<String>,
    },
    /// Let the agents in the background of an epic begin again.
    SessionResume {
        epic: Option<String>,
        #[serde(default)]
        path: Option<String>,
    },
    /// Be done with a session.
    SessionComplete {
        epic: Option<String>,
        #[serde(default)]
        path: Option<String>,
        outcome: Ended,
    },
    /// Make a checkpoint now.
    CheckpointCreate {
        #[serde(default)]
        epic: Option<String>,
        #[serde(default)]
        session: Option<String>,
        #[serde(default)]
        path: Option<String>,
        #[serde(default)]
        note: Option<String>,
    },
    /// Mark a notice as read.
    MailRead { notice: String },
    /// Write to a mailbox.
    MailSend { to: String, subject: String, body: String },
    /// Put notices away.
    MailArchive { notices: Vec<String> },
    /// Try a delivery again, or those of a notice that did not arrive.
    MailRetry { delivery: String },
}

/// What a checkpoint in git says of the session that made it, on whatever machine.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Carried {
    /// The checkpoint.
    pub checkpoint: CheckpointId,
    /// Its session.
    pub session: SessionId,
    /// The number of that session.
    pub number: u32,
    /// The number of the checkpoint.
    pub sequence: u64,
    /// What the epic had cost by then.
    pub cumulative: Money,
    /// What it might cost in all.
    #[serde(default)]
    pub budget: Option<Money>,
}

/// What the executor saw of the world. Late ones, by their epoch, change nothing.
#[derive(Clone, PartialEq, Debug)]
#[expect(missing_docs, reason = "the fields are what the names say")]
pub enum Observed {
    /// A ready issue may get a worker: proposed by the plan.
    Dispatch { issue: IssueId },
    /// An assigned worker may get a session: proposed by the plan.
    Begin { worker: WorkerId },
    /// A pause is over: proposed by the plan.
    Due { worker: WorkerId },
    /// A workdir is ready.
    Prepared { session: SessionId, epoch: Epoch, workdir: Workdir },
    /// A workdir could not be made.
    PrepareFailed { session: SessionId, epoch: Epoch, error: String, permanent: bool },
    /// A supervisor reports.
    Report { session: SessionId, epoch: Epoch, observation: Observation },
    /// An agent's whole tree is dead, and its supervisor says how.
    Ended { session: SessionId, epoch: Epoch, exit: Exit },
    /// A supervisor vanished, and whatever it had started is proven dead.
    Lost { session: SessionId, epoch: Epoch, why: String },
    /// A dead session's workdir was looked at and its work saved.
    Found { session: SessionId, epoch: Epoch, findings: Findings },
    /// Something of a session has changed since its checkpoint of this number; 0: since it began.
    Changed { session: SessionId, last: u64 },
    /// The engine leaves, and agents are not to work on without it.
    Leaving,
    /// A checkpoint is in git.
    CheckpointMade { checkpoint: CheckpointId, made: Made },
    /// It could not be made.
    CheckpointFailed { checkpoint: CheckpointId, why: String },
    /// What an agent's transcript says beyond what was heard of it, after it is dead.
    Transcript { session: SessionId, epoch: Epoch, usage: Vec<TranscriptUsage> },
    /// A session was looked at, after a threshold had passed.
    Examined { session: SessionId, epoch: Epoch, round: u32, look: Box<Look> },
    /// An agent could not be reminded.
    NotNudged { session: SessionId, epoch: Epoch, round: u32, why: String },
    /// The patrol's timer went off.
    Patrol,
    /// A try to land a branch ended.
    Merge { worker: WorkerId, epoch: Epoch, round: u32, outcome: MergeOutcome },
    /// The template by which a submitted branch is reviewed: what is to be started (nothing if the branch changes
    /// nothing), or why nothing can be.
    ReviewResolved { member: Member, start: Result<Option<Box<Request>>, String> },
    /// The convoy that reviewed a submitted branch has ended: proposed by the plan.
    ReviewOver { member: Member, convoy: ConvoyId },
    /// Nobody waits for the word of a convoy that reviews a branch: proposed by the plan.
    ReviewUnwanted { convoy: ConvoyId },
    /// The template by which a checkpoint of a live session is reviewed, as that of a branch.
    CheckpointReviewResolved { checkpoint: CheckpointId, start: Result<Option<Box<Request>>, String> },
    /// The convoy that reviewed a checkpoint of a live session has ended: proposed by the plan.
    CheckpointReviewOver { checkpoint: CheckpointId, convoy: ConvoyId },
    /// The time of a template convoy is up: proposed by the plan.
    TimeUp { convoy: ConvoyId },
    /// The report of a template convoy was made, and what its roles think of issues.
    Synthesized { convoy: ConvoyId, report: Box<ReportMade>, judged: Vec<Judged> },
    /// A notice has arrived at the end of a route.
    Delivered { delivery: DeliveryId, attempt: u32 },
    /// It has not. Permanent: another try would come to the same.
    DeliveryFailed { delivery: DeliveryId, attempt: u32, why: String, permanent: bool },
    /// Branches that were merged together, each with what came of it: decided as one.
    Batch { tried: Vec<(Member, MergeOutcome)> },
    /// A batch may be formed of what waits to land in this branch: proposed by the plan.
    Gather { rig: RigName, base: Option<String> },
    /// The pause of a merge that broke is over: proposed by the plan.
    MergeDue { worker: WorkerId, round: u32 },
    /// The checkout that was in the way of a merge has changed.
    CheckoutChanged { worker: WorkerId, round: u32 },
    /// A tracker was read: these of its issues, which are new or may have changed. `all` says which it keeps when
    /// nothing was left out, and comes last.
    Tracker { rig: RigName, issues: Vec<Seen>, all: Option<BTreeSet<IssueId>> },
    /// A tracker cannot be read.
    TrackerLost { rig: RigName, why: String },
    /// A tracker was told what it was to be told.
    Pushed { rig: RigName, round: u64, pushed: Vec<Pushed> },
}
