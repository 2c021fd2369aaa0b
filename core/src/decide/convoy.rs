//! Convoy requests, and the one place where a convoy lands.

use super::refs::{check_branch, resolve_convoy, resolve_issues};
use super::tell::tell;
use super::work::let_go;
use super::{Context, Decision, Item};
use crate::address::Address;
use crate::command::Request;
use crate::convoy::{Convoy, NAME_CHARS_MAX, NewConvoy, Observer, Status, TRACKED_MAX};
use crate::event::Event;
use crate::id::ConvoyId;
use crate::notice::NoticeKind;
use crate::refusal::Refusal;
use crate::state::State;

/// How many issues a notice lists: each recipient has a copy of it, and one batch has a limit.
const LISTED_MAX: usize = 100;
/// The most subscribers of a convoy.
const NOTIFY_MAX: usize = 100;

pub(super) fn create(state: &State, request: &Request, ctx: &mut Context<'_>) -> Result<Decision, Refusal> {
    let Request::ConvoyCreate { name, issues, owner, notify, merge, base, max_parallel, start } = request
    else {
        return Ok(Decision::nothing());
    };
    if name.trim().is_empty() || name.chars().count() > NAME_CHARS_MAX {
        return Err(Refusal::invalid("name", format!("expected 1 to {NAME_CHARS_MAX} characters")));
    }
    if name.starts_with('-') {
        return Err(Refusal::invalid("name", "looks like a flag: begin it with another character"));
    }
    if issues.is_empty() {
        return Err(Refusal::invalid("issue", "a convoy needs at least one issue"));
    }
    if *max_parallel == Some(0) {
        return Err(Refusal::invalid("max-parallel", "expected at least 1"));
    }
    let tracked = resolve_issues(state, issues)?;
    if tracked.len() > TRACKED_MAX {
        return Err(Refusal::invalid("issue", format!("at most {TRACKED_MAX} issues in a convoy")));
    }
    check_branch(base.as_deref())?;
    let owner = match owner {
        Some(text) => address("owner", text)?,
        None => ctx.actor.clone(),
    };
    let mut addresses = notify.iter().map(|text| address("notify", text)).collect::<Result<Vec<_>, _>>()?;
    if addresses.is_empty() {
        addresses.clone_from(&ctx.policy.notify);
    }
    if addresses.len() > NOTIFY_MAX {
        return Err(Refusal::invalid("notify", format!("at most {NOTIFY_MAX} addresses")));
    }
    let id = ctx.entropy.convoy(state);
    let convoy = NewConvoy {
        id: id.clone(),
        title: name.clone(),
        tracked,
        owner,
        notify: addresses,
        merge: merge.unwrap_or(ctx.policy.merge),
        base: base.clone(),
        max_parallel: *max_parallel,
        agent: None,
        model: None,
    };
    let item = match convoy.tracked.iter().all(|issue| state.issues[issue].is_closed()) {
        true => Item::changed(&id).noted("every issue is closed: it has landed"),
        false => Item::changed(&id),
    };
    let mut decision = Decision::of(Event::ConvoyCreated { convoy }, item);
    if *start {
        decision.events.push(Event::ConvoyStarted { convoy: id });
    }
    Ok(decision)
}

fn address(field: &'static str, text: &str) -> Result<Address, Refusal> {
    Address::new(text).map_err(|error| Refusal::invalid(field, error))
}

pub(super) fn add(state: &State, convoy: &str, issues: &[String]) -> Result<Decision, Refusal> {
    let id = resolve_convoy(state, convoy)?;
    let convoy = &state.convoys[&id];
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
    let reopened = !convoy.is_open();
    if reopened {
        decision.events.push(Event::ConvoyReopened { convoy: id.clone() });
    }
    decision.items.extend(new.iter().map(|issue| {
        let item = Item::changed(issue);
        if reopened { item.noted(format!("reopened {id}")) } else { item }
    }));
    decision.events.push(Event::ConvoyIssuesAdded { convoy: id, issues: new });
    Ok(decision)
}

