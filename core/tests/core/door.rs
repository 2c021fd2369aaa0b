//! The one door: a state, a clock and fresh ids, to which commands are given as the dispatcher would.

use std::collections::BTreeMap;

use convoy_core::address::Address;
use convoy_core::command::{Observed, Request};
use convoy_core::convoy::MergeStrategy;
use convoy_core::decide::{Command, Context, Entropy, Item, step};
use convoy_core::event::{Batch, Event};
use convoy_core::health::Thresholds;
use convoy_core::id::{AgentName, RigName};
use convoy_core::plan::{Plan, plan};
use convoy_core::policy::{Batches, Budget, Checkpoints, Observers, Policy, Retry, Rig, Routes};
use convoy_core::refusal::Refusal;
use convoy_core::state::State;
use convoy_core::time::{Span, Time};
use convoy_core::view;

/// 2025-12-30T18:15:00Z.
const BEGIN: i64 = 1_767_118_500_000;

/// See the module.
pub(crate) struct Door {
    pub(crate) state: State,
    pub(crate) policy: Policy,
    pub(crate) now: Time,
    pub(crate) log: Vec<Batch>,
    seed: u64,
}

fn rig(prefix: &str, max_parallel: Option<u32>) -> Rig {
    Rig { prefix: prefix.into(), max_parallel, ..Rig::default() }
}

impl Door {
    pub(crate) fn new() -> Self {
        let agent = |name: &str| AgentName::new(name).unwrap();
        let name = |text: &str| RigName::new(text).unwrap();
        let policy = Policy {
            rigs: BTreeMap::from([(name("home"), rig("hq", None)), (name("tools"), rig("gt", Some(1)))]),
            home: name("home"),
            agents: vec![agent("claude"), agent("codex")],
            sandboxed: Vec::new(),
            roles_sandboxed: false,
            agent: agent("claude"),
            model: None,
            complexity: BTreeMap::from([("trivial".to_owned(), "haiku".to_owned())]),
            merge: MergeStrategy::Direct,
            batches: Batches::default(),
            max_parallel: 4,
            notify: Vec::new(),
            retry: Retry {
                backoff: Span::from_secs(10),
                backoff_max: Span::from_secs(30),
                ..Retry::default()
            },
            routes: Routes { tries_max: 3, ..Routes::default() },
            observers: Observers::default(),
            witness: Thresholds { enabled: false, ..Thresholds::default() },
            tiers: convoy_core::policy::Tiers::default(),
            budget: Budget::default(),
            // Most scripts are about something else.
            checkpoints: Checkpoints::OFF,
            reviews: convoy_core::policy::Reviews::default(),
        };
        let now = Time::from_millis(BEGIN);
        Self { state: State::default(), policy, now, log: Vec::new(), seed: 1 }
    }

    fn step(
        &mut self,
        command: &Command,
        actor: &str,
        key: Option<String>,
    ) -> Result<(Vec<Event>, Vec<Item>), Refusal> {
        self.seed += 1;
        let before = self.state.clone();
        let mut ctx = Context {
            now: self.now,
            actor: Address::new(actor).unwrap(),
            policy: &self.policy,
            entropy: Entropy::new(self.seed),
            key,
            print: {
                let mut hasher = std::hash::DefaultHasher::new();
                std::hash::Hash::hash(&format!("{command:?}"), &mut hasher);
                std::hash::Hasher::finish(&hasher)
            },
        };
        match step(&mut self.state, command, &mut ctx) {
            Ok((batch, items)) => {
                self.log.extend(batch.clone());
                self.check(&before, batch.as_ref());
                Ok((batch.map(|batch| batch.events).unwrap_or_default(), items))
            }
            Err(refusal) => {
                assert_eq!(self.state, before, "a refusal changes nothing");
                Err(refusal)
            }
        }
    }

    /// Of every command: replay gives the state, and what is derived is what is made afresh.
    fn check(&self, before: &State, batch: Option<&Batch>) {
        let mut replayed = before.clone();
        if let Some(batch) = batch {
            replayed.apply_batch(batch);
        }
        assert_eq!(replayed, self.state, "replay gives another state");
        replayed.recount();
        assert_eq!(replayed, self.state, "what is derived differs");
        // What is passed over in a hurry is what would be passed over in any case.
        let all = view::stranded(&self.state, &self.policy, self.now);
        let stuck: Vec<_> = all.iter().filter(|one| one.category.is_stuck()).cloned().collect();
        assert_eq!(view::stuck(&self.state, &self.policy, self.now), stuck);
        assert_eq!(view::figures(&self.state, &self.policy, self.now).stranded, all.len());
    }

    pub(crate) fn ask(
        &mut self,
        request: Request,
        actor: &str,
        key: Option<String>,
    ) -> Result<(Vec<Event>, Vec<Item>), Refusal> {
        self.step(&Command::Request(request), actor, key)
    }

    /// A fact that no request makes, as imported data has it.
    pub(crate) fn import(&mut self, event: Event) {
        let actor = Address::overseer();
        let batch = Batch { at: self.now, actor, key: None, events: vec![event] };
        self.state.apply_batch(&batch);
        self.log.push(batch);
    }

    pub(crate) fn see(&mut self, observed: Observed) -> Vec<Event> {
        self.step(&Command::Observed(observed), "convoy", None).expect("observations are never refused").0
    }

    /// The plan, after what it proposes was done.
    pub(crate) fn plan(&mut self) -> (Vec<Event>, Plan) {
        let mut events = Vec::new();
        loop {
            let plan = plan(&self.state, &self.policy, self.now);
            if plan.proposals.is_empty() {
                return (events, plan);
            }
            let before = events.len();
            for proposal in plan.proposals {
                events.extend(self.see(proposal));
            }
            assert!(events.len() > before, "proposals that come to nothing");
        }
    }
}
