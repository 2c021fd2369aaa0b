//! Mailboxes: what people write, read and put away.

use super::outbox::deliveries;
use super::refs::resolve_notice;
use super::{Context, Decision, Item};
use crate::address::Address;
use crate::event::Event;
use crate::notice::{BODY_BYTES_MAX, NewNotice, NoticeKind, SUBJECT_CHARS_MAX};
use crate::refusal::Refusal;
use crate::state::State;

/// A message of whoever asks.
pub(super) fn send(
    state: &State,
    to: &str,
    subject: &str,
    body: &str,
    ctx: &mut Context<'_>,
) -> Result<Decision, Refusal> {
    let to = Address::new(to).map_err(|error| Refusal::invalid("address", error))?;
    let lines = subject.chars().any(char::is_control);
    if subject.trim().is_empty() || subject.chars().count() > SUBJECT_CHARS_MAX || lines {
        let expected = format!("expected one line of 1 to {SUBJECT_CHARS_MAX} characters");
        return Err(Refusal::invalid("subject", expected));
    }
    if body.len() > BODY_BYTES_MAX {
        return Err(Refusal::invalid("body", format!("expected at most {BODY_BYTES_MAX} bytes")));
    }
    let deliveries = deliveries(state, &to, ctx);
    let notice = NewNotice {
        id: ctx.entropy.notice(state),
        to,
        from: Some(ctx.actor.clone()),
        kind: NoticeKind::Message,
        subject: subject.to_owned(),
        body: body.to_owned(),
        convoy: None,
        landing_epoch: None,
    };
    let item = Item::changed(&notice.id);
    Ok(Decision::of(Event::NoticeSent { notice, deliveries }, item))
}

pub(super) fn read(state: &State, text: &str) -> Result<Decision, Refusal> {
    let id = resolve_notice(state, text)?;
    if state.notices[&id].read_at.is_some() {
        return Ok(Decision::same(Item::same(id, "already read")));
    }
    Ok(Decision::of(Event::NoticeRead { notice: id.clone() }, Item::changed(id)))
}

/// Puts notices away, each once. A single reference that leads nowhere is refused.
pub(super) fn archive(state: &State, texts: &[String]) -> Result<Decision, Refusal> {
    let mut decision = Decision::nothing();
    let mut seen = std::collections::BTreeSet::new();
    for text in texts {
        match resolve_notice(state, text) {
            Ok(id) if !seen.insert(id.clone()) => {}
            Ok(id) if state.notices[&id].archived_at.is_some() => {
                decision.items.push(Item::same(id, "already archived"));
            }
            Ok(id) => {
                decision.events.push(Event::NoticeArchived { notice: id.clone() });
                decision.items.push(Item::changed(id));
            }
            Err(refusal) if texts.len() == 1 => return Err(refusal),
            Err(refusal) => decision.items.push(Item::refused(text, refusal)),
        }
    }
    Ok(decision)
}
