//! Template convoys: how they begin, what follows when a role ends, and how they end.
//!
//! Roles are issues, and go through the same machinery. What is different is here: a role that has used up its attempts
//! is closed as failed, so that what depends on it goes on without it; and the convoy lands when its report was made.

use std::collections::{BTreeMap, BTreeSet};

use super::convoy::{address, epic_name};
use super::refs::resolve_convoy;
use super::work::{known_agent, let_go};
use super::{Context, Decision, Item, work};
use crate::address::Address;
use crate::command::Request;
use crate::convoy::{Convoy, MergeStrategy, NAME_CHARS_MAX, NewConvoy};
use crate::event::Event;
use crate::id::{ConvoyId, IssueId, RoleName};
use crate::issue::{
    CloseReason, Closed, DependencyType, IssueType, NewIssue, TEXT_BYTES_MAX, TITLE_CHARS_MAX,
};
use crate::ledger::Level;
use crate::refusal::Refusal;
use crate::state::State;
use crate::template::{FILES_MAX, Judged, NewStep, OnFailure, ROLES_MAX, ReportMade, Run, Runner};

/// The priority of roles: that of issues that nobody gave another.
const PRIORITY: u8 = 2;

pub(super) fn start(state: &State, request: &Request, ctx: &mut Context<'_>) -> Result<Decision, Refusal> {
    let Request::TemplateStart { name, run, steps, owner, notify, max_parallel, epic, budget } = request
    else {
        return Ok(Decision::nothing());
    };
    check(state, name, run, steps, *max_parallel, ctx)?;
    let owner = match owner {
        Some(text) => address("owner", text)?,
        None => ctx.actor.clone(),
    };
    let mut notify = notify.iter().map(|text| address("notify", text)).collect::<Result<Vec<_>, _>>()?;
    if notify.is_empty() && run.reviews.is_none() {
        notify.clone_from(&ctx.policy.notify);
    }
    let id = ctx.entropy.convoy(state);
    let prefix = ctx.policy.rigs.get(&run.rig).map_or("hq", |rig| rig.prefix.as_str()).to_owned();
    let mut ids: BTreeMap<&RoleName, IssueId> = BTreeMap::new();
    for step in steps {
        let mut issue = ctx.entropy.issue(state, &prefix);
        while ids.values().any(|taken| *taken == issue) {
            issue = ctx.entropy.issue(state, &prefix);
        }
        ids.insert(&step.step.role, issue);
    }
    let mut events: Vec<Event> = steps
        .iter()
        .map(|step| Event::IssueCreated {
            issue: NewIssue {
                id: ids[&step.step.role].clone(),
                rig: run.rig.clone(),
                title: step.title.clone(),
                body: step.prompt.clone(),
                issue_type: IssueType::Step,
                priority: PRIORITY,
                labels: BTreeSet::new(),
                parent: None,
                needs: step.needs.iter().map(|role| (ids[role].clone(), DependencyType::Blocks)).collect(),
                acceptance: Vec::new(),
                step: Some(Box::new(step.step.clone())),
            },
        })
        .collect();
    events.push(Event::ConvoyCreated {
        convoy: NewConvoy {
            id: id.clone(),
            title: name.clone(),
            tracked: steps.iter().map(|step| ids[&step.step.role].clone()).collect(),
            owner,
            notify,
            merge: MergeStrategy::Local,
            base: None,
            max_parallel: *max_parallel,
            agent: None,
            model: None,
            epic: epic_name(epic.as_deref())?,
            owned: false,
            due: None,
            run: Some(run.clone()),
        },
    });
    events.extend(super::budget_set::of(Level::Convoy(id.clone()), *budget)?);
    events.push(Event::ConvoyStarted { convoy: id.clone() });
    Ok(Decision { events, items: vec![Item::changed(id)] })
}

