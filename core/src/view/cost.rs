//! The shape of costs: one aggregation, from which every sum of money is made.
//!
//! What a session costs is divided into **cells**: so much on a day, by a model. Each breakdown is a sum over the same
//! cells, so every breakdown comes to the total, to the last micro-dollar.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::cost::{Day, Source, apportion, begins};
use crate::id::{ConvoyId, EpicName, IssueId, WorkerId};
use crate::issue::MoneyView;
use crate::ledger;
use crate::money::Money;
use crate::report::Tokens;
use crate::session::{Session, Use};
use crate::state::State;
use crate::worker::Worker;

/// How the figure of what was spent elsewhere is known: from a checkpoint.
const CARRIED: &str = "carried";

/// Whose costs.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Scope {
    /// Everybody's.
    Workspace,
    /// Those of an epic.
    Epic(EpicName),
    /// Those of a convoy.
    Convoy(ConvoyId),
    /// Those of a worker.
    Worker(WorkerId),
    /// Those of all workers of an issue.
    Issue(IssueId),
}

/// Costs.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
#[expect(missing_docs, reason = "the published names; what they mean stands in docs/costs.md")]
pub struct CostView {
    pub scope: String,
    pub id: Option<String>,
    pub since: Option<String>,
    pub total: MoneyView,
    pub reported: MoneyView,
    pub estimated: MoneyView,
    pub self_reported: MoneyView,
    pub carried: MoneyView,
    pub usage: Tokens,
    pub unpriced: Tokens,
    pub sessions: u32,
    pub unmetered: u32,
    pub by_epic: Vec<CostLine>,
    pub by_convoy: Vec<CostLine>,
    pub by_worker: Vec<CostLine>,
    pub by_session: Vec<CostLine>,
    pub by_issue: Vec<CostLine>,
    pub by_model: Vec<CostLine>,
    pub by_day: Vec<CostLine>,
}

/// A part of costs.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
#[expect(missing_docs, reason = "the published names; what they mean stands in docs/costs.md")]
pub struct CostLine {
    pub id: Option<String>,
    pub name: Option<String>,
    pub source: Option<String>,
    pub cost: MoneyView,
    pub share: f64,
    pub reported: MoneyView,
    pub estimated: MoneyView,
    pub self_reported: MoneyView,
    pub carried: MoneyView,
    pub usage: Tokens,
    pub unpriced: Tokens,
    pub sessions: u32,
    pub unmetered: u32,
}

impl CostLine {
    /// Why nothing is known of what it cost, where nothing is: that is no zero.
    pub fn unknown(&self) -> Option<&'static str> {
        match self.cost.micros {
            0 if self.sessions > 0 && self.unmetered == self.sessions => Some("unmetered"),
            0 if self.unpriced != Tokens::default() => Some("unpriced"),
            _ => None,
        }
    }

    /// In which ways its figure is known.
    pub fn known(&self) -> String {
        let kinds = [
            ("reported", self.reported.micros != 0),
            ("estimated", self.estimated.micros != 0),
            ("self-reported", self.self_reported.micros != 0),
            ("elsewhere", self.carried.micros != 0),
            ("unpriced", self.unpriced != Tokens::default() && self.cost.micros != 0),
        ];
        let words: Vec<&str> = kinds.into_iter().filter(|(_, is)| *is).map(|(word, _)| word).collect();
        words.join(", ")
    }
}

/// What a session cost on a day by a model.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Cell<'a> {
    day: Day,
    model: &'a str,
    cost: Money,
    usage: Tokens,
    unpriced: Tokens,
}

/// What a session comes to, divided.
fn cells(session: &Session) -> Vec<Cell<'_>> {
    let mut days: Vec<Day> = session.by_day.keys().chain(session.uses.keys()).copied().collect();
    days.sort_unstable();
    days.dedup();
    days.into_iter()
        .flat_map(|day| {
            let settled = session.by_day.get(&day).copied().unwrap_or_default();
            of_day(session, day, settled, session.uses.get(&day))
        })
        .collect()
}

fn of_day<'a>(
    session: &'a Session,
    day: Day,
    settled: Money,
    uses: Option<&'a BTreeMap<String, Use>>,
) -> Vec<Cell<'a>> {
    let covered = matches!(session.cost().1, Source::Reported | Source::SelfReported);
    let Some(uses) = uses else {
        // Settled on a day on which nothing was used: a report came after midnight, or there is nothing but a report.
        let model = session.model.as_deref().unwrap_or_default();
        let (usage, unpriced) = Default::default();
        return vec![Cell { day, model, cost: settled, usage, unpriced }];
    };
    let parts = divide(settled, &uses.values().collect::<Vec<_>>());
    uses.iter()
        .zip(parts)
        .map(|((model, used), cost)| Cell {
            day,
            model,
            cost,
            usage: used.tokens,
            unpriced: if covered { Tokens::default() } else { used.unpriced },
        })
        .collect()
}

