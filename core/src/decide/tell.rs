//! Telling people: notices for mailboxes, decided together with what they are about.

use super::Context;
use super::outbox::deliveries;
use crate::address::Address;
use crate::event::Event;
use crate::id::ConvoyId;
use crate::notice::{NewNotice, NoticeKind};
use crate::state::State;

/// One notice for each address, each address once.
pub(super) fn tell(
    state: &State,
    to: Vec<Address>,
    kind: NoticeKind,
    subject: &str,
    body: &str,
    landing: Option<(&ConvoyId, u32)>,
    ctx: &mut Context<'_>,
) -> Vec<Event> {
    let mut told = std::collections::BTreeSet::new();
    let mut events = Vec::new();
    for address in to {
        if told.insert(address.clone()) {
            let deliveries = deliveries(state, &address, ctx);
            let notice = NewNotice {
                id: ctx.entropy.notice(state),
                to: address,
                from: None,
                kind,
                subject: subject.to_owned(),
                body: body.to_owned(),
                convoy: landing.map(|(id, _)| id.clone()),
                landing_epoch: landing.map(|(_, epoch)| epoch),
            };
            events.push(Event::NoticeSent { notice, deliveries });
        }
    }
    events
}

/// A text of people's as part of a message's line: no line break of its own can add a line that Convoy did not write.
pub(super) fn on_one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}
