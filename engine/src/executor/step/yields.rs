//! What a role's session left in its staging folder, read and checked: what of it is published, or why nothing is.

use convoy_core::id::RoleName;
use convoy_core::review::Finding;
use convoy_core::template::{OutputKind, ReportKind, Runner, Step};
use serde_json::json;
use std::fmt::Write as _;
use std::path::Path;

use super::context::{findings_name, report_name};
use super::files;
use super::launch::STDOUT_BYTES_MAX;
use super::publish::Published;
use crate::agent::{Output, last_words};
use crate::findings::extract::Sources;
use crate::findings::{extract, program, ranking, triage};
use crate::supervisor::files::SessionDir;
use crate::text;

/// The order and the summary of a synthesis, as its role writes them and as they are published.
pub(in crate::executor) const RANKING: &str = "synthesis.rank.json";

/// Where everything is that a session left.
pub(super) struct Left<'a> {
    pub(super) step: &'a Step,
    /// What is made of all reports of the convoy in the end.
    pub(super) report: ReportKind,
    pub(super) staging: &'a Path,
    pub(super) session: &'a SessionDir,
    pub(super) translator: Output,
    /// Where it ran.
    pub(super) workdir: &'a Path,
}

/// What is published.
pub(super) struct Yield {
    /// Its files, the report for people first.
    pub(super) files: Vec<Published>,
    /// How many findings are in them.
    pub(super) findings: Option<u32>,
}

/// Why nothing is.
pub(super) struct Nothing {
    pub(super) why: String,
    /// Asking once more is enough: it gave something, and it cannot be read.
    pub(super) repairable: bool,
}

impl From<String> for Nothing {
    fn from(why: String) -> Self {
        Self { why, repairable: false }
    }
}

/// Reads it.
pub(super) fn read(left: &Left<'_>) -> Result<Yield, Nothing> {
    let role = &left.step.role;
    let name = report_name(role);
    let report = files::filled(left.staging, &name)?;
    match &left.step.runner {
        Runner::Agent { .. } => {
            let printed = files::tail(left.session.path(), "output.log");
            let said = report.or_else(|| last_words(left.translator, &printed));
            of_agent(left, said, Some(&printed))
        }
        Runner::Nobody => of_agent(left, report.or(stdout(left)?), None),
        Runner::Program { .. } => {
            let printed = stdout(left)?;
            match left.step.output {
                OutputKind::Findings | OutputKind::Sarif => {
                    // One that can only write files was led to that of the report.
                    let text = printed.or(report).unwrap_or_default();
                    of_program(role, &text, left.workdir)
                }
                OutputKind::Markdown | OutputKind::Synthesis | OutputKind::Triage => {
                    of_agent(left, report.or(printed), None)
                }
            }
        }
    }
}

/// What a program printed, all of it; nothing if that is nothing but blanks.
fn stdout(left: &Left<'_>) -> Result<Option<String>, String> {
    let unreadable = |error: std::io::Error| format!("what it printed cannot be read: {error}");
    let bytes = match std::fs::read(left.session.stdout()) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(unreadable(error)),
    };
    if bytes.len() as u64 > STDOUT_BYTES_MAX {
        return Err(format!("it printed more than {STDOUT_BYTES_MAX} bytes"));
    }
    let text =
        String::from_utf8(bytes).map_err(|_| "what it printed is no text: it is not UTF-8".to_owned())?;
    Ok(Some(text).filter(|text| !text.trim().is_empty()))
}

