//! Sling and assign: a person has named issues worked on.

use super::convoy::refuse_staged;
use super::refs::{check_branch, resolve_convoy, resolve_issue, resolve_issues};
use super::target::Target;
use super::work::{Wishes, ending, new_worker, room, wanted};
use super::{Context, Decision, Item};
use crate::command::Request;
use crate::convoy::{Convoy, NewConvoy};
use crate::event::Event;
use crate::id::{EpicName, IssueId};
use crate::issue::{Issue, Status};
use crate::ledger::Level;
use crate::money::Money;
use crate::policy::RigHold;
use crate::refusal::Refusal;
use crate::state::State;
use crate::worker::WorkerState;

/// Why an issue cannot be slung, or that it need not be.
enum Guard {
    Free,
    Busy(String),
    Refused(Refusal),
}

fn guard(state: &State, issue: &Issue) -> Guard {
    let id = &issue.content.id;
    if issue.was_closed() {
        return Guard::Refused(Refusal::domain(
            format!("{id} is closed"),
            format!("reopen it: convoy issue reopen {id}"),
        ));
    }
    if !issue.is_workable() {
        let kind = issue.content.issue_type.name();
        return Guard::Refused(Refusal::domain(
            format!("{id} is of type {kind}"),
            format!("have its parts worked on: convoy launch {id}"),
        ));
    }
    if let Some(word) = &issue.held {
        return Guard::Refused(Refusal::domain(
            format!("{id} is held ({word})"),
            format!("if it is to be worked on here: convoy issue reopen {id}"),
        ));
    }
    match issue.worker.as_ref().and_then(|worker| state.workers.get(worker)) {
        Some(worker) if worker.intent.is_some() => Guard::Refused(ending(id, worker)),
        Some(worker) if worker.state.is_active() => {
            let name = worker.content.full_name();
            Guard::Busy(match worker.state {
                WorkerState::Submitted(_) => format!("its branch by {name} waits to be merged"),
                _ => format!("already being worked on by {name}"),
            })
        }
        _ => Guard::Free,
    }
}

/// No new work begins in a parked rig, unless a person insists.
fn parked(ctx: &Context<'_>, issue: &Issue) -> Option<Refusal> {
    let rig = &issue.content.rig;
    (ctx.policy.hold(rig) == Some(RigHold::Parked)).then(|| {
        Refusal::domain(
            format!("{}: rig {rig} is parked", issue.content.id),
            format!("let work begin in it: convoy rig unpark {rig}; or sling with --force"),
        )
    })
}

pub(super) fn sling(state: &State, request: &Request, ctx: &mut Context<'_>) -> Result<Decision, Refusal> {
    let Request::Sling { issues, target, agent, model, base, no_convoy, force, budget } = request else {
        return Ok(Decision::nothing());
    };
    let (issues, target) = with_target(state, ctx, issues, target.as_deref())?;
    let ids = resolve_issues(state, issues).map_err(|error| about_convoys(state, issues, error))?;
    if ids.is_empty() {
        return Err(Refusal::invalid("issue", "expected at least one"));
    }
    if let Some(target) = &target {
        target.check(state, &ids)?;
    }
    let mut decision = Decision::nothing();
    let mut free = Vec::new();
    for id in &ids {
        let issue = &state.issues[id];
        match (guard(state, issue), parked(ctx, issue).filter(|_| !force)) {
            (Guard::Busy(note), _) => decision.items.push(Item::same(id, note)),
            (Guard::Refused(refusal), _) | (Guard::Free, Some(refusal)) => {
                decision.items.push(Item::refused(id, refusal));
            }
            (Guard::Free, None) => free.push(id.clone()),
        }
    }
    let wishes = Wishes {
        agent: agent.as_deref(),
        model: model.as_deref(),
        base: base.as_deref(),
        name: target.as_ref().and_then(|target| target.name.as_ref()),
        although_parked: *force,
        budget: *budget,
    };
    let (tracked, loose): (Vec<IssueId>, Vec<IssueId>) =
        free.into_iter().partition(|id| *no_convoy || open_convoy(state, id).is_some());
    let mut slots = 0;
    for id in &tracked {
        let convoy = open_convoy(state, id);
        match blocked(state, id) {
            Some(refusal) => decision.items.push(Item::refused(id, refusal)),
            None => assign_one(state, id, convoy, &wishes, &mut slots, &mut decision, ctx)?,
        }
    }
    if !loose.is_empty() {
        in_new_convoy(state, &loose, &wishes, &mut slots, &mut decision, ctx)?;
    }
    // As they were asked for.
    decision.items.sort_by_key(|item| ids.iter().position(|id| *id.as_str() == item.id));
    match (decision.events.is_empty(), decision.items.as_slice()) {
        (true, [Item { error: Some(refusal), .. }]) => Err(refusal.clone()),
        _ => Ok(decision),
    }
}

