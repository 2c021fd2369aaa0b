//! Limits that people set: of a convoy, an epic, a worker, a session, or of each day.

use super::refs::{resolve_convoy, resolve_issue, resolve_session, resolve_worker};
use super::{Context, Decision, Item};
use crate::command::BudgetScope;
use crate::convoy::Convoy;
use crate::event::Event;
use crate::id::EpicName;
use crate::ledger::{Account, Level, account, limit};
use crate::money::Money;
use crate::own_session::OwnState;
use crate::refusal::Refusal;
use crate::state::State;

/// How many of what could be meant an error lists.
const LISTED_MAX: usize = 20;

fn positive(amount: Money) -> Result<(), Refusal> {
    match amount > Money::default() {
        true => Ok(()),
        false => Err(Refusal::invalid("budget", crate::money::NoAmount)),
    }
}

/// The limit that something is made with, if it is.
pub(super) fn of(level: Level, amount: Option<Money>) -> Result<Option<Event>, Refusal> {
    let Some(amount) = amount else { return Ok(None) };
    positive(amount)?;
    Ok(Some(Event::BudgetSet { level, limit: Some(amount) }))
}

pub(super) fn set(
    state: &State,
    scope: &BudgetScope,
    amount: Option<Money>,
    ctx: &Context<'_>,
) -> Result<Decision, Refusal> {
    let level = check_level(state, scope)?;
    amount.map(positive).transpose()?;
    let id = level.id().to_owned();
    let set = state.ledger.limits.get(&level).map(|limit| limit.amount);
    let Some(amount) = amount else {
        let configured = limit(state, ctx.policy, &level).filter(|_| level == Level::Day && set.is_none());
        return Ok(match (set, configured.or(ctx.policy.budget.day.filter(|_| level == Level::Day))) {
            (None, Some(amount)) => Decision::same(Item::same(
                id,
                format!("${amount} stands in the configuration: convoy config unset budget.day"),
            )),
            (None, None) => Decision::same(Item::same(id, format!("{level} has no budget"))),
            (Some(_), Some(amount)) => {
                let note = format!("{level} goes by the configuration again: ${amount}");
                Decision::of(Event::BudgetSet { level, limit: None }, Item::changed(id).noted(note))
            }
            (Some(_), None) => {
                let note = format!("{level} has no budget any more");
                Decision::of(Event::BudgetSet { level, limit: None }, Item::changed(id).noted(note))
            }
        });
    };
    if set == Some(amount) {
        return Ok(Decision::same(Item::same(id, format!("the budget of {level} is ${amount} already"))));
    }
    let Account { settled, reserved } = account(state, &level, ctx.now);
    let mut note = format!("the budget of {level} is ${amount}; ${settled} of it is spent");
    if reserved > Money::default() {
        note = format!("{note}, and ${reserved} is reserved for what runs");
    }
    if settled.plus(reserved) > amount {
        note = match reserved > Money::default() {
            true => format!(
                "{note}: what runs goes on to the end of what was reserved for it, and nothing else begins"
            ),
            false => format!("{note}: nothing of it begins"),
        };
    }
    Ok(Decision::of(Event::BudgetSet { level, limit: Some(amount) }, Item::changed(id).noted(note)))
}

/// The level that is meant.
///
/// # Errors
/// When there is no such thing, or it is not clear which.
pub fn check_level(state: &State, scope: &BudgetScope) -> Result<Level, Refusal> {
    Ok(match scope {
        BudgetScope::Day => Level::Day,
        BudgetScope::Session(text) => Level::Session(resolve_session(state, text)?),
        BudgetScope::Convoy(text) => Level::Convoy(resolve_convoy(state, text)?),
        BudgetScope::Worker(text) => Level::Worker(resolve_worker(state, text).or_else(|error| {
            let issue = resolve_issue(state, text).ok().and_then(|id| state.issues[&id].worker.clone());
            issue.ok_or(error)
        })?),
        BudgetScope::Epic(text) => {
            let name = EpicName::new(text).map_err(|error| Refusal::invalid("epic", error))?;
            match is_epic(state, &name) {
                true => Level::Epic(name),
                false => return Err(Refusal::NoSuch { kind: "epic", ids: vec![name.to_string()] }),
            }
        }
        BudgetScope::Only => only(state)?,
    })
}

/// Whether anything belongs to this epic.
fn is_epic(state: &State, name: &EpicName) -> bool {
    state.convoys.values().any(|convoy| convoy.content.epic.as_ref() == Some(name))
        || state.own_sessions.values().any(|own| own.content.epic == *name)
        || state.workers.values().any(|worker| worker.content.epic.as_ref() == Some(name))
}

/// The only epic or convoy that anything may still happen in. What belongs to an epic is not meant beside it.
fn only(state: &State) -> Result<Level, Refusal> {
    let open: Vec<&Convoy> = state.index.open.iter().filter_map(|(_, id)| state.convoys.get(id)).collect();
    let own = state.own_sessions.values().filter(|own| matches!(own.state, OwnState::Open));
    let workers = state.index.active.iter().filter_map(|id| state.workers.get(id)?.content.epic.clone());
    let epics = open.iter().filter_map(|convoy| convoy.content.epic.clone());
    let epics: std::collections::BTreeSet<EpicName> =
        epics.chain(workers).chain(own.map(|own| own.content.epic.clone())).collect();
    let alone = open.iter().filter(|convoy| convoy.content.epic.is_none());
    let mut found: Vec<Level> = epics.into_iter().map(Level::Epic).collect();
    found.extend(alone.map(|convoy| Level::Convoy(convoy.content.id.clone())));
    let command = "convoy cost budget <usd> --epic <epic> | --convoy <convoy> | --worker <worker> | --day";
    match found.as_slice() {
        [one] => Ok(one.clone()),
        [] => {
            Err(Refusal::domain("no epic and no convoy is active", format!("say what it is for: {command}")))
        }
        many => {
            let listed: Vec<String> = many.iter().take(LISTED_MAX).map(ToString::to_string).collect();
            let more = many.len().saturating_sub(LISTED_MAX);
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            Err(Refusal::domain(
                format!("it is not clear what the budget is for; active are {}{more}", listed.join(", ")),
                format!("say what it is for: {command}"),
            ))
        }
    }
}