/// Divides what was settled among what was used: by what each costs. What was reported beyond that is of those that
/// nobody could price, by their tokens.
fn divide(settled: Money, uses: &[&Use]) -> Vec<Money> {
    let weight = |micros: i64| u128::from(micros.unsigned_abs());
    let costs: Vec<u128> = uses.iter().map(|used| weight(used.cost.as_micros())).collect();
    let unpriced: Vec<u128> = uses.iter().map(|used| u128::from(used.unpriced.all())).collect();
    let priced: u128 = costs.iter().sum();
    let beyond = u128::try_from(settled.as_micros()).unwrap_or(0).saturating_sub(priced);
    if beyond > 0 && unpriced.iter().any(|tokens| *tokens > 0) {
        let rest = Money::from_micros(i64::try_from(beyond).unwrap_or(i64::MAX));
        return uses
            .iter()
            .zip(apportion(rest, &unpriced))
            .map(|(used, more)| used.cost.plus(more))
            .collect();
    }
    if priced > 0 {
        return apportion(settled, &costs);
    }
    let tokens: Vec<u128> = uses.iter().map(|used| u128::from(used.tokens.all())).collect();
    apportion(settled, &tokens)
}

/// A sum over cells.
#[derive(Clone, Default)]
struct Sum {
    cost: Money,
    reported: Money,
    estimated: Money,
    self_reported: Money,
    carried: Money,
    usage: Tokens,
    unpriced: Tokens,
    sessions: u32,
    unmetered: u32,
    source: Option<&'static str>,
    name: Option<String>,
}

