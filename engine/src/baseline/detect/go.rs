//! Go.

use super::{Found, Tree};
use crate::baseline::Kind;

const FILE: &str = "go.mod";

pub(super) fn find(tree: &Tree) -> Vec<Found> {
    if !tree.has(FILE) {
        return Vec::new();
    }
    vec![
        Found::new("go-vet", Kind::Lint, FILE, &["go", "vet", "./..."]),
        Found::new("go-test", Kind::Test, FILE, &["go", "test", "./..."]),
    ]
}
