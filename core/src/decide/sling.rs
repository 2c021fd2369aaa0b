//! Sling and assign: a person has named issues worked on.

use super::refs::{check_branch, resolve_convoy, resolve_issues};
use super::work::{Wishes, ending, new_worker, room, wanted};
use super::{Context, Decision, Item};
use crate::command::Request;
use crate::convoy::NewConvoy;
use crate::event::Event;
use crate::id::IssueId;
use crate::issue::{Issue, Status};
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
    if issue.is_closed() {
        return Guard::Refused(Refusal::domain(
            format!("{id} is closed"),
            format!("reopen it: convoy issue reopen {id}"),
        ));
    }
    if !issue.is_workable() {
        let kind = issue.content.issue_type.name();
        return Guard::Refused(Refusal::domain(format!("{id} is of type {kind}"), "sling its parts instead"));
    }
    match issue.worker.as_ref().and_then(|worker| state.workers.get(worker)) {
        Some(worker) if worker.intent.is_some() => Guard::Refused(ending(id, worker)),
        Some(worker) if worker.state.is_active() => {
            let name = &worker.content.id;
            Guard::Busy(match worker.state {
                WorkerState::Submitted(_) => format!("its branch by {name} waits to be merged"),
                _ => format!("already being worked on by {name}"),
            })
        }
        _ => Guard::Free,
    }
}

pub(super) fn sling(state: &State, request: &Request, ctx: &mut Context<'_>) -> Result<Decision, Refusal> {
    let Request::Sling { issues, target, agent, model, base, no_convoy, force: _ } = request else {
        return Ok(Decision::nothing());
    };
    let ids = resolve_issues(state, issues)?;
    if ids.is_empty() {
        return Err(Refusal::invalid("issue", "expected at least one"));
    }
    check_target(state, &ids, target.as_deref(), ctx)?;
    let mut decision = Decision::nothing();
    let mut free = Vec::new();
    for id in &ids {
        match guard(state, &state.issues[id]) {
            Guard::Free => free.push(id.clone()),
            Guard::Busy(note) => decision.items.push(Item::same(id, note)),
            Guard::Refused(refusal) => decision.items.push(Item::refused(id, refusal)),
        }
    }
    if let (true, [Item { error: Some(refusal), .. }]) = (free.is_empty(), decision.items.as_slice()) {
        return Err(refusal.clone());
    }
    let wishes = Wishes { agent: agent.as_deref(), model: model.as_deref(), base: base.as_deref() };
    let (tracked, loose): (Vec<IssueId>, Vec<IssueId>) = free.into_iter().partition(|id| {
        *no_convoy || state.issues[id].convoys.iter().any(|convoy| state.convoys[convoy].is_open())
    });
    let mut slots = 0;
    for id in &tracked {
        let convoy =
            state.issues[id].convoys.iter().map(|convoy| &state.convoys[convoy]).find(|c| c.is_open());
        match blocked(state, id) {
            Some(refusal) => decision.items.push(Item::refused(id, refusal)),
            None => assign_one(state, id, convoy, &wishes, &mut slots, &mut decision, ctx)?,
        }
    }
    if !loose.is_empty() {
        in_new_convoy(state, &loose, &wishes, &mut slots, &mut decision, ctx)?;
    }
    match (decision.events.is_empty(), decision.items.as_slice()) {
        (true, [Item { error: Some(refusal), .. }]) => Err(refusal.clone()),
        _ => Ok(decision),
    }
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

fn check_target(
    state: &State,
    ids: &[IssueId],
    target: Option<&str>,
    ctx: &Context<'_>,
) -> Result<(), Refusal> {
    let Some(target) = target else { return Ok(()) };
    let target = target.trim_end_matches('/');
    if !ctx.policy.rigs.keys().any(|rig| rig.as_str() == target) {
        let known: Vec<&str> = ctx.policy.rigs.keys().map(crate::id::RigName::as_str).collect();
        return Err(Refusal::invalid(
            "target",
            format!("{target:?} is no rig; known are: {}", known.join(", ")),
        ));
    }
    for id in ids {
        let rig = &state.issues[id].content.rig;
        if rig.as_str() != target {
            return Err(Refusal::invalid("target", format!("{id} belongs to rig {rig}, not {target}")));
        }
    }
    Ok(())
}

/// Gives the issue a worker, and a session at once if there is room.
fn assign_one(
    state: &State,
    id: &IssueId,
    convoy: Option<&crate::convoy::Convoy>,
    wishes: &Wishes<'_>,
    slots: &mut u32,
    decision: &mut Decision,
    ctx: &mut Context<'_>,
) -> Result<(), Refusal> {
    let worker = new_worker(state, &state.issues[id], convoy, wishes, ctx)?;
    let hold = crate::why::hold(ctx.policy, &worker.rig);
    let waits = hold.as_ref().map(|reason| format!("; it waits: {}", reason.text)).unwrap_or_default();
    let item = Item::changed(id).noted(format!("assigned to {}/{}{waits}", worker.rig, worker.id));
    let at_once = *slots == 0 && hold.is_none() && room(state, ctx.policy, &worker).is_ok();
    let session = at_once.then(|| wanted(state, &worker.id, 1, ctx));
    *slots += 1;
    decision.events.push(Event::WorkerAssigned { worker });
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

pub(super) fn assign(
    state: &State,
    issue: &str,
    convoy: &str,
    agent: Option<&str>,
    model: Option<&str>,
    ctx: &mut Context<'_>,
) -> Result<Decision, Refusal> {
    let id = super::resolve_issue(state, issue)?;
    let convoy_id = resolve_convoy(state, convoy)?;
    let convoy = &state.convoys[&convoy_id];
    let issue = &state.issues[&id];
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
    let mut decision = Decision::nothing();
    let wishes = Wishes { agent, model, base: None };
    assign_one(state, &id, Some(convoy), &wishes, &mut 0, &mut decision, ctx)?;
    Ok(decision)
}