pub(super) fn start(state: &State, convoy: &str) -> Result<Decision, Refusal> {
    let id = resolve_convoy(state, convoy)?;
    let convoy = &state.convoys[&id];
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

pub(super) fn check(state: &State, convoy: Option<&str>, ctx: &mut Context<'_>) -> Result<Decision, Refusal> {
    let ids: Vec<ConvoyId> = match convoy {
        Some(text) => vec![resolve_convoy(state, text)?],
        None => state.index.open.iter().map(|(_, id)| id.clone()).collect(),
    };
    let mut decision = Decision::nothing();
    for id in ids {
        let found = &state.convoys[&id];
        if found.is_open() && found.is_complete() {
            decision.events.extend(land(state, found, Observer::Person, ctx));
            decision.items.push(Item::changed(&id));
        } else if convoy.is_some() {
            let note = match &found.status {
                Status::Open if found.content.tracked.is_empty() => "tracks nothing".to_owned(),
                Status::Open => {
                    format!("{} of {} issues are open", found.open_count, found.content.tracked.len())
                }
                Status::Landed { .. } => "already landed".to_owned(),
                Status::Abandoned { .. } => "already abandoned".to_owned(),
            };
            decision.items.push(Item::same(&id, note));
        }
    }
    Ok(decision)
}

pub(super) fn close(
    state: &State,
    convoy: &str,
    reason: Option<&str>,
    notify: &[String],
    ctx: &mut Context<'_>,
) -> Result<Decision, Refusal> {
    let id = resolve_convoy(state, convoy)?;
    let convoy = &state.convoys[&id];
    let extra = notify.iter().map(|text| address("notify", text)).collect::<Result<Vec<_>, _>>()?;
    if !convoy.is_open() {
        return Ok(Decision::same(Item::same(&id, format!("already {}", convoy.status.name()))));
    }
    let landing_epoch = convoy.landing_epoch + 1;
    let complete = convoy.is_complete();
    let mut events = Vec::new();
    if complete {
        events.push(Event::ConvoyLanded { convoy: id.clone(), landing_epoch, observer: Observer::Person });
    } else {
        let open: Vec<_> = convoy
            .content
            .tracked
            .iter()
            .filter(|issue| !state.issues[*issue].is_closed())
            .cloned()
            .collect();
        let workers = state.index.active.iter().filter_map(|worker| state.workers.get(worker));
        for worker in workers.filter(|worker| worker.content.convoy.as_ref() == Some(&id)) {
            events.extend(let_go(state, worker, "its convoy was closed"));
        }
        let reason = reason.map(str::to_owned);
        events.push(Event::ConvoyAbandoned { convoy: id.clone(), landing_epoch, reason, open });
    }
    let (subject, body, kind) = closing_text(state, convoy, reason, complete, ctx);
    let mut to = convoy.recipients();
    to.extend(extra);
    events.extend(tell(state, to, kind, &subject, &body, Some((&id, landing_epoch)), ctx));
    let note = if complete { "every issue was closed: landed" } else { "abandoned" };
    Ok(Decision { events, items: vec![Item::changed(&id).noted(note)] })
}

fn closing_text(
    state: &State,
    convoy: &Convoy,
    reason: Option<&str>,
    complete: bool,
    ctx: &Context<'_>,
) -> (String, String, NoticeKind) {
    let (what, kind) = if complete {
        ("Closed", NoticeKind::ConvoyLanded)
    } else {
        ("Abandoned", NoticeKind::ConvoyAbandoned)
    };
    let subject = format!("Convoy {what}: {} ({})", convoy.content.title, convoy.content.id);
    let reason = reason.map(|reason| format!("Reason: {reason}\n")).unwrap_or_default();
    (subject.clone(), landing_body(state, convoy, &subject, &reason, ctx), kind)
}

/// Lands a complete convoy: the fact, and a notice for each recipient, once per landing epoch.
pub(super) fn land(state: &State, convoy: &Convoy, observer: Observer, ctx: &mut Context<'_>) -> Vec<Event> {
    let id = &convoy.content.id;
    let landing_epoch = convoy.landing_epoch + 1;
    let subject = format!("Convoy Landed: {} ({id})", convoy.content.title);
    let body = landing_body(state, convoy, &subject, "", ctx);
    let mut events = vec![Event::ConvoyLanded { convoy: id.clone(), landing_epoch, observer }];
    let kind = NoticeKind::ConvoyLanded;
    events.extend(tell(state, convoy.recipients(), kind, &subject, &body, Some((id, landing_epoch)), ctx));
    events
}

fn landing_body(state: &State, convoy: &Convoy, subject: &str, reason: &str, ctx: &Context<'_>) -> String {
    use std::fmt::Write as _;
    let mut body = format!("🚚 {subject}\n{reason}\nIssues ({}):\n", convoy.content.tracked.len());
    for id in convoy.content.tracked.iter().take(LISTED_MAX) {
        if let Some(issue) = state.issues.get(id) {
            let glyph = match (issue.is_closed(), issue.is_unknown()) {
                (true, _) => '✓',
                (false, true) => '?',
                (false, false) => '○',
            };
            let _ = writeln!(body, "  {glyph} {id}: {}", issue.content.title);
        }
    }
    let more = convoy.content.tracked.len().saturating_sub(LISTED_MAX);
    if more > 0 {
        let _ = writeln!(body, "  … and {more} more");
    }
    let since = convoy.started_at.unwrap_or(convoy.created_at);
    let _ = write!(body, "\nDuration: {}", ctx.now.since(since));
    body
}
