//! Questions and answers.

use serde::{Deserialize, Serialize};

use convoy_core::command::BudgetScope;
use convoy_core::cost::Day;
use convoy_core::event::Envelope;
use convoy_core::id::{ConvoyId, IssueId, RigName, Seq};
use convoy_core::issue::IssueType;
use convoy_core::money::Money;
use convoy_core::template::NewStep;
use convoy_core::time::Time;
use convoy_core::view::{
    BudgetView, CheckpointView, Concern, ConvoyLineView, ConvoyView, CostView, DeliveryView, DetailsView,
    EpicView, FactsView, FiguresView, IssueView, MailboxView, NoticeView, OverviewView, QueueItemView,
    ReserveView, RigStatusView, RigView, SessionView, StageView, StandingView, StoryView, StrandedView,
    TrackerView, WorkerFactsView, WorkerView,
};

/// A question about the state. References are ids or unique prefixes.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum Query {
    /// Issues that fit.
    Issues(IssueFilter),
    /// These issues.
    Issue {
        /// References.
        ids: Vec<String>,
    },
    /// Everything of one issue: what it depends on, what depends on it, everybody who worked on it.
    Story {
        /// Reference.
        id: String,
    },
    /// Issues as lines of JSONL, in order of id, as many as fit into one answer.
    Export {
        /// Those after this one.
        after: Option<IssueId>,
    },
    /// Convoys that fit.
    Convoys(ConvoyFilter),
    /// One convoy.
    Convoy {
        /// Reference.
        id: String,
    },
    /// One convoy with all that belongs to it.
    ConvoyDetails {
        /// Reference.
        id: String,
    },
    /// Workers; without `all` only those to whom something may still happen, or that failed.
    Workers(WorkerFilter),
    /// How those do who are at work, or gave up.
    WorkerFacts,
    /// One worker, by its id, its issue or its session.
    Worker {
        /// Reference.
        id: String,
    },
    /// Why an issue, convoy or worker is not running or not landed.
    Why {
        /// Reference.
        id: String,
    },
    /// What staging these would come to.
    Stage {
        /// References: issues, one epic, or one convoy.
        ids: Vec<String>,
        /// How many agents may work on it at once, if that is asked for.
        max_parallel: Option<u32>,
    },
    /// Open convoys in which nothing moves.
    Stranded,
    /// Where these convoys stand: what they have come to, and whether they go on by themselves.
    Standing {
        /// References.
        ids: Vec<String>,
    },
    /// Where all convoys stand that were started, once nothing moves by itself any more.
    Rest,
    /// What somebody wants to see first: what needs a person, who is at work, what landed, what it costs.
    Overview,
    /// How many there are of what.
    Figures,
    /// What the start of these roles would reserve now.
    Reserve {
        /// The roles.
        steps: Vec<NewStep>,
        /// How many of them may be at work at once.
        max_parallel: Option<u32>,
        /// The most that may be spent on them.
        budget: Option<Money>,
    },
    /// Convoys that fit, a line each.
    ConvoyLines(ConvoyFilter),
    /// What concerns a convoy: for whoever watches it.
    ConvoyConcern {
        /// Reference.
        id: String,
    },
    /// What concerns a worker, by its id, its issue or its session.
    WorkConcern {
        /// Reference.
        id: String,
    },
    /// What is to land.
    Queue {
        /// Only of this rig.
        rig: Option<String>,
        /// Only this one: its issue, worker or session.
        issue: Option<String>,
    },
    /// A mailbox.
    Mail(MailFilter),
    /// Every mailbox that anything was ever sent to.
    Mailboxes,
    /// Deliveries of notices, oldest first.
    Outbox {
        /// Also those that have arrived, and failures of archived notices.
        all: bool,
    },
    /// One notice.
    Notice {
        /// Reference.
        id: String,
    },
    /// Events after a place in the order. Of one type, no more than a part of the log is looked through for one answer:
    /// `seq` says how far; it is `after` when there was nothing more.
    Events {
        /// The last one that is known.
        after: Seq,
        /// At most so many.
        limit: usize,
        /// Only those whose dotted type begins so.
        kind: Option<String>,
    },
    /// Every rig.
    Rigs,
    /// One rig with what goes on in it.
    Rig {
        /// Its name.
        name: String,
    },
    /// Which rigs have issues whose ids begin so.
    Prefix {
        /// What stands before the first dash.
        prefix: String,
    },
    /// The sessions that are not over, or all.
    Sessions {
        /// All that ever were.
        all: bool,
    },
    /// Trackers that are not ours.
    Trackers,
    /// Epics with their sessions; without `all` only those in which somebody works, or may go on.
    Epics {
        /// All that anything ever belonged to.
        all: bool,
    },
    /// These checkpoints, as the log has them.
    Checkpoints {
        /// Their ids.
        ids: Vec<String>,
    },
    /// One epic: the one named, else the only one that can be meant.
    Epic {
        /// Its name.
        epic: Option<String>,
        /// The checkout that the question is asked in.
        #[serde(default)]
        path: Option<String>,
    },
    /// Limits on what may be spent: all, or what there is of one thing.
    Budgets {
        /// What for.
        scope: Option<BudgetScope>,
    },
    /// What work costs.
    Cost {
        /// Whose.
        of: CostOf,
        /// Only from this day on.
        since: Option<Day>,
    },
    /// How everybody at work does, what is stuck, what is spent.
    Facts,
    /// The engine itself.
    Engine,
}