fn of_agent(left: &Left<'_>, report: Option<String>, printed: Option<&str>) -> Result<Yield, Nothing> {
    let role = &left.step.role;
    let text = report.as_deref();
    let none =
        || Nothing::from(format!("it ended without a report: {} is not there, or empty", report_name(role)));
    let unreadable = |why: String| Nothing { why, repairable: true };
    match left.step.output {
        OutputKind::Markdown => {
            Ok(Yield { files: vec![named(report_name(role), report.ok_or_else(none)?)], findings: None })
        }
        OutputKind::Findings => {
            let file = files::filled(left.staging, &findings_name(role))?;
            let sources = Sources { file: file.as_deref(), report: text, output: printed };
            let gave_something = file.is_some() || report.is_some();
            let findings = extract::extract(role, &sources)
                .map_err(|why| if gave_something { unreadable(why.to_string()) } else { none() })?;
            Ok(found(role, report, &findings, false))
        }
        OutputKind::Sarif => of_program(role, &report.ok_or_else(none)?, left.workdir),
        OutputKind::Synthesis => {
            let file = files::filled(left.staging, RANKING)?;
            // One that only wrote for people has put nothing in order, and the code's order stands.
            let ranking = ranking::find(file.as_deref(), text, printed).map_err(unreadable)?;
            let summary = ranking.as_ref().map(|ranking| format!("{}\n", ranking.summary));
            let mut files = vec![named(own_name(left), report.or(summary).ok_or_else(none)?)];
            files.extend(ranking.map(|ranking| named(RANKING.to_owned(), pretty(&ranking))));
            Ok(Yield { files, findings: None })
        }
        OutputKind::Triage => {
            let name = format!("{role}.triage.json");
            let file = files::filled(left.staging, &name)?;
            let gave_something = file.is_some() || report.is_some();
            let judgement = triage::extract(role, file.as_deref(), text, printed)
                .map_err(|why| if gave_something { unreadable(why.to_string()) } else { none() })?;
            let report = report.unwrap_or_else(|| format!("{}\n", judgement.rationale));
            let files = vec![named(report_name(role), report), named(name, pretty(&judgement))];
            Ok(Yield { files, findings: None })
        }
    }
}

/// The report of a role that has the name of the convoy's own report must not be in its place.
fn own_name(left: &Left<'_>) -> String {
    let role = &left.step.role;
    match left.report.file() {
        Some(taken) if taken == role.as_str() => format!("{role}.agent.md"),
        Some(_) | None => report_name(role),
    }
}

fn of_program(role: &RoleName, printed: &str, workdir: &Path) -> Result<Yield, Nothing> {
    let findings = program::read(printed, &program::Root::new(workdir))?;
    let mut made = found(role, None, &findings, true);
    made.files.push(named(format!("{role}.out"), printed.to_owned()));
    Ok(made)
}

fn found(role: &RoleName, report: Option<String>, findings: &[Finding], by_program: bool) -> Yield {
    let list = pretty(&json!({ "by_program": by_program, "findings": findings }));
    let report = report.unwrap_or_else(|| listed(role, findings));
    let files = vec![named(report_name(role), report), named(findings_name(role), list)];
    Yield { files, findings: Some(u32::try_from(findings.len()).unwrap_or(u32::MAX)) }
}

/// Findings for people, where nobody has written a report.
fn listed(role: &RoleName, findings: &[Finding]) -> String {
    let mut list = format!("# {role}\n\n");
    if findings.is_empty() {
        list.push_str("Nothing was found.\n");
    }
    for finding in findings {
        let place = match (&finding.file, finding.line) {
            (Some(file), Some(line)) => format!(" ({}:{line})", text::line(file)),
            (Some(file), None) => format!(" ({})", text::line(file)),
            (None, _) => String::new(),
        };
        let _ = write!(list, "- **{}**{place}: {}", finding.severity.name(), text::line(&finding.title));
        let category = text::line(&finding.category);
        let _ = if category.is_empty() { writeln!(list) } else { writeln!(list, " [{category}]") };
    }
    list
}

fn named(name: String, text: String) -> Published {
    Published { name, text }
}

fn pretty(value: &impl serde::Serialize) -> String {
    serde_json::to_string_pretty(value).map(|text| text + "\n").unwrap_or_default()
}
