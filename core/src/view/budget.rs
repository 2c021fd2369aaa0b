//! The shape of a budget: a limit, and what of it is spent and promised.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::decide;
use crate::issue::MoneyView;
use crate::ledger::{self, Level};
use crate::money::Money;
use crate::policy::Policy;
use crate::state::State;
use crate::template::{NewStep, Runner};
use crate::time::Time;

/// A budget.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
#[expect(missing_docs, reason = "the published names; what they mean stands in docs/json.md")]
pub struct BudgetView {
    pub level: String,
    pub id: Option<String>,
    pub title: Option<String>,
    pub limit: Option<MoneyView>,
    pub spent: MoneyView,
    pub reserved: MoneyView,
    pub free: Option<MoneyView>,
    pub overrun: MoneyView,
    pub percent: Option<i64>,
    pub warned: bool,
    pub exceeded: bool,
    pub configured: bool,
    pub active: bool,
    pub begins_anew_at: Option<Time>,
}

/// What is reserved as a template convoy begins: its first roles take their shares at once, the others as they begin.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
#[expect(missing_docs, reason = "the published names; what they mean stands in docs/json.md")]
pub struct ReserveView {
    pub roles: usize,
    pub each: MoneyView,
    pub total: MoneyView,
}

/// What the start of these roles would reserve now; nothing if no limit applies. Programs cost nothing.
pub fn reserve(
    state: &State,
    policy: &Policy,
    steps: &[NewStep],
    max_parallel: Option<u32>,
    budget: Option<Money>,
    now: Time,
) -> Option<ReserveView> {
    let costly = steps.iter().filter(|step| matches!(step.step.runner, Runner::Agent { .. }));
    let at_once = max_parallel.unwrap_or(policy.max_parallel).min(policy.max_parallel) as usize;
    let first = costly.clone().filter(|step| step.needs.is_empty()).count().min(at_once);
    let each = decide::reserved_at_start(state, policy, (costly.count(), first), budget, now)?;
    let total = Money::from_micros(each.as_micros().saturating_mul(i64::try_from(first).unwrap_or(i64::MAX)));
    Some(ReserveView { roles: first, each: each.into(), total: total.into() })
}

/// The view of one level, with a limit or without.
pub fn budget(state: &State, policy: &Policy, level: &Level, now: Time) -> BudgetView {
    let limit = ledger::limit(state, policy, level);
    let account = ledger::account(state, level, now);
    let (warned, exceeded) = limit.map_or((false, false), |limit| ledger::said(state, level, limit, now));
    let day = *level == Level::Day;
    BudgetView {
        level: level.name().to_owned(),
        id: (!day).then(|| level.id().to_owned()),
        title: title(state, level),
        limit: limit.map(MoneyView::from),
        spent: account.settled.into(),
        reserved: account.reserved.into(),
        free: limit.map(|limit| account.free(limit).into()),
        overrun: limit.map_or(Money::default(), |limit| account.overrun(limit)).into(),
        percent: limit.map(|limit| percent(account.settled, limit)),
        warned,
        exceeded,
        configured: day && limit.is_some() && !state.ledger.limits.contains_key(level),
        active: is_active(state, level),
        begins_anew_at: (day && limit.is_some()).then(|| ledger::next_day(now)),
    }
}

/// How much of a limit is spent, in per cent, rounded down.
fn percent(spent: Money, limit: Money) -> i64 {
    let percent = i128::from(spent.as_micros()) * 100 / i128::from(limit.as_micros().max(1));
    i64::try_from(percent).unwrap_or(i64::MAX)
}

/// All limits: of each day, epics, convoys, workers, sessions.
pub fn budgets(state: &State, policy: &Policy, now: Time) -> Vec<BudgetView> {
    let mut levels: Vec<&Level> = state.ledger.limits.keys().collect();
    if policy.budget.day.is_some() && !levels.contains(&&Level::Day) {
        levels.push(&Level::Day);
    }
    levels.sort_by_key(|level| std::cmp::Reverse(*level));
    levels.into_iter().map(|level| budget(state, policy, level, now)).collect()
}

fn title(state: &State, level: &Level) -> Option<String> {
    let of_issue = |worker: &crate::worker::Worker| {
        state.issues.get(&worker.content.issue).map(|issue| issue.content.title.clone())
    };
    match level {
        Level::Session(id) => of_issue(state.workers.get(&state.sessions.get(id)?.content.worker)?),
        Level::Worker(id) => of_issue(state.workers.get(id)?),
        Level::Convoy(id) => Some(state.convoys.get(id)?.content.title.clone()),
        Level::Epic(_) | Level::Day => None,
    }
}

/// Whether anything may still be spent there.
fn is_active(state: &State, level: &Level) -> bool {
    match level {
        Level::Session(id) => state.index.sessions.contains(id),
        Level::Worker(id) => state.index.active.contains(id),
        Level::Convoy(id) => state.convoys.get(id).is_some_and(|convoy| !convoy.is_closed()),
        Level::Epic(_) | Level::Day => true,
    }
}
