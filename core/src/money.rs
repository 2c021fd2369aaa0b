//! Money: integer micro-dollars, never a float.

use std::fmt;

use serde::{Deserialize, Serialize};

/// An amount in millionths of a US dollar.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Money(i64);

impl Money {
    /// From micro-dollars.
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }
    /// In micro-dollars.
    pub const fn as_micros(self) -> i64 {
        self.0
    }
    /// The sum, saturating: money never wraps.
    pub const fn plus(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
    /// From a figure in dollars that a program reported as a float; rounded to the nearest micro-dollar.
    /// `None` unless finite, not negative and below a billion dollars.
    pub fn from_dollars(usd: f64) -> Option<Self> {
        (usd.is_finite() && (0.0..1e9).contains(&usd)).then(|| Self((usd * 1e6).round() as i64))
    }
}

/// Dollars with at least two and at most six decimals: `1.2345`, `0.00`.
impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let micros = self.0.unsigned_abs();
        let mut decimals = format!("{:06}", micros % 1_000_000);
        while decimals.len() > 2 && decimals.ends_with('0') {
            decimals.pop();
        }
        write!(f, "{sign}{}.{decimals}", micros / 1_000_000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_dollars() {
        for (micros, text) in [(1_234_500, "1.2345"), (0, "0.00"), (-500_000, "-0.50"), (19_687, "0.019687")]
        {
            assert_eq!(Money::from_micros(micros).to_string(), text);
        }
        assert_eq!(Money::from_dollars(0.0196875), Some(Money::from_micros(19_688)));
        assert_eq!(Money::from_dollars(f64::NAN), None);
    }
}
