//! The tables that people write: `prices.toml`.
//!
//! ```toml
//! # US dollars for a million tokens.
//! [models."claude-sonnet-4-5*"]
//! input = 3.0
//! output = 15.0
//! cache_read = 0.3          # absent: as input
//! cache_write = 3.75        # absent: as input
//! cache_write_1h = 6.0      # absent: as cache_write
//! from = "2026-11-01"       # absent: always
//! above = [{ tokens = 200000, input = 6.0, output = 22.5 }]
//! ```
//!
//! A name that ends in `*` is the beginning of names; the longest one that fits is taken, a whole name before all of
//! them. A list of tables under one name has prices of different dates.

use std::collections::BTreeMap;

use convoy_core::time::Time;
use serde::Deserialize;
use toml::{Table as Toml, Value};

use super::rates::{Rates, Used};

/// The largest table that is read; the largest one that is published has 5,000 models.
pub(super) const FILE_BYTES_MAX: u64 = 16 * 1024 * 1024;
/// The most models of a table.
pub(super) const MODELS_MAX: usize = 50_000;
/// The most prices of different dates of one model.
const DATES_MAX: usize = 100;
/// The most steps by the length of the prompt of one price.
const STEPS_MAX: usize = 8;
/// The longest name of a model, in bytes.
const NAME_BYTES_MAX: usize = 200;
/// The highest price of a million tokens that is believed, in dollars.
const DOLLARS_MAX: f64 = 1e6;

/// What is wrong with a table.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(super) struct Wrong(pub(super) String);

/// A price of a model.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Row {
    /// Since when; always if absent.
    pub(super) from: Option<Time>,
    pub(super) base: Rates,
    /// What holds for prompts that are longer than so many tokens, shortest first.
    pub(super) above: Vec<(u64, Rates)>,
}

impl Row {
    /// What holds for this usage.
    pub(super) fn rates(&self, used: &Used) -> Rates {
        let long = self.above.iter().rev().find(|(tokens, _)| !used.summed && used.input() > *tokens);
        long.map_or(self.base, |(_, rates)| *rates)
    }
    /// The highest that may hold.
    pub(super) fn top(&self) -> Rates {
        self.above.iter().fold(self.base, |top, (_, rates)| top.max(*rates))
    }
}

/// A table.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Table {
    /// Prices by name in lower case, each oldest first.
    whole: BTreeMap<String, Vec<Row>>,
    /// Prices by beginning in lower case, longest first.
    beginnings: Vec<(String, Vec<Row>)>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    input: f64,
    output: f64,
    cache_read: Option<f64>,
    cache_write: Option<f64>,
    cache_write_1h: Option<f64>,
    from: Option<Value>,
    #[serde(default)]
    above: Vec<Above>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Above {
    tokens: u64,
    input: f64,
    output: f64,
    cache_read: Option<f64>,
    cache_write: Option<f64>,
    cache_write_1h: Option<f64>,
}

impl Table {
    /// Out of the text of a file.
    pub(super) fn parse(text: &str) -> Result<Self, Wrong> {
        let toml: Toml = text.parse().map_err(|error: toml::de::Error| Wrong(error.to_string()))?;
        Self::of(&toml)
    }

    /// Out of TOML that was read.
    pub(super) fn of(toml: &Toml) -> Result<Self, Wrong> {
        let known = ["models"];
        if let Some(key) = toml.keys().find(|key| !known.contains(&key.as_str())) {
            let example = "prices stand in tables such as [models.\"claude-sonnet-4-5*\"]";
            return Err(Wrong(format!("unknown key {key:?}; {example}")));
        }
        let empty = Toml::new();
        let models = match toml.get("models") {
            None => &empty,
            Some(models) => models.as_table().ok_or_else(|| Wrong("models: a table is expected".into()))?,
        };
        if models.len() > MODELS_MAX {
            return Err(Wrong(format!("at most {MODELS_MAX} models are possible")));
        }
        let mut table = Self::default();
        for (name, value) in models {
            check_name(name)?;
            let rows = rows(value).map_err(|Wrong(why)| Wrong(format!("models.{name:?}: {why}")))?;
            let key = name.to_lowercase();
            match key.strip_suffix('*') {
                Some(beginning) => table.beginnings.push((beginning.to_owned(), rows)),
                None => {
                    table.whole.insert(key, rows);
                }
            }
        }
        table.beginnings.sort_by_key(|(beginning, _)| std::cmp::Reverse(beginning.len()));
        Ok(table)
    }

