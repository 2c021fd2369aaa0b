//! Reading findings out of text.
//!
//! Models write JSON nearly as they are told: words for numbers, other cases, other names of keys. What is meant is
//! taken.

use convoy_core::review::{Confidence, Finding, Severity, TEXT_BYTES_MAX};
use serde_json::{Map, Value};

/// How the block begins.
pub(crate) const INFO: &str = "json findings";
/// How deep texts are looked for in a line of JSON.
const DEPTH_MAX: usize = 12;

/// The content of the last block of that name in what an agent printed: as lines of JSON, or as plain text.
pub(super) fn last_block(output: &str, info: &str) -> Option<String> {
    let mut last = None;
    for line in output.lines().filter(|line| line.trim_start().starts_with('{') && line.contains(info)) {
        if let Ok(value) = serde_json::from_str::<Value>(line) {
            texts(&value, info, DEPTH_MAX, &mut |text| {
                last = block(text, info).map(str::to_owned).or(last.take());
            });
        }
    }
    last.or_else(|| block(output, info).map(str::to_owned))
}

/// The last structured result of an agent that has such a key, in its lines of JSON.
pub(super) fn last_structured(output: &str, key: &str) -> Option<Value> {
    let lines = output.lines().filter(|line| line.trim_start().starts_with('{') && line.contains(key));
    lines
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter_map(|value| {
            let inner = value.get("structured_output").or_else(|| value.get("result"))?;
            inner.get(key).is_some().then(|| inner.clone())
        })
        .next_back()
}

fn texts(value: &Value, info: &str, depth: usize, found: &mut dyn FnMut(&str)) {
    if depth == 0 {
        return;
    }
    match value {
        Value::String(text) if text.contains(info) => found(text),
        Value::Array(all) => all.iter().for_each(|one| texts(one, info, depth - 1, found)),
        Value::Object(all) => all.values().for_each(|one| texts(one, info, depth - 1, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// The content of the last block of that name.
pub(super) fn block<'a>(text: &'a str, info: &str) -> Option<&'a str> {
    let mut found = None;
    let (mut at, mut open): (usize, Option<(usize, usize)>) = (0, None);
    for line in text.split_inclusive('\n') {
        let trimmed = line.trim();
        let ticks = trimmed.len() - trimmed.trim_start_matches('`').len();
        match open {
            None if ticks >= 3 && trimmed[ticks..].trim().eq_ignore_ascii_case(info) => {
                open = Some((ticks, at + line.len()));
            }
            Some((fence, start)) if ticks >= fence && trimmed.len() == ticks => {
                found = Some(&text[start..at]);
                open = None;
            }
            None | Some(_) => {}
        }
        at += line.len();
    }
    // One that was cut off has no end; it is no list either, and says so better than that there is none.
    found.or_else(|| open.map(|(_, start)| &text[start..]))
}

/// One value of an object, under any of its names.
pub(super) fn any<'a>(object: &'a Map<String, Value>, names: &[&str]) -> Option<&'a Value> {
    names.iter().find_map(|name| object.get(*name)).filter(|value| !value.is_null())
}

/// One text of an object, under any of its names; lines of a list as lines, and anything else as it is written.
pub(super) fn text(object: &Map<String, Value>, names: &[&str]) -> String {
    match any(object, names) {
        Some(Value::String(text)) => bounded(text.trim()),
        Some(Value::Array(all)) => {
            let lines: Vec<&str> = all.iter().filter_map(Value::as_str).collect();
            bounded(&lines.join("\n"))
        }
        Some(other) => bounded(&other.to_string()),
        None => String::new(),
    }
}

/// A finding, as far as it can be understood.
pub(super) fn finding(object: &Map<String, Value>) -> Finding {
    let text = |names: &[&str]| text(object, names);
    let problem = text(&["problem", "description", "message"]);
    let title = match text(&["title", "name"]) {
        title if title.is_empty() => problem.lines().next().unwrap_or("(no title)").to_owned(),
        title => title.lines().collect::<Vec<_>>().join(" "),
    };
    let file = text(&["file", "path"]);
    let line = any(object, &["line", "start_line", "startLine"]).and_then(number);
    Finding {
        severity: severity(&text(&["severity"])).unwrap_or(Severity::Medium),
        category: text(&["category", "type"]),
        title,
        file: Some(file.trim_start_matches("./").to_owned()).filter(|file| !file.is_empty()),
        line,
        end_line: any(object, &["end_line", "endLine"]).and_then(number).or(line),
        // Blanks at the ends of lines are all that may be trimmed of it.
        quote: text(&["quote", "snippet", "code"]),
        problem,
        impact: text(&["impact"]),
        fix: text(&["fix", "recommendation", "suggestion"]),
        confidence: any(object, &["confidence"]).and_then(confidence),
    }
}

/// `42`, `"42"`, `"42-44"`, `"L42"`.
pub(super) fn number(value: &Value) -> Option<u32> {
    if let Some(number) = value.as_u64() {
        return u32::try_from(number).ok().filter(|number| *number > 0);
    }
    let text = value.as_str()?.trim_start_matches(|c: char| !c.is_ascii_digit());
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    text[..end].parse().ok().filter(|number| *number > 0)
}

/// One of our words, or one that means the same.
pub(super) fn severity(text: &str) -> Option<Severity> {
    let word = text.trim().to_ascii_lowercase();
    match Severity::ALL.into_iter().find(|one| one.name() == word) {
        Some(severity) => Some(severity),
        None if word == "error" => Some(Severity::High),
        None if ["warning", "moderate"].contains(&word.as_str()) => Some(Severity::Medium),
        None if ["minor", "trivial"].contains(&word.as_str()) => Some(Severity::Low),
        None if ["note", "informational", "nit"].contains(&word.as_str()) => Some(Severity::Info),
        None => None,
    }
}

pub(super) fn confidence(value: &Value) -> Option<Confidence> {
    let of_number = |number: f64| match if number > 1.0 { number / 100.0 } else { number } {
        share if share >= 0.8 => Confidence::High,
        share if share >= 0.5 => Confidence::Medium,
        _ => Confidence::Low,
    };
    match value {
        Value::Number(number) => number.as_f64().map(of_number),
        Value::String(text) => match text.trim().to_ascii_lowercase().as_str() {
            "high" | "certain" => Some(Confidence::High),
            "medium" => Some(Confidence::Medium),
            "low" => Some(Confidence::Low),
            other => other.trim_end_matches('%').parse().ok().map(of_number),
        },
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

/// The beginning of a text, of the length that is kept.
pub(super) fn bounded(text: &str) -> String {
    text[..text.floor_char_boundary(TEXT_BYTES_MAX)].to_owned()
}
