//! Rules about files, crates and what the project is made of.

use super::Finding;
use super::source::Tree;

/// Longer files are hard to keep in mind.
const LINES_MAX: usize = 500;
/// A `mod.rs` that is longer probably does more than wire.
const WIRING_LINES_MAX: usize = 120;
/// Packages in the lock file: each is code that somebody must trust and wait for.
const PACKAGES_MAX: usize = 300;
/// What the core may depend on: data, errors, time, the schema of its shapes.
const CORE_MAY_USE: [&str; 4] = ["serde", "thiserror", "jiff", "schemars"];
/// Crates whose top modules the architecture names; of the others it names the crate.
const PRODUCT: [&str; 4] = ["core", "api", "engine", "app"];

/// Files that may be longer, and why.
const LONG_FILES: [(&str, &str); 0] = [];

/// `ARCHITECTURE.md` names every crate and every top module, once there is one.
pub(super) fn architecture_names_all(tree: &Tree) -> Vec<Finding> {
    const MAP: &str = "ARCHITECTURE.md";
    let Some(map) = tree.get(MAP) else {
        return vec![Finding::mild(MAP, "is not written yet")];
    };
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let words: std::collections::BTreeSet<&str> = map.text.split(|c| !is_word(c)).collect();
    let mut names: Vec<(String, String)> = Vec::new();
    for file in &tree.files {
        let parts: Vec<&str> = file.path.split('/').collect();
        match parts[..] {
            [name, "Cargo.toml"] => names.push((name.to_owned(), file.path.clone())),
            [name, "src", module] if PRODUCT.contains(&name) => {
                let module = module.trim_end_matches(".rs");
                if !matches!(module, "lib" | "main") && file.is_rust() {
                    names.push((module.to_owned(), file.path.clone()));
                }
            }
            [name, "src", folder, "mod.rs"] if PRODUCT.contains(&name) => {
                names.push((folder.to_owned(), file.path.clone()));
            }
            _ => {}
        }
    }
    let missing = names.iter().filter(|(name, _)| !words.contains(name.as_str()));
    missing.map(|(name, path)| Finding::new(MAP, 0, format!("does not name `{name}` ({path})"))).collect()
}

/// Lines of one table of a manifest.
fn table<'a>(manifest: &'a str, name: &str) -> Vec<&'a str> {
    let header = format!("[{name}]");
    let from = manifest.lines().skip_while(|line| line.trim() != header).skip(1);
    let lines = from.take_while(|line| !line.starts_with('['));
    lines.filter(|line| !line.trim().is_empty() && !line.starts_with('#')).collect()
}

/// The core's dependencies are few, and none can do I/O.
pub(super) fn core_depends_on_little(tree: &Tree) -> Vec<Finding> {
    const PATH: &str = "core/Cargo.toml";
    let Some(manifest) = tree.get(PATH) else {
        return Vec::new();
    };
    let names = table(&manifest.text, "dependencies").into_iter();
    let names = names.map(|line| line.split(['.', '=', ' ']).next().unwrap_or(line));
    let foreign = names.filter(|name| !CORE_MAY_USE.contains(name));
    foreign
        .map(|name| Finding::new(PATH, 0, format!("{name}: the core may use {}", CORE_MAY_USE.join(", "))))
        .collect()
}

/// Every crate takes the workspace's lints.
pub(super) fn lints_are_inherited(tree: &Tree) -> Vec<Finding> {
    let manifests = tree.files.iter().filter(|file| file.path.ends_with("/Cargo.toml"));
    let crates = manifests.filter(|file| file.text.contains("[package]"));
    let without = crates.filter(|file| table(&file.text, "lints") != ["workspace = true"]);
    without.map(|file| Finding::new(&file.path, 0, "[lints] workspace = true is missing")).collect()
}

/// Files stay short, and `mod.rs` only wires.
pub(super) fn lengths(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.files.iter().filter(|file| file.is_rust()) {
        let lines = file.text.lines().count();
        let excepted = LONG_FILES.iter().any(|(path, _)| *path == file.path);
        if lines > LINES_MAX && !excepted {
            findings.push(Finding::new(&file.path, 0, format!("{lines} lines: split it at {LINES_MAX}")));
        } else if lines <= LINES_MAX && excepted {
            findings.push(Finding::mild(&file.path, "is short now: needs no exception in tidy"));
        }
        if file.path.ends_with("/mod.rs") && lines > WIRING_LINES_MAX {
            findings.push(Finding::mild(&file.path, format!("{lines} lines: a mod.rs only wires")));
        }
    }
    findings
}

/// The lock file keeps to its budget.
pub(super) fn lock_file(tree: &Tree) -> Vec<Finding> {
    const PATH: &str = "Cargo.lock";
    let Some(lock) = tree.get(PATH) else {
        return Vec::new();
    };
    let packages = lock.text.lines().filter(|line| *line == "[[package]]").count();
    if packages <= PACKAGES_MAX {
        return Vec::new();
    }
    vec![Finding::new(PATH, 0, format!("{packages} packages; the budget is {PACKAGES_MAX}"))]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::found;

    #[test]
    fn the_map_names_crates_and_top_modules() {
        let mut files = vec![
            ("core/Cargo.toml", ""),
            ("core/src/lib.rs", ""),
            ("core/src/plan.rs", ""),
            ("core/src/decide/mod.rs", ""),
            ("core/src/decide/deep.rs", ""),
            ("xtask/Cargo.toml", ""),
            ("xtask/src/tidy.rs", ""),
        ];
        assert_eq!(found(architecture_names_all, &files), ["note: ARCHITECTURE.md: is not written yet"]);
        files.push(("ARCHITECTURE.md", "`core`: `plan.rs`, decided; xtask"));
        let expected = ["ARCHITECTURE.md: does not name `decide` (core/src/decide/mod.rs)"];
        assert_eq!(found(architecture_names_all, &files), expected);
    }

    #[test]
    fn the_core_may_not_grow() {
        let manifest = "[package]\n[dependencies]\nserde.workspace = true\ntokio = \"1\"\n\n[dev-dependencies]\nproptest = \"1\"\n";
        let expected = ["core/Cargo.toml: tokio: the core may use serde, thiserror, jiff, schemars"];
        assert_eq!(found(core_depends_on_little, &[("core/Cargo.toml", manifest)]), expected);
    }

    #[test]
    fn lints_come_from_the_workspace() {
        let good = "[package]\n[lints]\nworkspace = true\n[dependencies]\n";
        let files =
            [("a/Cargo.toml", good), ("b/Cargo.toml", "[package]\n"), ("Cargo.toml", "[workspace]\n")];
        assert_eq!(found(lints_are_inherited, &files), ["b/Cargo.toml: [lints] workspace = true is missing"]);
    }

    #[test]
    fn long_files_are_told() {
        let (long, wiring) = ("x\n".repeat(501), "x\n".repeat(121));
        let files = [("a.rs", long.as_str()), ("b.txt", &long), ("c/mod.rs", &wiring)];
        let expected = ["a.rs: 501 lines: split it at 500", "note: c/mod.rs: 121 lines: a mod.rs only wires"];
        assert_eq!(found(lengths, &files), expected);
    }

    #[test]
    fn the_lock_file_has_a_budget() {
        let lock = "[[package]]\n".repeat(301);
        assert_eq!(
            found(lock_file, &[("Cargo.lock", &lock)]),
            ["Cargo.lock: 301 packages; the budget is 300"]
        );
        assert_eq!(found(lock_file, &[("Cargo.lock", "[[package]]\n")]).len(), 0);
    }
}
