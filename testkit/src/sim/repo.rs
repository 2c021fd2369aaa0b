//! The repository: commits, refs, a base branch that is changed by compare-and-swap only.

use std::collections::{BTreeMap, BTreeSet};

/// A commit by its number; in the texts of the core it is 40 hexadecimal digits.
pub(super) type Commit = u32;

/// See the module.
pub(super) struct Repo {
    parents: Vec<[Option<Commit>; 2]>,
    /// Commits that an agent made, or that were made of what it left.
    pub(super) made: Vec<Commit>,
    pub(super) base: Commit,
    pub(super) refs: BTreeMap<String, Commit>,
    /// A person has edits in the way of the base branch.
    pub(super) checkout_in_way: bool,
}

/// The full object id.
pub(super) fn oid(commit: Commit) -> String {
    format!("{commit:040x}")
}

/// The commit of a full object id.
pub(super) fn parse(oid: &str) -> Option<Commit> {
    (oid.len() == 40).then(|| Commit::from_str_radix(oid, 16).ok()).flatten()
}

impl Repo {
    pub(super) fn new() -> Self {
        Self {
            parents: vec![[None, None]],
            made: Vec::new(),
            base: 0,
            refs: BTreeMap::new(),
            checkout_in_way: false,
        }
    }

    fn push(&mut self, parents: [Option<Commit>; 2]) -> Commit {
        self.parents.push(parents);
        (self.parents.len() - 1) as Commit
    }

    /// An agent's commit.
    pub(super) fn commit(&mut self, parent: Commit) -> Commit {
        let commit = self.push([Some(parent), None]);
        self.made.push(commit);
        commit
    }

    /// An agent's commit that descends from nothing.
    pub(super) fn orphan(&mut self) -> Commit {
        let commit = self.push([None, None]);
        self.made.push(commit);
        commit
    }

    /// Somebody else's commit on the base branch.
    pub(super) fn move_base(&mut self) {
        self.base = self.push([Some(self.base), None]);
    }

    /// Merges into the base branch, if that is still where it was.
    pub(super) fn merge(&mut self, expected: Commit, tip: Commit) -> Result<Commit, Commit> {
        if self.base != expected {
            return Err(self.base);
        }
        self.base = self.push([Some(expected), Some(tip)]);
        Ok(self.base)
    }

    /// Everything that can be reached.
    pub(super) fn reach(&self, from: impl IntoIterator<Item = Commit>) -> BTreeSet<Commit> {
        let mut seen = BTreeSet::new();
        let mut stack: Vec<Commit> = from.into_iter().collect();
        while let Some(commit) = stack.pop() {
            if seen.insert(commit) {
                stack.extend(self.parents[commit as usize].iter().flatten());
            }
        }
        seen
    }

    /// Whether `from` contains `what`. Parents are older than children, so that most of the walk is cut off.
    pub(super) fn contains(&self, from: Commit, what: Commit) -> bool {
        let mut stack = vec![from];
        let mut seen = BTreeSet::new();
        while let Some(commit) = stack.pop() {
            if commit == what {
                return true;
            }
            if commit > what && seen.insert(commit) {
                stack.extend(self.parents[commit as usize].iter().flatten());
            }
        }
        false
    }

    /// How many commits `tip` has that `base` lacks.
    pub(super) fn ahead(&self, base: Commit, tip: Commit) -> u32 {
        if tip == base {
            return 0;
        }
        self.reach([tip]).difference(&self.reach([base])).count() as u32
    }

    /// The newest commit that both contain.
    pub(super) fn merge_base(&self, one: Commit, other: Commit) -> Commit {
        let (one, other) = (self.reach([one]), self.reach([other]));
        one.intersection(&other).max().copied().unwrap_or_default()
    }
}
