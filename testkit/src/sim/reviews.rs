//! Reviews of the simulated merges.

use convoy_core::review::{Finding, Lane, LaneEnd, Raised, Review, Severity};
use convoy_core::time::Span;
use convoy_core::worker::MergeOutcome;

/// A review of a tip that finds what blocks it.
pub(super) fn blocks(tip: &str) -> MergeOutcome {
    MergeOutcome::Reviewed { review: Box::new(review(tip, Severity::Critical)) }
}

/// A review of a tip with one finding.
pub(super) fn review(tip: &str, severity: Severity) -> Review {
    let role: convoy_core::id::RoleName = "security".parse().expect("a valid name");
    let finding = Finding { severity, title: "a hole".into(), ..Finding::default() };
    let lane = Lane {
        role: role.clone(),
        agent: "claude".parse().expect("a valid name"),
        model: None,
        end: LaneEnd::Done,
        duration: Span::from_secs(1),
        cost: None,
        tokens: None,
    };
    Review {
        tip: tip.to_owned(),
        commit: tip.to_owned(),
        lanes: vec![lane],
        findings: vec![Raised { role, grounded: true, finding }],
    }
}