impl Sum {
    fn add(&mut self, cells: &[&Cell<'_>], source: Source) {
        for cell in cells {
            self.cost = self.cost.plus(cell.cost);
            self.usage = self.usage.plus(cell.usage);
            self.unpriced = self.unpriced.plus(cell.unpriced);
            let kind = match source {
                Source::Reported => &mut self.reported,
                Source::Estimated => &mut self.estimated,
                Source::SelfReported => &mut self.self_reported,
                // Their cells have no money.
                Source::Unpriced | Source::Unmetered => continue,
            };
            *kind = kind.plus(cell.cost);
        }
        self.sessions += 1;
        self.unmetered += u32::from(source == Source::Unmetered);
    }

    /// Adds what was spent elsewhere, before a session of a person went on with it here.
    fn carry(&mut self, cost: Money) {
        self.cost = self.cost.plus(cost);
        self.carried = self.carried.plus(cost);
    }

    fn line(self, id: Option<String>, whole: Money) -> CostLine {
        let (part, whole) = (self.cost.as_micros() as f64, whole.as_micros() as f64);
        // Four digits: shares are for people, and sums are made of money.
        let share = if whole == 0.0 { 0.0 } else { (part / whole * 1e4).round() / 1e4 };
        CostLine {
            id,
            name: self.name,
            source: self.source.map(str::to_owned),
            cost: self.cost.into(),
            share,
            reported: self.reported.into(),
            estimated: self.estimated.into(),
            self_reported: self.self_reported.into(),
            carried: self.carried.into(),
            usage: self.usage,
            unpriced: self.unpriced,
            sessions: self.sessions,
            unmetered: self.unmetered,
        }
    }
}

/// A breakdown: sums by what they are of.
#[derive(Default)]
struct By(BTreeMap<Option<String>, Sum>);

impl By {
    fn of(&mut self, id: Option<&str>, name: impl FnOnce() -> Option<String>) -> &mut Sum {
        self.0.entry(id.map(str::to_owned)).or_insert_with(|| Sum { name: name(), ..Sum::default() })
    }
    /// Dearest first.
    fn lines(self, whole: Money) -> Vec<CostLine> {
        let mut lines = self.in_order(whole);
        lines.sort_by_key(|line| std::cmp::Reverse(line.cost.micros));
        lines
    }
    fn in_order(self, whole: Money) -> Vec<CostLine> {
        self.0.into_iter().map(|(id, sum)| sum.line(id, whole)).collect()
    }
}

/// The epic that a worker's sessions belong to: that of its convoy, else its own.
fn epic<'a>(state: &'a State, worker: &'a Worker) -> Option<&'a EpicName> {
    let convoy = worker.content.convoy.as_ref().and_then(|id| state.convoys.get(id));
    convoy.and_then(|convoy| convoy.content.epic.as_ref()).or(worker.content.epic.as_ref())
}

fn is_within(state: &State, worker: &Worker, scope: &Scope) -> bool {
    match scope {
        Scope::Workspace => true,
        Scope::Epic(name) => epic(state, worker) == Some(name),
        // What its branches' reviews cost is part of what it costs.
        Scope::Convoy(id) => worker
            .content
            .convoy
            .as_ref()
            .is_some_and(|own| own == id || ledger::reviewed_by(state, own) == Some(id)),
        Scope::Worker(id) => worker.content.id == *id,
        Scope::Issue(id) => worker.content.issue == *id,
    }
}

fn date(day: Day) -> String {
    begins(day).timestamp().strftime("%Y-%m-%d").to_string()
}

/// The view of costs: of all sessions in the scope, since a day if one is given.
pub fn cost(state: &State, scope: &Scope, since: Option<Day>) -> CostView {
    let mut total = Sum::default();
    let [mut epics, mut convoys, mut workers, mut sessions, mut issues, mut models, mut days]: [By; 7] =
        Default::default();
    for worker in state.workers.values().filter(|worker| is_within(state, worker, scope)) {
        for session in worker.sessions.iter().filter_map(|id| state.sessions.get(id)) {
            let source = session.cost().1;
            let all = cells(session);
            let cells: Vec<&Cell<'_>> =
                all.iter().filter(|cell| since.is_none_or(|since| cell.day >= since)).collect();
            let met = || since.is_none_or(|since| crate::cost::day(session.created_at) >= since);
            // Of one that has not begun there is nothing to tell; of one without a figure, that it has none.
            if cells.is_empty() && !(all.is_empty() && session.started_at.is_some() && met()) {
                continue;
            }
            let content = &worker.content;
            total.add(&cells, source);
            epics.of(epic(state, worker).map(EpicName::as_str), || None).add(&cells, source);
            let convoy = content.convoy.as_ref();
            let title = || Some(state.convoys.get(convoy?)?.content.title.clone());
            convoys.of(convoy.map(ConvoyId::as_str), title).add(&cells, source);
            let name = || Some(content.full_name());
            workers.of(Some(content.id.as_str()), name).add(&cells, source);
            let title = || Some(state.issues.get(&content.issue)?.content.title.clone());
            issues.of(Some(content.issue.as_str()), title).add(&cells, source);
            let one = sessions.of(Some(session.content.id.as_str()), name);
            one.source = Some(source.name());
            one.add(&cells, source);
            let mut by_model: BTreeMap<&str, Vec<&Cell<'_>>> = BTreeMap::new();
            let mut by_day: BTreeMap<Day, Vec<&Cell<'_>>> = BTreeMap::new();
            for cell in &cells {
                by_model.entry(cell.model).or_default().push(cell);
                by_day.entry(cell.day).or_default().push(cell);
            }
            for (model, cells) in by_model {
                models.of(Some(model).filter(|model| !model.is_empty()), || None).add(&cells, source);
            }
            for (day, cells) in by_day {
                days.of(Some(&date(day)), || None).add(&cells, source);
            }
        }
    }
    // What an epic cost on another machine is known as a sum, without a day, a model or a worker.
    let within = |epic: &EpicName| match scope {
        Scope::Workspace => since.is_none(),
        Scope::Epic(name) => since.is_none() && epic == name,
        Scope::Convoy(_) | Scope::Worker(_) | Scope::Issue(_) => false,
    };
    let own = state.own_sessions.values().map(|own| &own.content);
    for own in own.filter(|own| own.carried != Money::default() && within(&own.epic)) {
        total.carry(own.carried);
        epics.of(Some(own.epic.as_str()), || None).carry(own.carried);
        let one = sessions.of(Some(own.id.as_str()), || None);
        one.source = Some(CARRIED);
        one.carry(own.carried);
        [&mut convoys, &mut workers, &mut issues, &mut models, &mut days]
            .into_iter()
            .for_each(|by| by.of(None, || None).carry(own.carried));
    }
    let whole = total.cost;
    let (scope, id) = match scope {
        Scope::Workspace => ("workspace", None),
        Scope::Epic(name) => ("epic", Some(name.to_string())),
        Scope::Convoy(id) => ("convoy", Some(id.to_string())),
        Scope::Worker(id) => ("worker", Some(id.to_string())),
        Scope::Issue(id) => ("issue", Some(id.to_string())),
    };
    CostView {
        scope: scope.to_owned(),
        id,
        since: since.map(date),
        total: whole.into(),
        reported: total.reported.into(),
        estimated: total.estimated.into(),
        self_reported: total.self_reported.into(),
        carried: total.carried.into(),
        usage: total.usage,
        unpriced: total.unpriced,
        sessions: total.sessions,
        unmetered: total.unmetered,
        by_epic: epics.lines(whole),
        by_convoy: convoys.lines(whole),
        by_worker: workers.lines(whole),
        by_session: sessions.lines(whole),
        by_issue: issues.lines(whole),
        by_model: models.lines(whole),
        by_day: days.in_order(whole),
    }
}
