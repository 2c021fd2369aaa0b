//! Rules about what may stand in a file.

use super::Finding;
use super::source::{File, Tree};

/// Folders whose code is the product.
const PRODUCT: [&str; 4] = ["core/src/", "api/src/", "engine/src/", "app/src/"];
/// Those of them that touch the world.
const WORLD: [&str; 3] = ["api/src/", "engine/src/", "app/src/"];
/// Every folder with Rust.
const ALL: [&str; 1] = [""];

/// Fields of the core that are text and called like a type. Published shapes are text by nature.
const TEXT_FIELDS: [(&str, &str, &str); 5] = [
    ("core/src/view/", "status", "a published shape: the word that is printed"),
    ("core/src/view/", "state", "a published shape: the word that is printed"),
    ("core/src/view/", "kind", "a published shape: the word that is printed"),
    ("core/src/view/", "id", "a published shape: the word that is printed"),
    ("core/src/report.rs", "id", "the vendor's id of a conversation, opaque to us"),
];
/// Text from a person, not yet an id.
const UNCHECKED_FIELDS: [(&str, &str, &str); 2] = [
    ("core/src/command.rs", "id", "as a person gave it; `decide` makes it an id or refuses it"),
    ("core/src/decide/mod.rs", "id", "as a person gave it; the answer names it again"),
];

/// Whether `word` stands in `line` as a whole word.
fn has_word(line: &str, word: &str) -> bool {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(word)
        .any(|(at, _)| !line[..at].ends_with(is_word) && !line[at + word.len()..].starts_with(is_word))
}

/// A finding for each line of product code with one of `words`.
fn lines_with(file: &File, words: &[&str], message: &str) -> Vec<Finding> {
    let hits = file.code_lines().filter_map(|(number, line)| {
        let word = words.iter().find(|word| has_word(line, word))?;
        Some(Finding::new(&file.path, number, format!("{word}: {message}")))
    });
    hits.collect()
}

/// Every Rust file says first what its job is.
pub(super) fn opens_with_its_job(tree: &Tree) -> Vec<Finding> {
    let silent = tree.rust(&ALL).filter(|file| !file.text.starts_with("//! "));
    silent
        .map(|file| Finding::new(&file.path, 1, "a file opens with `//!`: its job and what it does not do"))
        .collect()
}

/// Lints are expected with a reason, never allowed.
pub(super) fn no_allow(tree: &Tree) -> Vec<Finding> {
    let hits = tree.rust(&ALL).flat_map(|file| {
        // Tests are meant too, so the text is searched, without its comments.
        let lines = file.text.lines().enumerate().filter(|(_, line)| !line.trim_start().starts_with("//"));
        let bad = lines.filter(|(_, line)| {
            let line = line.trim_start();
            line.starts_with("#[allow") || line.starts_with("#![allow")
        });
        bad.map(|(n, _)| Finding::new(&file.path, n + 1, "use #[expect(lint, reason = \"…\")]"))
            .collect::<Vec<_>>()
    });
    hits.collect()
}

/// `unwrap` belongs to tests.
pub(super) fn no_unwrap(tree: &Tree) -> Vec<Finding> {
    let code = tree.rust(&ALL).filter(|file| !file.is_test());
    let hits = code.flat_map(|file| {
        let bad = file.code_lines().filter(|(_, line)| line.contains(".unwrap()"));
        bad.map(|(n, _)| {
            Finding::new(&file.path, n, "no unwrap outside tests; `expect` states the invariant")
        })
        .collect::<Vec<_>>()
    });
    hits.collect()
}

/// The core has no clock, no I/O, no environment and nothing asynchronous.
pub(super) fn core_is_pure(tree: &Tree) -> Vec<Finding> {
    const IMPURE: [&str; 10] = [
        "async",
        "std::fs",
        "std::process",
        "std::env",
        "std::net",
        "std::thread",
        "std::io",
        "SystemTime",
        "Timestamp::now",
        "Zoned::now",
    ];
    let core = tree.rust(&PRODUCT[..1]);
    core.flat_map(|file| lines_with(file, &IMPURE, "the core is pure; take it as an argument")).collect()
}

/// A status, state, kind or id is a type.
pub(super) fn no_stringly_fields(tree: &Tree) -> Vec<Finding> {
    let excepted = |path: &str, field: &str| {
        TEXT_FIELDS.iter().chain(&UNCHECKED_FIELDS).any(|(p, f, _)| path.starts_with(p) && *f == field)
    };
    let mut findings = Vec::new();
    for file in tree.rust(&PRODUCT[..1]) {
        for (number, line) in file.code_lines() {
            let stringly = ["status", "state", "kind", "id"].into_iter().find(|field| {
                ["String", "Option<String>", "Arc<str>", "Cow<"].iter().any(|text| {
                    let declared = format!("{field}: {text}");
                    line.match_indices(&declared)
                        .any(|(at, _)| has_word(&line[at..], field) && begins_word(line, at))
                })
            });
            if let Some(field) = stringly.filter(|field| !excepted(&file.path, field)) {
                findings.push(Finding::new(&file.path, number, format!("{field} is text: make it a type")));
            }
        }
    }
    findings
}

