//! Open convoys in which nothing is moving.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::convoy::Convoy;
use crate::id::{ConvoyId, IssueId};
use crate::policy::Policy;
use crate::state::State;
use crate::time::Time;
use crate::worker::WorkerState;

/// An open convoy in which nothing is moving.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
#[expect(missing_docs, reason = "the published names; what they mean stands in docs/json.md")]
pub struct StrandedView {
    pub convoy_id: ConvoyId,
    pub title: String,
    pub category: String,
    pub detail: String,
    pub issues: Vec<IssueId>,
    pub command: String,
    pub overdue: bool,
}

/// Open convoys in which nothing is moving, each with the command that would help.
pub fn stranded(state: &State, policy: &Policy, now: Time) -> Vec<StrandedView> {
    let convoys = state.index.open.iter().filter_map(|(_, id)| state.convoys.get(id));
    convoys.filter_map(|convoy| stranded_one(state, policy, convoy, now)).collect()
}

fn stranded_one(state: &State, policy: &Policy, convoy: &Convoy, now: Time) -> Option<StrandedView> {
    let tracked = || convoy.content.tracked.iter().filter_map(|id| state.issues.get(id));
    let open = tracked().filter(|issue| !issue.is_closed());
    let mut workers = open.filter_map(|issue| state.workers.get(issue.worker.as_ref()?));
    let moving = workers.any(|worker| match &worker.state {
        WorkerState::Running { .. } | WorkerState::Waiting { .. } => true,
        WorkerState::Submitted(submission) => crate::queue::block_of(state, submission).is_none(),
        WorkerState::Assigned => crate::decide::may_begin(state, policy, worker),
        WorkerState::Done
        | WorkerState::Failed { .. }
        | WorkerState::Released
        | WorkerState::Stopped { .. } => false,
    });
    if moving {
        return None;
    }
    let reasons = crate::why::convoy(state, policy, convoy, now);
    // The reason that a person can do most about comes first.
    let order =
        ["needs_human", "stopped", "checkout_in_the_way", "ready", "not_started", "at_capacity", "blocked"];
    let first = order.iter().find_map(|code| reasons.iter().find(|reason| reason.code == *code));
    let first = first.or(reasons.first())?;
    let category = match first.code {
        "ready" | "not_started" => "ready but unassigned",
        "blocked" => "blocked",
        "empty" => "empty",
        "at_capacity" => "waiting for capacity",
        "needs_human" | "stopped" | "checkout_in_the_way" | "failed" | "not_workable" => "needs human",
        other => other,
    };
    Some(StrandedView {
        convoy_id: convoy.content.id.clone(),
        title: convoy.content.title.clone(),
        category: category.to_owned(),
        detail: first.text.clone(),
        issues: tracked().filter(|issue| !issue.is_closed()).map(|issue| issue.content.id.clone()).collect(),
        command: first.command.clone().unwrap_or_else(|| format!("convoy why {}", convoy.content.id)),
        overdue: false,
    })
}
