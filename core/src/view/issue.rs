//! The shape of an issue.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::full_name;
use crate::id::{ConvoyId, IssueId, WorkerId};
use crate::issue::{CloseReason, DependencyType, Evidence, Issue, IssueType, Status};
use crate::policy::Policy;
use crate::state::State;
use crate::time::Time;
use crate::worker::Worker;

/// A dependency, with beads' own field names.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct DependencyView {
    /// What depends.
    pub issue_id: IssueId,
    /// On what.
    pub depends_on_id: IssueId,
    /// How.
    #[serde(rename = "type")]
    pub kind: DependencyType,
}

/// An issue.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
#[expect(missing_docs, reason = "the published names; what they mean stands in docs/json.md")]
pub struct IssueView {
    pub id: IssueId,
    pub title: String,
    pub description: String,
    pub status: String,
    pub issue_type: IssueType,
    pub priority: u8,
    pub labels: Vec<String>,
    pub rig: String,
    pub rig_known: bool,
    pub parent: Option<IssueId>,
    pub acceptance: Vec<String>,
    pub dependencies: Vec<DependencyView>,
    pub blocked: bool,
    pub blocked_by: Vec<IssueId>,
    pub convoys: Vec<ConvoyId>,
    pub worker: Option<WorkerId>,
    pub assignee: Option<String>,
    pub needs_human: Option<String>,
    pub close_reason: Option<CloseReason>,
    pub close_note: Option<String>,
    pub duplicate_of: Option<IssueId>,
    pub evidence: Option<Evidence>,
    pub created_by: String,
    pub created_at: Time,
    pub updated_at: Time,
    pub closed_at: Option<Time>,
}

/// The view of an issue.
pub fn issue(state: &State, policy: &Policy, issue: &Issue) -> IssueView {
    let content = &issue.content;
    let blocked_by: Vec<IssueId> =
        if issue.is_closed() { Vec::new() } else { state.open_blockers(issue).cloned().collect() };
    let closed = match &issue.status {
        Status::Closed(closed) => Some(closed),
        Status::Open | Status::InProgress { .. } | Status::Submitted { .. } | Status::NeedsHuman { .. } => {
            None
        }
    };
    let worker = holder(state, issue);
    IssueView {
        id: content.id.clone(),
        title: content.title.clone(),
        description: content.body.clone(),
        status: issue.status.name().to_owned(),
        issue_type: content.issue_type,
        priority: content.priority,
        labels: content.labels.iter().cloned().collect(),
        rig: content.rig.to_string(),
        rig_known: policy.rigs.contains_key(&content.rig),
        parent: content.parent.clone(),
        acceptance: content.acceptance.clone(),
        dependencies: content
            .needs
            .iter()
            .map(|(id, kind)| DependencyView {
                issue_id: content.id.clone(),
                depends_on_id: id.clone(),
                kind: *kind,
            })
            .collect(),
        blocked: !blocked_by.is_empty(),
        blocked_by,
        convoys: issue.convoys.iter().cloned().collect(),
        worker: worker.map(|worker| worker.content.id.clone()),
        assignee: worker.map(full_name),
        needs_human: match &issue.status {
            Status::NeedsHuman { why } => Some(why.clone()),
            Status::Open | Status::InProgress { .. } | Status::Submitted { .. } | Status::Closed(_) => None,
        },
        close_reason: closed.map(|closed| closed.reason),
        close_note: closed.and_then(|closed| closed.note.clone()),
        duplicate_of: closed.and_then(|closed| closed.duplicate_of.clone()),
        evidence: closed.and_then(|closed| closed.evidence.as_deref().cloned()),
        created_by: issue.created_by.clone(),
        created_at: issue.created_at,
        updated_at: issue.updated_at,
        closed_at: closed.map(|closed| closed.at),
    }
}

/// The worker that has the issue now.
pub(super) fn holder<'a>(state: &'a State, issue: &Issue) -> Option<&'a Worker> {
    match &issue.status {
        Status::InProgress { worker } | Status::Submitted { worker } => state.workers.get(worker),
        Status::Open | Status::NeedsHuman { .. } | Status::Closed(_) => None,
    }
}
