//! Costs: whatever sessions report, every breakdown of every scope comes to the same total.

use convoy_core::address::Address;
use convoy_core::cost::{Source, day};
use convoy_core::event::{Batch, Event};
use convoy_core::id::{
    AgentName, ConvoyId, EpicName, Epoch, IssueId, RigName, SessionId, WorkerId, WorkerName,
};
use convoy_core::money::Money;
use convoy_core::own_session::NewOwnSession;
use convoy_core::report::Tokens;
use convoy_core::session::NewSession;
use convoy_core::state::State;
use convoy_core::time::{Span, Time};
use convoy_core::view::{self, CostLine, CostScope, CostView};
use convoy_core::worker::NewWorker;
use proptest::prelude::*;

const HOUR: i64 = 3600;
const MODELS: [Option<&str>; 3] = [Some("opus"), Some("scripted"), None];

/// Workers of two issues, of which one is in no convoy, each with two sessions.
struct Room {
    state: State,
    now: Time,
}

fn session(n: usize) -> SessionId {
    SessionId::new(format!("s-0000000{n}")).unwrap()
}

fn worker(n: usize) -> WorkerId {
    WorkerId::new(format!("w-0000{n}")).unwrap()
}

impl Room {
    fn new() -> Self {
        let mut room = Self { state: State::default(), now: Time::from_millis(1_795_219_200_000) };
        for n in 0..3 {
            let convoy = (n > 0).then(|| ConvoyId::new("hq-cv-1").unwrap());
            let new = NewWorker {
                id: worker(n),
                issue: IssueId::new(format!("hq-{}", n.min(1))).unwrap(),
                convoy,
                rig: RigName::new("home").unwrap(),
                agent: AgentName::new("claude").unwrap(),
                model: None,
                model_rationale: String::new(),
                model_fixed: false,
                base: None,
                takes_over: None,
                name: Some(WorkerName::new("amber").unwrap()).filter(|_| n == 0),
                although_parked: false,
                epic: (n == 0).then(|| EpicName::new("payments").unwrap()),
            };
            room.event(Event::WorkerAssigned { worker: new });
            for m in 0..2 {
                let new = NewSession {
                    id: session(n * 2 + m),
                    worker: worker(n),
                    epoch: Epoch((n * 2 + m + 1) as u64),
                    number: m as u32 + 1,
                    model: None,
                    model_rationale: None,
                    resume: None,
                    ceiling: None,
                };
                room.event(Event::SessionWanted { session: new });
            }
        }
        room
    }

    /// A person goes on with an epic that has cost something elsewhere.
    fn carries(&mut self, n: usize, micros: i64) {
        let opened = NewOwnSession {
            id: SessionId::new(format!("s-1000000{n}")).unwrap(),
            epic: EpicName::new(["payments", "other"][n % 2]).unwrap(),
            number: 1,
            parent: None,
            from: None,
            rig: RigName::new("home").unwrap(),
            path: "/repo".into(),
            sequence: 0,
            carried: Money::from_micros(micros),
        };
        self.event(Event::SessionOpened { session: Box::new(opened) });
    }

    fn event(&mut self, event: Event) {
        let batch = Batch { at: self.now, actor: Address::overseer(), events: vec![event], key: None };
        self.state.apply_batch(&batch);
    }

    fn act(&mut self, n: usize, act: &Act) {
        let index = n;
        let (session, epoch, n) = (session(n), Epoch(n as u64 + 1), 1);
        let tokens = |output: u64| Tokens { input: output / 2, output, cache_read: output, cache_write: 1 };
        self.event(match act {
            Act::Start => Event::SessionStarted { session, epoch, n, pid: 1, at: self.now },
            Act::Use { id, model, output, micros } => Event::SessionUsage {
                session,
                epoch,
                n,
                message_id: format!("m{id}"),
                model: MODELS[*model].map(str::to_owned),
                tokens: tokens(*output),
                cost: micros.map(Money::from_micros),
                price: None,
            },
            Act::Report { micros, output } => Event::SessionCost {
                session,
                epoch,
                n,
                cost: micros.map(Money::from_micros),
                tokens: output.map(tokens),
            },
            Act::Carry(micros) => return self.carries(index, *micros),
            Act::OwnWord(micros) => {
                Event::SessionSelfReported { session, epoch, n, cost: Money::from_micros(*micros) }
            }
            Act::Hours(hours) => {
                self.now = self.now.plus(Span::from_secs(*hours * HOUR));
                return;
            }
        });
    }

