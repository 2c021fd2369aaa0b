//! The ledger: what may be spent, what is spent, and what is promised to sessions that run.
//!
//! What a session has cost is *settled*. What it may still spend, up to its ceiling, is *reserved* until it is over: so
//! nothing is granted twice. Both are kept for each level as events come, and can be made afresh from the sessions.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::cost;
use crate::id::{ConvoyId, EpicName, SessionId, WorkerId};
use crate::money::Money;
use crate::policy::Policy;
use crate::report::Tokens;
use crate::session::{Session, SessionState};
use crate::state::State;
use crate::time::Time;
use crate::worker::NewWorker;

/// Part of a limit, in per cent, that is a reason to warn.
pub const WARN_PERCENT: i64 = 80;

/// When the day after this one begins (UTC).
pub fn next_day(at: Time) -> Time {
    cost::begins(cost::day(at).saturating_add(1))
}

/// What a limit applies to.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// One attempt.
    Session(SessionId),
    /// All attempts of a worker.
    Worker(WorkerId),
    /// All workers of a convoy.
    Convoy(ConvoyId),
    /// All convoys and sessions of an epic.
    Epic(EpicName),
    /// The whole workspace, each day (UTC) anew.
    Day,
}

impl Level {
    /// The id of what it applies to, as text.
    pub fn id(&self) -> &str {
        match self {
            Self::Session(id) => id.as_str(),
            Self::Worker(id) => id.as_str(),
            Self::Convoy(id) => id.as_str(),
            Self::Epic(name) => name.as_str(),
            Self::Day => "day",
        }
    }
    /// The name that scripts read.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Session(_) => "session",
            Self::Worker(_) => "worker",
            Self::Convoy(_) => "convoy",
            Self::Epic(_) => "epic",
            Self::Day => "day",
        }
    }
    /// The words of the command that raises its limit, but for the amount.
    pub fn flag(&self) -> String {
        match self {
            Self::Day => "--day".to_owned(),
            Self::Session(_) | Self::Worker(_) | Self::Convoy(_) | Self::Epic(_) => {
                format!("--{} {}", self.name(), self.id())
            }
        }
    }
}

/// As people read it.
impl std::fmt::Display for Level {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Day => f.write_str("this day (UTC)"),
            Self::Session(_) | Self::Worker(_) | Self::Convoy(_) | Self::Epic(_) => {
                write!(f, "{} {}", self.name(), self.id())
            }
        }
    }
}

/// One limit.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Limit {
    /// How much.
    pub amount: Money,
    /// Whether it was said that most of it is used up.
    pub warned: bool,
    /// Whether it was said that all of it is used up.
    pub exceeded: bool,
}

/// What was said about the limit of a day.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Today {
    /// Which day.
    pub day: i32,
    /// The limit that it was said of.
    pub limit: Money,
    /// Whether it was said that most of it is used up.
    pub warned: bool,
    /// Whether it was said that all of it is used up.
    pub exceeded: bool,
}

/// The limits that were set, and what is known of them.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Ledger {
    /// By what they apply to.
    pub limits: BTreeMap<Level, Limit>,
    /// The limit of a day begins anew with each, and may stand in the configuration alone.
    pub today: Today,
}

/// What is spent and what is promised.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Account {
    /// What was spent.
    pub settled: Money,
    /// What sessions that are not over may still spend.
    pub reserved: Money,
}

impl Account {
    fn plus(self, other: Self) -> Self {
        Self { settled: self.settled.plus(other.settled), reserved: self.reserved.plus(other.reserved) }
    }
    fn minus(self, other: Self) -> Self {
        Self { settled: self.settled.minus(other.settled), reserved: self.reserved.minus(other.reserved) }
    }
    /// What may still be promised of this limit; never negative.
    pub fn free(self, limit: Money) -> Money {
        limit.minus(self.settled).minus(self.reserved).max(Money::default())
    }
    /// What was spent beyond this limit.
    pub fn overrun(self, limit: Money) -> Money {
        self.settled.minus(limit).max(Money::default())
    }
}

