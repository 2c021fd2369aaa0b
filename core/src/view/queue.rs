//! The shape of a place in the merge queue.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::convoy::MergeStrategy;
use crate::id::{ConvoyId, IssueId, Seq, WorkerId};
use crate::policy::Policy;
use crate::queue::{self, Entry, Line};
use crate::state::State;
use crate::time::Time;
use crate::worker::{Worker, WorkerState};

/// A branch that is to land.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
#[expect(missing_docs, reason = "the published names; what they mean stands in docs/json.md")]
pub struct QueueItemView {
    pub issue_id: IssueId,
    pub title: String,
    pub worker_id: WorkerId,
    pub convoy_id: Option<ConvoyId>,
    pub rig: String,
    pub base_branch: Option<String>,
    pub strategy: MergeStrategy,
    pub state: String,
    pub position: Option<u32>,
    pub batch: Option<Seq>,
    pub priority: u8,
    pub branch: Option<String>,
    pub commit: Option<String>,
    pub round: u32,
    pub conflicts: u32,
    pub detail: Option<String>,
    pub request: Option<String>,
    pub can_retry: bool,
    pub retry_at: Option<Time>,
    pub submitted_at: Option<Time>,
    pub age_s: Option<i64>,
}

/// Everything that is to land, lane by lane: what is taken up, what waits, what waits for its request to be
/// merged, and what is worked on again because it conflicts.
pub fn queue(state: &State, policy: &Policy, now: Time) -> Vec<QueueItemView> {
    let mut lines = queue::lines(state, policy);
    let resolving: Vec<&Worker> = state
        .index
        .active
        .iter()
        .filter_map(|id| state.workers.get(id))
        .filter(|worker| is_resolving(worker))
        .collect();
    for worker in &resolving {
        lines.entry(queue::lane(policy, worker)).or_default();
    }
    let mut items = Vec::new();
    for (lane, line) in &lines {
        of_line(state, line, now, &mut items);
        let here = resolving.iter().filter(|worker| queue::lane(policy, worker) == *lane);
        items.extend(here.map(|worker| conflicting(state, policy, worker)));
    }
    items
}

/// Whether a worker has its branch back because it conflicts.
fn is_resolving(worker: &Worker) -> bool {
    let at_work = match &worker.state {
        WorkerState::Assigned | WorkerState::Running { .. } | WorkerState::Waiting { .. } => true,
        WorkerState::Submitted(_)
        | WorkerState::Done
        | WorkerState::Failed { .. }
        | WorkerState::Released
        | WorkerState::Stopped { .. } => false,
    };
    at_work && worker.lessons.last().is_some_and(|lesson| !lesson.conflicts.is_empty())
}

fn of_line(state: &State, line: &Line<'_>, now: Time, items: &mut Vec<QueueItemView>) {
    let mut position = 0;
    let first = line.under_way().and_then(|(_, group)| group.first()).map(|entry| &entry.worker.content.id);
    for group in line.taken.values() {
        let testing = group.first().map(|entry| &entry.worker.content.id) == first && first.is_some();
        for entry in group {
            position += 1;
            items.push(submitted(state, entry, testing, Some(position), now));
        }
    }
    for entry in &line.waiting {
        position += 1;
        items.push(submitted(state, entry, false, Some(position), now));
    }
    items.extend(line.reviewing.iter().map(|entry| in_review(state, entry, now)));
    items.extend(line.requested.iter().map(|entry| submitted(state, entry, false, None, now)));
}

/// What waits for its reviewers has no place in the line yet.
fn in_review(state: &State, entry: &Entry<'_>, now: Time) -> QueueItemView {
    let item = submitted(state, entry, false, None, now);
    if entry.submission.pause.is_some() {
        return item;
    }
    let detail = entry.submission.review.as_ref().map(|convoy| format!("convoy {convoy}"));
    QueueItemView { state: "in_review".to_owned(), detail, ..item }
}

fn submitted(
    state: &State,
    entry: &Entry<'_>,
    testing: bool,
    position: Option<u32>,
    now: Time,
) -> QueueItemView {
    let submission = entry.submission;
    let block = queue::block_of(state, submission);
    let (name, detail) = match (&submission.request, block, &submission.pause) {
        (Some(_), ..) => ("requested", None),
        (_, Some(block), _) => {
            let files =
                if block.files.is_empty() { String::new() } else { format!(": {}", block.files.join(", ")) };
            ("blocked", Some(format!("{}{files}", block.why)))
        }
        (_, _, Some(pause)) => ("paused", Some(pause.error.clone())),
        _ if testing => ("testing", None),
        _ => ("waiting", None),
    };
    QueueItemView {
        state: name.to_owned(),
        position,
        batch: submission.batch,
        priority: entry.priority,
        branch: Some(submission.branch.clone()),
        commit: Some(submission.tip.clone()),
        round: submission.round,
        detail,
        request: submission.request.as_ref().map(|request| request.url.clone()),
        can_retry: submission.request.is_some() || block.is_some() || submission.pause.is_some(),
        retry_at: submission.pause.as_ref().map(|pause| pause.until),
        submitted_at: Some(submission.at),
        age_s: Some(now.since(submission.at).as_secs()),
        ..bare(state, entry.worker, entry.strategy)
    }
}

fn conflicting(state: &State, policy: &Policy, worker: &Worker) -> QueueItemView {
    let lesson = worker.lessons.last();
    QueueItemView {
        branch: lesson.and_then(|lesson| lesson.branch.clone()),
        commit: worker.resume_from.clone(),
        detail: lesson.map(|lesson| lesson.what.clone()),
        ..bare(state, worker, queue::strategy(state, policy, worker))
    }
}

fn bare(state: &State, worker: &Worker, strategy: MergeStrategy) -> QueueItemView {
    let issue = state.issues.get(&worker.content.issue);
    QueueItemView {
        issue_id: worker.content.issue.clone(),
        title: issue.map(|issue| issue.content.title.clone()).unwrap_or_default(),
        worker_id: worker.content.id.clone(),
        convoy_id: worker.content.convoy.clone(),
        rig: worker.content.rig.to_string(),
        base_branch: worker.content.base.clone(),
        strategy,
        state: "conflict".to_owned(),
        position: None,
        batch: None,
        priority: issue.map_or(u8::MAX, |issue| issue.content.priority),
        branch: None,
        commit: None,
        round: 0,
        conflicts: worker.conflicts,
        detail: None,
        request: None,
        can_retry: false,
        retry_at: None,
        submitted_at: None,
        age_s: None,
    }
}
