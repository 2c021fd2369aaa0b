//! How many there are of what, for those who draw curves of it. Everything is counted at one moment.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::stranded::count_stranded;
use crate::policy::Policy;
use crate::state::State;
use crate::time::Time;

/// How many there are. A status that nothing has is not named.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct FiguresView {
    /// Issues by status.
    pub issues: BTreeMap<String, usize>,
    /// Convoys by status.
    pub convoys: BTreeMap<String, usize>,
    /// Open convoys in which nothing is moving, or that are overdue.
    pub stranded: usize,
}

/// The figures.
pub fn figures(state: &State, policy: &Policy, now: Time) -> FiguresView {
    FiguresView {
        issues: counted(state.issues.values().map(|issue| issue.status_name())),
        convoys: counted(state.convoys.values().map(|convoy| convoy.status.name())),
        stranded: count_stranded(state, policy, now),
    }
}

fn counted(names: impl Iterator<Item = &'static str>) -> BTreeMap<String, usize> {
    let mut counts: BTreeMap<&'static str, usize> = BTreeMap::new();
    names.for_each(|name| *counts.entry(name).or_default() += 1);
    counts.into_iter().map(|(name, count)| (name.to_owned(), count)).collect()
}
