//! Issues that another program keeps: what it last said of each, and what it is still to be told.
//!
//! What is to be told is no queue. It is the difference between what we hold and what the tracker last said, so
//! nothing of it can be lost or told twice in a way that matters: whoever died in between looks, and finds less
//! of a difference.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::event::IssueChange;
use crate::id::{ConvoyId, IssueId, RigName, WorkerId};
use crate::issue::{CloseReason, Closed, DependencyType, Issue, IssueType, NewIssue, Status};
use crate::policy::Policy;
use crate::state::State;
use crate::time::Time;

/// How many issues a tracker is told of in one round; what comes meanwhile waits no longer than that takes.
pub const PUSHES_MAX: usize = 50;
/// The longest reason that is taken from a tracker, in bytes.
const REASON_BYTES_MAX: usize = 16 * 1024;

/// Where an issue stands in its tracker.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// It can be taken.
    Open,
    /// Somebody has it.
    InProgress,
    /// It is not closed, and nobody is to take it: blocked, deferred, or of a kind that is no work.
    Held,
    /// It is done with.
    Closed,
}

/// An issue as its tracker has it.
#[derive(Clone, PartialEq, Debug)]
pub struct Seen {
    /// What it is about.
    pub issue: NewIssue,
    /// Where it stands.
    pub standing: Standing,
    /// Who has it there.
    pub assignee: Option<String>,
    /// When it was made.
    pub created_at: Option<Time>,
    /// Why it was closed, in the tracker's words.
    pub reason: Option<String>,
    /// When it was closed.
    pub closed_at: Option<Time>,
}

/// What a tracker last said of an issue.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Mirror {
    /// What it is about, there.
    pub content: NewIssue,
    /// Where it stands there.
    pub standing: Standing,
    /// Who has it there.
    pub assignee: Option<String>,
    /// The tracker does not list it any more.
    pub missing: bool,
    /// The tracker cannot be read.
    pub lost: bool,
    /// Telling it of a change did not work.
    pub trouble: Option<Trouble>,
}

/// A change that a tracker did not take.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Trouble {
    /// What it said.
    pub error: String,
    /// How often, in a row.
    pub failures: u32,
    /// When it is tried again.
    pub until: Time,
}

/// A tracker that is not ours.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Tracker {
    /// Why it cannot be read, if it cannot, and since when.
    pub lost: Option<(String, Time)>,
    /// The issues that it keeps.
    pub issues: BTreeSet<IssueId>,
    /// How often it was told something, or refused to be; tells one try from the next.
    pub round: u64,
}

/// One thing that a tracker is to be told of an issue.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(tag = "step", rename_all = "snake_case")]
pub enum Step {
    /// Its text, priority or type was changed.
    Edit {
        /// What of it.
        change: IssueChange,
    },
    /// It has another label.
    Label {
        /// Which.
        label: String,
    },
    /// It lost a label.
    Unlabel {
        /// Which.
        label: String,
    },
    /// It depends on another issue of the same tracker.
    Need {
        /// Which.
        on: IssueId,
        /// How.
        kind: DependencyType,
    },
    /// It does not any more.
    Unneed {
        /// Which.
        on: IssueId,
    },
    /// A worker has it.
    Take {
        /// The worker, as `rig/worker`.
        assignee: String,
    },
    /// The worker has it no more.
    Release,
    /// It is closed.
    Close {
        /// Why, in words that the tracker keeps.
        reason: String,
    },
    /// It is open again.
    Reopen,
}

impl Step {
    /// Whether the issue's standing is changed by it.
    pub fn moves(&self) -> bool {
        matches!(self, Self::Take { .. } | Self::Release | Self::Close { .. } | Self::Reopen)
    }
}

/// What a tracker is to be told of one issue.
#[derive(Clone, PartialEq, Debug)]
pub struct Push {
    /// Which.
    pub issue: IssueId,
    /// Where it stood there when we last looked.
    pub standing: Standing,
    /// What, in order.
    pub steps: Vec<Step>,
}

/// What came of telling a tracker of one issue.
#[derive(Clone, PartialEq, Debug)]
pub struct Pushed {
    /// Which.
    pub issue: IssueId,
    /// What it has taken.
    pub steps: Vec<Step>,
    /// Why it did not take the rest.
    pub error: Option<String>,
}

