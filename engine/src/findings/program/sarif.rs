//! SARIF 2.1.0, as semgrep, ruff, clippy-sarif, CodeQL and others print it.
//!
//! Own readers of the few parts that say something, instead of `serde-sarif`: that models the whole format strictly, with
//! generated code and a dozen packages, and one odd value of a tool would lose its whole report.

use std::collections::BTreeMap;

use convoy_core::review::{Confidence, Finding, Severity};
use serde_json::Value;

use super::{Root, number, place, ruff, text, title};

/// How many bases of URIs are followed from one to the next.
const BASES_MAX: usize = 8;

pub(super) fn read(value: &Value, root: &Root) -> Result<Vec<Finding>, String> {
    let mut findings = Vec::new();
    for run in list(value.get("runs")) {
        failed(run)?;
        let rules = Rules::of(run);
        findings.extend(list(run.get("results")).filter_map(|one| result(one, run, &rules, root)));
    }
    Ok(findings)
}

fn list(value: Option<&Value>) -> impl Iterator<Item = &Value> {
    value.and_then(Value::as_array).into_iter().flatten()
}

/// A tool that could not do its work has said nothing about the code.
fn failed(run: &Value) -> Result<(), String> {
    for invocation in list(run.get("invocations")) {
        if invocation.get("executionSuccessful") != Some(&Value::Bool(false)) {
            continue;
        }
        let notices = list(invocation.get("toolExecutionNotifications"));
        let says: Vec<String> = notices.map(|one| text(one.pointer("/message/text"))).take(3).collect();
        let tool = text(run.pointer("/tool/driver/name"));
        let says = if says.is_empty() { "it does not say why".to_owned() } else { says.join("; ") };
        return Err(format!("{tool} says that it failed: {says}"));
    }
    Ok(())
}

/// The rules of a run, by id and by number.
struct Rules<'a> {
    tool: String,
    by_id: BTreeMap<&'a str, &'a Value>,
    listed: Vec<&'a Value>,
}

impl<'a> Rules<'a> {
    fn of(run: &'a Value) -> Self {
        let listed: Vec<&Value> = list(run.pointer("/tool/driver/rules")).collect();
        let extensions = list(run.pointer("/tool/extensions")).flat_map(|one| list(one.get("rules")));
        let all = listed.iter().copied().chain(extensions);
        let by_id = all.filter_map(|rule| Some((rule.get("id")?.as_str()?, rule))).collect();
        Self { tool: text(run.pointer("/tool/driver/name")).to_lowercase(), by_id, listed }
    }

    fn find(&self, result: &Value) -> (String, Option<&'a Value>) {
        let id = result.get("ruleId").or_else(|| result.pointer("/rule/id")).and_then(Value::as_str);
        let index = result.get("ruleIndex").or_else(|| result.pointer("/rule/index")).and_then(Value::as_u64);
        let rule = match (id, index) {
            // `CA1000/1` is a part of the rule `CA1000`.
            (Some(id), _) if self.by_id.contains_key(id) => self.by_id.get(id),
            (Some(id), _) if id.contains('/') => id.rsplit_once('/').and_then(|(id, _)| self.by_id.get(id)),
            (_, Some(at)) => usize::try_from(at).ok().and_then(|at| self.listed.get(at)),
            (Some(_) | None, None) => None,
        };
        let named = id.or_else(|| rule.and_then(|rule| rule.get("id")?.as_str()));
        (super::super::parse::bounded(named.unwrap_or_default()), rule.copied())
    }
}

fn result(one: &Value, run: &Value, rules: &Rules<'_>, root: &Root) -> Option<Finding> {
    let kind = one.get("kind").and_then(Value::as_str).unwrap_or("fail");
    // What is no fault, was excused in the code, or is gone.
    if ["pass", "notApplicable"].contains(&kind) || is_suppressed(one) {
        return None;
    }
    if one.get("baselineState").and_then(Value::as_str) == Some("absent") {
        return None;
    }
    let (id, rule) = rules.find(one);
    let message = message(one, rule);
    let says = |path: &str| text(rule.and_then(|rule| rule.pointer(path)));
    // What a rule is about in general is long, and says nothing of this place; it stands in for a message at most.
    let about = ["/shortDescription/text", "/fullDescription/text"].map(says);
    let problem = if message.is_empty() { about.join("\n\n").trim().to_owned() } else { message };
    let fixes = list(one.get("fixes")).map(|fix| text(fix.pointer("/description/text")));
    let mut fix = fixes.filter(|fix| !fix.is_empty()).collect::<Vec<_>>().join("\n");
    // The help of ruff is its message once more, without the names.
    if fix.is_empty() && rules.tool != "ruff" {
        fix = says("/help/text");
    }
    let heading = problem.clone();
    let severity = if kind != "fail" {
        Severity::Info
    } else if rules.tool == "ruff" {
        ruff::severity(&id)
    } else {
        severity(one, rule)
    };
    let physical = one.pointer("/locations/0/physicalLocation");
    let line = number(physical.and_then(|place| place.pointer("/region/startLine")));
    let end = number(physical.and_then(|place| place.pointer("/region/endLine")));
    let mut finding = Finding {
        severity,
        category: id,
        title: if heading.is_empty() { "(no message)".to_owned() } else { title(&heading) },
        line,
        end_line: end.filter(|end| Some(*end) >= line).or(line),
        problem: super::super::parse::bounded(&problem),
        fix: super::super::parse::bounded(&fix),
        confidence: Some(confidence(one, rule)),
        ..Finding::default()
    };
    if let Some(named) = physical.and_then(|place| uri(place, run)) {
        finding.file = root.inside_uri(&named);
        if finding.file.is_none() {
            place(&mut finding, root, Some(&named));
        }
    }
    Some(finding)
}

