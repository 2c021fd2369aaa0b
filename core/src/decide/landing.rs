//! How convoys end: landing, closing, and opening again.
//!
//! Whoever notices that a convoy is complete comes through `land_by`, so that a landing is one fact with one notice
//! for each recipient. Who may notice is configuration; who did is recorded.

use super::convoy::{address, refuse_staged};
use super::refs::resolve_convoy;
use super::tell::{on_one_line, tell};
use super::work::let_go;
use super::{Command, Context, Decision, Item};
use crate::address::Address;
use crate::command::{Observed, Request};
use crate::convoy::{Convoy, Observer, Status};
use crate::event::Event;
use crate::id::IssueId;
use crate::import::ImportedStatus;
use crate::issue::Issue;
use crate::notice::NoticeKind;
use crate::policy::Observers;
use crate::refusal::Refusal;
use crate::state::State;

/// How many convoys one patrol lands, because a batch has a limit; the next one goes on.
const PATROLLED_MAX: usize = 1000;
/// How many issues a notice lists: each recipient has a copy of it, and one batch has a limit.
const LISTED_MAX: usize = 100;
/// How much of a title such a list shows, in characters: for a hundred recipients it is kept a hundred times.
const LISTED_TITLE_CHARS_MAX: usize = 120;

/// Lands every convoy that these events completed, if somebody who is switched on noticed.
pub(super) fn settle(state: &mut State, command: &Command, events: &mut Vec<Event>, ctx: &mut Context<'_>) {
    let observer = noticed_by(command, events, &ctx.policy.observers);
    while let Some(id) = state.index.touched.pop_first() {
        let Some(observer) = observer else { continue };
        let Some(convoy) = state.convoys.get(&id).filter(|convoy| convoy.is_due_to_land()) else { continue };
        for event in land_by(state, convoy, observer, ctx) {
            state.apply(&event, ctx.now, ctx.actor.as_str());
            events.push(event);
        }
    }
}

/// Who notices what this command completes: the nearest to it first, then the close itself, then the end of a worker.
fn noticed_by(command: &Command, events: &[Event], switches: &Observers) -> Option<Observer> {
    let nearest = match command {
        Command::Request(request) => is_about_membership(request).then_some(Observer::Person),
        Command::Observed(Observed::Merge { .. } | Observed::Batch { .. }) => Some(Observer::Merger),
        Command::Observed(Observed::Patrol) => Some(Observer::Patrol),
        Command::Observed(Observed::Found { .. } | Observed::Synthesized { .. }) => Some(Observer::Witness),
        Command::Observed(Observed::Tracker { .. }) | Command::Made(_) => Some(Observer::Tracker),
        Command::Observed(_) => None,
    };
    let closed = events.iter().any(closes_an_issue);
    let ended = events.iter().any(ends_a_worker);
    [nearest, closed.then_some(Observer::Close), ended.then_some(Observer::Witness)]
        .into_iter()
        .flatten()
        .find(|observer| switches.allow(*observer))
}

/// Whether a person changes with it what convoys track, rather than an issue.
fn is_about_membership(request: &Request) -> bool {
    match request {
        Request::ConvoyCreate { .. }
        | Request::ConvoyImport { .. }
        | Request::ConvoyAdd { .. }
        | Request::ConvoyRemove { .. }
        | Request::ConvoyCheck { .. }
        | Request::ConvoyStart { .. }
        | Request::Stage { .. }
        | Request::Launch { .. }
        | Request::Sling { .. } => true,
        Request::IssueCreate { .. }
        | Request::IssueImport { .. }
        | Request::RecordImport { .. }
        | Request::IssueUpdate { .. }
        | Request::IssueClose { .. }
        | Request::IssueReopen { .. }
        | Request::DependencyAdd { .. }
        | Request::DependencyRemove { .. }
        | Request::ConvoyClose { .. }
        | Request::ConvoyReopen { .. }
        | Request::ConvoyLand { .. }
        | Request::TemplateStart { .. }
        | Request::ConvoyStop { .. }
        | Request::ConvoySynthesize { .. }
        | Request::ConvoyWatch { .. }
        | Request::ConvoyUnwatch { .. }
        | Request::BudgetSet { .. }
        | Request::Assign { .. }
        | Request::WorkRetry { .. }
        | Request::WorkStop { .. }
        | Request::WorkRelease { .. }
        | Request::MergeRetry { .. }
        | Request::MergeReject { .. }
        | Request::SessionStart { .. }
        | Request::SessionBackground { .. }
        | Request::SessionPause { .. }
        | Request::SessionResume { .. }
        | Request::SessionComplete { .. }
        | Request::CheckpointCreate { .. }
        | Request::MailRead { .. }
        | Request::MailSend { .. }
        | Request::MailArchive { .. }
        | Request::MailRetry { .. } => false,
    }
}

