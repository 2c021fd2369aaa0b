//! make and just: only targets that there are.

use super::{Found, Tree};
use crate::baseline::Kind;

/// As make looks for them.
const MAKEFILES: [&str; 3] = ["GNUmakefile", "makefile", "Makefile"];
const JUSTFILES: [&str; 3] = ["justfile", "Justfile", ".justfile"];
/// Targets that are gates.
const TARGETS: [(&str, Kind); 3] = [("check", Kind::Typecheck), ("lint", Kind::Lint), ("test", Kind::Test)];

pub(super) fn find(tree: &Tree) -> Vec<Found> {
    let mut found = Vec::new();
    for (program, files) in [("just", JUSTFILES), ("make", MAKEFILES)] {
        let Some(file) = tree.first(&files) else { continue };
        let text = tree.text(file);
        for (target, kind) in TARGETS {
            let has = text.lines().any(|line| match program {
                "just" => is_recipe(line, target),
                _ => is_target(line, target),
            });
            // Of two that would do the same the first stands for both.
            if has && !found.iter().any(|one: &Found| one.kind == kind) {
                found.push(Found::new(&format!("{program}-{target}"), kind, file, &[program, target]));
            }
        }
    }
    found
}

/// `a test b: needs`, and not `test := value`.
fn is_target(line: &str, target: &str) -> bool {
    let Some((names, rest)) = line.split_once(':') else { return false };
    let is_rule = !line.starts_with(['\t', ' ', '#', '.']) && !names.contains(['=', '$', '#']);
    let is_rule = is_rule && !rest.starts_with('=') && !rest.starts_with(":=");
    is_rule && names.split_whitespace().any(|name| name == target)
}

/// `test filter='': needs`, also quiet as `@test:`, and not `test := value`.
fn is_recipe(line: &str, target: &str) -> bool {
    let Some(rest) = line.strip_prefix('@').unwrap_or(line).strip_prefix(target) else { return false };
    let colon = rest.find(':').filter(|at| !rest[at + 1..].starts_with('='));
    // A parameter without a value would be asked for, and nobody is there.
    let parameters = colon.map(|at| rest[..at].split_whitespace().collect::<Vec<_>>());
    let separate = rest.starts_with([':', ' ', '\t']);
    separate
        && parameters
            .is_some_and(|words| words.iter().all(|word| word.contains('=') || word.starts_with('*')))
}
