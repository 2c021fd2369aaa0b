//! Values of arguments: each is checked here, at the edge, with the accepted form in its message.

use std::io::Read;
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use convoy_core::convoy::MergeStrategy;
use convoy_core::cost::Day;
use convoy_core::issue::{CloseReason, DependencyType, IssueType, TEXT_BYTES_MAX};
use convoy_core::money::Money;
use convoy_core::time::{Span, Time};

use crate::error::Error;

/// `10s`, `5m`, `1h30m`.
pub(crate) fn duration(text: &str) -> Result<Span, String> {
    let parsed = text.parse::<jiff::SignedDuration>().ok().filter(|duration| !duration.is_negative());
    let millis = parsed.and_then(|duration| i64::try_from(duration.as_millis()).ok());
    millis.map(Span::from_millis).ok_or_else(|| "expected a duration such as 10s, 5m or 1h30m".to_owned())
}

/// An amount of dollars, such as `5` or `2.50`: more than nothing.
pub(crate) fn dollars(text: &str) -> Result<Money, String> {
    let amount = text.strip_prefix('$').unwrap_or(text).parse::<Money>().ok();
    amount
        .filter(|amount| amount.as_micros() > 0)
        .ok_or_else(|| "expected an amount of dollars greater than 0, such as 5 or 2.50".to_owned())
}

/// A day, or the day so long ago.
pub(crate) fn since(text: &str) -> Result<Day, String> {
    let day = |millis: i64| convoy_core::cost::day(Time::from_millis(millis));
    if let Ok(date) = text.parse::<jiff::civil::Date>()
        && let Ok(begins) = date.to_zoned(jiff::tz::TimeZone::UTC)
    {
        return Ok(day(begins.timestamp().as_millisecond()));
    }
    let days = text.strip_suffix('d').and_then(|days| days.parse::<i32>().ok());
    let ago = match days {
        Some(days) => i64::from(days).checked_mul(86_400_000),
        None => duration(text).ok().map(|span| span.as_millis()),
    };
    ago.filter(|ago| *ago >= 0)
        .map(|ago| day(convoy_engine::clock::now().as_millis() - ago))
        .ok_or_else(|| "expected a date such as 2026-01-15, or how long ago, such as 7d or 12h".to_owned())
}

/// A day, which lasts until its end here; a time with its zone; or a duration from now.
pub(crate) fn due(text: &str) -> Result<Time, String> {
    let at = |time: jiff::Timestamp| Time::from_millis(time.as_millisecond());
    if let Ok(day) = text.parse::<jiff::civil::Date>() {
        let end = day.tomorrow().ok().and_then(|next| next.to_zoned(jiff::tz::TimeZone::system()).ok());
        return end.map(|end| at(end.timestamp())).ok_or_else(|| format!("there is no day after {text}"));
    }
    if let Ok(time) = text.parse::<jiff::Timestamp>() {
        return Ok(at(time));
    }
    let days = text.strip_suffix('d').and_then(|days| days.parse::<u16>().ok());
    let span = days.map(|days| Span::from_secs(i64::from(days) * 86_400)).or_else(|| duration(text).ok());
    span.map(|span| convoy_engine::clock::now().plus(span)).ok_or_else(|| {
        "expected a date such as 2026-01-15, a time such as 2026-01-15T17:00:00+01:00, or a duration such as 3d".to_owned()
    })
}

/// An address of `--notify`. Of what begins with a dash only `--human` is one.
pub(crate) fn subscriber(text: &str) -> Result<String, String> {
    convoy_core::address::Address::new(text)
        .map(|address| address.to_string())
        .map_err(|error| error.to_string())
}