/// The last of several words is the target if it is the name of a rig and of no issue: names of rigs may have the
/// form of ids.
fn with_target<'a>(
    state: &State,
    ctx: &Context<'_>,
    words: &'a [String],
    target: Option<&str>,
) -> Result<(&'a [String], Option<Target>), Refusal> {
    if let Some(text) = target {
        return Ok((words, Some(Target::new(ctx.policy, text)?)));
    }
    if let [first @ .., last] = words
        && !first.is_empty()
        && ctx.policy.rigs.contains_key(last.as_str())
        && resolve_issue(state, last).is_err()
    {
        return Ok((first, Some(Target::new(ctx.policy, last)?)));
    }
    Ok((words, None))
}

/// Whoever names a convoy among issues is told what to do with convoys.
fn about_convoys(state: &State, words: &[String], error: Refusal) -> Refusal {
    let mut convoys = words.iter().filter_map(|word| resolve_convoy(state, word).ok());
    match (&error, convoys.next()) {
        (Refusal::NoSuch { .. }, Some(convoy)) => Refusal::domain(
            format!("{convoy} is a convoy, and only issues are slung"),
            format!("have it worked on as a whole: convoy launch {convoy}"),
        ),
        _ => error,
    }
}

/// The open convoy that an issue is worked on for: one that was started before one that only tracks, then the oldest.
fn open_convoy<'a>(state: &'a State, id: &IssueId) -> Option<&'a Convoy> {
    let convoys = state.issues[id].convoys.iter().filter_map(|convoy| state.convoys.get(convoy));
    let open = convoys.filter(|convoy| convoy.is_open());
    open.min_by_key(|convoy| (convoy.started_at.is_none(), convoy.number))
}

fn blocked(state: &State, id: &IssueId) -> Option<Refusal> {
    let open: Vec<&str> = state.open_blockers(&state.issues[id]).map(IssueId::as_str).collect();
    (!open.is_empty()).then(|| {
        Refusal::domain(
            format!("{id} is blocked by {}", open.join(", ")),
            "have its convoy worked on as a whole, and it starts when they are closed: convoy run <convoy>",
        )
    })
}

/// Gives the issue a worker, and a session at once if there is room.
fn assign_one(
    state: &State,
    id: &IssueId,
    convoy: Option<&Convoy>,
    wishes: &Wishes<'_>,
    slots: &mut u32,
    decision: &mut Decision,
    ctx: &mut Context<'_>,
) -> Result<(), Refusal> {
    let issue = &state.issues[id];
    let worker = new_worker(state, issue, convoy, wishes, ctx)?;
    // What cannot be read may be done with, or somebody else's.
    let unknown = crate::why::unknown(state, issue);
    let hold = unknown.or_else(|| crate::why::hold_of(ctx.policy, &worker));
    let hold = hold.or_else(|| crate::why::over_budget(state, ctx.policy, &worker, ctx.now));
    let waits = hold.as_ref().map(|reason| format!("; it waits: {}", reason.text)).unwrap_or_default();
    let item = Item::changed(id).noted(format!("assigned to {}{waits}", worker.full_name()));
    let at_once = *slots == 0 && hold.is_none() && room(state, ctx.policy, &worker).is_ok();
    let session = at_once.then(|| wanted(state, &worker.id, 1, ctx));
    *slots += 1;
    let limit = super::budget_set::of(Level::Worker(worker.id.clone()), wishes.budget)?;
    decision.events.push(Event::WorkerAssigned { worker });
    decision.events.extend(limit);
    decision.events.extend(session);
    decision.items.push(item);
    Ok(())
}

