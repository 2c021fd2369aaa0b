//! What usage costs, put to it where it is passed on: from then on it is what the log says, whatever prices become.

use std::collections::BTreeMap;

use convoy_core::id::SessionId;
use convoy_core::report::{Observation, Report};
use convoy_core::time::Time;

use crate::agent::{Output, model_of};
use crate::prices::{Priced, Prices, Used, Vendor};
use crate::supervisor::files::SessionDir;
use crate::supervisor::spec::Spec;

/// Puts prices to the usage of one session.
pub(super) struct Pricing<'a> {
    prices: &'a Prices,
    output: Output,
    env: BTreeMap<String, String>,
    /// The model that is asked for, where nobody says which one answered.
    model: Option<String>,
}

impl<'a> Pricing<'a> {
    /// For a session as its supervisor was told, which was asked to use a model.
    pub(super) fn new(prices: &'a Prices, spec: &Spec, model: Option<String>) -> Self {
        Self { prices, output: spec.translator, env: spec.env.clone(), model }
    }

    /// Puts what it cost to a usage without a cost.
    pub(super) fn put(&mut self, dir: &SessionDir, observation: &mut Observation) {
        let at = observation.at;
        match &mut observation.report {
            Report::Conversation { model: Some(model), .. } => self.model = Some(model.clone()),
            Report::Usage { message_id, model, tokens, cache_write_1h, cost: cost @ None, price } => {
                let used = Used {
                    tokens: *tokens,
                    cache_write_1h: *cache_write_1h,
                    summed: self.output.is_sum(message_id),
                };
                // Claude names the model of each reply, and a sum without one is of several.
                if model.is_none() && self.output != Output::Claude {
                    self.model = self.model.take().or_else(|| self.answered(dir));
                    model.clone_from(&self.model);
                }
                if let Some(priced) = self.price(model.as_deref(), &used, at) {
                    (*cost, *price) = (Some(priced.cost), Some(priced.price));
                }
            }
            _ => {}
        }
    }

    fn price(&self, model: Option<&str>, used: &Used, at: Time) -> Option<Priced> {
        self.prices.cost(Vendor::of(self.output), model?, used, at)
    }

    /// The model that answers, by what the agent keeps of its conversation: nobody asked for one, and its stream does
    /// not say.
    fn answered(&self, dir: &SessionDir) -> Option<String> {
        let heard = dir.observations_after(0).ok()?;
        let id = heard.into_iter().find_map(|observation| match observation.report {
            Report::Conversation { id, .. } => Some(id),
            _ => None,
        });
        model_of(self.output, &id?, &self.env)
    }
}

/// A remark about a session that nobody can price.
pub(super) fn unknown(session: &SessionId, error: &dyn std::error::Error) {
    crate::world::note(&format!("session {session}: its usage is not priced: {}", crate::explain(error)));
}
