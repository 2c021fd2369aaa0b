//! The shape of what the witness knows of a session.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::health::{Health, Look, Standing, Taken, next_step};
use crate::policy::Policy;
use crate::session::{Session, SessionState};
use crate::time::Time;

/// How a session does, and what is done about it.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
#[expect(missing_docs, reason = "the published names; what they mean stands in docs/json.md")]
pub struct WitnessView {
    pub health: String,
    pub stale: bool,
    pub why: String,
    pub heard_at: Time,
    pub steps: Vec<StepView>,
    pub next_step: Option<String>,
    pub next_at: Option<Time>,
    pub evidence: Option<EvidenceView>,
}

/// A step that was taken in this episode.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
#[expect(missing_docs, reason = "the published names; what they mean stands in docs/json.md")]
pub struct StepView {
    pub step: String,
    pub at: Time,
    pub unable: Option<String>,
}

/// What a judgement rests on.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
#[expect(missing_docs, reason = "the published names; what they mean stands in docs/json.md")]
pub struct EvidenceView {
    pub at: Time,
    pub silent_ms: u64,
    pub tool: Option<String>,
    pub tool_ms: Option<u64>,
    pub processes: u32,
    pub cpu_ms: u64,
    pub window_ms: u64,
    pub window_cpu_ms: u64,
    pub retry_at: Option<Time>,
    pub waiting: Option<String>,
    pub repeated: Option<String>,
    pub repeated_count: Option<u32>,
    pub changed_at: Option<Time>,
    pub takes_input: bool,
}

/// The view of a session that runs; none of others, and none while nobody looks.
pub fn witness(policy: &Policy, session: &Session) -> Option<WitnessView> {
    let runs = matches!(session.state, SessionState::Running { .. });
    if !runs || !policy.witness.enabled {
        return None;
    }
    let standing = &session.witness;
    let next = next_step(standing, &policy.witness).filter(|_| !session.stopping);
    Some(WitnessView {
        health: standing.health.name().to_owned(),
        stale: standing.health.is_stale(),
        why: standing.health.to_string(),
        heard_at: standing.heard_at,
        steps: standing.steps.iter().map(step).collect(),
        next_step: next.map(|(step, _)| step.name().to_owned()),
        next_at: next.map(|(_, at)| at),
        evidence: standing.look.as_ref().map(evidence),
    })
}

fn step(taken: &Taken) -> StepView {
    StepView { step: taken.step.name().to_owned(), at: taken.at, unable: taken.unable.clone() }
}

/// The view of a look.
fn evidence(look: &Look) -> EvidenceView {
    let vitals = &look.vitals;
    EvidenceView {
        at: vitals.at,
        silent_ms: vitals.silent_ms,
        tool: vitals.tool.as_ref().map(|tool| tool.name.clone()),
        tool_ms: vitals.tool.as_ref().map(|tool| tool.for_ms),
        processes: vitals.processes,
        cpu_ms: vitals.cpu_ms,
        window_ms: look.window_ms,
        window_cpu_ms: look.cpu_ms,
        retry_at: vitals.retry_at,
        waiting: vitals.waiting.clone(),
        repeated: vitals.looping.as_ref().map(|looping| looping.what.clone()),
        repeated_count: vitals.looping.as_ref().map(|looping| looping.count),
        changed_at: look.changed_at,
        takes_input: vitals.takes_input,
    }
}

impl WitnessView {
    /// As far as another look needs it.
    pub fn standing(&self) -> Standing {
        Standing { heard_at: self.heard_at, ..Standing::default() }
    }

    /// Takes what a look of just now says, with what it is judged to mean. What is known besides, and no look shows,
    /// stays: that much was spent without progress.
    pub fn refresh(&mut self, look: &Look, health: &Health) {
        self.evidence = Some(evidence(look));
        if self.health != "burning" || *health != Health::Healthy {
            self.health = health.name().to_owned();
            self.stale = health.is_stale();
            self.why = health.to_string();
        }
    }
}
