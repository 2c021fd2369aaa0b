//! What a session costs: one rule, for whoever asks.
//!
//! It is what the agent reported at its end; else the sum of what its usage cost by prices, an estimate; else what the
//! agent says of itself in a file; else nobody knows. What is used after a report (an agent that goes on talking gives
//! one after each turn) is added to it as an estimate.
//!
//! Whenever that changes, the difference is settled on the day of the event. So the days of a session always come to
//! what it costs.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::money::Money;
use crate::report::Tokens;
use crate::session::{Session, Use};
use crate::time::Time;

/// The most models that are told apart in one session. What is beyond them is counted under the last name.
const MODELS_MAX: usize = 64;
/// What the models beyond that are called together.
const OTHERS: &str = "others";
const DAY_MS: i64 = 86_400_000;

/// A day (UTC), in days since 1970-01-01.
pub type Day = i32;

/// The day of a time.
pub fn day(at: Time) -> Day {
    Day::try_from(at.as_millis().div_euclid(DAY_MS)).unwrap_or(Day::MAX)
}

/// When a day begins.
pub fn begins(day: Day) -> Time {
    Time::from_millis(i64::from(day).saturating_mul(DAY_MS))
}

/// Where the figure of a session's cost comes from.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// The agent reported it at its end.
    Reported,
    /// Its usage was priced, message by message.
    Estimated,
    /// A file of the agent says so.
    SelfReported,
    /// Its usage is known, and nobody knows a price.
    Unpriced,
    /// Nothing is known.
    Unmetered,
}

impl Source {
    /// Its published name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Reported => "reported",
            Self::Estimated => "estimated",
            Self::SelfReported => "self_reported",
            Self::Unpriced => "unpriced",
            Self::Unmetered => "unmetered",
        }
    }
}

/// What a session used, by day and model.
pub type Uses = BTreeMap<Day, BTreeMap<String, Use>>;

impl Session {
    /// What it costs, as far as is known, and how that is known.
    pub fn cost(&self) -> (Money, Source) {
        if let Some(reported) = self.reported {
            let source = if self.since_report.is_some() { Source::Estimated } else { Source::Reported };
            return (reported.plus(self.since_report.unwrap_or_default()), source);
        }
        let mut uses = self.by_model.values();
        if uses.clone().any(|used| used.unpriced != used.tokens) {
            let sum = uses.fold(Money::default(), |sum, used| sum.plus(used.cost));
            return (sum, Source::Estimated);
        }
        match self.self_reported {
            Some(cost) => (cost, Source::SelfReported),
            None if uses.any(|used| used.tokens != Tokens::default()) => (Money::default(), Source::Unpriced),
            None => (Money::default(), Source::Unmetered),
        }
    }

    /// What it costs, if anything is known.
    pub fn known_cost(&self) -> Option<Money> {
        match self.cost() {
            (cost, Source::Reported | Source::Estimated | Source::SelfReported) => Some(cost),
            (_, Source::Unpriced | Source::Unmetered) => None,
        }
    }

    /// Counts the usage of one message.
    pub(crate) fn use_up(&mut self, at: Time, model: Option<&str>, tokens: Tokens, cost: Option<Money>) {
        self.settle(at, |session| {
            session.usage = session.usage.plus(tokens);
            let unpriced = if cost.is_none() { tokens } else { Tokens::default() };
            let used = Use { tokens, cost: cost.unwrap_or_default(), unpriced };
            let model = model.unwrap_or_default();
            add(&mut session.by_model, model, used);
            add(session.uses.entry(day(at)).or_default(), model, used);
            if session.reported.is_some() {
                session.since_report = Some(session.since_report.unwrap_or_default().plus(used.cost));
            }
        });
    }