/// The names of values, and the values.
macro_rules! named {
    ($(#[$doc:meta])* $name:ident -> $target:ident { $($(#[$variant_doc:meta])* $variant:ident),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
        pub(crate) enum $name { $($(#[$variant_doc])* $variant),* }
        impl From<$name> for $target {
            fn from(value: $name) -> Self {
                match value { $($name::$variant => Self::$variant),* }
            }
        }
    };
}

named! {
    /// `--type` of an issue.
    Type -> IssueType { Task, Bug, Feature, Chore, Epic, Step }
}
named! {
    /// `--reason` of a closed issue.
    Reason -> CloseReason { Completed, Merged, Dropped, Duplicate }
}
named! {
    /// `--type` of a dependency.
    Link -> DependencyType { Blocks, Tracks, Related, ParentChild }
}
named! {
    /// `--merge`.
    Merge -> MergeStrategy { Direct, Queue, Pr, Local }
}

/// What a convoy is made with, by whichever command.
#[derive(Debug, clap::Args)]
pub(crate) struct Terms {
    /// Who is told when it lands; you if not given
    #[arg(long, value_name = "ADDR")]
    pub(crate) owner: Option<String>,
    /// Who else is told; may be repeated, '--human' is the person
    #[arg(long, value_name = "ADDR", allow_hyphen_values = true, value_parser = subscriber)]
    pub(crate) notify: Vec<String>,
    /// How branches land
    #[arg(long)]
    pub(crate) merge: Option<Merge>,
    /// Branch that they land in
    #[arg(long, value_name = "BRANCH")]
    pub(crate) base: Option<String>,
    /// How many agents may work on it at once
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) max_parallel: Option<u32>,
}

/// A text that may be long: given, or read from a file or from stdin.
#[derive(Debug, clap::Args)]
pub(crate) struct Body {
    /// The whole story
    #[arg(long, value_name = "TEXT", conflicts_with = "body_file")]
    body: Option<String>,
    /// Read it from a file; '-' is stdin
    #[arg(long, value_name = "FILE")]
    body_file: Option<PathBuf>,
}

impl Body {
    /// The text, if one was given.
    pub(crate) fn read(self) -> Result<Option<String>, Error> {
        match (self.body, self.body_file) {
            (Some(text), _) => Ok(Some(text)),
            (None, Some(path)) => read_text(&path).map(Some),
            (None, None) => Ok(None),
        }
    }
}

/// The text of a file, or of stdin.
pub(crate) fn read_text(path: &Path) -> Result<String, Error> {
    let stdin = path == Path::new("-");
    let name = if stdin { "stdin".to_owned() } else { path.display().to_string() };
    let failed = |error: std::io::Error| Error::usage(format!("--body-file: cannot read {name}: {error}"));
    let reader: Box<dyn Read> =
        if stdin { Box::new(std::io::stdin()) } else { Box::new(std::fs::File::open(path).map_err(failed)?) };
    let mut bytes = Vec::new();
    reader.take(TEXT_BYTES_MAX as u64 + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() > TEXT_BYTES_MAX {
        let message = format!("--body-file: {name} is too long: expected at most {TEXT_BYTES_MAX} bytes");
        return Err(Error::usage(message));
    }
    String::from_utf8(bytes).map_err(|error| {
        Error::usage(format!("--body-file: {name} is not UTF-8 text: {}", error.utf8_error()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_people_write_them() {
        for (text, seconds) in [("10s", 10), ("5m", 300), ("1h30m", 5400), ("0s", 0), ("1d", 86_400)] {
            assert_eq!(duration(text).map(Span::as_secs).ok(), (text != "1d").then_some(seconds), "{text}");
        }
        for bad in ["", "5", "-5m", "m", "1 fortnight", "99999999999999999999s"] {
            assert!(duration(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn days_are_read_as_people_write_them() {
        assert_eq!(since("1970-01-02"), Ok(1));
        let today = since("0d").unwrap();
        assert_eq!((since("7d"), since("2h").map(|day| today - day <= 1)), (Ok(today - 7), Ok(true)));
        for bad in ["", "yesterday", "-3d", "99999999999d", "2026-13-01"] {
            assert!(since(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn of_dashes_only_human_is_a_subscriber() {
        assert!(subscriber("--human").is_ok());
        assert!(subscriber("mayor/").is_ok());
        for bad in ["-h", "--json", "--", "", "a b"] {
            assert!(subscriber(bad).is_err(), "{bad}");
        }
    }
}
