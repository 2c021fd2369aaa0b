//! Which model an attempt gets.
//!
//! The first choice is a person's, a label's or the configuration's. A model that fails again and again is left for the
//! next stronger one, as long as there is one; with which models a worker tried stands in its sessions.

use crate::id::AgentName;
use crate::issue::Issue;
use crate::policy::Policy;
use crate::session::Session;
use crate::state::State;
use crate::worker::Worker;

/// What an attempt of a worker is begun with.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Route {
    /// The model, if it is not the worker's.
    pub(super) model: Option<String>,
    /// Why that one.
    pub(super) rationale: Option<String>,
    /// It is another than the attempt before had: it begins afresh, with the brief of what was tried.
    pub(super) stronger: bool,
}

/// The first choice.
pub(super) struct Choice {
    pub(super) model: Option<String>,
    pub(super) rationale: String,
    /// A person asked for it.
    pub(super) fixed: bool,
}

/// Flag, then label, then complexity label, then the default.
pub(super) fn choose_model(policy: &Policy, issue: &Issue, agent: &AgentName, asked: Option<&str>) -> Choice {
    let by =
        |model: &str, rationale: String| Choice { model: Some(model.to_owned()), rationale, fixed: false };
    if let Some(model) = asked {
        return Choice { fixed: true, ..by(model, "asked for".into()) };
    }
    let labelled = |key: &str| issue.content.labels.iter().find_map(|label| label.strip_prefix(key));
    if let Some(model) = labelled("model:") {
        return by(model, format!("label model:{model}"));
    }
    if let Some(complexity) = labelled("complexity:") {
        let configured = policy.complexity.get(complexity).map(String::as_str);
        if let Some(model) = configured.or_else(|| usual(policy.tiers.of(agent), complexity)) {
            return by(model, format!("label complexity:{complexity}"));
        }
    }
    match &policy.model {
        Some(model) => by(model, "configured default".into()),
        None => Choice { model: None, rationale: "the agent's own default".into(), fixed: false },
    }
}

/// The model for a `complexity:` label that the configuration says nothing about.
fn usual<'a>(tiers: &'a [String], complexity: &str) -> Option<&'a str> {
    let model = match complexity {
        "trivial" | "simple" => tiers.first(),
        "standard" => tiers.get(tiers.len() / 2),
        "complex" => tiers.last(),
        _ => None,
    };
    model.map(String::as_str)
}

/// Which tier a model is of: named by the tier itself, or by a longer name that has it as a word.
fn tier_of(tiers: &[String], model: &str) -> Option<usize> {
    let words = |tier: &str| model.split(|c: char| !c.is_ascii_alphanumeric()).any(|word| word == tier);
    tiers.iter().position(|tier| tier == model).or_else(|| tiers.iter().position(|tier| words(tier)))
}

/// The model of a session, as it was asked for or, if nobody asked, as it answered.
fn model_of<'a>(worker: &'a Worker, session: &'a Session) -> Option<&'a str> {
    let asked = session.content.model.as_deref().or(worker.content.model.as_deref());
    asked.or(session.model.as_deref())
}

/// What the next attempt of a worker is begun with.
pub(super) fn next(state: &State, policy: &Policy, worker: &Worker) -> Route {
    let Some(last) = worker.sessions.last().and_then(|id| state.sessions.get(id)) else {
        return Route::default();
    };
    let (model, rationale) = (last.content.model.clone(), last.content.model_rationale.clone());
    let same = Route { model, rationale, stronger: false };
    let tiers = policy.tiers.of(&worker.content.agent);
    if worker.content.model_fixed && !policy.tiers.escalate_explicit {
        return same;
    }
    let Some(model) = model_of(worker, last) else { return same };
    let Some(tier) = tier_of(tiers, model) else { return same };
    let Some(stronger) = tiers.get(tier + 1) else { return same };
    let failed = worker.failed_in.iter().filter_map(|id| state.sessions.get(id));
    let failed =
        failed.filter(|session| model_of(worker, session).and_then(|m| tier_of(tiers, m)) == Some(tier));
    let failures = failed.count();
    if u32::try_from(failures).unwrap_or(u32::MAX) < policy.retry.max_model_failures {
        return same;
    }
    let times = if failures == 1 { "1 attempt".to_owned() } else { format!("{failures} attempts") };
    Route {
        model: Some(stronger.clone()),
        rationale: Some(format!("{times} with {model} failed")),
        stronger: true,
    }
}

/// With what a worker that takes over begins: the model that its predecessor had come to, if that was another than its
/// first.
pub(super) fn inherited(state: &State, worker: &Worker) -> Option<(String, String)> {
    let last = worker.sessions.last().and_then(|id| state.sessions.get(id))?;
    Some((last.content.model.clone()?, last.content.model_rationale.clone().unwrap_or_default()))
}
