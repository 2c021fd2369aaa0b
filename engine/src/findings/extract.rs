//! The findings of an agent's role: from its file, from the block in its report, or from what it printed.
//!
//! Words and forms are taken as they are meant. What would change the meaning is not guessed: a grade that is none of
//! ours, a finding that says nothing, a list that was cut off. Then there are no findings, and the text says to the agent
//! exactly what to mend, so that one more turn is enough.

use convoy_core::id::RoleName;
use convoy_core::review::{Finding, Severity};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::merge::Found;
use super::parse;

/// How many findings of one role are read. A linter on a large repository stays below it.
pub const ROLE_FINDINGS_MAX: usize = 20_000;
/// How many faults of a list are named at once.
const FAULTS_MAX: usize = 10;

/// What a reviewer writes to `<role>.findings.json`, or into the block `json findings` of its report.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct FindingsFile {
    /// What it found; empty if nothing.
    pub findings: Vec<Finding>,
}

/// `<role>.findings.json` as it is published: what was read of a role, and whether a program wrote it.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Published {
    /// A program found it, and quotes nothing of its own.
    #[serde(default)]
    pub by_program: bool,
    /// What was found.
    pub findings: Vec<Finding>,
}

impl Published {
    /// What a role's published file has, before anybody has looked whether it is grounded.
    ///
    /// # Errors
    /// When a person has changed it into something else.
    pub fn read(role: &RoleName, text: &str) -> Result<Vec<Found>, String> {
        let published: Self = serde_json::from_str(text)
            .map_err(|error| format!("{role}.findings.json is damaged: {error}"))?;
        Ok(Found::of(role, published.findings, published.by_program))
    }
}

/// Where findings may be.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sources<'a> {
    /// `<role>.findings.json`, if it is there.
    pub file: Option<&'a str>,
    /// `<role>.md`, if it is there.
    pub report: Option<&'a str>,
    /// What the agent printed: lines of JSON, or text.
    pub output: Option<&'a str>,
}

/// Why a role has no findings, in words for its agent.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{0}")]
pub struct Unreadable(pub String);

/// The findings of a role: of its file, else of the block in its report, else of the block or the structured result in
/// what it printed.
///
/// # Errors
/// Says what has to be mended, and where.
pub fn extract(role: &RoleName, sources: &Sources<'_>) -> Result<Vec<Finding>, Unreadable> {
    let file = sources.file.filter(|text| !text.trim().is_empty());
    let (place, text) = if let Some(text) = file {
        let text = parse::block(text, parse::INFO).unwrap_or(text).to_owned();
        (format!("{role}.findings.json"), text)
    } else if let Some(block) = sources.report.and_then(|text| parse::block(text, parse::INFO)) {
        (format!("the block `{}` of {role}.md", parse::INFO), block.to_owned())
    } else if let Some(block) = sources.output.and_then(|text| parse::last_block(text, parse::INFO)) {
        (format!("the block `{}` of your answer", parse::INFO), block)
    } else if let Some(value) = sources.output.and_then(|text| parse::last_structured(text, "findings")) {
        return strict(&value).map_err(|why| wrong("your structured result", &why));
    } else {
        return Err(Unreadable(format!(
            "there are no findings: write them to {role}.findings.json, or end {role}.md with a block that begins with \
             ```{} and holds {{\"findings\": [...]}}; the list is empty if you found nothing",
            parse::INFO
        )));
    };
    of_text(&text).map_err(|why| wrong(&place, &why))
}

fn wrong(place: &str, why: &str) -> Unreadable {
    Unreadable(format!("{place} cannot be read: {why}"))
}

/// Findings of JSON text, and nothing else around it.
///
/// # Errors
/// Says what is wrong with it.
pub(super) fn of_text(text: &str) -> Result<Vec<Finding>, String> {
    let text = text.trim().trim_start_matches('\u{feff}');
    let value: Value = serde_json::from_str(text).map_err(|error| {
        let line = text.lines().nth(error.line().saturating_sub(1)).unwrap_or_default().trim();
        let line: String = line.chars().take(120).collect();
        let cut = if error.is_eof() { "; it ends too early, so write all of it once more" } else { "" };
        format!("it is not JSON: {error}{cut}. That line is: {line}")
    })?;
    strict(&value)
}

fn strict(value: &Value) -> Result<Vec<Finding>, String> {
    let all = match value {
        Value::Array(all) => Some(all),
        Value::Object(object) => object.get("findings").and_then(Value::as_array),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
    };
    let all = all.ok_or(
        "it has to be an object with the list `findings` in it: {\"findings\": [...]}, empty if you found nothing",
    )?;
    if all.len() > ROLE_FINDINGS_MAX {
        return Err(format!("{} findings are too many: give the gravest {ROLE_FINDINGS_MAX}", all.len()));
    }
    let mut faults = Vec::new();
    let mut findings = Vec::with_capacity(all.len());
    for (n, one) in all.iter().enumerate() {
        match one.as_object() {
            None => faults.push(format!("findings[{n}] is not an object")),
            Some(object) => {
                faults.extend(faults_of(object).into_iter().map(|fault| format!("findings[{n}].{fault}")));
                findings.push(parse::finding(object));
            }
        }
    }
    if faults.is_empty() {
        return Ok(findings);
    }
    let more = faults.len().saturating_sub(FAULTS_MAX);
    faults.truncate(FAULTS_MAX);
    let more = if more > 0 { format!("; and {more} more like these") } else { String::new() };
    Err(format!("{}{more}", faults.join("; ")))
}

/// What of a finding cannot be meant as anything.
fn faults_of(object: &Map<String, Value>) -> Vec<String> {
    let mut faults = Vec::new();
    let severity = parse::text(object, &["severity"]);
    if parse::severity(&severity).is_none() {
        let words: Vec<&str> = Severity::ALL.iter().map(|one| one.name()).collect();
        let is = if severity.is_empty() { "is missing".to_owned() } else { format!("is {severity:?}") };
        faults.push(format!("severity {is}: use one of {}", words.join(", ")));
    }
    let says = ["title", "name", "problem", "description", "message"];
    if parse::text(object, &says).is_empty() {
        faults.push("title is missing: say in one line what is wrong".to_owned());
    }
    for key in ["file", "path"] {
        if object.get(key).is_some_and(|value| !value.is_null() && !value.is_string()) {
            faults.push(format!("{key} is no text: give the path from the top of the repository"));
        }
    }
    for key in ["line", "end_line"] {
        let value = object.get(key).filter(|value| !value.is_null());
        if value.is_some_and(|value| parse::number(value).is_none()) {
            faults.push(format!("{key} is no number from 1: give the number of the line, or leave it out"));
        }
    }
    faults
}
