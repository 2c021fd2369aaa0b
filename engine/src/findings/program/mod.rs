//! What programs print, as findings.
//!
//! Which program it was is seen from the shape of its JSON, not from its name: SARIF 2.1.0, the JSON of ruff, of
//! shellcheck (`json` and `json1`), of cargo and clippy, or our own. A program that is none of these can print SARIF.
//!
//! How grave a finding is, in our words:
//!
//! | program | its word | ours |
//! |---|---|---|
//! | SARIF | `security-severity` from 9.0, 7.0, 4.0, above 0 | critical, high, medium, low |
//! | SARIF | level `error`, `warning`, `note`, `none` | high, medium, low, info |
//! | ruff | syntax errors, `S`, `PLE`, `E9`, `F5`, `F6`, `F7`, `F82` | high |
//! | ruff | other `F`, `B`, `BLE`, `ASYNC`, `PLW`, `DTZ`, `TRY` | medium |
//! | ruff | anything else | low |
//! | shellcheck | `error`, `warning`, `info`, `style` | high, medium, low, info |
//! | cargo | `error`, `warning`, `note` and `help` | high, medium, low |
//!
//! Ruff calls everything an error; so its rules count, in its SARIF too. Nothing of a program is a blocker: that is for
//! somebody to say who has understood the change.

mod cargo;
mod path;
mod ruff;
mod sarif;
mod shellcheck;

use convoy_core::review::Finding;
use serde_json::Value;

pub use path::Root;

use super::extract::{self, ROLE_FINDINGS_MAX};

/// The findings in what a program printed. `root` is where it ran: paths become those from there.
///
/// # Errors
/// When it is nothing that is known, or the program says itself that it could not do its work.
pub fn read(output: &str, root: &Root) -> Result<Vec<Finding>, String> {
    let text = output.trim().trim_start_matches('\u{feff}');
    if text.is_empty() {
        return Err("it printed nothing; a program that found nothing still prints its empty list".to_owned());
    }
    let mut findings = match serde_json::from_str::<Value>(text) {
        Ok(value) => of_value(&value, root)?,
        Err(_) if cargo::is(text) => cargo::read(text, root)?,
        Err(error) => return Err(format!("what it printed is not JSON: {error}")),
    };
    // Sorted by gravity, so that what is beyond the limit is what matters least.
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
    findings.truncate(ROLE_FINDINGS_MAX);
    Ok(findings)
}

fn of_value(value: &Value, root: &Root) -> Result<Vec<Finding>, String> {
    const UNKNOWN: &str = "what it printed is none of: SARIF 2.1.0, the JSON of ruff, shellcheck, cargo or clippy, or a \
                           list of findings as `convoy schema findings` describes it";
    if value.get("runs").is_some_and(Value::is_array) {
        return sarif::read(value, root);
    }
    if let Some(comments) = value.get("comments").and_then(Value::as_array) {
        return Ok(shellcheck::read(comments, root));
    }
    if value.get("findings").is_some_and(Value::is_array) {
        let mut findings = extract::of_text(&value.to_string())?;
        for finding in &mut findings {
            place(finding, root, None);
        }
        return Ok(findings);
    }
    if value.get("reason").is_some() {
        return cargo::read(&value.to_string(), root);
    }
    let all = value.as_array().ok_or(UNKNOWN)?;
    let each = |keys: &[&str]| all.iter().all(|one| keys.iter().all(|key| one.get(key).is_some()));
    if all.is_empty() {
        Ok(Vec::new())
    } else if each(&["file", "level", "code"]) {
        Ok(shellcheck::read(all, root))
    } else if each(&["filename", "location", "message"]) {
        Ok(ruff::read(all, root))
    } else {
        Err(UNKNOWN.to_owned())
    }
}

/// Gives a finding the file that a program names, from the top of the repository; one outside is only told of.
fn place(finding: &mut Finding, root: &Root, named: Option<&str>) {
    let Some(named) = named.map(str::to_owned).or_else(|| finding.file.take()) else { return };
    finding.file = root.inside(&named);
    if finding.file.is_none() {
        (finding.line, finding.end_line) = (None, None);
        let named: String = named.chars().take(200).collect();
        finding.problem =
            format!("{}\n\nIt names `{named}`, which is no file of the repository.", finding.problem)
                .trim()
                .to_owned();
    }
}

/// A text of JSON, bounded; empty if there is none.
fn text(value: Option<&Value>) -> String {
    super::parse::bounded(value.and_then(Value::as_str).unwrap_or_default().trim())
}

/// The first line of a message, which is its title.
fn title(message: &str) -> String {
    let line = message.lines().next().unwrap_or_default().trim();
    // A sentence that ends a paragraph is longer than a title.
    let end = line.floor_char_boundary(TITLE_BYTES_MAX);
    if end < line.len() { format!("{}…", &line[..end]) } else { line.to_owned() }
}

/// The longest title that is made of a program's message.
const TITLE_BYTES_MAX: usize = 200;

/// A number of JSON, from 1.
fn number(value: Option<&Value>) -> Option<u32> {
    value.and_then(Value::as_u64).and_then(|number| u32::try_from(number).ok()).filter(|number| *number > 0)
}
