//! Making an issue that a tracker keeps: there first, so that its id is the tracker's, then here.

use convoy_api::{Failure, Order, Outcome};
use convoy_core::command::Request;
use convoy_core::event::Event;

use super::Trackers;
use crate::inbox::Handle;

impl Trackers {
    /// Makes the issue, if that is what is ordered and its rig has a tracker.
    pub(crate) fn make(&self, handle: &Handle, order: &Order) -> Option<Result<Outcome, Failure>> {
        let Request::IssueCreate { id, .. } = &order.request else { return None };
        if self.is_empty() || order.dry_run {
            return None;
        }
        let with_id = id.is_some();
        // What is wrong with it is found out before anything is made; so is that it was made before.
        let outcome = match handle.decide(Order { dry_run: true, ..order.clone() }) {
            Ok(outcome) => outcome,
            Err(failure) => return Some(Err(failure)),
        };
        let issue = outcome.would.into_iter().find_map(|event| match event {
            Event::IssueCreated { issue } => Some(issue),
            _ => None,
        });
        let issue = issue?;
        let desk = self.get(&issue.rig)?;
        let made = desk.alone(|beads| beads.create(&issue, with_id)).map_err(|error| Failure::from(&error));
        Some(made.and_then(|seen| handle.made(order.clone(), seen)))
    }
}
