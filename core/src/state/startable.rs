//! What can be started without anybody asking: one queue for each convoy in each rig, by priority, then age.
//!
//! A limit of a convoy or a rig holds back all that waits there. With a queue for each, the plan leaves those
//! that are full aside as a whole, however much waits in them.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use crate::id::{ConvoyId, IssueId, RigName};
use crate::issue::Issue;

/// The place of an issue in its queue: the smaller, the sooner.
pub type Place = (u8, u64, IssueId);

/// The queues. Derived from the rest of the state.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Startable {
    rigs: BTreeMap<RigName, InRig>,
    /// Where each issue stands.
    places: BTreeMap<IssueId, (RigName, ConvoyId, Place)>,
}

/// The queues of one rig.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct InRig {
    queues: BTreeMap<ConvoyId, BTreeSet<Place>>,
    /// The first of each queue.
    heads: BTreeSet<(Place, ConvoyId)>,
}

impl Startable {
    /// Whether nothing can be started.
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }
    /// How many can.
    pub fn len(&self) -> usize {
        self.places.len()
    }
    /// Whether this issue can.
    pub fn contains(&self, issue: &IssueId) -> bool {
        self.places.contains_key(issue)
    }
    /// Whether anything of this convoy can.
    pub fn serves(&self, convoy: &ConvoyId) -> bool {
        self.rigs.values().any(|rig| rig.queues.contains_key(convoy))
    }
    /// All that can, in no order that matters.
    pub fn issues(&self) -> impl Iterator<Item = &IssueId> {
        self.places.keys()
    }
    /// The rigs in which something can be started.
    pub fn rigs(&self) -> impl Iterator<Item = (&RigName, &InRig)> {
        self.rigs.iter()
    }

    /// Lets an issue queue for a convoy.
    pub(super) fn put(&mut self, issue: &Issue, convoy: &ConvoyId) {
        let content = &issue.content;
        let place = (content.priority, issue.number, content.id.clone());
        let known = (content.rig.clone(), convoy.clone(), place.clone());
        self.places.insert(content.id.clone(), known);
        self.rigs.entry(content.rig.clone()).or_default().change(convoy, |queue| {
            queue.insert(place);
        });
    }

    /// Takes an issue out of its queue.
    pub(super) fn take(&mut self, issue: &IssueId) {
        let Some((rig, convoy, place)) = self.places.remove(issue) else { return };
        let Some(in_rig) = self.rigs.get_mut(&rig) else { return };
        in_rig.change(&convoy, |queue| {
            queue.remove(&place);
        });
        if in_rig.queues.is_empty() {
            self.rigs.remove(&rig);
        }
    }
}

impl InRig {
    /// The first of each convoy's queue, the soonest first.
    pub fn heads(&self) -> impl Iterator<Item = (&Place, &ConvoyId)> {
        self.heads.iter().map(|(place, convoy)| (place, convoy))
    }
    /// What comes after a place in a convoy's queue.
    pub fn after(&self, convoy: &ConvoyId, place: &Place) -> Option<&Place> {
        self.queues.get(convoy)?.range((Bound::Excluded(place), Bound::Unbounded)).next()
    }

    fn change(&mut self, convoy: &ConvoyId, change: impl FnOnce(&mut BTreeSet<Place>)) {
        let queue = self.queues.entry(convoy.clone()).or_default();
        let before = queue.first().cloned();
        change(queue);
        let after = queue.first().cloned();
        if queue.is_empty() {
            self.queues.remove(convoy);
        }
        if before != after {
            before.map(|place| self.heads.remove(&(place, convoy.clone())));
            after.map(|place| self.heads.insert((place, convoy.clone())));
        }
    }
}
