//! Whose costs are asked for.

use convoy_api::query::CostOf;
use convoy_api::{Code, Failure};
use convoy_core::decide::{resolve_convoy, resolve_issue};
use convoy_core::id::EpicName;
use convoy_core::refusal::Refusal;
use convoy_core::view::CostScope;

use super::Dispatcher;

/// How many epics are named to whoever asked for one that is not.
const NAMED_MAX: usize = 20;

impl Dispatcher {
    pub(super) fn cost_scope(&self, of: &CostOf) -> Result<CostScope, Failure> {
        Ok(match of {
            CostOf::Workspace => CostScope::Workspace,
            CostOf::Epic { id } => CostScope::Epic(self.epic(id)?),
            CostOf::Convoy { id } => CostScope::Convoy(resolve_convoy(&self.state, id)?),
            CostOf::Worker { id } => CostScope::Worker(self.worker(id)?.content.id.clone()),
            CostOf::Issue { id } => CostScope::Issue(resolve_issue(&self.state, id)?),
        })
    }

    /// An epic that anything here belongs to.
    fn epic(&self, text: &str) -> Result<EpicName, Failure> {
        let state = &self.state;
        let of_convoys = state.convoys.values().filter_map(|convoy| convoy.content.epic.as_ref());
        let of_workers = state.workers.values().filter_map(|worker| worker.content.epic.as_ref());
        let of_people = state.own_sessions.values().map(|own| &own.content.epic);
        let known: std::collections::BTreeSet<&EpicName> =
            of_convoys.chain(of_workers).chain(of_people).collect();
        if let Some(name) = known.iter().find(|name| name.as_str() == text) {
            return Ok((*name).clone());
        }
        let failure: Failure = Refusal::NoSuch { kind: "epic", ids: vec![text.to_owned()] }.into();
        let names: Vec<&str> = known.iter().take(NAMED_MAX).map(|name| name.as_str()).collect();
        Err(match names.is_empty() {
            true => Failure { code: Code::NotFound, ..failure }.hint("no convoy and no session has an epic"),
            false => failure.hint(format!("known are: {}", names.join(", "))),
        })
    }
}
