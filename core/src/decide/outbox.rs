//! Deliveries: put into the outbox with their notice, tried, given up, and tried again when a person asks.

use super::refs::{resolve_delivery, resolve_notice};
use super::{Context, Decision, Item};
use crate::address::Address;
use crate::event::Event;
use crate::id::DeliveryId;
use crate::outbox::{Delivery, NewDelivery, Status, WHY_BYTES_MAX, pause};
use crate::refusal::Refusal;
use crate::state::State;

/// One delivery for each route that the address has now.
pub(super) fn deliveries(state: &State, to: &Address, ctx: &mut Context<'_>) -> Vec<NewDelivery> {
    let routes = ctx.policy.routes.of(to).cloned().collect::<Vec<_>>();
    routes.into_iter().map(|route| NewDelivery { id: ctx.entropy.delivery(state), route }).collect()
}

/// The delivery, if this try of it is what it waits for.
fn awaited<'a>(state: &'a State, id: &DeliveryId, attempt: u32) -> Option<&'a Delivery> {
    let delivery = state.deliveries.get(id)?;
    (delivery.due().is_some() && delivery.attempt() == attempt).then_some(delivery)
}

pub(super) fn delivered(state: &State, id: &DeliveryId, attempt: u32) -> Vec<Event> {
    let Some(delivery) = awaited(state, id, attempt) else { return Vec::new() };
    vec![Event::NoticeDelivered { notice: delivery.notice.clone(), delivery: id.clone(), attempt }]
}

pub(super) fn failed(
    state: &State,
    id: &DeliveryId,
    attempt: u32,
    why: &str,
    permanent: bool,
    ctx: &Context<'_>,
) -> Vec<Event> {
    let Some(delivery) = awaited(state, id, attempt) else { return Vec::new() };
    let pause = pause(&ctx.policy.routes, delivery.failures.saturating_add(1)).filter(|_| !permanent);
    vec![Event::NoticeDeliveryFailed {
        notice: delivery.notice.clone(),
        delivery: id.clone(),
        attempt,
        why: why[..why.floor_char_boundary(WHY_BYTES_MAX)].to_owned(),
        retry_at: pause.map(|pause| ctx.now.plus(pause)),
    }]
}

/// Tries a delivery again, or all of a notice that were not delivered.
pub(super) fn retry(state: &State, text: &str, ctx: &Context<'_>) -> Result<Decision, Refusal> {
    let chosen: Vec<&Delivery> = match resolve_delivery(state, text) {
        Ok(id) => vec![&state.deliveries[&id]],
        Err(refusal) => {
            let Ok(notice) = resolve_notice(state, text) else { return Err(refusal) };
            state.deliveries.values().filter(|delivery| delivery.notice == notice).collect()
        }
    };
    let mut decision = Decision::nothing();
    for delivery in chosen {
        let id = &delivery.content.id;
        match delivery.status {
            Status::Delivered { .. } => decision.items.push(Item::same(id, "already delivered")),
            Status::Pending { due } if due <= ctx.now => {
                decision.items.push(Item::same(id, "already on its way"));
            }
            Status::Pending { .. } | Status::GivenUp { .. } => {
                let notice = delivery.notice.clone();
                decision.events.push(Event::NoticeDeliveryRetried { notice, delivery: id.clone() });
                decision.items.push(Item::changed(id));
            }
        }
    }
    if decision.items.is_empty() {
        decision.items.push(Item::same(text, "its address has no routes"));
    }
    Ok(decision)
}
