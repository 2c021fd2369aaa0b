//! Cargo.

use super::{Found, Tree};
use crate::baseline::Kind;

const FILE: &str = "Cargo.toml";

pub(super) fn find(tree: &Tree) -> Vec<Found> {
    if !tree.has(FILE) {
        return Vec::new();
    }
    // Which warnings count as errors is for the project to say, so that no lint level is given here.
    vec![
        Found::new("cargo-check", Kind::Typecheck, FILE, &["cargo", "check", "--workspace", "--all-targets"]),
        Found::new("cargo-clippy", Kind::Lint, FILE, &["cargo", "clippy", "--workspace", "--all-targets"])
            .also_needs("cargo-clippy"),
        Found::new("cargo-test", Kind::Test, FILE, &["cargo", "test", "--workspace"]),
    ]
}
