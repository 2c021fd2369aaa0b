//! Properties of the ledger over generated histories: usage, results, ends, limits that rise and fall, days that pass.
//! The door compares replay and recount after each step, so that a crash at any moment is among them.

use std::collections::BTreeSet;

use convoy_core::command::{BudgetScope, Observed, Request};
use convoy_core::event::Event;
use convoy_core::id::SessionId;
use convoy_core::ledger::{self, Level};
use convoy_core::money::Money;
use convoy_core::policy::Budget;
use convoy_core::report::{AgentResult, Exit, ExitKind, Observation, Report, StopWhy, Tokens};
use convoy_core::session::{Findings, SessionState, Workdir};
use convoy_core::state::State;
use convoy_core::time::Time;
use proptest::prelude::*;

use crate::door::Door;

const ISSUES: usize = 5;

#[derive(Clone, Debug)]
enum Step {
    Plan,
    /// Of a session that runs: a reply, and what it costs.
    Use(usize, i64, bool),
    /// What the agent reports in all.
    Result(usize, i64),
    /// Its own word.
    OwnWord(usize, i64),
    End(usize, bool),
    /// Of the first convoy, the second, their epic, the day, or a worker.
    Limit(u8, Option<i64>),
    Hours(i64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => Just(Step::Plan),
        8 => (0..ISSUES, 1_i64..400, prop::bool::weighted(0.97)).prop_map(|(n, cost, known)| Step::Use(n, cost * 1000, known)),
        1 => (0..ISSUES, 1_i64..2000).prop_map(|(n, cost)| Step::Result(n, cost * 1000)),
        1 => (0..ISSUES, 1_i64..900).prop_map(|(n, cost)| Step::OwnWord(n, cost * 1000)),
        3 => (0..ISSUES, any::<bool>()).prop_map(|(n, commits)| Step::End(n, commits)),
        3 => (0..5_u8, prop::option::weighted(0.85, 1_i64..300)).prop_map(|(of, cents)| Step::Limit(of, cents)),
        1 => (1_i64..30).prop_map(Step::Hours),
    ]
}

/// The world beside the core: what supervisors know.
struct World {
    door: Door,
    said: BTreeSet<(Level, Money, i32, bool)>,
    log: usize,
    shadow: State,
    n: u64,
}

impl World {
    fn new(budget: Budget) -> Self {
        let mut door = Door::new();
        door.policy.budget = budget;
        for n in 0..ISSUES {
            let id = Some(format!("hq-{n}"));
            let request = Request::IssueCreate {
                id,
                rig: None,
                title: "T".into(),
                body: String::new(),
                issue_type: convoy_core::issue::IssueType::Task,
                priority: 2,
                labels: Vec::new(),
                parent: None,
                needs: Vec::new(),
                acceptance: Vec::new(),
            };
            door.ask(request, "ann", None).unwrap();
        }
        for issues in [0..3, 3..ISSUES] {
            let request = Request::ConvoyCreate {
                name: "C".into(),
                issues: issues.map(|n| format!("hq-{n}")).collect(),
                owner: None,
                notify: Vec::new(),
                merge: None,
                base: None,
                max_parallel: None,
                start: true,
                from_epic: None,
                epic: Some("e".into()),
                owned: false,
                due: None,
                budget: None,
            };
            door.ask(request, "ann", None).unwrap();
        }
        Self { door, said: BTreeSet::new(), log: 0, shadow: State::default(), n: 0 }
    }

    /// The session that works on an issue, brought to where its agent runs.
    fn running(&mut self, n: usize) -> Option<SessionId> {
        let issue = &self.door.state.issues[format!("hq-{n}").as_str()];
        let worker = self.door.state.workers.get(issue.worker.as_ref()?)?;
        let id = worker.sessions.last()?.clone();
        let session = &self.door.state.sessions[&id];
        let epoch = session.content.epoch;
        if matches!(session.state, SessionState::Wanted) {
            let workdir = Workdir { path: "/w".into(), branch: "b".into(), base: "0".into(), onto: None };
            self.door.see(Observed::Prepared { session: id.clone(), epoch, workdir });
            self.report(&id, Report::Started { pid: 1, start_ticks: 1 });
        }
        matches!(self.door.state.sessions[&id].state, SessionState::Running { .. }).then_some(id)
    }

    fn report(&mut self, id: &SessionId, report: Report) -> Vec<Event> {
        self.n += 1;
        let epoch = self.door.state.sessions[id].content.epoch;
        let observation = Observation { n: self.n, at: self.door.now, epoch, report };
        self.door.see(Observed::Report { session: id.clone(), epoch, observation })
    }

    fn end(&mut self, id: &SessionId, commits: bool) {
        let session = &self.door.state.sessions[id];
        let epoch = session.content.epoch;
        let kind = match (session.is_used_up(), session.stopping) {
            (true, _) => ExitKind::Stopped(StopWhy::Spend),
            (false, true) => ExitKind::Stopped(StopWhy::Ordered),
            (false, false) => ExitKind::Exited,
        };
        let exit = Exit {
            epoch,
            code: (kind == ExitKind::Exited).then_some(0),
            signal: None,
            kind,
            detail: None,
            leaked: 0,
            result: None,
            last_n: self.n,
            dropped_bytes: 0,
            elapsed_ms: 0,
            started_at: None,
            ended_at: self.door.now,
        };
        self.door.see(Observed::Ended { session: id.clone(), epoch, exit });
        let diff = convoy_core::issue::DiffStat { commits: u32::from(commits), ..Default::default() };
        let findings = Findings::Work { tip: "1".into(), diff, leftovers: false, unfit: None };
        self.door.see(Observed::Found { session: id.clone(), epoch, findings });
    }

