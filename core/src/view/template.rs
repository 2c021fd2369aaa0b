//! The shapes of a template convoy: its roles, what they are about, and what came of it.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::convoy::{Convoy, Status as ConvoyStatus};
use crate::id::{IssueId, RoleName, SessionId};
use crate::issue::{CloseReason, Issue, MoneyView, Status};
use crate::ledger::{self, Level};
use crate::session::{Outcome, SessionState};
use crate::state::State;
use crate::template::{Applied, Counts, OnFailure, OutputKind, Product, RunOutcome, Runner, Verdict};
use crate::time::Time;

/// A role of a template convoy.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
#[expect(missing_docs, reason = "the published names; what they mean stands in docs/json.md")]
pub struct RoleView {
    pub role: String,
    pub subagent: String,
    pub status: String,
    pub issue_id: IssueId,
    pub agent: Option<String>,
    pub model: Option<String>,
    pub output: OutputKind,
    pub needs: Vec<String>,
    pub output_file: Option<String>,
    pub files: Vec<String>,
    pub findings: Option<u32>,
    pub exit_code: Option<i32>,
    pub why: Option<String>,
    pub attempts: usize,
    pub spent: MoneyView,
    pub session_id: Option<SessionId>,
    pub started_at: Option<Time>,
    pub completed_at: Option<Time>,
}

/// What was made of the reports of all roles.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
#[expect(missing_docs, reason = "the published names; what they mean stands in docs/json.md")]
pub struct ReportView {
    pub round: u32,
    pub at: Time,
    pub files: Vec<String>,
    pub counts: Counts,
    pub verdict: Option<Verdict>,
    pub missing: Vec<String>,
    pub error: Option<String>,
    pub applied: Option<Applied>,
}

/// What a template convoy is about.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
#[expect(missing_docs, reason = "the published names; what they mean stands in docs/json.md")]
pub struct RunView {
    pub rig: String,
    pub commit: Option<String>,
    pub base: Option<String>,
    pub files: Vec<String>,
    pub pr_url: Option<String>,
    pub issues: Vec<IssueId>,
    pub vars: BTreeMap<String, String>,
    pub timeout_s: Option<i64>,
    pub on_failure: OnFailure,
    pub timed_out: bool,
    pub stopped_by: Option<String>,
    pub report: Option<ReportView>,
}

/// What a template convoy came to, or none while it goes on.
pub fn run_outcome(state: &State, convoy: &Convoy) -> Option<RunOutcome> {
    let run = convoy.content.run.as_ref()?;
    match &convoy.status {
        ConvoyStatus::Staged(_) | ConvoyStatus::Open => return None,
        ConvoyStatus::Abandoned { .. } => return Some(RunOutcome::Stopped),
        ConvoyStatus::Landed { .. } => {}
    }
    let steps: Vec<&Issue> = steps(state, convoy).collect();
    let done = steps.iter().filter(|issue| is_completed(issue)).count();
    let failed = steps.iter().any(|issue| closed_as(issue) == Some(CloseReason::Failed));
    Some(match done {
        all if all == steps.len() => RunOutcome::Completed,
        0 => RunOutcome::Failed,
        _ if failed && run.on_failure == OnFailure::Stop => RunOutcome::Failed,
        _ => RunOutcome::Partial,
    })
}

/// The roles of a template convoy, in the order of its template.
pub fn steps<'a>(state: &'a State, convoy: &'a Convoy) -> impl Iterator<Item = &'a Issue> {
    let tracked = convoy.content.tracked.iter().filter_map(|id| state.issues.get(id));
    tracked.filter(|issue| issue.content.step.is_some())
}

fn closed_as(issue: &Issue) -> Option<CloseReason> {
    match &issue.status {
        Status::Closed(closed) => Some(closed.reason),
        Status::Open | Status::InProgress { .. } | Status::Submitted { .. } | Status::NeedsHuman { .. } => {
            None
        }
    }
}

fn is_completed(issue: &Issue) -> bool {
    closed_as(issue) == Some(CloseReason::Completed)
}

/// What a role left, if its last attempt left its report.
pub fn product<'a>(state: &'a State, issue: &Issue) -> Option<&'a Product> {
    let worker = state.workers.get(issue.worker.as_ref()?)?;
    let session = state.sessions.get(worker.sessions.last()?)?;
    match &session.state {
        SessionState::Over { outcome: Outcome::Delivered { product }, .. } => Some(product),
        _ => None,
    }
}

