//! The table that comes with `genai-prices`: dated prices with those of caches and of long prompts.
//!
//! Its figures are dollars as floats. They are rounded once, when a whole usage is priced.

use std::time::{Duration, SystemTime};

use convoy_core::money::Money;
use convoy_core::time::Time;
use genai_prices::{Calculator, PriceRequest, Usage, UsageKey};

use super::book::Vendor;
use super::rates::{COST_MAX, Rates, Used};

/// What a price from here is recorded as: the crate's version and the day on which it was published.
pub(super) const VERSION: &str = "genai-prices 0.2.1 2026-10-30";
/// A prompt that is longer than any step in prices.
const LONG: f64 = 100e6;
/// A prompt that is shorter than any step in prices, in tokens, and how many of them are a million.
const SHORT: f64 = 1_000.0;
const MILLION: f64 = 1e6;
/// What floats are wrong by at most, in micro-dollars; no price has a finer step.
const NOISE: f64 = 1e-4;

/// What a usage of a model costs.
pub(super) fn cost(vendor: Option<Vendor>, model: &str, used: &Used, at: Time) -> Option<Money> {
    // A sum of several replies is priced as one short one, and multiplied: prices by length belong to single replies.
    let whole = used.input() as f64;
    let parts = if used.summed && whole > SHORT { whole / SHORT } else { 1.0 };
    let usage = usage(used, parts);
    let name = plain(model);
    let priced = vendor
        .and_then(|vendor| dollars(Some(vendor.id()), name, &usage, at))
        .or_else(|| dollars(None, name, &usage, at))?;
    let micros = priced * parts * MILLION;
    // A table that has no price for what was used would come to nothing.
    (micros > 0.0 || used.is_nothing()).then(|| Money::from_micros(half_up(micros)))
}

/// The name without what an agent hangs on it for itself: `claude-opus-4-6[1m]`.
fn plain(model: &str) -> &str {
    model.split_once('[').map_or(model, |(name, _)| name)
}

fn half_up(micros: f64) -> i64 {
    ((micros + 0.5 + NOISE).floor() as i64).clamp(0, COST_MAX)
}

/// Usage as the crate wants it: what was read from a cache and written to one is part of the input.
fn usage(used: &Used, parts: f64) -> Usage {
    let (_, hour) = used.written();
    let of = |count: u64| count as f64 / parts;
    let tokens = used.tokens;
    let (read, write, fresh) = (of(tokens.cache_read), of(tokens.cache_write), of(tokens.input));
    Usage::from([
        (UsageKey::INPUT_TOKENS, fresh + read + write),
        (UsageKey::CACHE_READ_TOKENS, read),
        (UsageKey::CACHE_WRITE_TOKENS, write),
        (UsageKey::CACHE_WRITE_1H_TOKENS, of(hour)),
        (UsageKey::OUTPUT_TOKENS, of(tokens.output)),
    ])
}

fn dollars(provider: Option<&str>, model: &str, usage: &Usage, at: Time) -> Option<f64> {
    let at = SystemTime::UNIX_EPOCH + Duration::from_millis(u64::try_from(at.as_millis()).unwrap_or(0));
    let mut request = PriceRequest::new(model, usage).with_timestamp(at);
    request.provider_id = provider;
    Calculator::bundled().calculate(&request).ok().map(|priced| priced.total_price)
}

/// A model with what a million of its tokens cost: at first, and for the longest prompts.
pub(super) struct Model {
    pub(super) provider: &'static str,
    pub(super) name: &'static str,
    pub(super) base: Rates,
    pub(super) top: Rates,
}

/// The models that are wanted, by provider and name.
pub(super) fn models(wanted: impl Fn(&str, &str) -> bool, at: Time) -> Vec<Model> {
    Calculator::bundled()
        .providers()
        .flat_map(|provider| provider.models().map(move |model| (provider.id(), model.id())))
        .filter(|(provider, name)| wanted(provider, name))
        .filter_map(|(provider, name)| {
            let base = rates(provider, name, SHORT, at)?;
            let top = rates(provider, name, LONG, at)?;
            Some(Model { provider, name, base, top })
        })
        .collect()
}

/// How long a prompt may be, in tokens, before anything of a model costs more; none if nothing ever does.
pub(super) fn first_step(model: &Model, at: Time) -> Option<u64> {
    if model.base == model.top {
        return None;
    }
    let is_base = |prompt: u64| {
        rates(model.provider, model.name, prompt as f64, at).is_some_and(|rates| rates == model.base)
    };
    // Between what is short and what is long, to the token. The steps of vendors are round figures far below the end.
    let (mut short, mut long) = (SHORT as u64, LONG as u64);
    while long - short > 1 {
        let middle = short + (long - short) / 2;
        if is_base(middle) {
            short = middle;
        } else {
            long = middle;
        }
    }
    Some(short)
}

/// What a million tokens of a model cost in a prompt of this length. The crate tells the price of a usage only: each
/// rate is what one more kind of token adds.
fn rates(provider: &str, model: &str, prompt: f64, at: Time) -> Option<Rates> {
    let with = |kinds: &[UsageKey]| {
        let mut usage = Usage::from([(UsageKey::INPUT_TOKENS, prompt)]);
        kinds.iter().for_each(|kind| {
            usage.insert(kind.clone(), prompt);
        });
        dollars(Some(provider), model, &usage, at).map(|dollars| dollars / prompt * MILLION)
    };
    let input = with(&[])?;
    // Without a price for caches they cost what input costs; so the crate itself.
    let output = with(&[UsageKey::OUTPUT_TOKENS])? - input;
    let cache_read = with(&[UsageKey::CACHE_READ_TOKENS])?;
    let cache_write = with(&[UsageKey::CACHE_WRITE_TOKENS])?;
    let hour = with(&[UsageKey::CACHE_WRITE_TOKENS, UsageKey::CACHE_WRITE_1H_TOKENS])?;
    // Rounded up: these are for limits and for lists, and no limit is passed by rounding.
    let micros = |dollars: f64| (dollars * MILLION - NOISE).ceil().max(0.0) as u64;
    (input + output > 0.0).then(|| Rates {
        input: micros(input),
        output: micros(output),
        cache_read: micros(cache_read),
        cache_write: micros(cache_write),
        cache_write_1h: micros(hour),
    })
}