    fn step(&mut self, step: &Step) -> Result<(), TestCaseError> {
        match step {
            Step::Plan => drop(self.door.plan()),
            Step::Use(n, cost, known) => {
                let Some(id) = self.running(*n) else { return Ok(()) };
                // Its supervisor has stopped it.
                if self.door.state.sessions[&id].is_used_up() {
                    return Ok(());
                }
                let cost = known.then(|| Money::from_micros(*cost));
                let usage = Report::Usage {
                    message_id: format!("m{}", self.n),
                    model: Some("opus".into()),
                    tokens: Tokens { output: 5, ..Tokens::default() },
                    cache_write_1h: 0,
                    cost,
                    price: None,
                };
                self.report(&id, usage);
                let overrun = self.door.state.sessions[&id].overrun();
                prop_assert!(overrun <= cost.unwrap_or_default(), "{overrun} after a reply of {cost:?}");
            }
            Step::Result(n, cost) => {
                let Some(id) = self.running(*n) else { return Ok(()) };
                let cost = Some(Money::from_micros(*cost));
                let result =
                    AgentResult { ok: true, error: None, cost, tokens: None, denied: 0, retry_at: None };
                self.report(&id, Report::Result(result));
            }
            Step::OwnWord(n, cost) => {
                let Some(id) = self.running(*n) else { return Ok(()) };
                self.report(&id, Report::SelfReported { cost: Money::from_micros(*cost) });
            }
            Step::End(n, commits) => {
                let Some(id) = self.running(*n) else { return Ok(()) };
                self.end(&id, *commits);
            }
            Step::Limit(of, cents) => {
                let convoy = |n: usize| {
                    let mut convoys: Vec<_> = self.door.state.convoys.values().collect();
                    convoys.sort_by_key(|convoy| convoy.number);
                    BudgetScope::Convoy(convoys[n].content.id.to_string())
                };
                let scope = match of {
                    0 | 1 => convoy(usize::from(*of)),
                    2 => BudgetScope::Epic("e".into()),
                    3 => BudgetScope::Day,
                    _ => BudgetScope::Worker("hq-0".into()),
                };
                let amount = cents.map(|cents| Money::from_micros(cents * 10_000));
                // There may be no worker yet.
                let _ = self.door.ask(Request::BudgetSet { scope, amount }, "ann", None);
            }
            Step::Hours(hours) => {
                self.door.now = Time::from_millis(self.door.now.as_millis() + hours * 3_600_000);
            }
        }
        Ok(())
    }

    /// Of each event since: nothing is granted past a limit, and nothing is said twice.
    fn check(&mut self) -> Result<(), TestCaseError> {
        for batch in &self.door.log[self.log..] {
            for event in &batch.events {
                self.shadow.apply(event, batch.at, batch.actor.as_str());
                self.shadow.index.touched.clear();
                let (state, policy) = (&self.shadow, &self.door.policy);
                match event {
                    Event::SessionWanted { session: convoy_core::session::NewSession { id, .. } }
                    | Event::SessionExtended { session: id, .. } => {
                        let session = &state.sessions[id];
                        for level in ledger::levels_of(state, session) {
                            let Some(limit) = ledger::limit(state, policy, &level) else { continue };
                            let account = ledger::account(state, &level, batch.at);
                            prop_assert!(
                                session.ceiling.is_some(),
                                "{event:?} without a reservation at {level}"
                            );
                            prop_assert!(
                                session.reserved() == Money::default()
                                    || account.settled.plus(account.reserved) <= limit,
                                "{event:?}: {level} {limit} {account:?}"
                            );
                        }
                    }
                    Event::BudgetSet { level, .. } => self.said.retain(|(other, ..)| other != level),
                    Event::BudgetWarned { level, limit, .. } | Event::BudgetExceeded { level, limit, .. } => {
                        let all = matches!(event, Event::BudgetExceeded { .. });
                        let day = if *level == Level::Day { convoy_core::cost::day(batch.at) } else { 0 };
                        prop_assert!(
                            self.said.insert((level.clone(), *limit, day, all)),
                            "said again: {event:?}"
                        );
                    }
                    _ => {}
                }
            }
        }
        self.log = self.door.log.len();
        for session in self.door.state.sessions.values() {
            let days = session.by_day.values().copied().fold(Money::default(), Money::plus);
            prop_assert_eq!(days, session.settled());
        }
        let level = Level::Epic("e".parse().unwrap());
        let epic = ledger::account(&self.door.state, &level, self.door.now);
        let all = self.door.state.sessions.values();
        let settled = all.clone().map(|session| session.settled()).fold(Money::default(), Money::plus);
        let reserved = all.map(|session| session.reserved()).fold(Money::default(), Money::plus);
        prop_assert_eq!((epic.settled, epic.reserved), (settled, reserved));
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_is_ever_granted_past_a_limit(
        attempt in prop::option::of(1_i64..100),
        steps in prop::collection::vec(step(), 1..60),
    ) {
        let attempt = attempt.map(|cents| Money::from_micros(cents * 10_000));
        let mut world = World::new(Budget { attempt, ..Budget::default() });
        for step in &steps {
            world.step(step)?;
            world.check()?;
        }
        world.check()?;
        prop_assert_eq!(&world.shadow, &world.door.state);
    }
}
