//! What translators do with values of JSON that somebody else wrote.

use convoy_core::report::Tokens;
use serde_json::Value;

/// The longest text that is taken over, in characters.
const TEXT_CHARS_MAX: usize = 400;

/// The text at a key.
pub(super) fn text<'a>(value: &'a Value, key: &str) -> Option<&'a str> {
    value.get(key).and_then(Value::as_str)
}

/// The first line of a text, cut to what a report may hold.
pub(super) fn short(text: &str) -> String {
    text.lines().next().unwrap_or_default().chars().take(TEXT_CHARS_MAX).collect()
}

/// The words of an error, which may themselves be a service's answer: `{"error":{"message":…}}`.
pub(super) fn message_in(words: &str) -> String {
    let value: Option<Value> = serde_json::from_str(words).ok();
    let message = value.as_ref().and_then(|value| {
        let error = value.get("error").unwrap_or(value);
        text(error, "message").map(|message| (text(error, "type"), message))
    });
    match message {
        Some((Some(kind), message)) => short(&format!("{kind}: {message}")),
        Some((None, message)) => short(message),
        None => short(words),
    }
}

/// What is left of the whole without a part of it.
pub(super) fn minus(whole: Tokens, part: Tokens) -> Tokens {
    Tokens {
        input: whole.input.saturating_sub(part.input),
        output: whole.output.saturating_sub(part.output),
        cache_read: whole.cache_read.saturating_sub(part.cache_read),
        cache_write: whole.cache_write.saturating_sub(part.cache_write),
    }
}
