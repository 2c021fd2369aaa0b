//! Convoy requests: making convoys, what they track, and who is told. How they end is in `landing`.

use std::collections::BTreeSet;

use super::refs::{check_branch, resolve_convoy, resolve_issue, resolve_issues};
use super::{Context, Decision, Item};
use crate::address::Address;
use crate::command::Request;
use crate::convoy::{Convoy, NAME_CHARS_MAX, NewConvoy, TRACKED_MAX};
use crate::epic;
use crate::event::Event;
use crate::id::{EpicName, IssueId};
use crate::ledger::Level;
use crate::refusal::Refusal;
use crate::state::State;

/// The most subscribers of a convoy.
const NOTIFY_MAX: usize = 100;

pub(super) fn create(state: &State, request: &Request, ctx: &mut Context<'_>) -> Result<Decision, Refusal> {
    let Request::ConvoyCreate {
        name,
        issues,
        owner,
        notify,
        merge,
        base,
        max_parallel,
        start,
        from_epic,
        epic,
        owned,
        due,
        budget,
    } = request
    else {
        return Ok(Decision::nothing());
    };
    let (name, tracked) = content(state, name, issues, from_epic.as_deref())?;
    if *max_parallel == Some(0) {
        return Err(Refusal::invalid("max-parallel", "expected at least 1"));
    }
    check_branch(base.as_deref())?;
    let epic = epic_name(epic.as_deref())?;
    let owner = match owner {
        Some(text) => address("owner", text)?,
        None => ctx.actor.clone(),
    };
    let mut addresses = notify.iter().map(|text| address("notify", text)).collect::<Result<Vec<_>, _>>()?;
    if addresses.is_empty() {
        addresses.clone_from(&ctx.policy.notify);
    }
    let mut seen = BTreeSet::new();
    addresses.retain(|address| seen.insert(address.clone()));
    if addresses.len() > NOTIFY_MAX {
        return Err(Refusal::invalid("notify", format!("at most {NOTIFY_MAX} addresses")));
    }
    let id = ctx.entropy.convoy(state);
    let convoy = NewConvoy {
        id: id.clone(),
        title: name,
        tracked,
        owner,
        notify: addresses,
        merge: merge.unwrap_or(ctx.policy.merge),
        base: base.clone(),
        max_parallel: *max_parallel,
        agent: None,
        model: None,
        epic,
        owned: *owned,
        due: *due,
        run: None,
    };
    let item = match convoy.tracked.iter().all(|issue| state.issues[issue].is_closed()) {
        true if convoy.owned => {
            Item::changed(&id).noted(format!("every issue is closed: land it with 'convoy land {id}'"))
        }
        true => Item::changed(&id).noted("every issue is closed: it has landed"),
        false => Item::changed(&id),
    };
    let mut decision = Decision::of(Event::ConvoyCreated { convoy }, item);
    decision.events.extend(super::budget_set::of(Level::Convoy(id.clone()), *budget)?);
    if *start {
        decision.events.push(Event::ConvoyStarted { convoy: id });
    }
    Ok(decision)
}

/// Name and issues of a new convoy: those given, or the workable leaves of an epic, whose title is the default name.
fn content(
    state: &State,
    name: &str,
    issues: &[String],
    from_epic: Option<&str>,
) -> Result<(String, Vec<IssueId>), Refusal> {
    let mut tracked = resolve_issues(state, issues)?;
    let mut name = name.to_owned();
    if let Some(text) = from_epic {
        let epic = &state.issues[&resolve_issue(state, text)?];
        if name.is_empty() {
            name = epic.content.title.chars().take(NAME_CHARS_MAX).collect();
        }
        tracked.extend(epic::leaves(state, epic)?.into_iter().filter(|id| !issues.contains(&id.to_string())));
    }
    if name.trim().is_empty() || name.chars().count() > NAME_CHARS_MAX {
        return Err(Refusal::invalid("name", format!("expected 1 to {NAME_CHARS_MAX} characters")));
    }
    if name.starts_with('-') {
        return Err(Refusal::invalid("name", "looks like a flag: begin it with another character"));
    }
    if tracked.is_empty() {
        return Err(Refusal::invalid("issue", "a convoy needs at least one issue"));
    }
    if tracked.len() > TRACKED_MAX {
        return Err(Refusal::invalid("issue", format!("at most {TRACKED_MAX} issues in a convoy")));
    }
    Ok((name, tracked))
}

/// The name of an epic becomes part of file names, and is checked as such.
pub(super) fn epic_name(epic: Option<&str>) -> Result<Option<EpicName>, Refusal> {
    epic.map(|text| EpicName::new(text).map_err(|error| Refusal::invalid("epic", error))).transpose()
}

pub(super) fn address(field: &'static str, text: &str) -> Result<Address, Refusal> {
    Address::new(text).map_err(|error| Refusal::invalid(field, error))
}

pub(super) fn add(state: &State, convoy: &str, issues: &[String]) -> Result<Decision, Refusal> {
    let id = resolve_convoy(state, convoy)?;
    let convoy = &state.convoys[&id];
    refuse_run(convoy)?;
    let issues = resolve_issues(state, issues)?;
    if convoy.content.tracked.len() + issues.len() > TRACKED_MAX {
        return Err(Refusal::invalid("issue", format!("at most {TRACKED_MAX} issues in a convoy")));
    }
    let (there, new): (Vec<_>, Vec<_>) =
        issues.into_iter().partition(|issue| state.issues[issue].convoys.contains(&id));
    let mut decision = Decision::nothing();
    decision.items.extend(there.iter().map(|issue| Item::same(issue, format!("already tracked by {id}"))));
    if new.is_empty() {
        return Ok(decision);
    }
    let reopened = convoy.is_closed();
    if reopened {
        decision.events.push(Event::ConvoyReopened { convoy: id.clone(), held: false });
    }
    decision.items.extend(new.iter().map(|issue| {
        let item = Item::changed(issue);
        if reopened { item.noted(format!("reopened {id}")) } else { item }
    }));
    decision.events.push(Event::ConvoyIssuesAdded { convoy: id, issues: new });
    Ok(decision)
}

