//! The merge queue: which submitted branches land next, in what order, and together with which others.
//!
//! A *lane* is a branch of a rig that work lands in. In each lane one merge is under way at a time: parallel ones
//! would only invalidate each other's gates. What is *taken up* (a branch that lands by itself, or a batch) keeps
//! its place by the event that took it up, so that nothing that comes later gets in before what is under way. What
//! *waits* for a batch is ordered by when it was submitted, where each step of priority is worth `PRIORITY_STEP`:
//! an urgent branch overtakes, and none is overtaken by what comes that much later.

use std::collections::BTreeMap;

use crate::convoy::MergeStrategy;
use crate::effect::Effect;
use crate::id::{Epoch, RigName, Seq};
use crate::policy::Policy;
use crate::state::State;
use crate::time::{Span, Time};
use crate::worker::{Member, MergeBlock, Submission, Worker, WorkerState};

/// How much earlier than the next lower priority a branch counts as submitted.
pub const PRIORITY_STEP: Span = Span::from_secs(60 * 60);

/// A submitted branch.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'a> {
    /// Whose.
    pub worker: &'a Worker,
    /// What is submitted.
    pub submission: &'a Submission,
    /// The epoch of the session that made it.
    pub epoch: Epoch,
    /// The priority of its issue.
    pub priority: u8,
    /// How it lands.
    pub strategy: MergeStrategy,
}

impl Entry<'_> {
    /// What names it in an effect.
    pub fn member(&self) -> Member {
        Member { worker: self.worker.content.id.clone(), epoch: self.epoch, round: self.submission.round }
    }

    /// Its place among those that wait. Static: nothing moves up or down while it waits.
    fn place(&self) -> (Time, Seq) {
        let step = PRIORITY_STEP.as_millis() * i64::from(self.priority);
        (self.submission.at.plus(Span::from_millis(step)), self.worker.submitted)
    }
}

/// What is taken up together: one branch that lands by itself, or a batch.
pub type Group<'a> = Vec<Entry<'a>>;

/// What is to land in one branch.
#[derive(Debug, Default)]
pub struct Line<'a> {
    /// What is taken up, in order.
    pub taken: BTreeMap<Seq, Group<'a>>,
    /// What waits for the next batch, in order.
    pub waiting: Vec<Entry<'a>>,
    /// What waits for somebody to merge its request.
    pub requested: Vec<Entry<'a>>,
    /// What waits for the word of its reviewers.
    pub reviewing: Vec<Entry<'a>>,
}

/// What keeps a group from being tried.
pub fn block<'a>(group: &Group<'a>) -> Option<(Entry<'a>, &'a MergeBlock)> {
    group.iter().find_map(|entry| Some((*entry, entry.submission.blocked.as_ref()?)))
}

/// Whether nothing keeps a group from being tried.
pub fn is_free(group: &Group<'_>) -> bool {
    group.iter().all(|entry| entry.submission.blocked.is_none() && entry.submission.pause.is_none())
}

impl<'a> Line<'a> {
    /// What is under way: the first that nothing holds up.
    pub fn under_way(&self) -> Option<(Seq, &Group<'a>)> {
        self.taken.iter().map(|(seq, group)| (*seq, group)).find(|(_, group)| is_free(group))
    }

    /// Whether a batch is taken up that nothing holds up; the next is formed after it, of more branches.
    pub fn has_batch(&self) -> bool {
        self.taken.values().any(|group| group.iter().any(|e| e.submission.batch.is_some()) && is_free(group))
    }
}

/// Whether a submitted branch waits for the word of its reviewers. A review that has begun is waited for, whatever the
/// configuration says meanwhile.
pub fn awaits_review(policy: &Policy, worker: &Worker, submission: &Submission) -> bool {
    let wanted = policy.reviews.before_merge || submission.review.is_some();
    wanted && submission.request.is_none() && worker.reviewed.as_ref() != Some(&submission.tip)
}