/// One convoy for issues that are in none: made, started and manned in one batch, or nothing.
fn in_new_convoy(
    state: &State,
    ids: &[IssueId],
    wishes: &Wishes<'_>,
    slots: &mut u32,
    decision: &mut Decision,
    ctx: &mut Context<'_>,
) -> Result<(), Refusal> {
    let agent = wishes.agent.map(|text| super::work::known_agent(ctx.policy, text)).transpose()?;
    check_branch(wishes.base)?;
    let title = match ids {
        [one] => format!("Work: {one}"),
        [first, rest @ ..] => format!("Work: {first} and {} more", rest.len()),
        [] => return Ok(()),
    };
    let convoy = NewConvoy {
        id: ctx.entropy.convoy(state),
        title,
        tracked: ids.to_vec(),
        owner: ctx.actor.clone(),
        notify: ctx.policy.notify.clone(),
        merge: ctx.policy.merge,
        base: wishes.base.map(str::to_owned),
        max_parallel: None,
        agent,
        model: wishes.model.map(str::to_owned),
        epic: None,
        owned: false,
        due: None,
        run: None,
    };
    let convoy_id = convoy.id.clone();
    decision.events.push(Event::ConvoyCreated { convoy });
    decision.events.push(Event::ConvoyStarted { convoy: convoy_id.clone() });
    for id in ids {
        // What waits for another of the same sling is dispatched when that is closed: the convoy is started.
        if blocked(state, id).is_some() {
            let note = format!("waits for its blockers in {convoy_id}");
            decision.items.push(Item::changed(id).noted(note));
            continue;
        }
        let before = decision.events.len();
        assign_one(state, id, None, wishes, slots, decision, ctx)?;
        for event in &mut decision.events[before..] {
            if let Event::WorkerAssigned { worker } = event {
                worker.convoy = Some(convoy_id.clone());
            }
        }
    }
    Ok(())
}

/// An issue is given to an agent for an epic: in the open convoy that it is in, or in none.
pub(super) fn for_epic(
    state: &State,
    id: &IssueId,
    epic: &EpicName,
    agent: Option<&str>,
    model: Option<&str>,
    ctx: &mut Context<'_>,
) -> Result<Decision, Refusal> {
    let issue = &state.issues[id];
    match guard(state, issue) {
        Guard::Busy(note) => return Ok(Decision::same(Item::same(id, note))),
        Guard::Refused(refusal) => return Err(refusal),
        Guard::Free => {}
    }
    if let Some(refusal) = blocked(state, id).or_else(|| parked(ctx, issue)) {
        return Err(refusal);
    }
    let mut decision = Decision::nothing();
    let wishes = Wishes { agent, model, ..Wishes::default() };
    assign_one(state, id, open_convoy(state, id), &wishes, &mut 0, &mut decision, ctx)?;
    for event in &mut decision.events {
        if let Event::WorkerAssigned { worker } = event {
            worker.epic = Some(epic.clone());
        }
    }
    Ok(decision)
}

pub(super) fn assign(
    state: &State,
    issue: &str,
    convoy: &str,
    agent: Option<&str>,
    model: Option<&str>,
    budget: Option<Money>,
    ctx: &mut Context<'_>,
) -> Result<Decision, Refusal> {
    let id = resolve_issue(state, issue)?;
    let convoy_id = resolve_convoy(state, convoy)?;
    let convoy = &state.convoys[&convoy_id];
    let issue = &state.issues[&id];
    refuse_staged(convoy)?;
    if !convoy.is_open() {
        return Err(Refusal::domain(
            format!("convoy {convoy_id} is {}", convoy.status.name()),
            format!("add the issue to reopen it: convoy add {convoy_id} {id}"),
        ));
    }
    if !issue.convoys.contains(&convoy_id) {
        return Err(Refusal::domain(
            format!("{id} is not tracked by {convoy_id}"),
            format!("add it first: convoy add {convoy_id} {id}"),
        ));
    }
    match guard(state, issue) {
        Guard::Busy(note) => return Ok(Decision::same(Item::same(id, note))),
        Guard::Refused(refusal) => return Err(refusal),
        Guard::Free => {}
    }
    if let (Some(refusal), Status::Open | Status::NeedsHuman { .. }) = (blocked(state, &id), &issue.status) {
        return Err(refusal);
    }
    if let Some(refusal) = parked(ctx, issue) {
        return Err(refusal);
    }
    let mut decision = Decision::nothing();
    let wishes = Wishes { agent, model, base: None, name: None, although_parked: false, budget };
    assign_one(state, &id, Some(convoy), &wishes, &mut 0, &mut decision, ctx)?;
    Ok(decision)
}
