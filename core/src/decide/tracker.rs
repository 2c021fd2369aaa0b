//! What a tracker says, against what we hold: facts only for what is new.
//!
//! What was changed there comes over; what was changed here and is not told yet stays as it is here.

use std::collections::{BTreeMap, BTreeSet};

use super::Context;
use super::work::{backoff, let_go};
use crate::event::Event;
use crate::id::{IssueId, RigName};
use crate::issue::{Issue, NewIssue, Status};
use crate::state::State;
use crate::tracker::{Mirror, Pushed, Seen, Standing, closed_as, is_ours};

/// The longest that a tracker's complaint is kept, in characters.
const ERROR_CHARS_MAX: usize = 500;

pub(super) fn seen(
    state: &State,
    rig: &RigName,
    issues: &[Seen],
    all: Option<&BTreeSet<IssueId>>,
    ctx: &Context<'_>,
) -> Vec<Event> {
    let mut events: Vec<Event> = issues
        .iter()
        .filter(|seen| seen.issue.rig == *rig)
        .flat_map(|seen| match state.issues.get(&seen.issue.id) {
            None => new(seen, ctx),
            // An id that is ours, or another tracker's, stays what it is.
            Some(issue) if issue.content.rig != *rig => Vec::new(),
            Some(issue) => issue
                .mirror
                .as_deref()
                .map(|mirror| news(state, issue, mirror, seen, ctx))
                .unwrap_or_default(),
        })
        .collect();
    let Some(all) = all else { return events };
    let tracker = state.trackers.get(rig);
    let gone = tracker.into_iter().flat_map(|tracker| tracker.issues.difference(all)).filter(|id| {
        state.issues.get(*id).and_then(|issue| issue.mirror.as_ref()).is_some_and(|mirror| !mirror.missing)
    });
    events.extend(gone.map(|id| Event::IssueMissing { issue: id.clone() }));
    if tracker.is_none_or(|tracker| tracker.lost.is_some()) {
        events.push(Event::TrackerFound { rig: rig.clone() });
    }
    events
}

fn new(seen: &Seen, ctx: &Context<'_>) -> Vec<Event> {
    let mut events = vec![mirrored(seen, None)];
    if seen.standing == Standing::Closed {
        let closed = closed_as(seen, ctx.now);
        events.push(Event::IssueClosed { issue: seen.issue.id.clone(), closed });
    }
    events
}

fn mirrored(seen: &Seen, ours: Option<NewIssue>) -> Event {
    Event::IssueMirrored {
        issue: Box::new(seen.issue.clone()),
        standing: seen.standing,
        assignee: seen.assignee.clone(),
        created_at: seen.created_at,
        ours: ours.map(Box::new),
    }
}

fn news(state: &State, issue: &Issue, mirror: &Mirror, seen: &Seen, ctx: &Context<'_>) -> Vec<Event> {
    let same = mirror.content == seen.issue && mirror.standing == seen.standing;
    if same && mirror.assignee == seen.assignee && !mirror.missing {
        return Vec::new();
    }
    let id = issue.content.id.clone();
    let ours = merged(&issue.content, &mirror.content, &seen.issue, |label| is_ours(state, label));
    let mut plain = seen.issue.clone();
    plain.labels.retain(|label| !is_ours(state, label));
    let mut events = vec![mirrored(seen, (ours != plain).then_some(ours))];
    let (was, is) = (mirror.standing == Standing::Closed, seen.standing == Standing::Closed);
    let closed_here = matches!(issue.status, Status::Closed(_));
    if is && !was && !closed_here {
        events.push(Event::IssueClosed { issue: id, closed: closed_as(seen, ctx.now) });
        if let Some(worker) = issue.worker.as_ref().and_then(|worker| state.workers.get(worker)) {
            events.extend(let_go(state, worker, "its issue was closed in its tracker"));
        }
    } else if was && !is && closed_here {
        events.push(Event::IssueReopened { issue: id });
    }
    events
}

/// Ours, with what changed between `before` and `now` at the tracker.
fn merged(ours: &NewIssue, before: &NewIssue, now: &NewIssue, is_ours: impl Fn(&str) -> bool) -> NewIssue {
    fn pick<T: Clone + PartialEq>(ours: &T, before: &T, now: &T) -> T {
        if ours == before { now.clone() } else { ours.clone() }
    }
    let mut labels = ours.labels.clone();
    labels.extend(now.labels.difference(&before.labels).cloned());
    labels.retain(|label| !is_ours(label) && (now.labels.contains(label) || !before.labels.contains(label)));
    let mut needs: BTreeMap<_, _> = ours.needs.clone();
    needs.retain(|on, _| now.needs.contains_key(on) || !before.needs.contains_key(on));
    for (on, kind) in &now.needs {
        if before.needs.get(on) != Some(kind) {
            needs.insert(on.clone(), *kind);
        }
    }
    NewIssue {
        id: ours.id.clone(),
        rig: ours.rig.clone(),
        title: pick(&ours.title, &before.title, &now.title),
        body: pick(&ours.body, &before.body, &now.body),
        issue_type: pick(&ours.issue_type, &before.issue_type, &now.issue_type),
        priority: pick(&ours.priority, &before.priority, &now.priority),
        labels,
        parent: pick(&ours.parent, &before.parent, &now.parent),
        needs,
        acceptance: pick(&ours.acceptance, &before.acceptance, &now.acceptance),
        step: ours.step.clone(),
    }
}

pub(super) fn lost(state: &State, rig: &RigName, why: &str) -> Vec<Event> {
    match state.trackers.get(rig) {
        Some(tracker) if tracker.lost.is_some() => Vec::new(),
        _ => vec![Event::TrackerLost { rig: rig.clone(), why: cut(why) }],
    }
}

pub(super) fn pushed(
    state: &State,
    rig: &RigName,
    round: u64,
    pushed: &[Pushed],
    ctx: &Context<'_>,
) -> Vec<Event> {
    if state.trackers.get(rig).is_none_or(|tracker| tracker.round != round) {
        return Vec::new();
    }
    let mut events = Vec::new();
    for Pushed { issue: id, steps, error } in pushed {
        let Some(mirror) = state.issues.get(id).and_then(|issue| issue.mirror.as_ref()) else { continue };
        let (rig, issue) = (rig.clone(), id.clone());
        // What brought nothing at all is a round too, or it would never end.
        if !steps.is_empty() || error.is_none() {
            events.push(Event::TrackerTold { rig: rig.clone(), issue: issue.clone(), steps: steps.clone() });
        }
        if let Some(error) = error {
            let failures = mirror.trouble.as_ref().map_or(0, |trouble| trouble.failures).saturating_add(1);
            let retry = &ctx.policy.retry;
            let until = ctx.now.plus(backoff(retry.backoff, retry.backoff_max, failures));
            events.push(Event::TrackerRefused { rig, issue, error: cut(error), failures, until });
        }
    }
    events
}

fn cut(text: &str) -> String {
    text.chars().take(ERROR_CHARS_MAX).collect()
}
