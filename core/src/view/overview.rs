//! Everything that somebody wants to see first: what needs a person, who is at work, what goes on, what landed today,
//! what it costs. Counts are of all; lists are bounded, and say of how many they are the first.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Category, StrandedView, budget, stuck, witness};
use crate::convoy::{Convoy, Status};
use crate::cost;
use crate::id::{ConvoyId, IssueId, Seq, SessionId, WorkerId};
use crate::issue::{self, Issue, IssueType, MoneyView};
use crate::ledger::{self, Level};
use crate::policy::Policy;
use crate::session::Session;
use crate::state::State;
use crate::time::Time;
use crate::worker::Worker;

/// The most entries of each list: about what a person reads on one page.
pub const LISTED_MAX: usize = 50;

/// Everything in one look.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
#[expect(missing_docs, reason = "the published names; what they mean stands in docs/json.md")]
pub struct OverviewView {
    pub seq: Seq,
    pub at: Time,
    pub needs: Vec<NeedView>,
    pub needs_total: usize,
    pub at_work: Vec<AtWorkView>,
    pub at_work_total: usize,
    pub convoys: Vec<ConvoyLineView>,
    pub open: usize,
    pub staged: usize,
    pub landed_today: Vec<ConvoyLineView>,
    pub landed_today_total: usize,
    pub spent_today: MoneyView,
    pub reserved: MoneyView,
    pub day_limit: Option<MoneyView>,
    pub live_sessions: usize,
    pub startable: usize,
    pub unread: usize,
    pub undelivered: usize,
}

/// Something that does not go on before a person has done something.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
#[expect(missing_docs, reason = "the published names; what they mean stands in docs/json.md")]
pub struct NeedView {
    pub kind: NeedKind,
    pub id: String,
    pub title: String,
    pub category: Option<Category>,
    pub detail: String,
    pub command: String,
}

/// What it is that needs a person.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum NeedKind {
    /// A convoy in which nothing moves.
    Convoy,
    /// An issue that no open convoy tracks.
    Issue,
}

/// Somebody at work.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
#[expect(missing_docs, reason = "the published names; what they mean stands in docs/json.md")]
pub struct AtWorkView {
    pub worker_id: WorkerId,
    pub name: String,
    pub issue_id: IssueId,
    pub issue_type: IssueType,
    pub title: String,
    pub convoy_id: Option<ConvoyId>,
    pub session_id: Option<SessionId>,
    pub state: String,
    pub agent: String,
    pub model: Option<String>,
    pub attempt: u32,
    pub max_attempts: u32,
    pub health: Option<String>,
    pub spent: MoneyView,
    pub started_at: Time,
}

/// A convoy in one line.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
#[expect(missing_docs, reason = "the published names; what they mean stands in docs/json.md")]
pub struct ConvoyLineView {
    pub id: ConvoyId,
    pub title: String,
    pub status: String,
    pub outcome: Option<String>,
    pub template: Option<String>,
    pub completed: usize,
    pub total: usize,
    pub at_work: usize,
    pub needs_human: bool,
    pub stuck: bool,
    pub overdue: bool,
    pub due_at: Option<Time>,
    pub spent: MoneyView,
    pub budget: Option<MoneyView>,
    pub created_at: Time,
    pub started_at: Option<Time>,
    pub closed_at: Option<Time>,
}

