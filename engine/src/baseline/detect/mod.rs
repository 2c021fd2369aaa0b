//! Detection: which gates the files at the top of a repository call for.
//!
//! It only reads. Those files may have been written by anybody: no text of them becomes a program, an argument or a
//! name; they only decide which of the gates that stand here are taken.

mod go;
mod jvm;
mod node;
mod python;
mod recipes;
mod rust;
mod tree;

pub(super) use tree::Tree;

use super::gate::Kind;

/// A gate that the files call for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Found {
    pub(super) name: String,
    pub(super) kind: Kind,
    pub(super) command: Vec<String>,
    /// The file that says so.
    pub(super) file: &'static str,
    /// Programs without which it says nothing.
    pub(super) tools: Vec<String>,
    /// The setup that has to succeed first.
    pub(super) after: Option<String>,
}

impl Found {
    /// A gate of words that stand in this program.
    fn new(name: &str, kind: Kind, file: &'static str, command: &[&str]) -> Self {
        let words: Vec<String> = command.iter().map(|word| (*word).to_owned()).collect();
        // A program of the repository's own is there or not with the repository.
        let tools = words.first().filter(|word| !word.contains('/')).cloned().into_iter().collect();
        Self { name: name.to_owned(), kind, command: words, file, tools, after: None }
    }

    fn also_needs(mut self, tool: &str) -> Self {
        self.tools.push(tool.to_owned());
        self
    }
}

/// All gates that the files call for, by ecosystem.
pub(super) fn all(tree: &Tree) -> Vec<Found> {
    let mut found = rust::find(tree);
    found.extend(node::find(tree));
    found.extend(python::find(tree));
    found.extend(go::find(tree));
    found.extend(jvm::find(tree));
    // A recipe usually calls what was found already: it stands only for what nothing else covers.
    let covered = |kind: Kind| found.iter().any(|one| one.kind == kind);
    let recipes = recipes::find(tree).into_iter().filter(|one| !covered(one.kind)).collect::<Vec<_>>();
    found.extend(recipes);
    found
}
