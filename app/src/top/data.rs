//! What there is to show, in the order in which it is shown: what needs a person first.

use std::collections::BTreeMap;

use convoy_core::id::{ConvoyId, Seq};
use convoy_core::view::{ConvoyView, CostView, IssueView, StrandedView, WorkerView};
use serde::Serialize;

/// What one look at the workspace found. With `--json` it is printed as it is.
#[derive(Clone, PartialEq, Debug, Serialize)]
#[cfg_attr(test, derive(serde::Deserialize))]
pub(crate) struct Data {
    /// The event up to which it is true, at least.
    pub(crate) seq: Seq,
    /// Active convoys.
    pub(crate) convoys: Vec<ConvoyView>,
    /// Workers to whom something may still happen, or who failed.
    pub(crate) workers: Vec<WorkerView>,
    /// Convoys in which nothing moves.
    pub(crate) stranded: Vec<StrandedView>,
    /// Issues that wait for a person.
    pub(crate) needs_human: Vec<IssueView>,
    /// What all work costs.
    pub(crate) cost: CostView,
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
    /// In the order of the lists.
    #[must_use]
    pub(super) fn in_order(mut self) -> Self {
        let stuck: BTreeMap<ConvoyId, bool> =
            self.stranded.iter().map(|one| (one.convoy_id.clone(), one.category.is_stuck())).collect();
        self.convoys.sort_by_cached_key(|convoy| {
            let need = need_of(convoy, stuck.get(&convoy.id).copied());
            (need, convoy.in_progress == 0, std::cmp::Reverse(convoy.created_at), convoy.id.clone())
        });
        self.workers.sort_by_cached_key(|worker| {
            (
                worker_need(worker),
                state_rank(&worker.state),
                std::cmp::Reverse(worker.started_at),
                worker.id.clone(),
            )
        });
        self.stranded.sort_by_key(|one| !one.category.is_stuck());
        self
    }

    /// How urgently a convoy needs a person.
    pub(super) fn need(&self, convoy: &ConvoyView) -> Need {
        let stranded = self.stranded.iter().find(|one| one.convoy_id == convoy.id);
        need_of(convoy, stranded.map(|one| one.category.is_stuck()))
    }

    /// Everything that needs a person, each thing once: an issue whose convoy stands still for it is told by the issue.
    pub(super) fn problems(&self) -> Vec<Problem<'_>> {
        let issues = self.needs_human.iter().map(Problem::Issue);
        let told = |worker: &WorkerView| self.needs_human.iter().any(|issue| issue.id == worker.issue_id);
        let workers =
            self.workers.iter().filter(|worker| worker_need(worker) != Need::Nothing && !told(worker));
        issues
            .chain(workers.map(Problem::Worker))
            .chain(self.stranded.iter().map(Problem::Stranded))
            .collect()
    }

    /// How many things nothing happens to before a person does something.
    pub(super) fn needing(&self) -> usize {
        self.problems()
            .iter()
            .filter(|problem| match problem {
                Problem::Issue(_) => true,
                Problem::Worker(worker) => worker_need(worker) == Need::Person,
                Problem::Stranded(one) => one.category.is_stuck(),
            })
            .count()
    }

    /// How many agents are at work.
    pub(super) fn running(&self) -> usize {
        self.workers.iter().filter(|worker| worker.state == "running").count()
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

fn need_of(convoy: &ConvoyView, stuck: Option<bool>) -> Need {
    match stuck {
        Some(true) => Need::Person,
        _ if convoy.failed > 0 => Need::Person,
        // One that only tracks stands still because nobody has started it.
        Some(false) if convoy.started_at.is_some() => Need::Look,
        Some(false) | None if convoy.overdue || !convoy.health.healthy => Need::Look,
        Some(false) | None => Need::Nothing,
    }
}

/// How urgently a worker needs a person.
pub(super) fn worker_need(worker: &WorkerView) -> Need {
    // The same words as in `convoy witness status`; those that are no cause for concern.
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