/// The accounts of all levels. Derived from the sessions. A level in which nothing was spent has none.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Accounts {
    levels: BTreeMap<Level, Account>,
    days: BTreeMap<i32, Money>,
    /// Of the whole workspace.
    reserved: Money,
}

impl Accounts {
    fn add(&mut self, level: &Level, change: Account) {
        if change == Account::default() {
            return;
        }
        let account = self.levels.entry(level.clone()).or_default();
        *account = account.plus(change);
        if *account == Account::default() {
            self.levels.remove(level);
        }
    }
    fn add_day(&mut self, day: i32, change: Money) {
        let sum = self.days.get(&day).copied().unwrap_or_default().plus(change);
        if sum == Money::default() {
            self.days.remove(&day);
        } else {
            self.days.insert(day, sum);
        }
    }
}

impl Session {
    /// What it has cost; zero if nobody says.
    pub fn settled(&self) -> Money {
        self.cost().0
    }
    /// What it may still spend. Until it is over: what a supervisor that vanished had not told is found after its end.
    pub fn reserved(&self) -> Money {
        match (&self.state, self.ceiling) {
            (SessionState::Over { .. }, _) | (_, None) => Money::default(),
            (
                SessionState::Wanted
                | SessionState::Starting { .. }
                | SessionState::Running { .. }
                | SessionState::Ended { .. },
                Some(ceiling),
            ) => ceiling.minus(self.settled()).max(Money::default()),
        }
    }
    /// What it spent beyond its ceiling: the reply that was in flight when it was reached.
    pub fn overrun(&self) -> Money {
        self.ceiling.map_or(Money::default(), |ceiling| self.account().overrun(ceiling))
    }
    /// Whether its ceiling is used up.
    pub fn is_used_up(&self) -> bool {
        self.ceiling.is_some_and(|ceiling| self.settled() >= ceiling)
    }
    /// A model of its that nobody knows a price of, if it used one and nobody reported a total. Without a name it counts
    /// only where nothing has a price: a sum of several models, besides replies that have one, is no model.
    pub fn unpriced(&self) -> Option<&str> {
        if self.reported.is_some() {
            return None;
        }
        let is_priced = self.by_model.values().any(|used| used.unpriced != used.tokens);
        let mut unpriced = self.by_model.iter().filter(|(_, used)| used.unpriced != Tokens::default());
        unpriced.find(|(model, _)| !(model.is_empty() && is_priced)).map(|(model, _)| model.as_str())
    }
    fn account(&self) -> Account {
        Account { settled: self.settled(), reserved: self.reserved() }
    }
}

/// The convoy that a convoy reviews a branch of, before that lands: what the review costs counts there too.
pub fn reviewed_by<'a>(state: &'a State, convoy: &ConvoyId) -> Option<&'a ConvoyId> {
    let run = state.convoys.get(convoy)?.content.run.as_ref()?;
    state.workers.get(run.reviews.as_ref()?)?.content.convoy.as_ref()
}

/// What all of a worker's sessions count for, beside themselves: the smallest first.
pub fn levels(state: &State, worker: &NewWorker) -> Vec<Level> {
    let convoy = worker.convoy.as_ref();
    let epic = worker.epic.as_ref().or_else(|| state.convoys.get(convoy?)?.content.epic.as_ref());
    let mut levels = vec![Level::Worker(worker.id.clone())];
    levels.extend(convoy.cloned().map(Level::Convoy));
    levels.extend(convoy.and_then(|id| reviewed_by(state, id)).cloned().map(Level::Convoy));
    levels.extend(epic.cloned().map(Level::Epic));
    levels.push(Level::Day);
    levels
}