/// Whoever sends the request has resolved it; what does not hold together is refused all the same.
fn check(
    state: &State,
    name: &str,
    run: &Run,
    steps: &[NewStep],
    max_parallel: Option<u32>,
    ctx: &Context<'_>,
) -> Result<(), Refusal> {
    if name.trim().is_empty() || name.chars().count() > NAME_CHARS_MAX || name.starts_with('-') {
        return Err(Refusal::invalid("name", format!("expected 1 to {NAME_CHARS_MAX} characters")));
    }
    if max_parallel == Some(0) {
        return Err(Refusal::invalid("max-parallel", "expected at least 1"));
    }
    if steps.is_empty() || steps.len() > ROLES_MAX {
        return Err(Refusal::invalid("template", format!("expected 1 to {ROLES_MAX} roles")));
    }
    if run.files.len() > FILES_MAX {
        return Err(Refusal::invalid("files", format!("expected at most {FILES_MAX} files")));
    }
    if !ctx.policy.rigs.contains_key(&run.rig) {
        return Err(Refusal::NoSuch { kind: "rig", ids: vec![run.rig.to_string()] });
    }
    let missing: Vec<String> =
        run.issues.iter().filter(|id| !state.issues.contains_key(*id)).map(ToString::to_string).collect();
    if !missing.is_empty() {
        return Err(Refusal::NoSuch { kind: "issue", ids: missing });
    }
    let mut before: BTreeSet<&RoleName> = BTreeSet::new();
    for step in steps {
        let role = &step.step.role;
        if !before.insert(role) {
            return Err(Refusal::invalid("template", format!("role {role} is there twice")));
        }
        if step.title.trim().is_empty() || step.title.chars().count() > TITLE_CHARS_MAX {
            let text = format!("the title of role {role}: expected 1 to {TITLE_CHARS_MAX} characters");
            return Err(Refusal::invalid("template", text));
        }
        if step.prompt.len() > TEXT_BYTES_MAX {
            let text = format!("the prompt of role {role}: expected at most {TEXT_BYTES_MAX} bytes");
            return Err(Refusal::invalid("template", text));
        }
        match &step.step.runner {
            Runner::Agent { agent: Some(agent), .. } => {
                known_agent(ctx.policy, agent.as_str())?;
            }
            Runner::Agent { agent: None, .. } | Runner::Nobody => {}
            Runner::Program { command, .. } if command.is_empty() => {
                return Err(Refusal::invalid("template", format!("role {role} has an empty command")));
            }
            Runner::Program { .. } => {}
        }
    }
    order(steps)
}

/// Roles can be put in an order in which each comes after those that it needs.
fn order(steps: &[NewStep]) -> Result<(), Refusal> {
    let mut left: BTreeMap<&RoleName, BTreeSet<&RoleName>> =
        steps.iter().map(|step| (&step.step.role, step.needs.iter().collect())).collect();
    if let Some((role, unknown)) = left
        .iter()
        .find_map(|(role, needs)| needs.iter().find(|need| !left.contains_key(**need)).map(|n| (role, n)))
    {
        return Err(Refusal::invalid("template", format!("role {role} depends on unknown role {unknown}")));
    }
    loop {
        let ready: Vec<&RoleName> =
            left.iter().filter(|(_, needs)| needs.is_empty()).map(|(role, _)| *role).collect();
        if ready.is_empty() {
            break;
        }
        for role in ready {
            left.remove(role);
            left.values_mut().for_each(|needs| {
                needs.remove(role);
            });
        }
    }
    match left.keys().next() {
        None => Ok(()),
        Some(_) => {
            let names: Vec<&str> = left.keys().map(|role| role.as_str()).collect();
            Err(Refusal::invalid("template", format!("roles wait for each other: {}", names.join(", "))))
        }
    }
}

/// A role ends without a report: closed, so that what depends on it goes on without it.
pub(super) fn fail(state: &State, issue: &IssueId, why: &str, ctx: &Context<'_>) -> Option<Event> {
    let open = state.issues.get(issue).is_some_and(|issue| !issue.was_closed());
    open.then(|| close(issue, CloseReason::Failed, why, ctx))
}