fn closes_an_issue(event: &Event) -> bool {
    match event {
        Event::IssueClosed { .. } => true,
        Event::IssueImported { issue } => matches!(issue.state, ImportedStatus::Closed(_)),
        _ => false,
    }
}

fn ends_a_worker(event: &Event) -> bool {
    matches!(
        event,
        Event::WorkerDone { .. }
            | Event::WorkerReleased { .. }
            | Event::WorkerStopped { .. }
            | Event::WorkerFailed { .. }
    )
}

/// The patrol lands what everybody else missed.
pub(super) fn patrol(state: &State, ctx: &mut Context<'_>) -> Vec<Event> {
    if !ctx.policy.observers.patrol {
        return Vec::new();
    }
    let open = state.index.open.iter().filter_map(|(_, id)| state.convoys.get(id));
    let due: Vec<&Convoy> = open.filter(|convoy| convoy.is_due_to_land()).take(PATROLLED_MAX).collect();
    due.into_iter().flat_map(|convoy| land_by(state, convoy, Observer::Patrol, ctx)).collect()
}

pub(super) fn check(state: &State, convoy: Option<&str>, ctx: &mut Context<'_>) -> Result<Decision, Refusal> {
    let mut decision = Decision::nothing();
    let Some(text) = convoy else {
        for (_, id) in &state.index.open {
            let found = &state.convoys[id];
            if found.is_due_to_land() {
                decision.events.extend(land_by(state, found, Observer::Person, ctx));
                decision.items.push(Item::changed(id));
            }
        }
        return Ok(decision);
    };
    let id = resolve_convoy(state, text)?;
    let found = &state.convoys[&id];
    if found.is_open() && found.is_complete() && !found.content.owned && !found.lacks_report() {
        decision.events.extend(land_by(state, found, Observer::Person, ctx));
        decision.items.push(Item::changed(&id));
        return Ok(decision);
    }
    let note = match &found.status {
        Status::Open if found.content.tracked.is_empty() => "tracks nothing".to_owned(),
        Status::Open if found.is_complete() && found.lacks_report() => {
            "every role has ended, and its report is being made".to_owned()
        }
        Status::Open if found.is_complete() => {
            format!("every issue is closed, and its owner lands it: convoy land {id}")
        }
        Status::Staged(_) => format!("it is staged; launch it: convoy launch {id}"),
        Status::Open => format!("{} of {} issues are open", found.open_count, found.content.tracked.len()),
        Status::Landed { .. } => "already landed".to_owned(),
        Status::Abandoned { .. } => "already abandoned".to_owned(),
    };
    decision.items.push(Item::same(&id, note));
    Ok(decision)
}

pub(super) fn land(state: &State, convoy: &str, ctx: &mut Context<'_>) -> Result<Decision, Refusal> {
    let id = resolve_convoy(state, convoy)?;
    let convoy = &state.convoys[&id];
    if convoy.is_closed() {
        return Ok(Decision::same(Item::same(&id, format!("already {}", convoy.status.name()))));
    }
    refuse_staged(convoy)?;
    if !convoy.content.owned {
        return Err(Refusal::domain(
            format!("convoy {id} is not owned: it lands by itself when its last issue is closed"),
            format!("to look at it again: convoy check {id}; to end it as it is: convoy close {id}"),
        ));
    }
    if !convoy.is_complete() {
        let open = open_issues(state, convoy);
        let named: Vec<&str> = open.iter().take(LISTED_MAX).map(IssueId::as_str).collect();
        return Err(Refusal::domain(
            format!("convoy {id} still has open issues: {}", named.join(", ")),
            format!("close them, or end it as it is: convoy close {id} --reason <text>"),
        ));
    }
    let events = land_by(state, convoy, Observer::Person, ctx);
    Ok(Decision { events, items: vec![Item::changed(&id)] })
}

pub(super) fn reopen(state: &State, convoy: &str) -> Result<Decision, Refusal> {
    let id = resolve_convoy(state, convoy)?;
    let convoy = &state.convoys[&id];
    if !convoy.is_closed() {
        return Ok(Decision::same(Item::same(&id, format!("already {}", convoy.status.name()))));
    }
    if convoy.content.run.is_some() {
        return Err(super::template::once(&format!("{id} is a template convoy")));
    }
    // What cannot be read for a while was closed all the same: that it can be read again is no reason to land.
    let tracked = &convoy.content.tracked;
    let held = !tracked.is_empty() && tracked.iter().all(|issue| state.issues[issue].was_closed());
    let item = match held {
        true => Item::changed(&id).noted(format!(
            "every issue is closed: it is held open until one of them or what it tracks changes, or 'convoy check {id}'"
        )),
        false => Item::changed(&id),
    };
    Ok(Decision::of(Event::ConvoyReopened { convoy: id, held }, item))
}

