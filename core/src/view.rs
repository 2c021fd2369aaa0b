//! What scripts and people are shown: the published shapes, computed from the state.
//!
//! Every object has a stable set of keys; absent is null, arrays are never null.

mod budget;
mod checkpoint;
mod concern;
mod convoy;
mod cost;
mod delivery;
mod details;
mod epic;
mod facts;
mod figures;
mod issue;
mod notice;
mod overview;
mod queue;
mod rig;
mod session;
mod stage;
mod standing;
mod story;
mod stranded;
mod template;
mod tracker;
mod witness;
mod worker;

pub use budget::{BudgetView, ReserveView, budget, budgets, reserve};
pub use checkpoint::{
    Background, CheckpointContext, CheckpointView, ConvoyProgress, CurrentTask, FileModified, IssueUpdated,
    StoredCheckpoint, TestState, TestedGate, Tried, checkpoint, stored,
};
pub use concern::Concern;
pub use convoy::{ConvoyView, HealthView, TrackedView, convoy};
pub use cost::{CostLine, CostView, Scope as CostScope, cost};
pub use delivery::{DeliveryStatus, DeliveryView, delivery};
pub use details::{DetailsView, LandedView, WaitView, details};
pub use epic::{EpicView, active_epics, background, cost_of_epic, epic, epics, own_session};
use epic::{cost_of_folder, parent_of};
pub use facts::{FactsView, TroubleView, WorkerFactsView, facts, worker_facts};
pub use figures::{FiguresView, figures};
pub use issue::{DependencyView, IssueView, assignee, issue};
pub use notice::{MailboxView, NoticeView, mailboxes, notice};
pub use overview::{
    AtWorkView, ConvoyLineView, LISTED_MAX, NeedKind, NeedView, OverviewView, lines, overview,
};
pub use queue::{QueueItemView, queue};
pub use rig::{
    MergingView, QueuedView, RigHealth, RigStatusView, RigView, RigWorkerView, is_rig, rig_status, rigs,
};
pub use session::{ExitView, SessionView, session};
pub use stage::{GatedView, StageStatus, StageView, TaskView, TreeView, WaveView, stage};
pub use standing::{StandingView, at_rest, standing};
pub use story::{NeighbourView, StoryView, story};
pub use stranded::{Category, StrandedView, stranded, stuck};
pub use template::{
    ReportView, RoleView, RunView, output_dir, product, roles, run as template_run, run_outcome, steps,
};
pub use tracker::{RefusedView, TrackerView, trackers};
pub use witness::{EvidenceView, StepView, WitnessView, witness};
pub use worker::{LessonView, WorkerView, full_name, worker};