impl Mirror {
    /// Takes in what the tracker was told.
    pub fn take_in(&mut self, step: &Step) {
        match step {
            Step::Edit { change } => change.clone().apply_to(&mut self.content),
            Step::Label { label } => {
                self.content.labels.insert(label.clone());
            }
            Step::Unlabel { label } => {
                self.content.labels.remove(label);
            }
            Step::Need { on, kind } => {
                self.content.needs.insert(on.clone(), *kind);
            }
            Step::Unneed { on } => {
                self.content.needs.remove(on);
            }
            Step::Take { assignee } => {
                self.standing = Standing::InProgress;
                self.assignee = Some(assignee.clone());
            }
            Step::Release => {
                self.standing = Standing::Open;
                self.assignee = None;
            }
            Step::Close { .. } => self.standing = Standing::Closed,
            Step::Reopen => self.standing = Standing::Open,
        }
    }
}

/// The label by which a tracker shows that a convoy tracks an issue.
pub fn convoy_label(convoy: &ConvoyId) -> String {
    format!("convoy:{convoy}")
}

/// Whether a label is one that says which of our convoys track an issue; those of others are left alone.
pub fn is_ours(state: &State, label: &str) -> bool {
    label.strip_prefix("convoy:").is_some_and(|id| state.convoys.contains_key(id))
}

/// What the issue's tracker is to be told, in order; nothing if both say the same.
pub fn steps(state: &State, issue: &Issue) -> Vec<Step> {
    let Some(mirror) = issue.mirror.as_deref().filter(|mirror| !mirror.missing) else { return Vec::new() };
    let (ours, theirs) = (&issue.content, &mirror.content);
    let mut steps = Vec::new();
    let differs = |a: &String, b: &String| (a != b).then(|| a.clone());
    let change = IssueChange {
        title: differs(&ours.title, &theirs.title),
        body: differs(&ours.body, &theirs.body),
        priority: (ours.priority != theirs.priority).then_some(ours.priority),
        issue_type: (kept_as(ours.issue_type) != theirs.issue_type).then(|| kept_as(ours.issue_type)),
        acceptance: (ours.acceptance != theirs.acceptance).then(|| ours.acceptance.clone()),
        ..IssueChange::default()
    };
    if change != IssueChange::default() {
        steps.push(Step::Edit { change });
    }
    // A comma separates labels on the tracker's command line.
    let can_be_told = |label: &&String| !label.contains([',', '"']);
    let convoys: Vec<String> = issue.convoys.iter().map(convoy_label).collect();
    let wanted: BTreeSet<&String> = ours.labels.iter().chain(&convoys).filter(can_be_told).collect();
    let there: BTreeSet<&String> = theirs.labels.iter().filter(can_be_told).collect();
    steps.extend(wanted.difference(&there).map(|label| Step::Label { label: (*label).clone() }));
    steps.extend(there.difference(&wanted).map(|label| Step::Unlabel { label: (*label).clone() }));
    steps.extend(needs(state, issue, mirror));
    steps.extend(movement(state, issue, mirror));
    steps
}

/// A type that trackers have: a role of a template is a task to them.
fn kept_as(issue_type: IssueType) -> IssueType {
    if issue_type == IssueType::Step { IssueType::Task } else { issue_type }
}

fn needs(state: &State, issue: &Issue, mirror: &Mirror) -> Vec<Step> {
    let (ours, theirs) = (&issue.content.needs, &mirror.content.needs);
    // What another tracker keeps, this one has never heard of.
    let same_tracker = |id: &IssueId| {
        let other = state.issues.get(id).filter(|other| other.mirror.is_some());
        other.is_some_and(|other| other.content.rig == issue.content.rig)
    };
    let mut steps: Vec<Step> = theirs
        .iter()
        .filter(|(on, kind)| ours.get(*on) != Some(kind))
        .map(|(on, _)| Step::Unneed { on: on.clone() })
        .collect();
    let new = ours.iter().filter(|(on, kind)| theirs.get(*on) != Some(kind) && same_tracker(on));
    steps.extend(new.map(|(on, kind)| Step::Need { on: on.clone(), kind: *kind }));
    steps
}

fn movement(state: &State, issue: &Issue, mirror: &Mirror) -> Option<Step> {
    let closed_there = mirror.standing == Standing::Closed;
    match &issue.status {
        Status::Closed(closed) => (!closed_there).then(|| Step::Close { reason: words_of(closed) }),
        _ if closed_there => Some(Step::Reopen),
        Status::InProgress { worker } | Status::Submitted { worker } => {
            let assignee = crate::view::full_name(state.workers.get(worker)?);
            let taken =
                mirror.standing == Standing::InProgress && mirror.assignee.as_ref() == Some(&assignee);
            // Somebody who has it there keeps it there; two at one issue is for people to sort out.
            let anothers = mirror.standing == Standing::InProgress
                && mirror.assignee.is_some()
                && !has_it(state, mirror);
            (!taken && !anothers).then_some(Step::Take { assignee })
        }
        Status::Open | Status::NeedsHuman { .. } => {
            let ours = mirror.standing == Standing::InProgress && has_it(state, mirror);
            ours.then_some(Step::Release)
        }
    }
}

