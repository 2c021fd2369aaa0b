//! Tests of findings, each part for itself.

mod extracting;
mod merging;
mod permuting;
mod programs;
mod ranking;
mod reading;
mod reporting;
mod triage;

use convoy_core::id::RoleName;
use convoy_core::review::{Confidence, Finding, Severity};

use super::merge::Found;

pub(super) fn role(name: &str) -> RoleName {
    RoleName::new(name).unwrap()
}

/// A finding of an agent, grounded.
pub(super) fn found(by: &str, severity: Severity, category: &str, title: &str, place: (&str, u32)) -> Found {
    let finding = Finding {
        severity,
        category: category.into(),
        title: title.into(),
        file: Some(place.0.into()),
        line: Some(place.1),
        end_line: Some(place.1),
        quote: format!("line {} of {}", place.1, place.0),
        problem: format!("{title}, says {by}"),
        impact: "It hurts.".into(),
        fix: format!("{by} would mend it."),
        confidence: Some(Confidence::Medium),
    };
    Found { role: role(by), finding, grounded: true, by_program: false }
}

/// A finding of a program, grounded by its line.
pub(super) fn flagged(by: &str, severity: Severity, rule: &str, title: &str, place: (&str, u32)) -> Found {
    let mut one = found(by, severity, rule, title, place);
    (one.by_program, one.finding.problem, one.finding.impact, one.finding.fix) =
        (true, title.into(), String::new(), String::new());
    one
}