    /// Takes what the agent itself says at an end: what it cost, and all that it used.
    pub(crate) fn take_report(&mut self, at: Time, cost: Option<Money>, tokens: Option<Tokens>) {
        if let Some(tokens) = tokens {
            // What it used besides what was heard of it. Nobody can price it: of which messages it is, is not known.
            let rest = tokens.minus(self.usage);
            if rest != Tokens::default() {
                let model = self.model.clone();
                self.use_up(at, model.as_deref(), rest, None);
            }
        }
        if cost.is_some() {
            self.settle(at, |session| {
                session.reported = cost;
                session.since_report = None;
            });
        }
    }

    /// Takes the agent's own word about what it cost, in all.
    pub(crate) fn take_own_word(&mut self, at: Time, cost: Money) {
        self.settle(at, |session| session.self_reported = Some(cost));
    }

    fn settle(&mut self, at: Time, change: impl FnOnce(&mut Self)) {
        let (before, _) = self.cost();
        change(self);
        let more = self.cost().0.as_micros().saturating_sub(before.as_micros());
        if more != 0 {
            let settled = self.by_day.entry(day(at)).or_default();
            *settled = settled.plus(Money::from_micros(more));
        }
    }
}

fn add(uses: &mut BTreeMap<String, Use>, model: &str, used: Use) {
    let known = uses.contains_key(model) || uses.len() < MODELS_MAX;
    let sum = uses.entry(if known { model } else { OTHERS }.to_owned()).or_default();
    sum.tokens = sum.tokens.plus(used.tokens);
    sum.cost = sum.cost.plus(used.cost);
    sum.unpriced = sum.unpriced.plus(used.unpriced);
}

/// Divides an amount in proportion to weights, to the last micro-dollar: what rounding leaves goes to those that lost
/// most by it, the first of them first. Without any weight all of it goes to the first.
pub fn apportion(amount: Money, weights: &[u128]) -> Vec<Money> {
    let whole: u128 = weights.iter().fold(0, |sum, weight| sum.saturating_add(*weight));
    let micros = u128::from(amount.as_micros().unsigned_abs());
    let signed = |micros: u128| {
        let micros = i64::try_from(micros).unwrap_or(i64::MAX);
        Money::from_micros(if amount.as_micros() < 0 { -micros } else { micros })
    };
    if whole == 0 {
        let first = |n: usize| if n == 0 { amount } else { Money::default() };
        return (0..weights.len()).map(first).collect();
    }
    // Micro-dollars have at most 63 bits; weights are cut to what keeps the products exact.
    let shift = (u128::BITS - whole.leading_zeros()).saturating_sub(64);
    let cut: Vec<u128> = weights.iter().map(|weight| weight >> shift).collect();
    let whole: u128 = cut.iter().sum::<u128>().max(1);
    let mut parts: Vec<u128> = cut.iter().map(|weight| micros * weight / whole).collect();
    let mut order: Vec<usize> = (0..parts.len()).collect();
    order.sort_by_key(|n| (std::cmp::Reverse(micros * cut[*n] % whole), *n));
    let left = micros.saturating_sub(parts.iter().sum());
    for n in order.into_iter().cycle().take(usize::try_from(left).unwrap_or(0)) {
        parts[n] += 1;
    }
    parts.into_iter().map(signed).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_lost_by_dividing() {
        let parts = |amount, weights: &[u128]| {
            apportion(Money::from_micros(amount), weights)
                .into_iter()
                .map(Money::as_micros)
                .collect::<Vec<_>>()
        };
        assert_eq!(parts(10, &[1, 1, 1]), [4, 3, 3]);
        assert_eq!(parts(100, &[1, 2, 3]), [17, 33, 50]);
        assert_eq!(parts(-10, &[1, 1, 1]), [-4, -3, -3]);
        assert_eq!(parts(5, &[0, 0]), [5, 0]);
        assert_eq!(parts(0, &[3, 4]), [0, 0]);
        assert!(parts(7, &[]).is_empty());
        for weights in [&[u128::MAX, u128::MAX, 1][..], &[1, u128::from(u64::MAX)], &[3, 0, 9]] {
            for amount in [1, 999_999, i64::MAX] {
                assert_eq!(parts(amount, weights).iter().sum::<i64>(), amount, "{weights:?}");
            }
        }
    }
}
