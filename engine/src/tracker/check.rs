//! A check of convoys begins with a look into the trackers; what landed by that look has landed by the check.

use convoy_api::{Answer, Failure, ItemView, Order, Outcome, Query};
use convoy_core::command::Request;
use convoy_core::event::Event;

use super::Trackers;
use crate::inbox::Handle;

/// How many landings are said.
const LANDED_MAX: usize = 1000;

impl Trackers {
    /// Looks again, then has the order decided.
    pub(crate) fn check(&self, handle: &Handle, order: Order) -> Result<Outcome, Failure> {
        if self.is_empty() {
            return handle.decide(order);
        }
        let Answer::Engine(before) = handle.look(Query::Engine)? else { return handle.decide(order) };
        self.read_again(handle);
        let all = matches!(&order.request, Request::ConvoyCheck { convoy: None });
        let mut outcome = handle.decide(order)?;
        // A check has few events: they are one answer.
        let kind = Some("convoy.landed".to_owned());
        let landed = handle.look(Query::Events { after: before.seq, limit: LANDED_MAX, kind });
        let Ok(Answer::Events { events, .. }) = landed else { return Ok(outcome) };
        for event in events {
            let Event::ConvoyLanded { convoy, .. } = event.event else { continue };
            let id = convoy.to_string();
            match outcome.items.iter_mut().find(|item| item.id == id) {
                Some(item) => (item.changed, item.note) = (true, None),
                None if all => {
                    outcome.items.push(ItemView { id, ok: true, changed: true, note: None, error: None });
                }
                None => {}
            }
        }
        Ok(outcome)
    }
}
