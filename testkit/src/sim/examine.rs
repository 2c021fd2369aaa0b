//! Looks at sessions of which nothing was heard.

use convoy_core::command::Observed;
use convoy_core::effect::Effect;
use convoy_core::health::{self, Look, Vitals};
use convoy_core::id::{Epoch, SessionId};

use super::Sim;
use super::queue::{Happening, Task};

/// Over how long a look goes, in virtual milliseconds.
const WINDOW_MS: u64 = 1_000;

impl Sim {
    /// Looks until there is something to say of the session, or nobody wants to know any more. Some agents that say
    /// nothing are at work.
    pub(super) fn examine(&mut self, session: SessionId, epoch: Epoch, round: u32, spent: u32) {
        let now = self.now();
        let at_work = self.rng.u32(0..4) == 0;
        let Some(engine) = &self.engine else { return };
        let effect = Effect::Examine { session: session.clone(), epoch, round, spent };
        let Some(of) = engine.state.sessions.get(&session).filter(|_| engine.under_way.contains(&effect))
        else {
            return;
        };
        let (standing, cost) = (of.witness.clone(), of.priced());
        let Some(worker) = engine.state.workers.get(&of.content.worker) else { return };
        let key = self.dir_key(&session, &worker.content.issue);
        if self.supervisor_of(&key).is_none() {
            return;
        }
        let heard = self.dirs.get(&key).and_then(|dir| dir.observations.last()).map_or(now, |last| last.at);
        let look = Look {
            vitals: Vitals {
                at: now,
                silent_ms: u64::try_from(now.since(heard).as_millis()).unwrap_or_default(),
                processes: 1,
                ..Vitals::default()
            },
            window_ms: WINDOW_MS,
            cpu_ms: if at_work { WINDOW_MS } else { 0 },
            changed_at: None,
        };
        if health::verdict(&look, &standing, &self.policy.witness, cost).is_some() {
            let observed = Observed::Examined { session, epoch, round, look: Box::new(look) };
            return self.answer(Some(effect), observed);
        }
        let again = health::look_again(&look, &standing, &self.policy.witness).as_millis();
        let (instance, again) = (self.instance, u64::try_from(again).unwrap_or(1).max(1));
        let task = Task::Examine { session, epoch, round, spent };
        self.soon(again, again + WINDOW_MS, Happening::Part(instance, task));
    }
}
