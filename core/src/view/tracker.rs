//! The shape of a tracker that is not ours.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::id::IssueId;
use crate::state::State;
use crate::time::Time;

/// A change that a tracker did not take.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[expect(missing_docs, reason = "the published names; what they mean stands in docs/json.md")]
pub struct RefusedView {
    pub issue_id: IssueId,
    pub error: String,
    pub failures: u32,
    pub retry_at: Time,
}

/// A tracker.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[expect(missing_docs, reason = "the published names; what they mean stands in docs/json.md")]
pub struct TrackerView {
    pub rig: String,
    pub readable: bool,
    pub lost_since: Option<Time>,
    pub why: Option<String>,
    pub version: Option<String>,
    pub read_at: Option<Time>,
    pub watched: bool,
    pub issues: usize,
    pub missing: usize,
    pub skipped: usize,
    pub pending: usize,
    pub refused: Vec<RefusedView>,
}

/// Every tracker that was ever read or tried. What only an engine knows of it is left out.
pub fn trackers(state: &State) -> Vec<TrackerView> {
    let view = |(rig, tracker): (&crate::id::RigName, &crate::tracker::Tracker)| {
        let pending = state.index.pushes.get(rig);
        let mirrors =
            || tracker.issues.iter().filter_map(|id| Some((id, state.issues.get(id)?.mirror.as_deref()?)));
        TrackerView {
            rig: rig.to_string(),
            readable: tracker.lost.is_none(),
            lost_since: tracker.lost.as_ref().map(|(_, since)| *since),
            why: tracker.lost.as_ref().map(|(why, _)| why.clone()),
            version: None,
            read_at: None,
            watched: false,
            issues: tracker.issues.len(),
            missing: mirrors().filter(|(_, mirror)| mirror.missing).count(),
            skipped: 0,
            pending: pending.map_or(0, std::collections::BTreeSet::len),
            refused: mirrors()
                .filter(|(id, _)| pending.is_some_and(|pending| pending.contains(*id)))
                .filter_map(|(id, mirror)| {
                    let trouble = mirror.trouble.as_ref()?;
                    Some(RefusedView {
                        issue_id: id.clone(),
                        error: trouble.error.clone(),
                        failures: trouble.failures,
                        retry_at: trouble.until,
                    })
                })
                .collect(),
        }
    };
    state.trackers.iter().map(view).collect()
}
