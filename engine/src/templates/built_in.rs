//! What the program brings: embedded, so that it is there wherever the program is.

/// A reviewer's file, with the rules that all reviewers have in common.
macro_rules! review {
    ($path:literal) => {
        concat!(include_str!($path), include_str!("agents/rules-review.md"))
    };
}

/// A file: its name, and its text.
pub(super) type Embedded = (&'static str, &'static str);

/// Templates, as TOML.
pub(super) const TEMPLATES: [Embedded; 4] = [
    ("code-review", include_str!("built_in/code-review.toml")),
    ("health-monitor", include_str!("built_in/health-monitor.toml")),
    ("planning", include_str!("built_in/planning.toml")),
    ("triage", include_str!("built_in/triage.toml")),
];

/// Agent files.
pub(super) const AGENT_FILES: [Embedded; 10] = [
    ("code-review-architecture", review!("agents/code-review-architecture.md")),
    ("code-review-correctness", review!("agents/code-review-correctness.md")),
    ("code-review-performance", review!("agents/code-review-performance.md")),
    ("code-review-quality", review!("agents/code-review-quality.md")),
    ("code-review-requirements", review!("agents/code-review-requirements.md")),
    ("code-review-security", review!("agents/code-review-security.md")),
    ("code-review-synthesis", include_str!("agents/code-review-synthesis.md")),
    ("health-monitor", include_str!("agents/health-monitor.md")),
    ("planning-agent", include_str!("agents/planning-agent.md")),
    ("triage-agent", include_str!("agents/triage-agent.md")),
];
