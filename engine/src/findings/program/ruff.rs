//! The JSON of ruff: a list of violations.

use convoy_core::review::{Confidence, Finding, Severity};
use serde_json::Value;

use super::{Root, number, place, text, title};

pub(super) fn read(all: &[Value], root: &Root) -> Vec<Finding> {
    let violation = |one: &Value| {
        let code = text(one.get("code"));
        let message = text(one.get("message"));
        let line = number(one.pointer("/location/row"));
        let fix = text(one.pointer("/fix/message"));
        let mut finding = Finding {
            severity: severity(&code),
            title: title(&message),
            line,
            end_line: end(line, number(one.pointer("/end_location/row")), one.pointer("/end_location/column")),
            problem: message,
            fix,
            category: code,
            confidence: Some(Confidence::High),
            ..Finding::default()
        };
        place(&mut finding, root, Some(&text(one.get("filename"))));
        finding
    };
    all.iter().map(violation).collect()
}

/// The last line; a place that ends before the first column of a line does not have that line in it.
fn end(line: Option<u32>, end: Option<u32>, column: Option<&Value>) -> Option<u32> {
    let (line, end) = (line?, end.or(line)?);
    let before = column.and_then(Value::as_u64).is_some_and(|column| column <= 1) && end > line;
    Some(if before { end - 1 } else { end.max(line) })
}

/// How grave a violation is, by its rule; see the table of the module above.
pub(super) fn severity(code: &str) -> Severity {
    let letters: String = code.chars().take_while(char::is_ascii_alphabetic).collect();
    let begins = |all: &[&str]| all.iter().any(|prefix| code.starts_with(prefix));
    if code.is_empty() || code == "invalid-syntax" || letters == "S" || letters == "PLE" {
        return Severity::High;
    }
    if begins(&["E9", "F5", "F6", "F7", "F82"]) {
        return Severity::High;
    }
    match letters.as_str() {
        "F" | "B" | "BLE" | "ASYNC" | "PLW" | "DTZ" | "TRY" => Severity::Medium,
        _ => Severity::Low,
    }
}
