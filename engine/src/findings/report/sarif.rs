//! A review as SARIF 2.1.0: one run of the tool `convoy`, with who found each thing among its properties.
//!
//! What is ungrounded is no result: whoever reads the file would count it. It is among the properties of the run.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use convoy_core::review::Severity;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::findings::merge::Merged;
use crate::findings::synthesis::Synthesis;

/// Where the format is described.
const SCHEMA: &str = "https://json.schemastore.org/sarif-2.1.0.json";
/// The rule of findings without a category.
const PLAIN: &str = "finding";

pub(super) fn sarif(synthesis: &Synthesis) -> Value {
    let mut rules: BTreeMap<String, usize> =
        synthesis.findings.iter().map(|finding| (rule(finding), 0)).collect();
    for (n, at) in rules.values_mut().enumerate() {
        *at = n;
    }
    let listed: Vec<Value> =
        rules.keys().map(|id| json!({ "id": id, "shortDescription": { "text": id } })).collect();
    let results: Vec<Value> = synthesis.findings.iter().map(|finding| result(finding, &rules)).collect();
    let missing: Vec<Value> = synthesis
        .missing
        .iter()
        .map(|lane| {
            let text = format!("the role {} gave nothing: {}", lane.role, lane.why);
            json!({ "level": "error", "message": { "text": text } })
        })
        .collect();
    let mut run = json!({
        "tool": { "driver": {
            "name": "convoy",
            "version": env!("CARGO_PKG_VERSION"),
            "rules": listed,
        } },
        // A role that gave nothing leaves a hole in the review, and whoever reads it shall know.
        "invocations": [{
            "executionSuccessful": missing.is_empty(),
            "toolExecutionNotifications": missing,
        }],
        "columnKind": "unicodeCodePoints",
        "results": results,
        "properties": {
            "template": synthesis.template,
            "commit": synthesis.commit,
            "verdict": synthesis.verdict,
            "ungrounded": synthesis.ungrounded,
        },
    });
    if let Some(commit) = &synthesis.commit {
        run["automationDetails"] = json!({ "id": format!("convoy/{}/{commit}", synthesis.template) });
    }
    json!({ "$schema": SCHEMA, "version": "2.1.0", "runs": [run] })
}

/// The rule of a finding: its category, as an id.
fn rule(finding: &Merged) -> String {
    let words =
        finding.category.split(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | ':')));
    let id = words.filter(|word| !word.is_empty()).collect::<Vec<_>>().join("-");
    if id.is_empty() { PLAIN.to_owned() } else { id }
}

fn result(finding: &Merged, rules: &BTreeMap<String, usize>) -> Value {
    let id = rule(finding);
    let level = match finding.severity {
        Severity::Blocker | Severity::Critical | Severity::High => "error",
        Severity::Medium => "warning",
        Severity::Low | Severity::Info => "note",
    };
    // The scale that hosts know: the middle of what each word stands for.
    let score = match finding.severity {
        Severity::Blocker => "10.0",
        Severity::Critical => "9.5",
        Severity::High => "8.0",
        Severity::Medium => "5.5",
        Severity::Low => "2.0",
        Severity::Info => "0.0",
    };
    let mut text = finding.title.clone();
    for (what, texts) in [("", &finding.problems), ("Impact: ", &finding.impacts), ("Fix: ", &finding.fixes)]
    {
        for said in texts.iter().filter(|said| **said != finding.title) {
            let _ = write!(text, "\n\n{what}{said}");
        }
    }
    let mut result = json!({
        "ruleId": id,
        "ruleIndex": rules.get(&id),
        "level": level,
        // Brackets and braces mean something in messages.
        "message": { "text": plain(&text) },
        "partialFingerprints": { "convoy/v1": fingerprint(finding) },
        "properties": {
            "id": finding.id,
            "severity": finding.severity,
            "security-severity": score,
            "touches": finding.touches,
            "confidence": finding.confidence,
            "roles": finding.roles,
            "related": finding.related,
        },
    });
    if let Some(file) = &finding.file {
        let mut place = json!({ "artifactLocation": { "uri": encoded(file), "uriBaseId": "%SRCROOT%" } });
        if let Some(line) = finding.line {
            place["region"] =
                json!({ "startLine": line, "endLine": finding.end_line.unwrap_or(line).max(line) });
            if !finding.quote.is_empty() {
                place["region"]["snippet"] = json!({ "text": finding.quote });
            }
        }
        result["locations"] = json!([{ "physicalLocation": place }]);
    }
    result
}

/// A message that has no links and no places for arguments in it.
fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '[' | ']' | '\\' => {
                plain.push('\\');
                plain.push(c);
            }
            // A place for an argument is a number in braces; twice it is a brace.
            '{' | '}' => {
                plain.push(c);
                plain.push(c);
            }
            c => plain.push(c),
        }
    }
    plain
}

/// The same for the same fault, wherever its lines have moved to.
fn fingerprint(finding: &Merged) -> String {
    let mut hash = Sha256::new();
    let quote: Vec<&str> = finding.quote.split_whitespace().collect();
    for part in
        [finding.file.as_deref().unwrap_or_default(), &finding.category, &finding.title, &quote.join(" ")]
    {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part.as_bytes());
    }
    let digest = hash.finalize();
    digest.iter().take(16).fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// A path as a relative reference of a URI.
fn encoded(path: &str) -> String {
    path.bytes().fold(String::with_capacity(path.len()), |mut uri, byte| {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'-' | b'.' | b'_' | b'~' => {
                uri.push(byte as char);
            }
            byte => {
                let _ = write!(uri, "%{byte:02X}");
            }
        }
        uri
    })
}