    fn cost(&self, scope: &CostScope) -> CostView {
        view::cost(&self.state, scope, None)
    }
}

#[derive(Clone, Debug)]
enum Act {
    Start,
    Use { id: u8, model: usize, output: u64, micros: Option<i64> },
    Report { micros: Option<i64>, output: Option<u64> },
    OwnWord(i64),
    Carry(i64),
    Hours(i64),
}

fn act() -> impl Strategy<Value = Act> {
    let micros = || 0_i64..100_000;
    prop_oneof![
        Just(Act::Start),
        (0_u8..20, 0_usize..3, 0_u64..5000, prop::option::of(micros()))
            .prop_map(|(id, model, output, micros)| Act::Use { id, model, output, micros }),
        (0_u8..20, 0_usize..3, 0_u64..5000, prop::option::of(micros()))
            .prop_map(|(id, model, output, micros)| Act::Use { id, model, output, micros }),
        (prop::option::of(micros()), prop::option::of(0_u64..9000))
            .prop_map(|(micros, output)| Act::Report { micros, output }),
        micros().prop_map(Act::OwnWord),
        micros().prop_map(Act::Carry),
        (1_i64..20).prop_map(Act::Hours),
    ]
}

fn breakdowns(view: &CostView) -> [(&'static str, &Vec<CostLine>); 7] {
    [
        ("epic", &view.by_epic),
        ("convoy", &view.by_convoy),
        ("worker", &view.by_worker),
        ("session", &view.by_session),
        ("issue", &view.by_issue),
        ("model", &view.by_model),
        ("day", &view.by_day),
    ]
}

fn tokens(lines: &[CostLine]) -> (Tokens, Tokens) {
    let none = (Tokens::default(), Tokens::default());
    lines.iter().fold(none, |sum, line| (sum.0.plus(line.usage), sum.1.plus(line.unpriced)))
}

fn micros(lines: &[CostLine], of: impl Fn(&CostLine) -> i64) -> i64 {
    lines.iter().map(of).sum()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_breakdown_comes_to_the_total(acts in prop::collection::vec((0_usize..6, act()), 0..60)) {
        let mut room = Room::new();
        let mut scopes: Vec<CostScope> = vec![
            CostScope::Workspace,
            CostScope::Epic(EpicName::new("payments").unwrap()),
            CostScope::Convoy(ConvoyId::new("hq-cv-1").unwrap()),
        ];
        scopes.extend((0..3).map(|n| CostScope::Worker(worker(n))));
        scopes.extend((0..2).map(|n| CostScope::Issue(IssueId::new(format!("hq-{n}")).unwrap())));
        for (n, act) in &acts {
            room.act(*n, act);
            let all = room.cost(&CostScope::Workspace);
            for scope in &scopes {
                let view = room.cost(scope);
                let kinds = [&view.reported, &view.estimated, &view.self_reported, &view.carried];
                prop_assert_eq!(kinds.iter().map(|kind| kind.micros).sum::<i64>(), view.total.micros);
                for (name, lines) in breakdowns(&view) {
                    prop_assert_eq!(micros(lines, |line| line.cost.micros), view.total.micros, "{} {:?}", name, scope);
                    prop_assert_eq!(micros(lines, |line| line.reported.micros), view.reported.micros);
                    prop_assert_eq!(micros(lines, |line| line.estimated.micros), view.estimated.micros);
                    prop_assert_eq!(tokens(lines), (view.usage, view.unpriced), "{} {:?}", name, scope);
                }
            }
            // The levels are those of each other: sessions, workers, convoys, epics.
            let of = |scope: CostScope| room.cost(&scope).total.micros;
            for (n, line) in [(0, &all.by_worker), (1, &all.by_worker), (2, &all.by_worker)] {
                let id = worker(n);
                let shown = line.iter().find(|line| line.id.as_deref() == Some(id.as_str()));
                prop_assert_eq!(shown.map_or(0, |line| line.cost.micros), of(CostScope::Worker(id)));
            }
            for session in room.state.sessions.values() {
                let (cost, _) = session.cost();
                let days = session.by_day.values().fold(Money::default(), |sum, day| sum.plus(*day));
                prop_assert_eq!(days, cost, "what was settled is what it costs");
                let used = session.by_model.values().fold(Tokens::default(), |sum, used| sum.plus(used.tokens));
                prop_assert_eq!(used, session.usage);
            }
            // What is since a day and what was before it is all of it.
            let today = day(room.now);
            let since = view::cost(&room.state, &CostScope::Workspace, Some(today));
            let on_it = all.by_day.last().filter(|line| since.by_day.last() == Some(line));
            prop_assert!(since.by_day.len() <= 1 && (on_it.is_some() || since.by_day.is_empty() || all.total != since.total));
        }
    }
}

fn used(id: u8, model: usize, micros: Option<i64>) -> Act {
    Act::Use { id, model, output: 100, micros }
}

#[test]
fn a_session_costs_what_was_reported_else_what_is_estimated_else_its_own_word() {
    let mut room = Room::new();
    let cost = |room: &Room| {
        let (cost, source) = room.state.sessions[&session(0)].cost();
        (cost.as_micros(), source)
    };
    assert_eq!(cost(&room), (0, Source::Unmetered));
    room.act(0, &Act::OwnWord(70));
    assert_eq!(cost(&room), (70, Source::SelfReported));
    room.act(0, &used(1, 1, None));
    assert_eq!(cost(&room), (70, Source::SelfReported), "tokens without a price say nothing of money");
    room.act(0, &used(2, 0, Some(50)));
    room.act(0, &used(2, 0, Some(50)));
    assert_eq!(cost(&room), (50, Source::Estimated), "each message once");
    room.act(0, &Act::Report { micros: Some(60), output: None });
    assert_eq!(cost(&room), (60, Source::Reported));
    room.act(0, &used(3, 0, Some(5)));
    assert_eq!(cost(&room), (65, Source::Estimated), "what comes after a report is not in it");
    room.act(0, &Act::Report { micros: Some(64), output: None });
    assert_eq!(cost(&room), (64, Source::Reported));
    let mut room = Room::new();
    room.act(0, &used(1, 1, None));
    assert_eq!(cost(&room), (0, Source::Unpriced));
    let view = room.cost(&CostScope::Workspace);
    assert_eq!((view.total.micros, view.unpriced.output, view.unmetered), (0, 100, 0));
}

#[test]
fn a_report_is_divided_by_what_is_known_of_its_models() {
    let mut room = Room::new();
    room.act(2, &Act::Start);
    room.act(2, &used(1, 0, Some(40)));
    room.act(2, &used(2, 1, None));
    room.act(2, &Act::Report { micros: Some(100), output: None });
    let view = room.cost(&CostScope::Convoy(ConvoyId::new("hq-cv-1").unwrap()));
    let line = |lines: &[CostLine], id: Option<&str>| {
        lines.iter().find(|line| line.id.as_deref() == id).map(|line| line.cost.micros)
    };
    assert_eq!(line(&view.by_model, Some("opus")), Some(40));
    assert_eq!(line(&view.by_model, Some("scripted")), Some(60), "what was reported beyond the priced");
    assert_eq!(view.unpriced, Tokens::default(), "its cost is known after all");
    // A day later it says more, and nothing was used: it is settled then, and never lost.
    room.act(2, &Act::Hours(24));
    room.act(2, &Act::Report { micros: Some(107), output: None });
    let view = room.cost(&CostScope::Workspace);
    assert_eq!(view.by_day.iter().map(|line| line.cost.micros).collect::<Vec<_>>(), [100, 7]);
    // One that has begun and tells nothing is counted, without a figure.
    room.act(3, &Act::Start);
    let view = room.cost(&CostScope::Workspace);
    assert_eq!(
        (view.sessions, view.unmetered, view.by_session[1].source.as_deref()),
        (2, 1, Some("unmetered"))
    );
    assert_eq!((view.by_epic.len(), view.by_epic[0].id.clone()), (1, None));
}
