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
    /// The difference, saturating.
    pub const fn minus(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
    /// From a figure in dollars that a program reported as a float; rounded to the nearest micro-dollar.
    /// `None` unless finite, not negative and below a billion dollars.
    pub fn from_dollars(usd: f64) -> Option<Self> {
        (usd.is_finite() && (0.0..1e9).contains(&usd)).then(|| Self((usd * 1e6).round() as i64))
    }
}

/// What is not an amount of money.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error(
    "expected a positive number of US dollars with at most six decimals, such as 5 or 0.25, below a billion"
)]
pub struct NoAmount;

/// A positive amount as people write it, exactly: `5`, `0.25`, `$1.50`.
impl std::str::FromStr for Money {
    type Err = NoAmount;

    fn from_str(text: &str) -> Result<Self, NoAmount> {
        let text = text.trim();
        let text = text.strip_prefix('$').unwrap_or(text);
        let (whole, decimals) = text.split_once('.').unwrap_or((text, "0"));
        let is_number = |digits: &str, most: usize| {
            (1..=most).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit())
        };
        if !is_number(whole, 9) || !is_number(decimals, 6) {
            return Err(NoAmount);
        }
        let whole: i64 = whole.parse().map_err(|_| NoAmount)?;
        let micros: i64 = format!("{decimals:0<6}").parse().map_err(|_| NoAmount)?;
        Some(Self(whole * 1_000_000 + micros)).filter(|money| money.0 > 0).ok_or(NoAmount)
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
    fn amounts_are_read_exactly_or_not_at_all() {
        for (text, micros) in [
            ("5", 5_000_000),
            ("0.25", 250_000),
            ("$1.50", 1_500_000),
            ("0.000001", 1),
            (" 12.3 ", 12_300_000),
        ] {
            assert_eq!(text.parse(), Ok(Money::from_micros(micros)), "{text}");
        }
        for text in [
            "",
            "0",
            "0.0",
            "-1",
            "+1",
            "NaN",
            "inf",
            "Infinity",
            "1e3",
            "1.",
            ".5",
            "1.0000001",
            "1,5",
            "5 USD",
        ] {
            assert_eq!(text.parse::<Money>(), Err(NoAmount), "{text}");
        }
        assert_eq!("1000000000".parse::<Money>(), Err(NoAmount));
    }

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