/// Whether it is one of our workers that the tracker names.
pub fn has_it(state: &State, mirror: &Mirror) -> bool {
    let name = mirror.assignee.as_deref().and_then(|name| name.rsplit_once('/'));
    name.is_some_and(|(_, worker)| WorkerId::new(worker).is_ok_and(|id| state.workers.contains_key(&id)))
}

/// Whether somebody is at the issue whom only its tracker knows.
pub fn is_taken(state: &State, issue: &Issue) -> bool {
    let mirror =
        issue.mirror.as_deref().filter(|_| matches!(issue.status, Status::Open) && !issue.is_unknown());
    mirror.is_some_and(|mirror| {
        mirror.standing == Standing::InProgress && mirror.assignee.is_some() && !has_it(state, mirror)
    })
}

/// What trackers are to be told of issues of `rig`, as far as their pauses are over.
pub fn pushes(state: &State, policy: &Policy, rig: &RigName, now: Time) -> Vec<Push> {
    let pending = state.index.pushes.get(rig).into_iter().flatten();
    pending
        .filter_map(|id| state.issues.get(id))
        .filter(|issue| paused_until(policy, issue, now).is_none())
        .take(PUSHES_MAX)
        .filter_map(|issue| {
            let standing = issue.mirror.as_ref()?.standing;
            Some(Push { issue: issue.content.id.clone(), standing, steps: steps(state, issue) })
        })
        .collect()
}

/// Until when the tracker is left alone about an issue that it did not take.
pub fn paused_until(policy: &Policy, issue: &Issue, now: Time) -> Option<Time> {
    let trouble = issue.mirror.as_ref()?.trouble.as_ref()?;
    (!crate::decide::pause_is_over(policy, trouble.until, now)).then_some(trouble.until)
}

/// How a close is told to a tracker. Scripts of others look for the words `Merged in`.
pub fn words_of(closed: &Closed) -> String {
    let merged_in = closed.evidence.as_ref().and_then(|evidence| evidence.merge_commit.as_ref());
    let mut words = match (closed.reason, merged_in, &closed.duplicate_of) {
        (CloseReason::Merged, Some(commit), _) => format!("Merged in {commit}"),
        (CloseReason::Merged, None, _) => "Merged".to_owned(),
        (CloseReason::Completed, _, _) => "Completed".to_owned(),
        (CloseReason::Dropped, _, _) => "Dropped".to_owned(),
        (CloseReason::Duplicate, _, Some(other)) => format!("Duplicate of {other}"),
        (CloseReason::Duplicate, _, None) => "Duplicate".to_owned(),
        (CloseReason::Failed, _, _) => "Failed".to_owned(),
    };
    if let Some(note) = &closed.note {
        words = format!("{words}: {note}");
    }
    words
}

/// What a tracker's words for a close mean. The words themselves are kept as its note.
pub fn closed_as(seen: &Seen, now: Time) -> Closed {
    /// How reasons begin that say that nothing was done.
    const DROPPED: [&str; 9] =
        ["dropped", "won't", "wont", "obsolete", "invalid", "not planned", "cancel", "abandon", "superseded"];
    let words = seen.reason.as_deref().map(str::trim).filter(|words| !words.is_empty());
    let lower = words.unwrap_or_default().to_lowercase();
    let reason = if lower.starts_with("merged") {
        CloseReason::Merged
    } else if lower.starts_with("duplicate") {
        CloseReason::Duplicate
    } else if lower.starts_with("failed") {
        CloseReason::Failed
    } else if DROPPED.iter().any(|word| lower.starts_with(word)) {
        CloseReason::Dropped
    } else {
        CloseReason::Completed
    };
    let other = words.filter(|_| reason == CloseReason::Duplicate).and_then(|words| {
        let mut rest = words.split(|c: char| c.is_whitespace() || c == ':').filter(|word| !word.is_empty());
        rest.find_map(|word| IssueId::new(word).ok()).filter(|id| *id != seen.issue.id)
    });
    let note = words.map(|words| {
        let end = words.len().min(REASON_BYTES_MAX);
        words[..(0..=end).rev().find(|at| words.is_char_boundary(*at)).unwrap_or(0)].to_owned()
    });
    Closed { reason, at: seen.closed_at.unwrap_or(now), evidence: None, duplicate_of: other, note }
}
