//! Values of arguments: each is checked here, with its name and the accepted form in the message.

use convoy_core::money::Money;
use convoy_core::time::{Span, Time};
use serde::Serialize;
use serde_json::Value;

use crate::error::Error;
use crate::values;

fn named<T>(name: &str, value: Result<T, String>) -> Result<T, Error> {
    value.map_err(|why| Error::usage(format!("{name}: {why}")))
}

/// The word that a choice is written as.
pub(super) fn word(choice: &impl Serialize) -> Option<String> {
    match serde_json::to_value(choice) {
        Ok(Value::String(word)) => Some(word),
        _ => None,
    }
}

/// When something is due.
pub(super) fn due(text: &str) -> Result<Time, Error> {
    named("due", values::due(text))
}

/// How long something may take.
pub(super) fn timeout(text: &str) -> Result<Span, Error> {
    named("timeout", values::duration(text))
}

/// What may be spent.
pub(super) fn budget(dollars: f64) -> Result<Money, Error> {
    named("budget_usd", values::dollars(&dollars.to_string()))
}

/// Who is told.
pub(super) fn addresses(name: &str, all: Vec<String>) -> Result<Vec<String>, Error> {
    all.into_iter().map(|one| named(name, values::subscriber(&one))).collect()
}

/// More than none.
pub(super) fn some(name: &str, all: Vec<String>) -> Result<Vec<String>, Error> {
    named(name, if all.is_empty() { Err("expected at least one".to_owned()) } else { Ok(all) })
}

/// A number of agents, if one is given.
pub(super) fn at_least_one(name: &str, number: Option<u32>) -> Result<Option<u32>, Error> {
    named(name, if number == Some(0) { Err("expected 1 or more".to_owned()) } else { Ok(number) })
}
