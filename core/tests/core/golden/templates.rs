//! Samples of what template convoys are made of.

use std::collections::BTreeMap;

use convoy_core::template::{Counts, OnFailure, OutputKind, ReportKind, ReportMade, Run, Runner, Verdict};
use convoy_core::time::Span;

use super::samples::{at, issue};

pub(super) fn step() -> convoy_core::template::Step {
    convoy_core::template::Step {
        role: "security".parse().unwrap(),
        subagent: "code-review-security".parse().unwrap(),
        runner: Runner::Agent {
            agent: Some("claude".parse().unwrap()),
            model: Some("sonnet".into()),
            tools: Some(vec!["Read".into()]),
            permission_mode: Some("plan".into()),
        },
        output: OutputKind::Findings,
        timeout: Some(Span::from_secs(600)),
        max_attempts: Some(2),
        params: BTreeMap::from([("focus".to_owned(), "auth".to_owned())]),
        about: Some(issue()),
    }
}

pub(super) fn run() -> Run {
    Run {
        template: "code-review".parse().unwrap(),
        rig: "home".parse().unwrap(),
        commit: Some("c".repeat(40)),
        diff_base: Some("b".repeat(40)),
        files: vec!["src/a.rs".into()],
        vars: BTreeMap::from([("area".to_owned(), "login".to_owned())]),
        pr_url: Some("https://example.invalid/pull/1".into()),
        issues: vec![issue()],
        timeout: Some(Span::from_secs(1200)),
        on_failure: OnFailure::Continue,
        report: ReportKind::Review,
        output_dir: Some("/tmp/out".into()),
        apply: false,
        reviews: None,
    }
}

pub(super) fn report() -> ReportMade {
    ReportMade {
        interim: true,
        round: 1,
        at: at(),
        files: vec!["synthesis.md".into()],
        counts: Counts { blocker: 1, duplicates: 2, ..Counts::default() },
        verdict: Some(Verdict::ChangesRequested),
        missing: vec!["performance".parse().unwrap()],
        error: None,
        applied: None,
        blocking: Vec::new(),
    }
}