/// The address of a place, with what it is relative to.
fn uri(place: &Value, run: &Value) -> Option<String> {
    let mut location = place.get("artifactLocation")?;
    if location.get("uri").is_none() {
        let at = usize::try_from(location.get("index")?.as_u64()?).ok()?;
        location = run.get("artifacts")?.get(at)?.get("location")?;
    }
    let mut uri = location.get("uri")?.as_str()?.to_owned();
    for _ in 0..BASES_MAX {
        let Some(base) = location.get("uriBaseId").and_then(Value::as_str) else { break };
        let Some(next) = run.get("originalUriBaseIds").and_then(|all| all.get(base)) else { break };
        location = next;
        if let Some(before) = next.get("uri").and_then(Value::as_str).filter(|_| !uri.contains(':')) {
            let slash = if before.ends_with('/') || before.is_empty() { "" } else { "/" };
            uri = format!("{before}{slash}{uri}");
        }
    }
    Some(uri)
}

fn is_suppressed(one: &Value) -> bool {
    let status = |one: &Value| one.get("status").and_then(Value::as_str).unwrap_or("accepted").to_owned();
    list(one.get("suppressions")).any(|one| status(one) == "accepted")
}

/// What a result says; texts of the rule have places for arguments.
fn message(one: &Value, rule: Option<&Value>) -> String {
    let direct = text(one.pointer("/message/text"));
    let template = if direct.is_empty() {
        let named = one.pointer("/message/id").and_then(Value::as_str);
        text(named.and_then(|id| rule?.get("messageStrings")?.get(id)?.get("text")))
    } else {
        direct
    };
    let arguments = list(one.pointer("/message/arguments")).filter_map(Value::as_str).enumerate();
    let filled = arguments.fold(template, |text, (n, word)| text.replace(&format!("{{{n}}}"), word));
    super::super::parse::bounded(&filled)
}

fn severity(one: &Value, rule: Option<&Value>) -> Severity {
    let property = |of: &Value| match of.pointer("/properties/security-severity")? {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse::<f64>().ok(),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    };
    let score = property(one).or_else(|| rule.and_then(property));
    if let Some(score) = score.filter(|score| *score > 0.0) {
        return match score {
            score if score >= 9.0 => Severity::Critical,
            score if score >= 7.0 => Severity::High,
            score if score >= 4.0 => Severity::Medium,
            _ => Severity::Low,
        };
    }
    let level =
        one.get("level").or_else(|| rule.and_then(|rule| rule.pointer("/defaultConfiguration/level")));
    match level.and_then(Value::as_str) {
        Some("error") => Severity::High,
        Some("note") => Severity::Low,
        Some("none") => Severity::Info,
        Some(_) | None => Severity::Medium,
    }
}

/// Semgrep has it among the tags, CodeQL calls it precision; a tool that says nothing is sure.
fn confidence(one: &Value, rule: Option<&Value>) -> Confidence {
    let tags = list(rule.and_then(|rule| rule.pointer("/properties/tags"))).filter_map(Value::as_str);
    let precision = one.pointer("/properties/precision");
    let precision = precision.or_else(|| rule.and_then(|rule| rule.pointer("/properties/precision")));
    let words = tags.chain(precision.and_then(Value::as_str)).map(str::to_lowercase);
    words
        .filter_map(|word| match word.as_str() {
            "low confidence" | "low" => Some(Confidence::Low),
            "medium confidence" | "medium" => Some(Confidence::Medium),
            _ => None,
        })
        .min()
        .unwrap_or(Confidence::High)
}
