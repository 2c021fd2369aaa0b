//! What there is to show, in the order in which it is shown: what needs a person first.

use std::collections::BTreeMap;

use convoy_core::id::{ConvoyId, IssueId, Seq, WorkerId};
use convoy_core::view::{
    ConvoyLineView, ConvoyView, CostView, IssueView, OverviewView, StrandedView, WorkerView,
};

/// What is asked for, beside what is always shown.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Wanted {
    /// The events after this one.
    pub(crate) after: Option<Seq>,
    /// The convoy whose page is open.
    pub(crate) convoy: Option<ConvoyId>,
    /// What everything costs.
    pub(crate) cost: bool,
}

/// What one look at the workspace found.
#[derive(Clone, PartialEq, Debug)]
#[cfg_attr(test, derive(serde::Deserialize))]
pub(crate) struct Data {
    pub(crate) overview: OverviewView,
    /// Active convoys, the latest first.
    pub(crate) convoys: Vec<ConvoyLineView>,
    /// How many there are, of which these are some.
    pub(crate) convoys_total: usize,
    /// Workers to whom something may still happen, who failed, or were stopped.
    pub(crate) workers: Vec<WorkerView>,
    /// Convoys in which nothing moves.
    pub(crate) stranded: Vec<StrandedView>,
    /// Issues that wait for a person.
    pub(crate) needs_human: Vec<IssueView>,
    /// The convoy whose page is open.
    pub(crate) convoy: Option<ConvoyView>,
    /// What everything costs, while that is shown.
    pub(crate) cost: Option<CostView>,
}

/// How urgently something needs a person, the most urgent first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Need {
    /// Nothing happens before a person does something.
    Person,
    /// It goes on, but somebody should look.
    Look,
    /// It does well.
    Nothing,
}

/// A problem, as the problems page lists them.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) enum Problem<'a> {
    Stranded(&'a StrandedView),
    Issue(&'a IssueView),
    Worker(&'a WorkerView),
}

impl Data {
    /// In the order of the lists. What landed today stands below what goes on.
    #[must_use]
    pub(super) fn in_order(mut self) -> Self {
        let stuck: BTreeMap<&ConvoyId, bool> =
            self.stranded.iter().map(|one| (&one.convoy_id, one.category.is_stuck())).collect();
        self.convoys.sort_by_cached_key(|convoy| {
            let need = need_of(convoy, stuck.get(&convoy.id).copied());
            (need, convoy.at_work == 0, std::cmp::Reverse(convoy.created_at), convoy.id.clone())
        });
        self.convoys.extend(self.overview.landed_today.iter().cloned());
        self.workers.sort_by_cached_key(|worker| {
            let rank = state_rank(&worker.state);
            (worker_need(worker), rank, std::cmp::Reverse(worker.started_at), worker.id.clone())
        });
        self.stranded.sort_by_key(|one| !one.category.is_stuck());
        self
    }

    /// How urgently a convoy needs a person.
    pub(super) fn need(&self, convoy: &ConvoyLineView) -> Need {
        let stranded = self.stranded.iter().find(|one| one.convoy_id == convoy.id);
        need_of(convoy, stranded.map(|one| one.category.is_stuck()))
    }

    /// Everything that a person should look at: issues that wait for one, workers, convoys in which nothing moves.
    pub(super) fn problems(&self) -> Vec<Problem<'_>> {
        let issues = self.needs_human.iter().map(Problem::Issue);
        // An issue tells of its worker too.
        let told = |worker: &WorkerView| self.needs_human.iter().any(|issue| issue.id == worker.issue_id);
        let of_interest = |worker: &&WorkerView| worker_need(worker) != Need::Nothing && !told(worker);
        let workers = self.workers.iter().filter(of_interest).map(Problem::Worker);
        issues.chain(workers).chain(self.stranded.iter().map(Problem::Stranded)).collect()
    }
}

impl<'a> Problem<'a> {
    /// What it is about: the id by which a row is found again.
    pub(super) fn id(self) -> &'a str {
        match self {
            Self::Stranded(one) => one.convoy_id.as_str(),
            Self::Issue(issue) => issue.id.as_str(),
            Self::Worker(worker) => worker.issue_id.as_str(),
        }
    }
}

/// Whether a worker failed or was stopped, and does nothing more by itself.
pub(crate) fn is_over(worker: &WorkerView) -> bool {
    matches!(worker.state.as_str(), "failed" | "stopped")
}

/// Of those that are over, only the last one of each issue that still waits: once it is closed, or somebody else's, they
/// are history. Workers come in the order in which they were assigned.
pub(crate) fn current(mut workers: Vec<WorkerView>, issues: &[IssueView]) -> Vec<WorkerView> {
    let last: BTreeMap<IssueId, WorkerId> =
        workers.iter().map(|worker| (worker.issue_id.clone(), worker.id.clone())).collect();
    let waits = |worker: &WorkerView| {
        let issue = issues.iter().find(|issue| issue.id == worker.issue_id);
        issue.is_some_and(|issue| issue.closed_at.is_none()) && last.get(&worker.issue_id) == Some(&worker.id)
    };
    workers.retain(|worker| !is_over(worker) || waits(worker));
    workers
}

fn need_of(convoy: &ConvoyLineView, stuck: Option<bool>) -> Need {
    match stuck {
        _ if convoy.closed_at.is_some() => Need::Nothing,
        Some(true) => Need::Person,
        _ if convoy.needs_human => Need::Person,
        // One that only tracks stands still because nobody has started it.
        Some(false) if convoy.started_at.is_some() => Need::Look,
        Some(false) | None if convoy.overdue => Need::Look,
        Some(false) | None => Need::Nothing,
    }
}

/// How urgently a worker needs a person.
pub(super) fn worker_need(worker: &WorkerView) -> Need {
    // By the words of `convoy witness status`, those that are no cause for concern.
    let well =
        worker.health.as_ref().is_none_or(|it| matches!(it.health.as_str(), "healthy" | "rate_limited"));
    match worker.state.as_str() {
        "failed" => Need::Person,
        "running" if !well => Need::Look,
        _ => Need::Nothing,
    }
}

fn state_rank(state: &str) -> u8 {
    match state {
        "running" => 0,
        "submitted" => 1,
        "assigned" => 2,
        "waiting" => 3,
        _ => 4,
    }
}