fn close(issue: &IssueId, reason: CloseReason, note: &str, ctx: &Context<'_>) -> Event {
    let closed =
        Closed { reason, at: ctx.now, evidence: None, duplicate_of: None, note: Some(note.to_owned()) };
    Event::IssueClosed { issue: issue.clone(), closed }
}

/// Ends every role that has not ended yet.
fn end_open(state: &State, convoy: &Convoy, reason: CloseReason, why: &str, ctx: &Context<'_>) -> Vec<Event> {
    let mut events = Vec::new();
    let open = convoy.content.tracked.iter().filter_map(|id| state.issues.get(id));
    for issue in open.filter(|issue| issue.content.step.is_some() && !issue.was_closed()) {
        if let Some(worker) = issue.worker.as_ref().and_then(|id| state.workers.get(id)) {
            events.extend(let_go(state, worker, why));
        }
        events.push(close(&issue.content.id, reason, why, ctx));
    }
    events
}

/// What follows by itself when a role has failed in a convoy that is over then.
pub(super) fn settle(state: &mut State, events: &mut Vec<Event>, ctx: &Context<'_>) {
    let touched: Vec<ConvoyId> = state.index.touched.intersection(&state.index.runs).cloned().collect();
    for id in touched {
        let Some(convoy) = state.convoys.get(&id).filter(|convoy| convoy.is_open()) else { continue };
        let stops = convoy.content.run.as_ref().is_some_and(|run| run.on_failure == OnFailure::Stop);
        let failed = convoy.content.tracked.iter().filter_map(|id| state.issues.get(id)).find(|issue| {
            matches!(&issue.status, crate::issue::Status::Closed(closed) if closed.reason == CloseReason::Failed)
        });
        let Some(failed) = failed.filter(|_| stops) else { continue };
        let role = failed.content.step.as_ref().map_or_else(String::new, |step| step.role.to_string());
        let why = format!("role {role} failed, and the template ends when one does");
        for event in end_open(state, convoy, CloseReason::Dropped, &why, ctx) {
            state.apply(&event, ctx.now, ctx.actor.as_str());
            events.push(event);
        }
    }
}

/// The time of a convoy is up.
pub(super) fn time_up(state: &State, id: &ConvoyId, ctx: &Context<'_>) -> Vec<Event> {
    let Some(convoy) = state.convoys.get(id).filter(|convoy| is_late(convoy, ctx.now)) else {
        return Vec::new();
    };
    let limit = convoy.content.run.as_ref().and_then(|run| run.timeout).unwrap_or_default();
    let mut events = vec![Event::ConvoyTimedOut { convoy: id.clone() }];
    let why = format!("the time of its convoy was up: {} s", limit.as_secs());
    events.extend(end_open(state, convoy, CloseReason::Failed, &why, ctx));
    events
}

/// When the time of a convoy is up, if that is still to come or to be said.
pub fn deadline(convoy: &Convoy) -> Option<crate::time::Time> {
    let run = convoy.content.run.as_ref().filter(|_| convoy.is_open() && !convoy.progress.timed_out)?;
    // When all roles have ended, only the report is to be made.
    (convoy.open_count > 0).then(|| Some(convoy.started_at?.plus(run.timeout?))).flatten()
}

fn is_late(convoy: &Convoy, now: crate::time::Time) -> bool {
    deadline(convoy).is_some_and(|at| at <= now)
}

pub(super) fn stop(state: &State, text: &str, ctx: &mut Context<'_>) -> Result<Decision, Refusal> {
    let id = resolve_convoy(state, text)?;
    let convoy = &state.convoys[&id];
    if convoy.is_closed() {
        return Ok(Decision::same(Item::same(&id, format!("already {}", convoy.status.name()))));
    }
    super::convoy::refuse_staged(convoy)?;
    if convoy.content.run.is_none() {
        return Ok(stop_work(state, convoy, ctx));
    }
    let by = ctx.actor.to_string();
    let mut decision = Decision::of(
        Event::ConvoyStopped { convoy: id.clone(), by: by.clone() },
        Item::changed(&id).noted("stopped"),
    );
    let why = format!("stopped by {by}");
    decision.events.extend(end_of_run(state, convoy, Some(&why), Vec::new(), ctx));
    Ok(decision)
}

