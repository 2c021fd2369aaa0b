//! Which notices are delivered now, and when the next are due.

use std::collections::BTreeMap;
use std::ops::Bound;

use super::Plan;
use crate::effect::Effect;
use crate::id::RouteName;
use crate::policy::Policy;
use crate::state::State;
use crate::time::{Span, Time};

/// How many notices are delivered at once: each has a thread of its own while it waits for an answer.
const DELIVERIES_MAX: usize = 8;
/// How many of them by one route, so that one that hangs does not hold the others up.
const DELIVERIES_BY_ROUTE_MAX: u32 = 2;
/// How many that are due are looked through for routes that have room.
const DUE_LOOK_AHEAD_MAX: usize = 1000;

/// What is due, the longest first. Whoever is under way stays among the first: when it was due does not change.
pub(super) fn plan(state: &State, policy: &Policy, now: Time, plan: &mut Plan) {
    let outbox = &state.index.outbox;
    // No pause is longer than the longest: what is due later than that was put in before the clock was set back.
    let (soon, latest) = (now.plus(Span::from_millis(1)), now.plus(policy.routes.backoff_max));
    let astray = outbox.range((Bound::Excluded(latest.max(now)), Bound::Unbounded));
    let due = outbox.range(..=now).chain(astray).flat_map(|(_, ids)| ids);
    let mut by_route: BTreeMap<&RouteName, u32> = BTreeMap::new();
    let mut started = 0;
    for (_, id) in due.take(DUE_LOOK_AHEAD_MAX) {
        let Some(delivery) = state.deliveries.get(id) else { continue };
        let of_route = by_route.entry(&delivery.content.route).or_default();
        if *of_route < DELIVERIES_BY_ROUTE_MAX && started < DELIVERIES_MAX {
            *of_route += 1;
            started += 1;
            plan.effects.insert(Effect::Deliver { delivery: id.clone(), attempt: delivery.attempt() });
        }
    }
    if let Some((at, _)) = outbox.range(soon..).next().filter(|(at, _)| **at <= latest) {
        plan.wake_at = Some(plan.wake_at.map_or(*at, |before| before.min(*at)));
    }
}