fn begins_word(line: &str, at: usize) -> bool {
    !line[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_')
}

/// Threads start in one module, and the tasks of what is async in another.
pub(super) fn threads_have_one_owner(tree: &Tree) -> Vec<Finding> {
    const OWNERS: [&str; 2] = ["engine/src/tasks.rs", "app/src/http/tasks.rs"];
    const STARTS: [&str; 5] =
        ["thread::spawn", "thread::Builder", "thread::scope", "tokio::spawn", "spawn_blocking"];
    let files = tree.rust(&WORLD).filter(|file| !OWNERS.contains(&file.path.as_str()) && !file.is_test());
    files.flat_map(|file| lines_with(file, &STARTS, "threads start in engine/src/tasks.rs")).collect()
}

/// Processes start in one module.
pub(super) fn processes_have_one_owner(tree: &Tree) -> Vec<Finding> {
    let files = tree.rust(&WORLD).filter(|file| file.path != "engine/src/os/spawn.rs" && !file.is_test());
    let hits = files.flat_map(|file| {
        // A command of the command line's own grammar is no process.
        let bad = file
            .code_lines()
            .filter(|(_, line)| has_word(&line.replace("clap::Command::new", ""), "Command::new"));
        bad.map(|(n, _)| Finding::new(&file.path, n, "processes start through engine/src/os/spawn.rs"))
            .collect::<Vec<_>>()
    });
    hits.collect()
}

/// Nothing names a place that only one machine has.
pub(super) fn nothing_of_this_machine(tree: &Tree) -> Vec<Finding> {
    // Written in pieces, so that this file does not find itself.
    let places = [
        ["..", "/shared"],
        ["/work", "/h/"],
        ["/work", "/main"],
        ["/work", "/shared"],
        ["/work", "/."],
        ["/root", "/."],
        [".lib", "rary/"],
        ["arti", "factory"],
        ["index.crates", ".io"],
        ["registry.npmjs", ".org"],
        ["files.python", "hosted.org"],
    ];
    let places = places.map(|pieces| pieces.concat());
    let mut findings = Vec::new();
    for file in &tree.files {
        for (n, line) in file.text.lines().enumerate() {
            if let Some(place) = places.iter().find(|place| line.contains(*place)) {
                findings.push(Finding::new(
                    &file.path,
                    n + 1,
                    format!("{place}: not everyone has this place"),
                ));
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::found;

    #[test]
    fn a_file_opens_with_its_job() {
        let files = [("core/src/a.rs", "//! Fine.\n"), ("core/src/b.rs", "use x;\n"), ("c.txt", "text")];
        let found = found(opens_with_its_job, &files);
        assert_eq!(found, ["core/src/b.rs:1: a file opens with `//!`: its job and what it does not do"]);
    }

    #[test]
    fn allow_is_found_in_tests_too() {
        let text = "//! A.\n// #[allow(x)] in a comment\n#[expect(y)]\n#[cfg(test)]\nmod tests {\n  #![allow(z)]\n}\n";
        assert_eq!(found(no_allow, &[("a.rs", text)]), ["a.rs:6: use #[expect(lint, reason = \"…\")]"]);
    }

    #[test]
    fn unwrap_is_for_tests() {
        let text = "//! `.unwrap()` is \".unwrap()\"\nfn a() { b.unwrap() }\n#[cfg(test)]\nmod tests { c.unwrap() }\n";
        let files = [("api/src/a.rs", text), ("api/tests/b.rs", "x.unwrap()")];
        let found = found(no_unwrap, &files);
        assert_eq!(found, ["api/src/a.rs:2: no unwrap outside tests; `expect` states the invariant"]);
    }

    #[test]
    fn the_core_is_pure() {
        let bad = "use std::fs;\nlet asynchronous = 1;\nasync fn a() {}\n// std::env\n";
        let found = found(core_is_pure, &[("core/src/a.rs", bad), ("engine/src/a.rs", bad)]);
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(
            found[0].starts_with("core/src/a.rs:1: std::fs")
                && found[1].starts_with("core/src/a.rs:3: async")
        );
    }

    #[test]
    fn a_state_is_a_type() {
        let bad = "state: State,\npub kind: String,\nperiod_id: String,\nid: Option<String>,\n";
        let found =
            found(no_stringly_fields, &[("core/src/a.rs", bad), ("core/src/view/a.rs", "id: String")]);
        assert_eq!(
            found,
            ["core/src/a.rs:2: kind is text: make it a type", "core/src/a.rs:4: id is text: make it a type"]
        );
    }

    #[test]
    fn threads_and_processes_have_owners() {
        let text = "std::thread::spawn(f);\nCommand::new(p);\nclap::Command::new(q);\nMyCommand::new(r);\n";
        let files = [
            ("engine/src/tasks.rs", text),
            ("engine/src/os/spawn.rs", text),
            ("app/src/a.rs", text),
            ("testkit/src/a.rs", text),
        ];
        let at = |rule| {
            found(rule, &files).iter().map(|f| f.split(": ").next().unwrap().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(at(threads_have_one_owner), ["app/src/a.rs:1", "engine/src/os/spawn.rs:1"]);
        assert_eq!(at(processes_have_one_owner), ["app/src/a.rs:2", "engine/src/tasks.rs:2"]);
    }

    #[test]
    fn places_of_one_machine_are_found_in_any_file() {
        let text = format!("fine: GET /work/x\nsee {}{}\n", "..", "/shared/SPEC.md");
        assert_eq!(found(nothing_of_this_machine, &[("README.md", &text)]).len(), 1);
    }
}
