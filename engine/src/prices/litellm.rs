//! The table that LiteLLM publishes, as an import format: `model_prices_and_context_window.json`.
//!
//! Its prices are dollars for one token. What is not a price of text tokens is passed over.

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json};
use toml::{Table as Toml, Value};

/// What an entry that explains the format is called there.
const SAMPLE: &str = "sample_spec";
const MILLION: f64 = 1e6;
/// Prices are kept to a millionth of a dollar for a million tokens.
const DIGITS: f64 = 1e6;

/// The keys of one kind of token, ours and theirs.
const KINDS: [(&str, &str); 4] = [
    ("input", "input_cost_per_token"),
    ("output", "output_cost_per_token"),
    ("cache_read", "cache_read_input_token_cost"),
    ("cache_write", "cache_creation_input_token_cost"),
];
const HOUR: &str = "cache_creation_input_token_cost_above_1hr";
/// What kind of model has prices of text tokens.
const MODES: [&str; 3] = ["chat", "completion", "responses"];

/// Prices by model, as our table writes them, and how many entries were passed over.
pub(super) fn convert(table: &Map<String, Json>) -> (Toml, usize) {
    let (mut models, mut skipped) = (Toml::new(), 0);
    for (name, entry) in table.iter().filter(|(name, _)| *name != SAMPLE) {
        match entry.as_object().and_then(model) {
            Some(prices) if fits(name) => {
                models.insert(name.clone(), Value::Table(prices));
            }
            _ => skipped += 1,
        }
    }
    (models, skipped)
}

fn fits(name: &str) -> bool {
    !name.is_empty() && !name.contains('*') && !name.contains(crate::text::is_hostile)
}

fn model(entry: &Map<String, Json>) -> Option<Toml> {
    let mode = entry.get("mode").and_then(Json::as_str);
    if mode.is_some_and(|mode| !MODES.contains(&mode)) {
        return None;
    }
    let mut prices = rates(entry, "")?;
    // Zero stands there for what is free and for what is not known; neither is said to be free here.
    let zero = |key: &str| prices.get(key).and_then(Value::as_float) == Some(0.0);
    if zero("input") && zero("output") {
        return None;
    }
    if let Some(hour) = million(entry, HOUR) {
        prices.insert("cache_write_1h".into(), Value::Float(hour));
    }
    let above: Vec<Value> = steps(entry)
        .into_iter()
        .filter_map(|(tokens, suffix)| {
            // What is not said of long prompts is as it is for short ones.
            let mut step = prices.clone();
            step.remove("above");
            step.insert("tokens".into(), Value::Integer(tokens));
            for (ours, theirs) in KINDS {
                if let Some(price) = million(entry, &format!("{theirs}{suffix}")) {
                    step.insert(ours.into(), Value::Float(price));
                }
            }
            (step.len() > 1).then_some(Value::Table(step))
        })
        .collect();
    if !above.is_empty() {
        prices.insert("above".into(), Value::Array(above));
    }
    Some(prices)
}

fn rates(entry: &Map<String, Json>, suffix: &str) -> Option<Toml> {
    let mut prices = Toml::new();
    for (ours, theirs) in KINDS {
        match million(entry, &format!("{theirs}{suffix}")) {
            Some(price) => {
                prices.insert(ours.into(), Value::Float(price));
            }
            None if ours == "input" || ours == "output" => return None,
            None => {}
        }
    }
    Some(prices)
}

/// From how many tokens on other prices hold, with the end of the keys that have them: `_above_200k_tokens`.
fn steps(entry: &Map<String, Json>) -> BTreeMap<i64, String> {
    let keys = entry.keys().filter_map(|key| key.strip_prefix("input_cost_per_token"));
    keys.filter_map(|suffix| {
        let thousands = suffix.strip_prefix("_above_")?.strip_suffix("k_tokens")?;
        Some((thousands.parse::<i64>().ok()?.checked_mul(1000)?, suffix.to_owned()))
    })
    .collect()
}

fn million(entry: &Map<String, Json>, key: &str) -> Option<f64> {
    let price = entry.get(key)?.as_f64().filter(|price| price.is_finite() && *price >= 0.0)?;
    Some((price * MILLION * DIGITS).round() / DIGITS)
}