/// A branch of a rig that work lands in; none if only the repository can name it.
pub type Lane<'a> = (&'a RigName, Option<&'a str>);

/// How a worker's branch lands.
pub fn strategy(state: &State, policy: &Policy, worker: &Worker) -> MergeStrategy {
    let convoy = worker.content.convoy.as_ref().and_then(|id| state.convoys.get(id));
    convoy.map_or(policy.merge, |convoy| convoy.content.merge)
}

/// The lane of a worker.
pub fn lane<'a>(policy: &'a Policy, worker: &'a Worker) -> Lane<'a> {
    let rig = &worker.content.rig;
    let default = policy.rigs.get(rig).and_then(|rig| rig.default_branch.as_deref());
    (rig, worker.content.base.as_deref().or(default))
}

/// Every lane in which something is to land.
pub fn lines<'a>(state: &'a State, policy: &'a Policy) -> BTreeMap<Lane<'a>, Line<'a>> {
    let mut lines: BTreeMap<Lane<'a>, Line<'a>> = BTreeMap::new();
    for worker in state.index.active.iter().filter_map(|id| state.workers.get(id)) {
        let WorkerState::Submitted(submission) = &worker.state else { continue };
        let Some(session) = state.sessions.get(&submission.session) else { continue };
        let strategy = strategy(state, policy, worker);
        let priority = state.issues.get(&worker.content.issue).map_or(u8::MAX, |i| i.content.priority);
        let entry = Entry { worker, submission, epoch: session.content.epoch, priority, strategy };
        let line = lines.entry(lane(policy, worker)).or_default();
        match (strategy, submission.batch) {
            _ if submission.request.is_some() => line.requested.push(entry),
            _ if awaits_review(policy, worker, submission) => line.reviewing.push(entry),
            (MergeStrategy::Queue, Some(batch)) => line.taken.entry(batch).or_default().push(entry),
            (MergeStrategy::Queue, None) => line.waiting.push(entry),
            (MergeStrategy::Direct | MergeStrategy::Pr | MergeStrategy::Local, _) => {
                line.taken.entry(worker.submitted).or_default().push(entry);
            }
        }
    }
    for line in lines.values_mut() {
        line.waiting.sort_by_key(Entry::place);
        line.reviewing.sort_by_key(Entry::place);
        line.taken.values_mut().for_each(|group| group.sort_by_key(Entry::place));
    }
    lines
}

/// The effect by which a group lands.
pub fn effect(group: &Group<'_>) -> Option<Effect> {
    let first = group.first()?;
    Some(match first.strategy {
        MergeStrategy::Queue => Effect::MergeBatch { members: group.iter().map(Entry::member).collect() },
        MergeStrategy::Direct | MergeStrategy::Pr | MergeStrategy::Local => {
            let Member { worker, epoch, round } = first.member();
            Effect::Merge { worker, epoch, round }
        }
    })
}

/// When the next batch of a lane is due; nothing while there is one, or nothing waits.
pub fn next_batch_at(line: &Line<'_>, policy: &Policy) -> Option<Time> {
    if line.has_batch() {
        return None;
    }
    let oldest = line.waiting.iter().map(|entry| entry.submission.at).min()?;
    let full = line.waiting.len() as u64 >= u64::from(policy.batches.max);
    Some(if full { oldest } else { oldest.plus(policy.batches.wait) })
}

/// What keeps a submitted branch from being tried: its own obstacle or that of its batch.
pub fn block_of<'a>(state: &'a State, submission: &'a Submission) -> Option<&'a MergeBlock> {
    let of_batch = |batch: Seq| {
        let active = state.index.active.iter().filter_map(|id| state.workers.get(id));
        active.into_iter().find_map(|worker| match &worker.state {
            WorkerState::Submitted(other) if other.batch == Some(batch) => other.blocked.as_ref(),
            _ => None,
        })
    };
    submission.blocked.as_ref().or_else(|| of_batch(submission.batch?))
}
