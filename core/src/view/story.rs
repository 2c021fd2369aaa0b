//! Everything of one issue in one look: itself, what it depends on and what depends on it, the convoys that track it,
//! everybody who ever worked on it, and where it is on its way to land.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::overview::line;
use super::{ConvoyLineView, IssueView, QueueItemView, WorkerView, issue, queue, stranded, worker};
use crate::id::{IssueId, Seq};
use crate::issue::{DependencyType, Issue};
use crate::policy::Policy;
use crate::state::State;
use crate::time::Time;

/// The most neighbours of each sort that are named; about what a person reads.
const NEIGHBOURS_MAX: usize = 200;
/// The most workers that are told of: the latest.
const WORKERS_MAX: usize = 20;

/// Everything of one issue.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
#[expect(missing_docs, reason = "the published names; what they mean stands in docs/json.md")]
pub struct StoryView {
    pub seq: Seq,
    pub issue: IssueView,
    pub needs: Vec<NeighbourView>,
    pub needed_by: Vec<NeighbourView>,
    pub parts: Vec<NeighbourView>,
    pub parts_total: usize,
    pub convoys: Vec<ConvoyLineView>,
    pub workers: Vec<WorkerView>,
    pub queued: Option<QueueItemView>,
}

/// Another issue that has to do with one.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
#[expect(missing_docs, reason = "the published names; what they mean stands in docs/json.md")]
pub struct NeighbourView {
    pub id: IssueId,
    #[serde(rename = "type")]
    pub kind: DependencyType,
    pub title: Option<String>,
    pub status: Option<String>,
}

/// The story of an issue.
pub fn story(state: &State, policy: &Policy, of: &Issue, now: Time) -> StoryView {
    let id = &of.content.id;
    let neighbour = |id: &IssueId, kind: DependencyType| {
        // It may be of a tracker that cannot be read.
        let known = state.issues.get(id);
        NeighbourView {
            id: id.clone(),
            kind,
            title: known.map(|issue| issue.content.title.clone()),
            status: known.map(|issue| issue.status_name().to_owned()),
        }
    };
    let others = || state.issues.values().filter(|other| other.content.id != *id);
    let needs = of.content.needs.iter().map(|(id, kind)| neighbour(id, *kind));
    let needed_by = others().filter_map(|other| {
        let kind = other.content.needs.get(id)?;
        Some(neighbour(&other.content.id, *kind))
    });
    let parts: Vec<&Issue> = others().filter(|other| other.content.parent.as_ref() == Some(id)).collect();
    let mut workers: Vec<_> = state.workers.values().filter(|worker| worker.content.issue == *id).collect();
    workers.sort_by_key(|worker| std::cmp::Reverse((worker.assigned_at, worker.content.id.clone())));
    StoryView {
        seq: state.seq,
        issue: issue(state, policy, of),
        needs: needs.take(NEIGHBOURS_MAX).collect(),
        needed_by: needed_by.take(NEIGHBOURS_MAX).collect(),
        parts_total: parts.len(),
        parts: parts
            .iter()
            .take(NEIGHBOURS_MAX)
            .map(|part| neighbour(&part.content.id, DependencyType::ParentChild))
            .collect(),
        convoys: of
            .convoys
            .iter()
            .filter_map(|id| state.convoys.get(id))
            .map(|convoy| {
                let stuck = stranded::stuck_one(state, policy, convoy, now).is_some();
                line(state, policy, convoy, now, stuck)
            })
            .collect(),
        queued: of.worker.as_ref().and_then(|current| {
            queue(state, policy, now).into_iter().find(|item| item.worker_id == *current)
        }),
        workers: workers.into_iter().take(WORKERS_MAX).map(|of| worker(state, policy, of, now)).collect(),
    }
}
