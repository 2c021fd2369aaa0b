//! Rates and usage: integer arithmetic, in micro-dollars for a million tokens.

use convoy_core::money::Money;
use convoy_core::report::Tokens;

/// The most that a usage may cost, in micro-dollars: what is beyond it was not used, but made up.
pub(super) const COST_MAX: i64 = 1_000_000_000_000_000;
const MILLION: u128 = 1_000_000;

/// What a million tokens cost, in micro-dollars.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Rates {
    /// Fresh input.
    pub input: u64,
    /// Output.
    pub output: u64,
    /// Input read from a cache.
    pub cache_read: u64,
    /// Input written to a cache that keeps it for minutes.
    pub cache_write: u64,
    /// Input written to a cache that keeps it for an hour.
    pub cache_write_1h: u64,
}

/// What was used, as one figure of an agent says it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Used {
    /// Tokens; the four never overlap.
    pub tokens: Tokens,
    /// How many of those written to a cache were written for an hour.
    pub cache_write_1h: u64,
    /// Whether it is the sum of several replies: what a long prompt costs more cannot be seen in it then.
    pub summed: bool,
}

impl Used {
    /// Everything that went in.
    pub(super) fn input(&self) -> u64 {
        let Tokens { input, cache_read, cache_write, .. } = self.tokens;
        input.saturating_add(cache_read).saturating_add(cache_write)
    }
    /// Whether there is nothing to pay for.
    pub(super) fn is_nothing(&self) -> bool {
        self.tokens == Tokens::default()
    }
    /// Tokens written for minutes, and for an hour.
    pub(super) fn written(&self) -> (u64, u64) {
        let hour = self.cache_write_1h.min(self.tokens.cache_write);
        (self.tokens.cache_write - hour, hour)
    }
}

impl Rates {
    /// What this costs, rounded half up.
    pub fn cost(&self, used: &Used) -> Money {
        let (minutes, hour) = used.written();
        let sum = [
            (self.input, used.tokens.input),
            (self.output, used.tokens.output),
            (self.cache_read, used.tokens.cache_read),
            (self.cache_write, minutes),
            (self.cache_write_1h, hour),
        ]
        .into_iter()
        .fold(0_u128, |sum, (rate, count)| sum.saturating_add(u128::from(rate) * u128::from(count)));
        let micros = i64::try_from(sum.saturating_add(MILLION / 2) / MILLION).unwrap_or(COST_MAX);
        Money::from_micros(micros.min(COST_MAX))
    }

    /// The higher one of each.
    pub(super) fn max(self, other: Self) -> Self {
        Self {
            input: self.input.max(other.input),
            output: self.output.max(other.output),
            cache_read: self.cache_read.max(other.cache_read),
            cache_write: self.cache_write.max(other.cache_write),
            cache_write_1h: self.cache_write_1h.max(other.cache_write_1h),
        }
    }
}
