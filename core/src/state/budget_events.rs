//! How events of budgets change the ledger.

use crate::cost;
use crate::event::Event;
use crate::ledger::{Level, Limit, Today};
use crate::money::Money;
use crate::state::State;
use crate::time::Time;

pub(super) fn apply(state: &mut State, event: &Event, at: Time) {
    match event {
        Event::BudgetSet { level, limit: Some(amount) } => {
            let limit = Limit { amount: *amount, warned: false, exceeded: false };
            state.ledger.limits.insert(level.clone(), limit);
        }
        Event::BudgetSet { level, limit: None } => {
            state.ledger.limits.remove(level);
        }
        Event::BudgetWarned { level, limit, .. } => mark(state, level, *limit, at, false),
        Event::BudgetExceeded { level, limit, .. } => mark(state, level, *limit, at, true),
        _ => {}
    }
}

/// Whether it was said of a limit that it is used up is kept with it; of the limit of a day, with the day.
fn mark(state: &mut State, level: &Level, limit: Money, at: Time, all: bool) {
    match level {
        Level::Day => {
            let day = cost::day(at);
            let today = &mut state.ledger.today;
            let before = today.exceeded && today.day == day && today.limit == limit;
            *today = Today { day, limit, warned: true, exceeded: before || all };
        }
        Level::Session(_) | Level::Worker(_) | Level::Convoy(_) | Level::Epic(_) => {
            if let Some(limit) = state.ledger.limits.get_mut(level) {
                (limit.warned, limit.exceeded) = (true, limit.exceeded || all);
            }
        }
    }
}
