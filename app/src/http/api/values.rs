//! Values of bodies that are checked before the engine sees them, with their names in what is said.

use axum::http::StatusCode;
use convoy_core::money::Money;
use convoy_core::time::Span;

use crate::http::Error;
use crate::values;

fn named<T>(name: &str, value: Result<T, String>) -> Result<T, Error> {
    value.map_err(|why| Error::new(StatusCode::BAD_REQUEST, "invalid", format!("{name}: {why}")))
}

/// What may be spent.
pub(super) fn dollars(text: impl AsRef<str>) -> Result<Money, Error> {
    named("budget_usd", values::dollars(text.as_ref()))
}

/// How long something may take.
pub(super) fn timeout(text: impl AsRef<str>) -> Result<Span, Error> {
    named("timeout", values::duration(text.as_ref()))
}

/// Who is told.
pub(super) fn addresses(name: &str, all: Vec<String>) -> Result<Vec<String>, Error> {
    all.into_iter().map(|one| named(name, values::subscriber(&one))).collect()
}

/// A number of agents, if one is given.
pub(super) fn at_least_one(name: &str, number: Option<u32>) -> Result<Option<u32>, Error> {
    named(name, if number == Some(0) { Err("expected 1 or more".to_owned()) } else { Ok(number) })
}
