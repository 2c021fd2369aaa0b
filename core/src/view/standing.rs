//! Where convoys stand: what they have come to, and whether they go on by themselves. For whoever waits for their end.

use serde::{Deserialize, Serialize};

use super::{ConvoyView, StrandedView, convoy, stranded};
use crate::convoy::Convoy;
use crate::policy::Policy;
use crate::session::Session;
use crate::state::State;
use crate::time::Time;

/// Where a convoy stands.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct StandingView {
    /// The convoy.
    pub convoy: ConvoyView,
    /// Why it does not go on before a person does something, if that is so.
    pub stuck: Option<StrandedView>,
}

impl StandingView {
    /// Whether nothing more is to be waited for.
    pub fn is_over(&self) -> bool {
        self.convoy.closed_at.is_some() || self.stuck.is_some()
    }
}

/// Where a convoy stands.
pub fn standing(state: &State, policy: &Policy, of: &Convoy, now: Time) -> StandingView {
    StandingView {
        convoy: convoy(state, policy, of, now),
        stuck: stranded::stuck_one(state, policy, of, now),
    }
}

/// Where all open convoys stand that were started, if no agent is at work and none of them goes on by itself.
pub fn at_rest(state: &State, policy: &Policy, now: Time) -> Option<Vec<StandingView>> {
    if state.index.sessions.iter().filter_map(|id| state.sessions.get(id)).any(Session::is_live) {
        return None;
    }
    let open = state.index.open.iter().filter_map(|(_, id)| state.convoys.get(id));
    open.filter(|convoy| convoy.started_at.is_some())
        .map(|convoy| Some(standing(state, policy, convoy, now)).filter(StandingView::is_over))
        .collect()
}