/// The overview.
pub fn overview(state: &State, policy: &Policy, now: Time) -> OverviewView {
    let stuck = stuck(state, policy, now);
    let said: BTreeSet<ConvoyId> = stuck.iter().map(|stranded| stranded.convoy_id.clone()).collect();
    let mut needs: Vec<NeedView> = stuck.into_iter().map(of_convoy).collect();
    let eventful = state.index.eventful.iter().filter_map(|id| state.issues.get(id));
    needs.extend(eventful.filter(|issue| is_left(issue, &said)).map(of_issue));
    let mut at_work: Vec<&Worker> =
        state.index.active.iter().filter_map(|id| state.workers.get(id)).collect();
    at_work.sort_by_key(|worker| (worker.assigned_at, worker.content.id.clone()));
    let today = cost::begins(cost::day(now));
    let landed_at = |convoy: &Convoy| match convoy.status {
        Status::Landed { at, .. } => Some(at).filter(|at| *at >= today),
        Status::Staged(_) | Status::Open | Status::Abandoned { .. } => None,
    };
    let mut landed: Vec<(Time, &Convoy)> =
        state.convoys.values().filter_map(|convoy| Some((landed_at(convoy)?, convoy))).collect();
    landed.sort_by_key(|(at, convoy)| std::cmp::Reverse((*at, convoy.number)));
    let day = budget(state, policy, &Level::Day, now);
    let (needs_total, at_work_total, landed_today_total) = (needs.len(), at_work.len(), landed.len());
    needs.truncate(LISTED_MAX);
    let lined = |convoy: &Convoy| line(state, policy, convoy, now, said.contains(&convoy.content.id));
    let recent = |of: &BTreeSet<(u64, ConvoyId)>| -> Vec<ConvoyId> {
        of.iter().rev().take(LISTED_MAX).map(|(_, id)| id.clone()).collect()
    };
    let mut shown = recent(&state.index.open);
    shown.extend(recent(&state.index.staged));
    shown.truncate(LISTED_MAX);
    let live = |id: &&SessionId| state.sessions.get(*id).is_some_and(Session::is_live);
    OverviewView {
        seq: state.seq,
        at: now,
        needs,
        needs_total,
        at_work: at_work.iter().take(LISTED_MAX).map(|worker| of_worker(state, policy, worker)).collect(),
        at_work_total,
        convoys: shown.iter().filter_map(|id| state.convoys.get(id)).map(lined).collect(),
        open: state.index.open.len(),
        staged: state.index.staged.len(),
        landed_today: landed.iter().take(LISTED_MAX).map(|(_, convoy)| lined(convoy)).collect(),
        landed_today_total,
        spent_today: day.spent,
        reserved: day.reserved,
        day_limit: day.limit,
        live_sessions: state.index.sessions.iter().filter(live).count(),
        startable: state.index.startable.len(),
        unread: state.index.unread,
        undelivered: state.index.undelivered.len(),
    }
}

/// A part of these convoys, a line each: those that do not go on without somebody first, then those that are late, then the
/// newest.
pub fn lines(
    state: &State,
    policy: &Policy,
    mut convoys: Vec<&Convoy>,
    skip: usize,
    limit: usize,
    now: Time,
) -> Vec<ConvoyLineView> {
    let stuck: BTreeSet<ConvoyId> = stuck(state, policy, now).into_iter().map(|one| one.convoy_id).collect();
    let eventful = state.index.eventful.iter().filter_map(|id| state.issues.get(id));
    let asking: BTreeSet<&ConvoyId> =
        eventful.filter(|issue| needs_human(issue)).flat_map(|issue| &issue.convoys).collect();
    let needs = |convoy: &Convoy| {
        let id = &convoy.content.id;
        stuck.contains(id) || !convoy.is_closed() && asking.contains(id)
    };
    convoys.sort_by_key(|convoy| (!needs(convoy), !convoy.is_overdue(now), std::cmp::Reverse(convoy.number)));
    let shown = convoys.into_iter().skip(skip).take(limit);
    shown.map(|convoy| line(state, policy, convoy, now, stuck.contains(&convoy.content.id))).collect()
}

/// How many issues of a convoy somebody is at work on, or waits to go on with.
pub(super) fn at_work(state: &State, convoy: &Convoy) -> usize {
    let issues = convoy.content.tracked.iter().filter_map(|id| state.issues.get(id));
    issues.filter(|issue| issue.worker.as_ref().is_some_and(|id| state.index.active.contains(id))).count()
}

