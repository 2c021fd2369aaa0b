//! Where a person wants work done: `rig`, or `rig/name` with a name for the worker.

use crate::id::{IssueId, RigName, WorkerName};
use crate::policy::Policy;
use crate::refusal::Refusal;
use crate::state::State;
use crate::worker::Worker;

/// A target, checked.
pub(super) struct Target {
    /// The rig that the issues must belong to.
    pub(super) rig: RigName,
    /// What the worker is to be called.
    pub(super) name: Option<WorkerName>,
}

impl Target {
    /// Takes a text as a target; a slash at its end means nothing.
    pub(super) fn new(policy: &Policy, text: &str) -> Result<Self, Refusal> {
        let (rig, name) = match text.trim_end_matches('/').split_once('/') {
            Some((rig, name)) => (rig, Some(name)),
            None => (text.trim_end_matches('/'), None),
        };
        let Some(rig) = policy.rigs.keys().find(|known| known.as_str() == rig) else {
            let known: Vec<&str> = policy.rigs.keys().map(RigName::as_str).collect();
            let shown: String = text.chars().take(100).collect();
            return Err(Refusal::invalid(
                "target",
                format!(
                    "{shown:?} is not accepted: expected a rig ({}), a rig and a name for the worker ({}/amber), \
                     or nothing",
                    known.join(", "),
                    policy.home
                ),
            ));
        };
        let name = name.map(WorkerName::new).transpose().map_err(|_| {
            let shown: String = name.unwrap_or_default().chars().take(100).collect();
            Refusal::invalid(
                "target",
                format!(
                    "{shown:?} is not a name for a worker: expected letters, digits, '.', '_' and '-', not at the ends, \
                     and not beginning with 'w-'"
                ),
            )
        })?;
        Ok(Self { rig: rig.clone(), name })
    }

    /// The issues must be of the rig: their repository is there, and a worker elsewhere could do nothing for
    /// them. A name is for one worker, and for one that does nothing else.
    pub(super) fn check(&self, state: &State, ids: &[IssueId]) -> Result<(), Refusal> {
        for id in ids {
            let rig = &state.issues[id].content.rig;
            if *rig != self.rig {
                return Err(Refusal::invalid(
                    "target",
                    format!("{id} belongs to rig {rig}, not {}: its repository is there", self.rig),
                ));
            }
        }
        let Some(name) = &self.name else { return Ok(()) };
        if ids.len() > 1 {
            let problem = format!("{name} is the name of one worker, and there are {} issues", ids.len());
            return Err(Refusal::invalid("target", problem));
        }
        match holder(state, &self.rig, name) {
            Some(worker) if !ids.contains(&worker.content.issue) => Err(Refusal::Conflict {
                what: format!("{} is at work on {}", worker.content.full_name(), worker.content.issue),
            }),
            _ => Ok(()),
        }
    }
}

/// The active worker of this name.
pub(super) fn holder<'a>(state: &'a State, rig: &RigName, name: &WorkerName) -> Option<&'a Worker> {
    let active = state.index.active.iter().filter_map(|id| state.workers.get(id));
    active.into_iter().find(|worker| worker.content.rig == *rig && worker.content.name.as_ref() == Some(name))
}