/// Whose costs. References are ids or unique prefixes.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "scope", rename_all = "snake_case")]
#[expect(missing_docs, reason = "each has the reference of what it is named after")]
pub enum CostOf {
    /// Everybody's.
    Workspace,
    Epic {
        id: String,
    },
    Convoy {
        id: String,
    },
    Worker {
        id: String,
    },
    Issue {
        id: String,
    },
}

/// Which issues.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct IssueFilter {
    /// With this status.
    pub status: Option<String>,
    /// With this label; `convoy:<id>` means tracked by that convoy.
    pub label: Option<String>,
    /// Of this rig.
    pub rig: Option<String>,
    /// Tracked by this convoy.
    pub convoy: Option<String>,
    /// Of this type.
    pub issue_type: Option<IssueType>,
    /// Without the roles of template convoys.
    pub no_steps: bool,
    /// Only what could be worked on now.
    pub ready: bool,
    /// Also closed ones.
    pub all: bool,
    /// At most so many; all if none.
    pub limit: Option<usize>,
    /// Without the first so many.
    pub skip: usize,
}

impl IssueFilter {
    /// As people want a list: roles of template convoys only where they are asked for.
    #[must_use]
    pub fn as_listed(self) -> Self {
        let of_convoy = self.convoy.is_some() || self.label.as_deref().and_then(tracked_by).is_some();
        let no_steps = !self.all && self.issue_type.is_none() && !of_convoy;
        Self { no_steps, ..self }
    }
}

/// The convoy that a label means, if it is none that an issue can have.
pub fn tracked_by(label: &str) -> Option<&str> {
    label.strip_prefix("convoy:")
}

/// Which workers, in the order in which they were assigned.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct WorkerFilter {
    /// All that ever were.
    pub all: bool,
    /// The latest first.
    pub latest: bool,
    /// At most so many; all if none.
    pub limit: Option<usize>,
    /// Without the first so many.
    pub skip: usize,
}

/// Which notices, the oldest first.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct MailFilter {
    /// Of this mailbox.
    pub address: String,
    /// Without those that were put away.
    pub kept: bool,
    /// The latest first.
    pub latest: bool,
    /// At most so many; all if none.
    pub limit: Option<usize>,
    /// Without the first so many.
    pub skip: usize,
}

