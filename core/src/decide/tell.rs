//! Telling people: notices for mailboxes, decided together with what they are about.

use super::Context;
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
            events.push(Event::NoticeSent {
                notice: NewNotice {
                    id: ctx.entropy.notice(state),
                    to: address,
                    kind,
                    subject: subject.to_owned(),
                    body: body.to_owned(),
                    convoy: landing.map(|(id, _)| id.clone()),
                    landing_epoch: landing.map(|(_, epoch)| epoch),
                },
            });
        }
    }
    events
}
