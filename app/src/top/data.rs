//! What there is to show, in the order in which it is shown: what needs a person first.

use convoy_core::id::{ConvoyId, Seq};
use convoy_core::view::{ConvoyLineView, ConvoyView, CostView, OverviewView, WorkerView};

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
    /// Active convoys, those that need somebody first.
    pub(crate) convoys: Vec<ConvoyLineView>,
    /// How many there are, of which these are some.
    pub(crate) convoys_total: usize,
    /// Workers to whom something may still happen, or who gave up.
    pub(crate) workers: Vec<WorkerView>,
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

impl Data {
    /// In the order of the lists. What landed today stands below what goes on.
    #[must_use]
    pub(super) fn in_order(mut self) -> Self {
        self.convoys.extend(self.overview.landed_today.iter().cloned());
        self.workers.sort_by_cached_key(|worker| {
            let rank = state_rank(&worker.state);
            (Need::of_worker(worker), rank, std::cmp::Reverse(worker.started_at), worker.id.clone())
        });
        self
    }
}

impl Need {
    pub(super) fn of_convoy(convoy: &ConvoyLineView) -> Self {
        match convoy.closed_at {
            Some(_) => Self::Nothing,
            None if convoy.stuck || convoy.needs_human => Self::Person,
            None if convoy.overdue => Self::Look,
            None => Self::Nothing,
        }
    }

    pub(super) fn of_worker(worker: &WorkerView) -> Self {
        match &worker.health {
            _ if worker.gave_up => Self::Person,
            Some(health) if health.stale => Self::Look,
            Some(_) | None => Self::Nothing,
        }
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
