//! `cargo xtask tidy`: the rules of this code base that no compiler knows.
//!
//! A rule is a function from the tree of files to findings, so each is tested with a tree of a few lines.

mod source;
mod structure;
mod words;

use std::fmt;
use std::process::ExitCode;

use crate::chore;
use source::Tree;

/// Something against a rule.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Finding {
    path: String,
    /// From 1; 0 for the whole file.
    line: usize,
    message: String,
    /// Only told, not a failure.
    mild: bool,
}

impl Finding {
    fn new(path: &str, line: usize, message: impl Into<String>) -> Self {
        Self { path: path.to_owned(), line, message: message.into(), mild: false }
    }
    fn mild(path: &str, message: impl Into<String>) -> Self {
        Self { mild: true, ..Self::new(path, 0, message) }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = if self.mild { "note: " } else { "" };
        match self.line {
            0 => write!(f, "{word}{}: {}", self.path, self.message),
            line => write!(f, "{word}{}:{line}: {}", self.path, self.message),
        }
    }
}

/// The rules, in the order in which they are told.
const RULES: [fn(&Tree) -> Vec<Finding>; 13] = [
    words::opens_with_its_job,
    words::no_allow,
    words::no_unwrap,
    words::core_is_pure,
    words::no_stringly_fields,
    words::threads_have_one_owner,
    words::processes_have_one_owner,
    words::nothing_of_this_machine,
    structure::architecture_names_all,
    structure::core_depends_on_little,
    structure::lints_are_inherited,
    structure::lengths,
    structure::lock_file,
];

/// Checks the checkout.
pub(crate) fn run() -> ExitCode {
    match check_all() {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            chore::say(why);
            ExitCode::FAILURE
        }
    }
}

/// Checks the checkout and says what was found.
pub(crate) fn check_all() -> Result<(), String> {
    let tree = Tree::read(chore::root())?;
    let findings: Vec<Finding> = RULES.iter().flat_map(|rule| rule(&tree)).collect();
    for finding in &findings {
        chore::say(finding);
    }
    match findings.iter().filter(|f| !f.mild).count() {
        0 => Ok(()),
        count => Err(format!("tidy: {count} against the rules")),
    }
}

/// What a rule finds in a tree of these files, as printed.
#[cfg(test)]
fn found(rule: fn(&Tree) -> Vec<Finding>, files: &[(&str, &str)]) -> Vec<String> {
    let mut findings = rule(&Tree::of(files));
    findings.sort();
    findings.iter().map(ToString::to_string).collect()
}
