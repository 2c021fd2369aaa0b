//! How what trackers say, and what they are told, changes the state.

use std::collections::BTreeSet;

use super::issue_events::{change, link, set_needs};
use crate::event::Event;
use crate::id::IssueId;
use crate::issue::{Issue, NewIssue, Status};
use crate::state::State;
use crate::time::Time;
use crate::tracker::{Mirror, Standing, Trouble, is_ours};

pub(super) fn apply(state: &mut State, event: &Event, at: Time) {
    match event {
        Event::IssueMirrored { issue, standing, assignee, created_at, ours } => {
            let content = ours.clone().unwrap_or_else(|| without_our_labels(state, issue));
            let mirror = mirror(state, issue, *standing, assignee.clone());
            if state.issues.contains_key(&issue.id) {
                update(state, *content, mirror, at);
            } else {
                add(state, *content, mirror, created_at.unwrap_or(at), at);
            }
        }
        Event::IssueMissing { issue } => {
            on_mirror(state, issue, |mirror| mirror.missing = true);
        }
        Event::TrackerLost { rig, why } => {
            let tracker = state.trackers.entry(rig.clone()).or_default();
            tracker.lost = Some((why.clone(), at));
            for id in tracker.issues.clone() {
                on_mirror(state, &id, |mirror| mirror.lost = true);
            }
        }
        Event::TrackerFound { rig } => {
            let tracker = state.trackers.entry(rig.clone()).or_default();
            tracker.lost = None;
            for id in tracker.issues.clone() {
                on_mirror(state, &id, |mirror| mirror.lost = false);
            }
        }
        Event::TrackerTold { rig, issue, steps } => {
            state.trackers.entry(rig.clone()).or_default().round += 1;
            on_mirror(state, issue, |mirror| {
                steps.iter().for_each(|step| mirror.take_in(step));
                mirror.trouble = None;
            });
        }
        Event::TrackerRefused { rig, issue, error, failures, until } => {
            state.trackers.entry(rig.clone()).or_default().round += 1;
            let trouble = Trouble { error: error.clone(), failures: *failures, until: *until };
            on_mirror(state, issue, |mirror| mirror.trouble = Some(trouble));
        }
        _ => {}
    }
}

fn on_mirror(state: &mut State, id: &IssueId, with: impl FnOnce(&mut Mirror)) {
    change(state, id, |issue| {
        if let Some(mirror) = &mut issue.mirror {
            with(mirror);
        }
    });
}

/// Labels that say which convoys track an issue are no content of it: who tracks it is known here.
fn without_our_labels(state: &State, issue: &NewIssue) -> Box<NewIssue> {
    let mut content = Box::new(issue.clone());
    content.labels.retain(|label| !is_ours(state, label));
    content
}

fn mirror(state: &State, issue: &NewIssue, standing: Standing, assignee: Option<String>) -> Mirror {
    let before = state.issues.get(&issue.id).and_then(|issue| issue.mirror.as_ref());
    Mirror {
        content: issue.clone(),
        standing,
        assignee,
        missing: false,
        lost: state.trackers.get(&issue.rig).is_some_and(|tracker| tracker.lost.is_some()),
        trouble: before.and_then(|mirror| mirror.trouble.clone()),
    }
}

fn add(state: &mut State, content: NewIssue, mirror: Mirror, created_at: Time, at: Time) {
    state.numbers += 1;
    let id = content.id.clone();
    state.trackers.entry(content.rig.clone()).or_default().issues.insert(id.clone());
    let issue = Issue {
        status: Status::Open,
        number: state.numbers,
        created_by: format!("tracker/{}", content.rig),
        content,
        created_at,
        updated_at: at,
        worker: None,
        convoys: BTreeSet::new(),
        dependents: BTreeSet::new(),
        held: None,
        origin: None,
        mirror: Some(Box::new(mirror)),
    };
    link(state, issue);
    state.refresh_startable(&id);
}

fn update(state: &mut State, mut content: NewIssue, mirror: Mirror, at: Time) {
    let id = content.id.clone();
    set_needs(state, &id, std::mem::take(&mut content.needs));
    change(state, &id, |issue| {
        content.needs = std::mem::take(&mut issue.content.needs);
        issue.content = content;
        issue.updated_at = at;
        issue.mirror = Some(Box::new(mirror));
    });
}