/// What a template convoy tracks are the roles of its template.
fn refuse_run(convoy: &Convoy) -> Result<(), Refusal> {
    match &convoy.content.run {
        None => Ok(()),
        Some(run) => Err(Refusal::domain(
            format!(
                "convoy {} tracks the roles of template {}, and nothing else",
                convoy.content.id, run.template
            ),
            "make a convoy of issues: convoy create <name> <issue>...".to_owned(),
        )),
    }
}

/// A staged convoy has to be launched first.
pub(super) fn refuse_staged(convoy: &Convoy) -> Result<(), Refusal> {
    let id = &convoy.content.id;
    match convoy.staged() {
        None => Ok(()),
        Some(_) => Err(Refusal::domain(
            format!("convoy {id} is staged"),
            format!("launch it first: convoy launch {id}"),
        )),
    }
}

pub(super) fn start(state: &State, convoy: &str) -> Result<Decision, Refusal> {
    let id = resolve_convoy(state, convoy)?;
    let convoy = &state.convoys[&id];
    refuse_staged(convoy)?;
    if !convoy.is_open() && convoy.content.run.is_some() {
        let is = convoy.status.name();
        return Err(super::template::once(&format!("{id} is {is}, and a template convoy")));
    }
    if !convoy.is_open() {
        return Err(Refusal::domain(
            format!("convoy {id} is {}", convoy.status.name()),
            format!("add an issue to it to reopen it: convoy add {id} <issue>"),
        ));
    }
    if convoy.started_at.is_some() {
        return Ok(Decision::same(Item::same(id, "already started")));
    }
    Ok(Decision::of(Event::ConvoyStarted { convoy: id.clone() }, Item::changed(id)))
}

pub(super) fn remove(state: &State, convoy: &str, issues: &[String]) -> Result<Decision, Refusal> {
    let id = resolve_convoy(state, convoy)?;
    let convoy = &state.convoys[&id];
    refuse_run(convoy)?;
    let issues = resolve_issues(state, issues)?;
    if convoy.is_closed() {
        return Err(Refusal::domain(
            format!("convoy {id} is {}: what it tracked stays on record", convoy.status.name()),
            format!("reopen it first: convoy reopen {id}"),
        ));
    }
    let (there, absent): (Vec<_>, Vec<_>) =
        issues.into_iter().partition(|issue| state.issues[issue].convoys.contains(&id));
    let mut decision = Decision::nothing();
    decision.items.extend(absent.iter().map(|issue| Item::same(issue, format!("not tracked by {id}"))));
    if there.is_empty() {
        return Ok(decision);
    }
    decision.items.extend(there.iter().map(|issue| {
        let worker = state.issues[issue].worker.as_ref().and_then(|worker| state.workers.get(worker));
        match worker.filter(|worker| worker.state.is_active()) {
            Some(worker) => {
                let note = format!(
                    "{} goes on with it; to stop that: convoy work release {issue}",
                    worker.content.id
                );
                Item::changed(issue).noted(note)
            }
            None => Item::changed(issue),
        }
    }));
    decision.events.push(Event::ConvoyIssuesRemoved { convoy: id, issues: there });
    Ok(decision)
}

pub(super) fn watch(
    state: &State,
    convoy: &str,
    who: Option<&str>,
    ctx: &Context<'_>,
) -> Result<Decision, Refusal> {
    let (id, who) = (resolve_convoy(state, convoy)?, watcher(who, ctx)?);
    let found = &state.convoys[&id];
    if found.recipients().contains(&who) {
        return Ok(Decision::same(Item::same(&id, format!("{who} is told already"))));
    }
    if found.content.notify.len() + found.watchers.len() >= NOTIFY_MAX {
        return Err(Refusal::invalid("addr", format!("at most {NOTIFY_MAX} addresses are told of a convoy")));
    }
    let item = Item::changed(&id).noted(format!("{who} will be told"));
    Ok(Decision::of(Event::ConvoyWatched { convoy: id, address: who }, item))
}

pub(super) fn unwatch(
    state: &State,
    convoy: &str,
    who: Option<&str>,
    ctx: &Context<'_>,
) -> Result<Decision, Refusal> {
    let (id, who) = (resolve_convoy(state, convoy)?, watcher(who, ctx)?);
    let found = &state.convoys[&id];
    if !found.watchers.contains(&who) && !found.content.notify.contains(&who) {
        let note = match found.content.owner == who {
            true => format!("{who} owns it, and is told as its owner"),
            false => format!("{who} does not watch it"),
        };
        return Ok(Decision::same(Item::same(&id, note)));
    }
    let item = Item::changed(&id).noted(format!("{who} is told no more"));
    Ok(Decision::of(Event::ConvoyUnwatched { convoy: id, address: who }, item))
}

fn watcher(who: Option<&str>, ctx: &Context<'_>) -> Result<Address, Refusal> {
    who.map_or_else(|| Ok(ctx.actor.clone()), |text| address("addr", text))
}