    /// What holds for a model, by its name in lower case, at a time.
    pub(super) fn find(&self, model: &str, at: Time) -> Option<&Row> {
        let whole = self.whole.get(model).and_then(|rows| in_force(rows, at));
        whole.or_else(|| {
            let fits = self.beginnings.iter().filter(|(beginning, _)| model.starts_with(beginning.as_str()));
            fits.into_iter().find_map(|(_, rows)| in_force(rows, at))
        })
    }

    /// Every name, with what holds at a time; beginnings with their `*`.
    pub(super) fn all(&self, at: Time) -> impl Iterator<Item = (String, &Row)> {
        let whole = self.whole.iter().map(|(name, rows)| (name.clone(), rows));
        let beginnings = self.beginnings.iter().map(|(name, rows)| (format!("{name}*"), rows));
        whole.chain(beginnings).filter_map(move |(name, rows)| Some((name, in_force(rows, at)?)))
    }

    /// How many models or beginnings of models it has.
    pub(super) fn len(&self) -> usize {
        self.whole.len() + self.beginnings.len()
    }
}

/// The price that began last.
fn in_force(rows: &[Row], at: Time) -> Option<&Row> {
    rows.iter().rev().find(|row| row.from.is_none_or(|from| from <= at))
}

fn check_name(name: &str) -> Result<(), Wrong> {
    let wrong = |why: &str| Err(Wrong(format!("models.{name:?}: {why}")));
    if name.is_empty() || name.len() > NAME_BYTES_MAX {
        return wrong("a model's name has 1 to 200 bytes");
    }
    if name.contains(crate::text::is_hostile) {
        return wrong("a model's name has no control characters");
    }
    if name[..name.len() - 1].contains('*') {
        return wrong("'*' stands at the end only, for every name that begins so");
    }
    Ok(())
}

fn rows(value: &Value) -> Result<Vec<Row>, Wrong> {
    let values = match value {
        Value::Array(values) if values.len() > DATES_MAX => {
            return Err(Wrong(format!("at most {DATES_MAX} dates are possible")));
        }
        Value::Array(values) => values.as_slice(),
        one => std::slice::from_ref(one),
    };
    let mut rows = values.iter().map(row).collect::<Result<Vec<_>, _>>()?;
    rows.sort_by_key(|row| row.from);
    match rows.windows(2).find(|pair| pair[0].from == pair[1].from) {
        Some(_) => Err(Wrong("two prices begin on the same day".into())),
        None if rows.is_empty() => Err(Wrong("at least one price is expected".into())),
        None => Ok(rows),
    }
}

fn row(value: &Value) -> Result<Row, Wrong> {
    let written: Written =
        value.clone().try_into().map_err(|error: toml::de::Error| Wrong(error.message().to_owned()))?;
    let from = written.from.as_ref().map(date).transpose()?;
    let base = rates(
        written.input,
        written.output,
        [written.cache_read, written.cache_write, written.cache_write_1h],
    )?;
    if written.above.len() > STEPS_MAX {
        return Err(Wrong(format!("above: at most {STEPS_MAX} steps are possible")));
    }
    let step = |step: &Above| {
        let caches = [step.cache_read, step.cache_write, step.cache_write_1h];
        Ok((step.tokens, rates(step.input, step.output, caches)?))
    };
    let mut above = written.above.iter().map(step).collect::<Result<Vec<_>, Wrong>>()?;
    above.sort_by_key(|(tokens, _)| *tokens);
    Ok(Row { from, base, above })
}

/// What is not said of caches costs what fresh input costs, which is never less than it is for reading.
fn rates(input: f64, output: f64, [read, write, hour]: [Option<f64>; 3]) -> Result<Rates, Wrong> {
    let write = write.unwrap_or(input);
    Ok(Rates {
        input: micros("input", input)?,
        output: micros("output", output)?,
        cache_read: micros("cache_read", read.unwrap_or(input))?,
        cache_write: micros("cache_write", write)?,
        cache_write_1h: micros("cache_write_1h", hour.unwrap_or(write))?,
    })
}

fn micros(key: &str, dollars: f64) -> Result<u64, Wrong> {
    if !dollars.is_finite() || !(0.0..=DOLLARS_MAX).contains(&dollars) {
        return Err(Wrong(format!("{key}: {dollars} is no price in dollars for a million tokens")));
    }
    Ok((dollars * 1e6).round() as u64)
}

fn date(value: &Value) -> Result<Time, Wrong> {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Datetime(date) => date.to_string(),
        other => other.to_string(),
    };
    let wrong = |_| Wrong(format!("from: {text:?} is no date such as \"2026-11-01\""));
    let day: jiff::civil::Date = text.parse().map_err(wrong)?;
    let begins = day.to_zoned(jiff::tz::TimeZone::UTC).map_err(wrong)?;
    Ok(Time::from_millis(begins.timestamp().as_millisecond()))
}
