//! The roles that reviewers have, each with what it looks for.

use convoy_core::id::RoleName;

/// What every reviewer is told.
pub(super) const RULES: &str = include_str!("prompts/rules.md");

const ROLES: [(&str, &str); 4] = [
    ("security", include_str!("prompts/security.md")),
    ("architecture", include_str!("prompts/architecture.md")),
    ("quality", include_str!("prompts/quality.md")),
    ("correctness", include_str!("prompts/correctness.md")),
];

/// What a role looks for.
pub(super) fn focus(role: &RoleName) -> Option<&'static str> {
    ROLES.iter().find(|(name, _)| *name == role.as_str()).map(|(_, text)| *text)
}

/// A role that there is.
///
/// # Errors
/// Names those that there are.
pub(crate) fn check(text: &str) -> Result<RoleName, String> {
    let role = RoleName::new(text).ok().filter(|role| focus(role).is_some());
    role.ok_or_else(|| {
        let known: Vec<&str> = ROLES.iter().map(|(name, _)| *name).collect();
        format!("roles of which each is one of {}", known.join(", "))
    })
}
