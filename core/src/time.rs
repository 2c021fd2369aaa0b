//! Points in time and spans, as the log keeps them: whole milliseconds.
//!
//! In JSON a time is RFC 3339 text; in the compact snapshot it is a number. Nothing here reads a clock.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A point in time, in milliseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Time(i64);

impl Time {
    /// From milliseconds since the epoch.
    pub const fn from_millis(ms: i64) -> Self {
        Self(ms)
    }
    /// Milliseconds since the epoch.
    pub const fn as_millis(self) -> i64 {
        self.0
    }
    /// This time later by `span`.
    pub const fn plus(self, span: Span) -> Self {
        Self(self.0.saturating_add(span.0))
    }
    /// How long after `earlier` this is; zero if it is before.
    pub const fn since(self, earlier: Self) -> Span {
        let ms = self.0.saturating_sub(earlier.0);
        Span(if ms < 0 { 0 } else { ms })
    }
    /// As a timestamp of the time library, for zones and formats.
    pub fn timestamp(self) -> jiff::Timestamp {
        jiff::Timestamp::from_millisecond(self.0).unwrap_or_default()
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.3}", self.timestamp().display_with_offset(jiff::tz::Offset::UTC))
    }
}

impl fmt::Debug for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Time {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        if s.is_human_readable() { s.collect_str(self) } else { s.serialize_i64(self.0) }
    }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        if d.is_human_readable() {
            let text = <std::borrow::Cow<'de, str>>::deserialize(d)?;
            let at: jiff::Timestamp = text.parse().map_err(serde::de::Error::custom)?;
            Ok(Self(at.as_millisecond()))
        } else {
            i64::deserialize(d).map(Self)
        }
    }
}

impl schemars::JsonSchema for Time {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Time".into()
    }
    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "format": "date-time" })
    }
    fn inline_schema() -> bool {
        true
    }
}

/// A length of time in milliseconds, never negative.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Span(i64);

impl Span {
    /// From milliseconds; negative values count as zero.
    pub const fn from_millis(ms: i64) -> Self {
        Self(if ms < 0 { 0 } else { ms })
    }
    /// From whole seconds.
    pub const fn from_secs(s: i64) -> Self {
        Self::from_millis(s.saturating_mul(1000))
    }
    /// In milliseconds.
    pub const fn as_millis(self) -> i64 {
        self.0
    }
    /// In whole seconds, rounded down.
    pub const fn as_secs(self) -> i64 {
        self.0 / 1000
    }
}

/// The coarse form that people read: `<1m`, `5m`, `2h 15m`, `3d 4h`.
impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let minutes = self.0 / 60_000;
        match (minutes / 1440, minutes / 60 % 24, minutes % 60) {
            (0, 0, 0) => f.write_str("<1m"),
            (0, 0, m) => write!(f, "{m}m"),
            (0, h, 0) => write!(f, "{h}h"),
            (0, h, m) => write!(f, "{h}h {m}m"),
            (d, 0, _) => write!(f, "{d}d"),
            (d, h, _) => write!(f, "{d}d {h}h"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_rfc3339_and_round_trips() {
        let t = Time::from_millis(1_767_118_500_123);
        let text = serde_json::to_string(&t).unwrap();
        assert_eq!(text, "\"2025-12-30T18:15:00.123+00:00\"");
        assert_eq!(serde_json::from_str::<Time>(&text).unwrap(), t);
        assert_eq!(serde_json::from_str::<Time>("\"2025-12-30T10:15:00.123-08:00\"").unwrap(), t);
    }

    #[test]
    fn spans_read_as_people_write_them() {
        let texts: Vec<String> =
            [30, 300, 8100, 7200, 86_400 * 3 + 3600].map(|s| Span::from_secs(s).to_string()).into();
        assert_eq!(texts, ["<1m", "5m", "2h 15m", "2h", "3d 1h"]);
    }
}
