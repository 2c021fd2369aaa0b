//! Open convoys in which nothing is moving, or that are overdue.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::convoy::Convoy;
use crate::id::{ConvoyId, IssueId};
use crate::issue::Issue;
use crate::policy::Policy;
use crate::state::State;
use crate::time::Time;
use crate::why::Reason;
use crate::worker::{Worker, WorkerState};

/// What keeps a convoy from moving.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub enum Category {
    /// Work is ready, and nobody has it.
    #[serde(rename = "ready but unassigned")]
    ReadyButUnassigned,
    /// Whoever had the work gave it up, and nobody took it over.
    #[serde(rename = "dead worker")]
    DeadWorker,
    /// Everything waits for issues that are not closed.
    #[serde(rename = "blocked")]
    Blocked,
    /// It tracks nothing.
    #[serde(rename = "empty")]
    Empty,
    /// A person has to look.
    #[serde(rename = "needs human")]
    NeedsHuman,
    /// Every agent that may work at once is at work.
    #[serde(rename = "waiting for capacity")]
    WaitingForCapacity,
    /// Every issue is closed, and somebody has to land it.
    #[serde(rename = "complete")]
    Complete,
    /// What it tracks cannot be read.
    #[serde(rename = "unknown")]
    Unknown,
    /// Nothing new is started in its rig.
    #[serde(rename = "rig parked")]
    RigParked,
    /// The repository of its rig cannot be read.
    #[serde(rename = "rig unreadable")]
    RigUnreadable,
    /// Its rig is not one of this workspace.
    #[serde(rename = "rig unknown")]
    RigUnknown,
    /// What may be spent on it is spent.
    #[serde(rename = "over budget")]
    OverBudget,
    /// It moves, but should have landed before.
    #[serde(rename = "overdue")]
    Overdue,
}

impl Category {
    /// As people read it.
    pub fn name(self) -> &'static str {
        match self {
            Self::ReadyButUnassigned => "ready but unassigned",
            Self::DeadWorker => "dead worker",
            Self::Blocked => "blocked",
            Self::Empty => "empty",
            Self::NeedsHuman => "needs human",
            Self::WaitingForCapacity => "waiting for capacity",
            Self::Complete => "complete",
            Self::Unknown => "unknown",
            Self::RigParked => "rig parked",
            Self::RigUnreadable => "rig unreadable",
            Self::RigUnknown => "rig unknown",
            Self::OverBudget => "over budget",
            Self::Overdue => "overdue",
        }
    }
    /// Whether nothing will happen before a person does something. What is ready, or waits for room, moves by itself
    /// while an engine runs.
    pub fn is_stuck(self) -> bool {
        match self {
            Self::DeadWorker
            | Self::Blocked
            | Self::Empty
            | Self::NeedsHuman
            | Self::Complete
            | Self::Unknown
            | Self::RigParked
            | Self::RigUnreadable
            | Self::OverBudget
            | Self::RigUnknown => true,
            Self::ReadyButUnassigned | Self::WaitingForCapacity | Self::Overdue => false,
        }
    }
    fn of(reason: &Reason) -> Self {
        match reason.code {
            "ready" | "not_started" | "waiting" | "running" | "merging" | "merge_paused" => {
                Self::ReadyButUnassigned
            }
            "released" => Self::DeadWorker,
            "blocked" | "put_off" => Self::Blocked,
            "empty" => Self::Empty,
            "at_capacity" => Self::WaitingForCapacity,
            "owned" | "held" | "complete" => Self::Complete,
            "unknown" => Self::Unknown,
            "over_budget" | "unmetered" => Self::OverBudget,
            "rig_parked" => Self::RigParked,
            "rig_unreadable" => Self::RigUnreadable,
            "rig_unknown" => Self::RigUnknown,
            _ => Self::NeedsHuman,
        }
    }
}

/// What a person can do most about comes first.
const ORDER: [&str; 14] = [
    "needs_human",
    "stopped",
    "failed",
    "rig_unreadable",
    "rig_unknown",
    "rig_parked",
    "over_budget",
    "unmetered",
    "checkout_in_the_way",
    "released",
    "ready",
    "not_started",
    "at_capacity",
    "blocked",
];

/// An open convoy in which nothing is moving, or that should have landed before.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
#[expect(missing_docs, reason = "the published names; what they mean stands in docs/json.md")]
pub struct StrandedView {
    pub convoy_id: ConvoyId,
    pub title: String,
    pub category: Category,
    pub detail: String,
    pub issues: Vec<IssueId>,
    pub command: String,
    pub overdue: bool,
}

/// Open convoys in which nothing is moving and those that are overdue, each with the command that would help.
pub fn stranded(state: &State, policy: &Policy, now: Time) -> Vec<StrandedView> {
    let convoys = state.index.open.iter().filter_map(|(_, id)| state.convoys.get(id));
    convoys.filter_map(|convoy| one(state, policy, convoy, now)).collect()
}