/// What ending a template convoy as it is comes to.
pub(super) fn end_of_run(
    state: &State,
    convoy: &Convoy,
    why: Option<&str>,
    extra: Vec<Address>,
    ctx: &mut Context<'_>,
) -> Vec<Event> {
    let mut events = super::landing::abandon(state, convoy, why, extra, ctx);
    let why = why.unwrap_or("its convoy was closed");
    events.extend(end_open(state, convoy, CloseReason::Dropped, why, ctx));
    events
}

/// An ordinary convoy: its agents are stopped, and nothing of it begins until somebody starts it again.
fn stop_work(state: &State, convoy: &Convoy, ctx: &Context<'_>) -> Decision {
    let id = &convoy.content.id;
    let workers = state.index.active.iter().filter_map(|worker| state.workers.get(worker));
    let mut events: Vec<Event> = workers
        .filter(|worker| worker.content.convoy.as_ref() == Some(id))
        .filter_map(|worker| work::stop(state, worker.content.issue.as_str(), ctx).ok())
        .flat_map(|decision| decision.events)
        .collect();
    if events.is_empty() && convoy.started_at.is_none() {
        return Decision::same(Item::same(id, "nothing of it runs"));
    }
    let stopped = events.len();
    events.insert(0, Event::ConvoyStopped { convoy: id.clone(), by: ctx.actor.to_string() });
    let note = match stopped {
        0 => format!("nothing of it begins until: convoy start {id}"),
        _ => format!(
            "its agents are being stopped; each is resumed by: convoy work retry <issue>; all else by: convoy start {id}"
        ),
    };
    Decision { events, items: vec![Item::changed(id).noted(note)] }
}

pub(super) fn synthesize(state: &State, text: &str, apply: bool) -> Result<Decision, Refusal> {
    let id = resolve_convoy(state, text)?;
    let convoy = &state.convoys[&id];
    let Some(run) = &convoy.content.run else {
        return Err(Refusal::domain(
            format!("convoy {id} is not of a template, and has no reports to put together"),
            "see: convoy list --json, where such convoys have a template".to_owned(),
        ));
    };
    if run.report.file().is_none() {
        return Err(Refusal::domain(
            format!("template {} makes no report of its roles' reports", run.template),
            format!("read them: convoy output {id}"),
        ));
    }
    Ok(Decision::of(Event::ConvoyReportWanted { convoy: id.clone(), apply }, Item::changed(id)))
}

/// Its report was made. One that nobody waits for any more changes nothing.
pub(super) fn synthesized(
    state: &State,
    id: &ConvoyId,
    report: &ReportMade,
    judged: &[Judged],
    ctx: &Context<'_>,
) -> Vec<Event> {
    let Some(convoy) = state.convoys.get(id).filter(|convoy| convoy.report_due() == Some(report.round))
    else {
        return Vec::new();
    };
    let (mut events, applied) = match super::triage::is_wanted(convoy) && report.error.is_none() {
        true => {
            let (events, applied) = super::triage::apply(state, convoy, judged);
            (events, Some(applied))
        }
        false => (Vec::new(), None),
    };
    let report = Box::new(ReportMade { at: ctx.now, applied, ..report.clone() });
    events.push(Event::ConvoySynthesized { convoy: id.clone(), report });
    events
}

/// What was run is not run again as it was: its commit, its prompts and its reports stay what they are.
pub(super) fn once(what: &str) -> Refusal {
    Refusal::domain(format!("{what}, which runs once"), "begin another: convoy start <template>".to_owned())
}

/// The model and agent of a role's worker.
pub(super) fn wishes(step: &crate::template::Step) -> work::Wishes<'_> {
    match &step.runner {
        Runner::Agent { agent, model, .. } => work::Wishes {
            agent: agent.as_ref().map(crate::id::AgentName::as_str),
            model: model.as_deref(),
            ..work::Wishes::default()
        },
        Runner::Program { .. } | Runner::Nobody => work::Wishes::default(),
    }
}
