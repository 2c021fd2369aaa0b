//! Reading the findings of a reviewer, out of what it printed or wrote.
//!
//! Models write JSON nearly as they are told: words for numbers, other cases, one key less. What is meant is taken;
//! what cannot be meant as a list of findings is no review.

use convoy_core::review::{Confidence, FINDINGS_MAX, Finding, Severity, TEXT_BYTES_MAX};
use serde_json::{Map, Value};

/// How the block begins.
const INFO: &str = "json findings";
/// How deep texts are looked for in a line of JSON.
const DEPTH_MAX: usize = 12;

/// The findings in what an agent printed: as lines of JSON, or as plain text.
///
/// # Errors
/// Says what is missing.
pub(super) fn of_output(output: &str) -> Result<Vec<Finding>, String> {
    let mut last = None;
    for line in output.lines().filter(|line| line.trim_start().starts_with('{') && line.contains(INFO)) {
        if let Ok(value) = serde_json::from_str::<Value>(line) {
            texts(&value, DEPTH_MAX, &mut |text| last = block(text).map(str::to_owned).or(last.take()));
        }
    }
    match last.as_deref().or_else(|| block(output)) {
        Some(block) => list(block),
        None => Err(format!("it gave no findings: there is no block `{INFO}` in what it said")),
    }
}

/// The findings in a file: the JSON alone, or text with the block in it.
///
/// # Errors
/// Says what is missing.
pub(super) fn of_file(text: &str) -> Result<Vec<Finding>, String> {
    list(block(text).unwrap_or(text))
}

fn texts(value: &Value, depth: usize, found: &mut dyn FnMut(&str)) {
    if depth == 0 {
        return;
    }
    match value {
        Value::String(text) if text.contains(INFO) => found(text),
        Value::Array(all) => all.iter().for_each(|one| texts(one, depth - 1, found)),
        Value::Object(all) => all.values().for_each(|one| texts(one, depth - 1, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// The content of the last block.
fn block(text: &str) -> Option<&str> {
    let mut found = None;
    let (mut at, mut open): (usize, Option<(usize, usize)>) = (0, None);
    for line in text.split_inclusive('\n') {
        let trimmed = line.trim();
        let ticks = trimmed.len() - trimmed.trim_start_matches('`').len();
        match open {
            None if ticks >= 3 && trimmed[ticks..].trim().eq_ignore_ascii_case(INFO) => {
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

fn list(text: &str) -> Result<Vec<Finding>, String> {
    let value: Value =
        serde_json::from_str(text.trim()).map_err(|error| format!("its findings are not JSON: {error}"))?;
    let all = match &value {
        Value::Array(all) => Some(all),
        Value::Object(object) => object.get("findings").and_then(Value::as_array),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
    };
    let all = all.ok_or("its findings are no list")?;
    let objects: Option<Vec<&Map<String, Value>>> = all.iter().map(Value::as_object).collect();
    let objects = objects.ok_or("one of its findings is not an object")?;
    let mut findings: Vec<Finding> = objects.into_iter().map(finding).collect();
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
    findings.truncate(FINDINGS_MAX);
    Ok(findings)
}

fn finding(object: &Map<String, Value>) -> Finding {
    let any =
        |names: &[&str]| names.iter().find_map(|name| object.get(*name)).filter(|value| !value.is_null());
    let text = |names: &[&str]| match any(names) {
        Some(Value::String(text)) => bounded(text.trim()),
        Some(Value::Array(all)) => {
            let lines: Vec<&str> = all.iter().filter_map(Value::as_str).collect();
            bounded(&lines.join("\n"))
        }
        Some(other) => bounded(&other.to_string()),
        None => String::new(),
    };
    let problem = text(&["problem", "description", "message"]);
    let title = match text(&["title", "name"]) {
        title if title.is_empty() => problem.lines().next().unwrap_or("(no title)").to_owned(),
        title => title.lines().collect::<Vec<_>>().join(" "),
    };
    let file = text(&["file", "path"]);
    let line = any(&["line", "start_line", "startLine"]).and_then(number);
    Finding {
        severity: severity(&text(&["severity"])),
        category: text(&["category", "type"]),
        title,
        file: Some(file.trim_start_matches("./").to_owned()).filter(|file| !file.is_empty()),
        line,
        end_line: any(&["end_line", "endLine"]).and_then(number).or(line),
        // Blanks at the ends of lines are all that may be trimmed of it.
        quote: text(&["quote", "snippet", "code"]),
        problem,
        impact: text(&["impact"]),
        fix: text(&["fix", "recommendation", "suggestion"]),
        confidence: any(&["confidence"]).and_then(confidence),
    }
}

/// `42`, `"42"`, `"42-44"`, `"L42"`.
fn number(value: &Value) -> Option<u32> {
    if let Some(number) = value.as_u64() {
        return u32::try_from(number).ok().filter(|number| *number > 0);
    }
    let text = value.as_str()?.trim_start_matches(|c: char| !c.is_ascii_digit());
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    text[..end].parse().ok().filter(|number| *number > 0)
}

/// A word that is none of ours neither blocks nor is lost.
fn severity(text: &str) -> Severity {
    let word = text.to_ascii_lowercase();
    match Severity::ALL.into_iter().find(|one| one.name() == word) {
        Some(severity) => severity,
        None if word == "error" => Severity::High,
        None if ["note", "informational", "nit"].contains(&word.as_str()) => Severity::Info,
        None => Severity::Medium,
    }
}

fn confidence(value: &Value) -> Option<Confidence> {
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

fn bounded(text: &str) -> String {
    let end = (0..=text.len().min(TEXT_BYTES_MAX)).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    text[..end].to_owned()
}