/// Which convoys.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ConvoyFilter {
    /// A status, `closed` for both that end one, or the outcome of a template convoy.
    pub status: Option<String>,
    /// Also closed ones.
    pub all: bool,
    /// Of this epic.
    pub epic: Option<String>,
    /// Only those that should have landed before now.
    pub overdue: bool,
    /// At most so many; all if none.
    pub limit: Option<usize>,
    /// Without the first so many.
    pub skip: usize,
}

/// An answer, with the place in the order that it was true at.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case")]
#[expect(missing_docs, reason = "each answers the question of the same name")]
pub enum Answer {
    Issues { issues: Vec<IssueView>, total: usize },
    Story { story: Box<StoryView> },
    Export { lines: Vec<String>, last: Option<IssueId> },
    Convoys { convoys: Vec<ConvoyView>, total: usize },
    Convoy { convoy: Box<ConvoyView>, seq: Seq },
    ConvoyDetails { details: Box<DetailsView> },
    Workers { workers: Vec<WorkerView>, total: usize },
    WorkerFacts { workers: Vec<WorkerFactsView>, left_out: usize },
    Worker { worker: Box<WorkerView> },
    Why(WhyView),
    Stage { stage: Box<StageView> },
    Stranded { stranded: Vec<StrandedView> },
    Standing { standing: Vec<StandingView>, seq: Seq },
    Rest { standing: Option<Vec<StandingView>> },
    Overview { overview: Box<OverviewView> },
    Figures { figures: FiguresView },
    Reserve { reserve: Option<ReserveView> },
    ConvoyLines { convoys: Vec<ConvoyLineView>, total: usize },
    Concern { concern: Box<Concern>, seq: Seq },
    Queue { items: Vec<QueueItemView> },
    Mail { notices: Vec<NoticeView>, total: usize },
    Mailboxes { mailboxes: Vec<MailboxView> },
    Outbox { deliveries: Vec<DeliveryView> },
    Notice { notice: Box<NoticeView> },
    Events { events: Vec<Envelope>, seq: Seq },
    Rigs { rigs: Vec<RigView> },
    Rig { rig: Box<RigStatusView> },
    Prefix { rigs: Vec<RigName> },
    Sessions { sessions: Vec<SessionView> },
    Trackers { trackers: Vec<TrackerView> },
    Checkpoints { checkpoints: Vec<CheckpointView> },
    Epics { epics: Vec<EpicView> },
    Epic { epic: Box<EpicView> },
    Budgets { budgets: Vec<BudgetView> },
    Cost { cost: Box<CostView> },
    Facts { facts: Box<FactsView> },
    Engine(EngineView),
}

/// Why something is as it is.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct WhyView {
    /// Its id.
    pub id: String,
    /// `issue`, `convoy` or `worker`.
    pub kind: String,
    /// Its state.
    pub status: String,
    /// Every reason.
    pub reasons: Vec<ReasonView>,
}

/// One reason.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ReasonView {
    /// For scripts.
    pub code: String,
    /// For people.
    pub text: String,
    /// What would change it.
    pub command: Option<String>,
}

/// The engine itself.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct EngineView {
    /// Whether it is a background engine; a command's own engine says false.
    pub running: bool,
    /// Its process id.
    pub pid: u32,
    /// Its version.
    pub version: String,
    /// Its socket.
    pub socket: Option<String>,
    /// Its HTTP address.
    pub http: Option<String>,
    /// Where the token for HTTP is.
    pub token_file: Option<String>,
    /// Since when.
    pub started_at: Time,
    /// On which host.
    pub host: String,
    /// The last event of the log.
    pub seq: Seq,
    /// Agents at work.
    pub live_sessions: usize,
    /// Whether anything is under way or due.
    pub idle: bool,
    /// Convoys that are open and started, and not landed.
    pub open_convoys: Vec<ConvoyId>,
    /// Unread notices.
    pub unread: usize,
    /// Deliveries that were given up.
    pub undelivered: usize,
    /// Checkpoints that are being made.
    #[serde(default)]
    pub checkpoints: usize,
}