/// A convoy in one line; `stuck` says whether nothing of it moves before a person does something.
pub(super) fn line(
    state: &State,
    policy: &Policy,
    convoy: &Convoy,
    now: Time,
    stuck: bool,
) -> ConvoyLineView {
    let content = &convoy.content;
    let level = Level::Convoy(content.id.clone());
    let closed_at = match convoy.status {
        Status::Landed { at, .. } | Status::Abandoned { at, .. } => Some(at),
        Status::Staged(_) | Status::Open => None,
    };
    let issues = || content.tracked.iter().filter_map(|id| state.issues.get(id));
    ConvoyLineView {
        id: content.id.clone(),
        title: content.title.clone(),
        status: convoy.status.name().to_owned(),
        outcome: super::run_outcome(state, convoy).map(|outcome| outcome.name().to_owned()),
        template: content.run.as_ref().map(|run| run.template.to_string()),
        completed: content.tracked.len() - convoy.open_count.min(content.tracked.len()),
        total: content.tracked.len(),
        at_work: at_work(state, convoy),
        needs_human: issues().any(needs_human),
        stuck,
        overdue: convoy.is_overdue(now),
        due_at: content.due,
        spent: ledger::account(state, &level, now).settled.into(),
        budget: ledger::limit(state, policy, &level).map(MoneyView::from),
        created_at: convoy.created_at,
        started_at: convoy.started_at,
        closed_at,
    }
}

fn needs_human(issue: &Issue) -> bool {
    matches!(issue.status, issue::Status::NeedsHuman { .. })
}

/// Whether an issue needs a person and no convoy has said so: one in which others go on is not stuck.
fn is_left(issue: &Issue, said: &BTreeSet<ConvoyId>) -> bool {
    needs_human(issue) && !issue.convoys.iter().any(|id| said.contains(id))
}

fn of_convoy(stranded: StrandedView) -> NeedView {
    NeedView {
        kind: NeedKind::Convoy,
        id: stranded.convoy_id.to_string(),
        title: stranded.title,
        category: Some(stranded.category),
        detail: stranded.detail,
        command: stranded.command,
    }
}

fn of_issue(issue: &Issue) -> NeedView {
    let detail = match &issue.status {
        issue::Status::NeedsHuman { why } => why.clone(),
        issue::Status::Open
        | issue::Status::InProgress { .. }
        | issue::Status::Submitted { .. }
        | issue::Status::Closed(_) => String::new(),
    };
    NeedView {
        kind: NeedKind::Issue,
        id: issue.content.id.to_string(),
        title: issue.content.title.clone(),
        category: Some(Category::NeedsHuman),
        detail,
        command: format!("convoy why {}", issue.content.id),
    }
}

fn of_worker(state: &State, policy: &Policy, worker: &Worker) -> AtWorkView {
    let content = &worker.content;
    let issue = state.issues.get(&content.issue);
    let session = worker.sessions.last().and_then(|id| state.sessions.get(id));
    AtWorkView {
        worker_id: content.id.clone(),
        name: content.full_name(),
        issue_id: content.issue.clone(),
        issue_type: issue.map_or(IssueType::Other, |issue| issue.content.issue_type),
        title: issue.map(|issue| issue.content.title.clone()).unwrap_or_default(),
        convoy_id: content.convoy.clone(),
        session_id: session.map(|session| session.content.id.clone()),
        state: worker.state.name().to_owned(),
        agent: content.agent.to_string(),
        model: content.model.clone(),
        attempt: u32::try_from(worker.sessions.len()).unwrap_or(u32::MAX),
        max_attempts: policy.retry.max_attempts,
        health: session.and_then(|session| witness(policy, session)).map(|view| view.health),
        spent: super::worker::spent(state, worker).into(),
        started_at: worker.assigned_at,
    }
}