/// Those of them that do not go on before a person does something. In a large workspace most wait for nothing but room,
/// or for their start, which is seen without looking at their issues, and without making sentences.
pub fn stuck(state: &State, policy: &Policy, now: Time) -> Vec<StrandedView> {
    let eventful = eventful(state);
    let rigs_go = state.index.rigs.iter().all(|rig| policy.hold(rig).is_none());
    // True only if it is certain that nothing is wrong with a convoy, but that nobody has begun.
    let waits_for_room = |convoy: &&Convoy| {
        rigs_go && convoy.open_count > 0 && !eventful.contains(&convoy.content.id) && {
            convoy.started_at.is_none()
                || state.index.startable.serves(&convoy.content.id)
                    && crate::decide::convoy_affords(state, policy, convoy, now).is_ok()
        }
    };
    let convoys = state.index.open.iter().filter_map(|(_, id)| state.convoys.get(id));
    let others = convoys.filter(|convoy| !waits_for_room(convoy));
    others
        .filter_map(|convoy| one(state, policy, convoy, now))
        .filter(|one| one.category.is_stuck())
        .collect()
}

/// How many convoys [`stranded`] would list. One of whose issues nothing is to be said but that they are open does not
/// move, and is not asked why.
pub(super) fn count_stranded(state: &State, policy: &Policy, now: Time) -> usize {
    let eventful = eventful(state);
    let is_stranded = |convoy: &&Convoy| {
        !eventful.contains(&convoy.content.id) || one(state, policy, convoy, now).is_some()
    };
    state.index.open.iter().filter_map(|(_, id)| state.convoys.get(id)).filter(is_stranded).count()
}

/// Convoys of issues of which more is to be said than that they are open.
fn eventful(state: &State) -> BTreeSet<&ConvoyId> {
    let issues = state.index.eventful.iter().filter_map(|id| state.issues.get(id));
    issues.flat_map(|issue| &issue.convoys).collect()
}

/// One convoy, if nothing of it moves, or it should have landed before.
pub(super) fn one(state: &State, policy: &Policy, convoy: &Convoy, now: Time) -> Option<StrandedView> {
    let id = &convoy.content.id;
    let open: Vec<_> = convoy
        .content
        .tracked
        .iter()
        .filter_map(|id| state.issues.get(id))
        .filter(|i| !i.is_closed())
        .collect();
    let overdue = convoy.is_overdue(now);
    let moving = open
        .iter()
        .filter_map(|issue| state.workers.get(issue.worker.as_ref()?))
        .any(|worker| is_moving(state, policy, worker, now))
        || open.iter().any(|issue| crate::tracker::is_taken(state, issue));
    if moving && !overdue {
        return None;
    }
    let (category, detail, command) = if moving {
        let due = convoy.content.due.map(|due| due.to_string()).unwrap_or_default();
        (Category::Overdue, format!("it was due at {due}, and {} of its issues are open", open.len()), None)
    } else if let Some(review) = open.iter().find_map(|issue| stranded_review(state, policy, issue, now)) {
        let StrandedView { convoy_id, category, detail, command, .. } = review;
        (category, format!("its review {convoy_id} does not go on: {detail}"), Some(command))
    } else {
        let reasons = crate::why::convoy(state, policy, convoy, now);
        let first = ORDER.iter().find_map(|code| reasons.iter().find(|reason| reason.code == *code));
        let first = first.or(reasons.first())?;
        (Category::of(first), first.text.clone(), first.command.clone())
    };
    Some(StrandedView {
        convoy_id: id.clone(),
        title: convoy.content.title.clone(),
        category,
        detail,
        issues: open.iter().map(|issue| issue.content.id.clone()).collect(),
        command: command.unwrap_or_else(|| format!("convoy why {id}")),
        overdue,
    })
}

/// The convoy that reviews what a worker has submitted, while it does.
fn reviewing<'a>(state: &'a State, worker: &Worker) -> Option<&'a Convoy> {
    let WorkerState::Submitted(submission) = &worker.state else { return None };
    state.convoys.get(submission.review.as_ref()?).filter(|convoy| convoy.is_open())
}

fn stranded_review(state: &State, policy: &Policy, issue: &Issue, now: Time) -> Option<StrandedView> {
    let worker = state.workers.get(issue.worker.as_ref()?)?;
    one(state, policy, reviewing(state, worker)?, now)
}

fn is_moving(state: &State, policy: &Policy, worker: &Worker, now: Time) -> bool {
    match &worker.state {
        WorkerState::Running { session } => {
            let live = state.sessions.get(session).is_some_and(crate::session::Session::is_live);
            live || policy.reaches(&worker.content.rig)
        }
        WorkerState::Waiting { .. } => policy.holds(&worker.content).is_none(),
        WorkerState::Submitted(submission) => {
            crate::queue::block_of(state, submission).is_none()
                && policy.reaches(&worker.content.rig)
                && reviewing(state, worker).and_then(|review| one(state, policy, review, now)).is_none()
        }
        WorkerState::Assigned => crate::decide::may_begin(state, policy, worker, now),
        WorkerState::Done
        | WorkerState::Failed { .. }
        | WorkerState::Released
        | WorkerState::Stopped { .. } => false,
    }
}