fn open_issues(state: &State, convoy: &Convoy) -> Vec<IssueId> {
    convoy.content.tracked.iter().filter(|issue| !state.issues[*issue].is_closed()).cloned().collect()
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
    if convoy.is_closed() {
        return Ok(Decision::same(Item::same(&id, format!("already {}", convoy.status.name()))));
    }
    let landing_epoch = convoy.landing_epoch + 1;
    let complete = convoy.is_complete() && !convoy.lacks_report();
    let mut events = Vec::new();
    if complete {
        events.push(Event::ConvoyLanded { convoy: id.clone(), landing_epoch, observer: Observer::Person });
        events.extend(tell_end(state, convoy, reason, complete, extra, ctx));
    } else if convoy.content.run.is_some() {
        events.extend(super::template::end_of_run(state, convoy, reason, extra, ctx));
    } else {
        let workers = state.index.active.iter().filter_map(|worker| state.workers.get(worker));
        for worker in workers.filter(|worker| worker.content.convoy.as_ref() == Some(&id)) {
            events.extend(let_go(state, worker, "its convoy was closed"));
        }
        events.extend(abandon(state, convoy, reason, extra, ctx));
    }
    let note = if complete { "every issue was closed: landed" } else { "abandoned" };
    Ok(Decision { events, items: vec![Item::changed(&id).noted(note)] })
}

/// A convoy ends as it is.
pub(super) fn abandon(
    state: &State,
    convoy: &Convoy,
    reason: Option<&str>,
    extra: Vec<Address>,
    ctx: &mut Context<'_>,
) -> Vec<Event> {
    let mut events = vec![Event::ConvoyAbandoned {
        convoy: convoy.content.id.clone(),
        landing_epoch: convoy.landing_epoch + 1,
        reason: reason.map(str::to_owned),
        open: open_issues(state, convoy),
    }];
    events.extend(tell_end(state, convoy, reason, false, extra, ctx));
    events
}

fn tell_end(
    state: &State,
    convoy: &Convoy,
    reason: Option<&str>,
    complete: bool,
    extra: Vec<Address>,
    ctx: &mut Context<'_>,
) -> Vec<Event> {
    let (subject, body, kind) = closing_text(state, convoy, reason, complete, ctx);
    let mut to = convoy.recipients();
    to.extend(extra);
    let about = Some((&convoy.content.id, convoy.landing_epoch + 1));
    tell(state, to, kind, &subject, &body, about, ctx)
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
    let subject = format!("Convoy {what}: {} ({})", on_one_line(&convoy.content.title), convoy.content.id);
    let reason = reason.map(|reason| format!("Reason: {}\n", on_one_line(reason))).unwrap_or_default();
    (subject.clone(), landing_body(state, convoy, &subject, &reason, ctx), kind)
}

/// Lands a complete convoy: the fact, and a notice for each recipient, once per landing epoch.
fn land_by(state: &State, convoy: &Convoy, observer: Observer, ctx: &mut Context<'_>) -> Vec<Event> {
    let id = &convoy.content.id;
    let landing_epoch = convoy.landing_epoch + 1;
    let subject = format!("Convoy Landed: {} ({id})", on_one_line(&convoy.content.title));
    let body = landing_body(state, convoy, &subject, "", ctx);
    let mut events = vec![Event::ConvoyLanded { convoy: id.clone(), landing_epoch, observer }];
    let kind = NoticeKind::ConvoyLanded;
    events.extend(tell(state, convoy.recipients(), kind, &subject, &body, Some((id, landing_epoch)), ctx));
    events
}

/// The text of a notice. What is still open comes first, so that it is never in the part that is cut off.
fn landing_body(state: &State, convoy: &Convoy, subject: &str, reason: &str, ctx: &Context<'_>) -> String {
    use std::fmt::Write as _;
    let tracked = convoy.content.tracked.iter().filter_map(|id| state.issues.get(id));
    let (open, closed): (Vec<&Issue>, Vec<&Issue>) = tracked.partition(|issue| !issue.is_closed());
    let mut count = convoy.content.tracked.len().to_string();
    if !open.is_empty() {
        let _ = write!(count, ", {} still open", open.len());
    }
    let mut body = format!("🚚 {subject}\n{reason}\nIssues ({count}):\n");
    for issue in open.into_iter().chain(closed).take(LISTED_MAX) {
        let glyph = match (issue.is_closed(), issue.is_unknown()) {
            (true, _) => '✓',
            (false, true) => '?',
            (false, false) => '○',
        };
        let title = on_one_line(&issue.content.title);
        let shown = match title.char_indices().nth(LISTED_TITLE_CHARS_MAX) {
            Some((end, _)) => format!("{}…", &title[..end]),
            None => title,
        };
        let _ = writeln!(body, "  {glyph} {}: {shown}", issue.content.id);
    }
    let more = convoy.content.tracked.len().saturating_sub(LISTED_MAX);
    if more > 0 {
        let _ = writeln!(body, "  … and {more} more");
    }
    let since = convoy.started_at.unwrap_or(convoy.created_at);
    let _ = write!(body, "\nDuration: {}", ctx.now.since(since));
    body
}
