//! The shape of an analysis: what `stage` and `launch` found.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::convoy::Status;
use crate::decide::Staging;
use crate::id::{ConvoyId, IssueId};
use crate::issue::IssueType;
use crate::stage::{Finding, Node};
use crate::state::State;

/// What staging came to.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum StageStatus {
    /// Nothing keeps it from being launched.
    StagedReady,
    /// It is launched when somebody insists.
    StagedWarnings,
    /// Nothing was made.
    Error,
    /// It was launched.
    Open,
    /// It was launched, and everything was closed already.
    Landed,
}

/// What staging came to.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
#[expect(missing_docs, reason = "the published names; what they mean stands in docs/json.md")]
pub struct StageView {
    pub status: StageStatus,
    pub convoy_id: Option<ConvoyId>,
    pub title: String,
    pub restaged: bool,
    pub errors: Vec<Finding>,
    pub warnings: Vec<Finding>,
    pub waves: Vec<WaveView>,
    pub gated: Vec<GatedView>,
    pub tree: Vec<TreeView>,
    pub tasks: usize,
}

/// Tasks that can be worked on side by side.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
#[expect(missing_docs, reason = "the published names; what they mean stands in docs/json.md")]
pub struct WaveView {
    pub number: usize,
    pub tasks: Vec<TaskView>,
}

/// A task in its wave.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
#[expect(missing_docs, reason = "the published names; what they mean stands in docs/json.md")]
pub struct TaskView {
    pub id: IssueId,
    pub title: String,
    #[serde(rename = "type")]
    pub issue_type: IssueType,
    pub rig: String,
    pub blocked_by: Vec<IssueId>,
}

/// A task that is in no wave.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
#[expect(missing_docs, reason = "the published names; what they mean stands in docs/json.md")]
pub struct GatedView {
    pub id: IssueId,
    pub title: String,
    #[serde(rename = "type")]
    pub issue_type: IssueType,
    pub gated_by: Vec<IssueId>,
}

/// An issue with its parts.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
#[expect(missing_docs, reason = "the published names; what they mean stands in docs/json.md")]
pub struct TreeView {
    pub id: IssueId,
    pub title: String,
    #[serde(rename = "type")]
    pub issue_type: IssueType,
    pub status: String,
    pub rig: String,
    pub children: Vec<TreeView>,
}

/// The view of an analysis, before anything is made of it.
pub fn stage(state: &State, staging: &Staging) -> StageView {
    let analysis = &staging.analysis;
    let errors: Vec<Finding> = analysis.errors().cloned().collect();
    let warnings: Vec<Finding> = analysis.warnings().cloned().collect();
    let known = staging.convoy.as_ref().and_then(|id| state.convoys.get(id)).map(|convoy| &convoy.status);
    let status = match known {
        Some(Status::Open) => StageStatus::Open,
        Some(Status::Landed { .. }) => StageStatus::Landed,
        _ if !errors.is_empty() => StageStatus::Error,
        _ if !warnings.is_empty() => StageStatus::StagedWarnings,
        _ => StageStatus::StagedReady,
    };
    let waves = analysis.waves.iter().enumerate().map(|(place, wave)| WaveView {
        number: place + 1,
        tasks: wave.iter().filter_map(|id| task(state, id)).collect(),
    });
    let gated = analysis.gated.iter().filter_map(|gated| {
        let TaskView { id, title, issue_type, .. } = task(state, &gated.issue)?;
        Some(GatedView { id, title, issue_type, gated_by: gated.by.clone() })
    });
    StageView {
        status,
        convoy_id: staging.convoy.clone(),
        title: staging.title.clone(),
        restaged: staging.convoy.is_some(),
        errors,
        warnings,
        waves: waves.collect(),
        gated: gated.collect(),
        tree: analysis.tree.iter().filter_map(|node| branch(state, node)).collect(),
        tasks: analysis.waves.iter().map(Vec::len).sum::<usize>() + analysis.gated.len(),
    }
}

fn task(state: &State, id: &IssueId) -> Option<TaskView> {
    let issue = state.issues.get(id)?;
    Some(TaskView {
        id: id.clone(),
        title: issue.content.title.clone(),
        issue_type: issue.content.issue_type,
        rig: issue.content.rig.to_string(),
        blocked_by: state.open_blockers(issue).cloned().collect(),
    })
}

fn branch(state: &State, node: &Node) -> Option<TreeView> {
    let issue = state.issues.get(&node.issue)?;
    Some(TreeView {
        id: node.issue.clone(),
        title: issue.content.title.clone(),
        issue_type: issue.content.issue_type,
        status: issue.status.name().to_owned(),
        rig: issue.content.rig.to_string(),
        children: node.children.iter().filter_map(|node| branch(state, node)).collect(),
    })
}