/// The views of the roles of a convoy; none if it is not of a template.
pub fn roles(state: &State, convoy: &Convoy, now: Time) -> Vec<RoleView> {
    steps(state, convoy).filter_map(|issue| role(state, convoy, issue, now)).collect()
}

/// Where the reports of a convoy are.
pub fn output_dir(convoy: &Convoy) -> Option<String> {
    let parent = convoy.content.run.as_ref()?.output_dir.as_deref().unwrap_or(".convoy/state/outputs");
    Some(format!("{}/{}", parent.trim_end_matches('/'), convoy.content.id))
}

fn role(state: &State, convoy: &Convoy, issue: &Issue, now: Time) -> Option<RoleView> {
    let step = issue.content.step.as_deref()?;
    let worker = issue.worker.as_ref().and_then(|id| state.workers.get(id));
    let session = worker.and_then(|worker| state.sessions.get(worker.sessions.last()?));
    let exit = session.and_then(|session| match &session.state {
        SessionState::Ended { exit, .. } | SessionState::Over { exit, .. } => exit.as_deref(),
        SessionState::Wanted | SessionState::Starting { .. } | SessionState::Running { .. } => None,
    });
    let (status, why, completed_at) = match &issue.status {
        Status::Closed(closed) => {
            let name = if is_completed(issue) { "completed" } else { "failed" };
            (name, closed.note.clone().filter(|_| !is_completed(issue)), Some(closed.at))
        }
        Status::InProgress { .. } => ("running", None, None),
        Status::Open | Status::Submitted { .. } => ("pending", None, None),
        Status::NeedsHuman { why } => ("failed", Some(why.clone()), None),
    };
    let product = product(state, issue);
    let dir = output_dir(convoy).unwrap_or_default();
    let (agent, model) = match &step.runner {
        Runner::Agent { agent, model, .. } => {
            let given = worker.map(|worker| worker.content.agent.to_string());
            let answered = session.and_then(|session| session.model.clone());
            (given.or_else(|| agent.as_ref().map(ToString::to_string)), answered.or_else(|| model.clone()))
        }
        Runner::Program { command, .. } => (command.first().cloned(), None),
        Runner::Nobody => (None, None),
    };
    let names = |id: &IssueId| Some(state.issues.get(id)?.content.step.as_ref()?.role.to_string());
    // Ids are made up: in their order the roles would come differently each time.
    let mut needs: Vec<String> = issue.blockers().filter_map(names).collect();
    needs.sort();
    Some(RoleView {
        role: step.role.to_string(),
        subagent: step.subagent.to_string(),
        status: status.to_owned(),
        issue_id: issue.content.id.clone(),
        agent,
        model,
        output: step.output,
        needs,
        output_file: product.and_then(|product| product.files.first()).map(|file| format!("{dir}/{file}")),
        files: product.map(|product| product.files.clone()).unwrap_or_default(),
        findings: product.and_then(|product| product.findings),
        exit_code: exit.and_then(|exit| exit.code),
        why,
        attempts: worker.map_or(0, |worker| worker.sessions.len()),
        spent: worker
            .map(|worker| ledger::account(state, &Level::Worker(worker.content.id.clone()), now).settled)
            .unwrap_or_default()
            .into(),
        session_id: session.map(|session| session.content.id.clone()),
        started_at: session.and_then(|session| session.started_at),
        completed_at,
    })
}

/// What a template convoy is about; none of any other.
pub fn run(convoy: &Convoy) -> Option<RunView> {
    let run = convoy.content.run.as_deref()?;
    let progress = &convoy.progress;
    Some(RunView {
        rig: run.rig.to_string(),
        commit: run.commit.clone(),
        base: run.diff_base.clone(),
        files: run.files.clone(),
        pr_url: run.pr_url.clone(),
        issues: run.issues.clone(),
        vars: run.vars.clone(),
        timeout_s: run.timeout.map(crate::time::Span::as_secs),
        on_failure: run.on_failure,
        timed_out: progress.timed_out,
        stopped_by: progress.stopped_by.clone(),
        report: progress.report.as_ref().map(|report| ReportView {
            round: report.round,
            at: report.at,
            files: report.files.clone(),
            counts: report.counts.clone(),
            verdict: report.verdict,
            missing: report.missing.iter().map(RoleName::to_string).collect(),
            error: report.error.clone(),
            applied: report.applied.clone(),
        }),
    })
}
