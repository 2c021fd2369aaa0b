//! The messages of cargo (`--message-format=json`): one object in each line, of rustc and of clippy.

use convoy_core::review::{Confidence, Finding, Severity};
use serde_json::Value;

use super::{Root, number, place, text, title};

/// How far out of a macro the place of a message is looked for.
const EXPANSIONS_MAX: usize = 16;

/// Whether these are lines of cargo.
pub(super) fn is(text: &str) -> bool {
    lines(text).any(|line| line.get("reason").is_some_and(Value::is_string))
}

/// Build scripts and tests print in between.
fn lines(text: &str) -> impl Iterator<Item = Value> {
    let lines = text.lines().map(str::trim).filter(|line| line.starts_with('{'));
    lines.filter_map(|line| serde_json::from_str(line).ok())
}

pub(super) fn read(text: &str, root: &Root) -> Result<Vec<Finding>, String> {
    let mut findings = Vec::new();
    let mut failed = false;
    for line in lines(text) {
        match line.get("reason").and_then(Value::as_str) {
            Some("compiler-message") => {
                if let Some(message) = line.get("message") {
                    findings.extend(finding(message, root));
                }
            }
            Some("build-finished") => failed |= line.get("success") == Some(&Value::Bool(false)),
            Some(_) | None => {}
        }
    }
    if failed && !findings.iter().any(|finding| finding.severity >= Severity::High) {
        return Err("cargo could not build it, and no message says why".to_owned());
    }
    Ok(findings)
}

fn finding(message: &Value, root: &Root) -> Option<Finding> {
    let says = text(message.get("message"));
    let code = text(message.pointer("/code/code"));
    let severity = match message.get("level").and_then(Value::as_str)? {
        "warning" => Severity::Medium,
        "note" | "help" => Severity::Low,
        "failure-note" => return None,
        _ => Severity::High,
    };
    let span = span(message);
    // "2 warnings emitted", "aborting due to 3 previous errors": they are about the other messages.
    if span.is_none() && code.is_empty() {
        return None;
    }
    let (mut notes, mut fixes) = (vec![says.clone()], Vec::new());
    for child in message.get("children").and_then(Value::as_array).into_iter().flatten() {
        let said = text(child.get("message"));
        let replacement = child.pointer("/spans/0/suggested_replacement").and_then(Value::as_str);
        match (child.get("level").and_then(Value::as_str), replacement) {
            (_, Some(new)) if !new.trim().is_empty() => fixes.push(format!("{said}: `{}`", new.trim())),
            (_, Some(_)) => fixes.push(said),
            // Where to read more, and why the lint is on, say nothing of this code.
            (Some("help"), None) if !said.starts_with("for further information") => fixes.push(said),
            (Some("note"), None) if !said.starts_with("`#[") => notes.push(said),
            (Some(_) | None, None) => {}
        }
    }
    let line = span.and_then(|span| number(span.get("line_start")));
    let mut finding = Finding {
        severity,
        category: code,
        title: title(&says),
        line,
        end_line: span.and_then(|span| number(span.get("line_end"))).filter(|end| Some(*end) >= line).or(line),
        problem: super::super::parse::bounded(&notes.join("\n\n")),
        fix: super::super::parse::bounded(&fixes.join("\n")),
        confidence: Some(Confidence::High),
        ..Finding::default()
    };
    let named = span.and_then(|span| outermost(span, root)).or(span);
    if let Some(named) = named {
        finding.line = number(named.get("line_start"));
        finding.end_line = number(named.get("line_end")).filter(|end| Some(*end) >= finding.line).or(finding.line);
        place(&mut finding, root, Some(&text(named.get("file_name"))));
    }
    Some(finding)
}

/// Where the message points.
fn span(message: &Value) -> Option<&Value> {
    let spans = message.get("spans")?.as_array()?;
    spans.iter().find(|span| span.get("is_primary") == Some(&Value::Bool(true))).or(spans.first())
}

/// The first place on the way out of macros that is in the repository.
fn outermost<'a>(span: &'a Value, root: &Root) -> Option<&'a Value> {
    let mut at = Some(span);
    for _ in 0..EXPANSIONS_MAX {
        let span = at?;
        if root.inside(&text(span.get("file_name"))).is_some() {
            return Some(span);
        }
        at = span.pointer("/expansion/span");
    }
    None
}
