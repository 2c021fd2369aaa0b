//! The JSON of shellcheck: a list of comments, alone (`json`) or in an object (`json1`).

use convoy_core::review::{Confidence, Finding, Severity};
use serde_json::Value;

use super::{Root, number, place, text, title};

pub(super) fn read(all: &[Value], root: &Root) -> Vec<Finding> {
    let comment = |one: &Value| {
        let message = text(one.get("message"));
        let line = number(one.get("line"));
        let severity = match one.get("level").and_then(Value::as_str) {
            Some("error") => Severity::High,
            Some("info") => Severity::Low,
            Some("style") => Severity::Info,
            Some(_) | None => Severity::Medium,
        };
        let mut finding = Finding {
            severity,
            category: number(one.get("code")).map(|code| format!("SC{code}")).unwrap_or_default(),
            title: title(&message),
            line,
            end_line: number(one.get("endLine")).filter(|end| Some(*end) >= line).or(line),
            problem: message,
            confidence: Some(Confidence::High),
            ..Finding::default()
        };
        place(&mut finding, root, Some(&text(one.get("file"))));
        finding
    };
    all.iter().map(comment).collect()
}
