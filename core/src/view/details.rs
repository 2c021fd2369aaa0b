//! A convoy with all that belongs to it, in one look: what waits for what, who works, what landed it, what is in the way.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{ConvoyView, StrandedView, WorkerView, convoy, stranded, worker};
use crate::convoy::Convoy;
use crate::id::{IssueId, Seq};
use crate::issue::{Evidence, Issue, Status};
use crate::policy::Policy;
use crate::state::State;
use crate::time::Time;
use crate::worker::Worker;

/// The most workers, those at work first: about what a person reads on one page.
const WORKERS_MAX: usize = 50;
/// The most issues whose evidence is given, and the most lines of what waits for what.
const DETAILS_MAX: usize = 1000;

/// A convoy with all that belongs to it.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
#[expect(missing_docs, reason = "the published names; what they mean stands in docs/json.md")]
pub struct DetailsView {
    pub seq: Seq,
    pub at: Time,
    pub convoy: ConvoyView,
    pub waits: Vec<WaitView>,
    pub workers: Vec<WorkerView>,
    pub workers_total: usize,
    pub landed: Vec<LandedView>,
    pub stranded: Option<StrandedView>,
}

/// Work of a convoy that waits for other work of it.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
#[expect(missing_docs, reason = "the published names; what they mean stands in docs/json.md")]
pub struct WaitView {
    pub issue_id: IssueId,
    pub needs: IssueId,
}

/// A closed issue of a convoy, and what shows that it is done.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
#[expect(missing_docs, reason = "the published names; what they mean stands in docs/json.md")]
pub struct LandedView {
    pub issue_id: IssueId,
    pub title: String,
    pub at: Time,
    pub evidence: Evidence,
}

/// The view of it.
pub fn details(state: &State, policy: &Policy, of: &Convoy, now: Time) -> DetailsView {
    let issues = || of.content.tracked.iter().filter_map(|id| state.issues.get(id));
    let waits = issues().flat_map(|issue| {
        let tracked =
            |id: &&IssueId| state.issues.get(*id).is_some_and(|issue| issue.convoys.contains(&of.content.id));
        let needs = issue.blockers().filter(tracked);
        needs.map(|needs| WaitView { issue_id: issue.content.id.clone(), needs: needs.clone() })
    });
    let ours = |worker: &&Worker| worker.content.convoy.as_ref() == Some(&of.content.id);
    let holders = issues().filter_map(|issue| state.workers.get(issue.worker.as_ref()?)).filter(ours);
    let mut workers: Vec<&Worker> = holders.collect();
    workers.sort_by_key(|worker| (!worker.state.is_active(), worker.assigned_at, worker.content.id.clone()));
    DetailsView {
        seq: state.seq,
        at: now,
        convoy: convoy(state, policy, of, now),
        waits: waits.take(DETAILS_MAX).collect(),
        workers_total: workers.len(),
        workers: workers.iter().take(WORKERS_MAX).map(|one| worker(state, policy, one, now)).collect(),
        landed: issues().filter_map(landed).take(DETAILS_MAX).collect(),
        stranded: of.is_open().then(|| stranded::one(state, policy, of, now)).flatten(),
    }
}

fn landed(issue: &Issue) -> Option<LandedView> {
    match &issue.status {
        Status::Closed(closed) => Some(LandedView {
            issue_id: issue.content.id.clone(),
            title: issue.content.title.clone(),
            at: closed.at,
            evidence: closed.evidence.as_deref()?.clone(),
        }),
        Status::Open | Status::InProgress { .. } | Status::Submitted { .. } | Status::NeedsHuman { .. } => {
            None
        }
    }
}