/// What a session counts for: the smallest first.
pub fn levels_of(state: &State, session: &Session) -> Vec<Level> {
    let own = Level::Session(session.content.id.clone());
    let worker = state.workers.get(&session.content.worker);
    let above = worker.map_or_else(|| vec![Level::Day], |worker| levels(state, &worker.content));
    [own].into_iter().chain(above).collect()
}

/// The limit of a level, if it has one.
pub fn limit(state: &State, policy: &Policy, level: &Level) -> Option<Money> {
    let set = state.ledger.limits.get(level).map(|limit| limit.amount);
    match level {
        Level::Day => set.or(policy.budget.day),
        Level::Session(_) | Level::Worker(_) | Level::Convoy(_) | Level::Epic(_) => set,
    }
}

/// What is spent and promised at a level; of the day, on that of `now`.
pub fn account(state: &State, level: &Level, now: Time) -> Account {
    let accounts = &state.index.accounts;
    match level {
        Level::Day => Account {
            settled: accounts.days.get(&cost::day(now)).copied().unwrap_or_default(),
            // Whatever is promised may be spent today.
            reserved: accounts.reserved,
        },
        Level::Session(id) => state.sessions.get(id).map(Session::account).unwrap_or_default(),
        Level::Worker(_) | Level::Convoy(_) | Level::Epic(_) => {
            accounts.levels.get(level).copied().unwrap_or_default()
        }
    }
}

/// What was said of a level's limit: whether most of it, and whether all of it, is used up.
pub fn said(state: &State, level: &Level, limit: Money, now: Time) -> (bool, bool) {
    match level {
        Level::Day => {
            let today = &state.ledger.today;
            let same = today.day == cost::day(now) && today.limit == limit;
            (same && today.warned, same && today.exceeded)
        }
        Level::Session(_) | Level::Worker(_) | Level::Convoy(_) | Level::Epic(_) => {
            state.ledger.limits.get(level).map_or((false, false), |limit| (limit.warned, limit.exceeded))
        }
    }
}

/// What stood in the books of a session before an event.
pub(crate) fn before(state: &State, id: &str) -> Account {
    state.sessions.get(id).map(Session::account).unwrap_or_default()
}

impl State {
    /// Books what an event changed of a session: at all its levels, and on the day of the event.
    pub(crate) fn book(&mut self, id: &str, before: Account, at: Time) {
        let Some(session) = self.sessions.get(id) else { return };
        let change = session.account().minus(before);
        if change == Account::default() {
            return;
        }
        let day = cost::day(at);
        let worker = session.content.worker.clone();
        let above = self.workers.get(&worker).map(|worker| levels(self, &worker.content));
        let accounts = &mut self.index.accounts;
        accounts.add_day(day, change.settled);
        accounts.reserved = accounts.reserved.plus(change.reserved);
        for level in above.iter().flatten().filter(|level| **level != Level::Day) {
            accounts.add(level, change);
        }
    }

    /// Books what earlier sessions of an epic cost that this workspace knows only from a checkpoint.
    pub(crate) fn book_carried(&mut self, epic: &EpicName, carried: Money) {
        let change = Account { settled: carried, reserved: Money::default() };
        self.index.accounts.add(&Level::Epic(epic.clone()), change);
    }

    /// Makes all accounts afresh.
    pub(crate) fn recount_accounts(&mut self) {
        let mut accounts = Accounts::default();
        for session in self.sessions.values() {
            let account = session.account();
            for (day, money) in &session.by_day {
                accounts.add_day(*day, *money);
            }
            accounts.reserved = accounts.reserved.plus(account.reserved);
            let above = self.workers.get(&session.content.worker).map(|worker| levels(self, &worker.content));
            for level in above.iter().flatten().filter(|level| **level != Level::Day) {
                accounts.add(level, account);
            }
        }
        self.index.accounts = accounts;
        let carried = self.own_sessions.values().map(|own| (own.content.epic.clone(), own.content.carried));
        for (epic, carried) in carried.collect::<Vec<_>>() {
            self.book_carried(&epic, carried);
        }
    }
}
