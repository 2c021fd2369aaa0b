//! How events of budgets change the ledger.

use crate::event::Event;
use crate::ledger::Limit;
use crate::state::State;

pub(super) fn apply(state: &mut State, event: &Event) {
    let limits = &mut state.ledger.limits;
    match event {
        Event::BudgetSet { level, limit: Some(amount) } => {
            limits.insert(level.clone(), Limit { amount: *amount, warned: false, exceeded: false });
        }
        Event::BudgetSet { level, limit: None } => {
            limits.remove(level);
        }
        Event::BudgetWarned { level, .. } => {
            if let Some(limit) = limits.get_mut(level) {
                limit.warned = true;
            }
        }
        Event::BudgetExceeded { level, .. } => {
            if let Some(limit) = limits.get_mut(level) {
                (limit.warned, limit.exceeded) = (true, true);
            }
        }
        _ => {}
    }
}
