//! What is part of what: by the parent that an issue was made with, and by dependencies of that kind.

use std::collections::{BTreeMap, BTreeSet};

use crate::epic;
use crate::id::IssueId;
use crate::issue::Issue;
use crate::state::State;

/// How deeply epics may be nested. People nest three or four; answers have to be read by parsers with limits.
pub const DEPTH_MAX: usize = 32;

/// An issue with its parts.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Node {
    /// The issue.
    pub issue: IssueId,
    /// Its parts, oldest first; one that is part of several stands below the first.
    pub children: Vec<Node>,
}

/// An epic has parts of parts of parts, too many to be walked.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{issue} is nested more than {DEPTH_MAX} deep")]
pub struct TooDeep {
    /// The deepest that was looked at.
    pub issue: IssueId,
}

impl Node {
    /// Calls `visit` for the issue and all of its parts.
    pub fn walk(&self, visit: &mut impl FnMut(&IssueId)) {
        visit(&self.issue);
        self.children.iter().for_each(|node| node.walk(visit));
    }
}

/// An issue with all that is part of it, near and far.
pub(super) fn of(state: &State, root: &IssueId) -> Result<Node, TooDeep> {
    let mut parts = epic::parts(state);
    parts.values_mut().for_each(|parts| parts.sort_by_key(|issue| issue.number));
    node(&parts, root, 0, &mut BTreeSet::from([root.clone()]))
}

fn node(
    parts: &BTreeMap<&IssueId, Vec<&Issue>>,
    id: &IssueId,
    depth: usize,
    seen: &mut BTreeSet<IssueId>,
) -> Result<Node, TooDeep> {
    if depth > DEPTH_MAX {
        return Err(TooDeep { issue: id.clone() });
    }
    let mut children = Vec::new();
    for part in parts.get(id).into_iter().flatten() {
        let part = &part.content.id;
        if seen.insert(part.clone()) {
            children.push(node(parts, part, depth + 1, seen)?);
        }
    }
    Ok(Node { issue: id.clone(), children })
}

/// What of a tree an agent could be set to.
pub(super) fn workable(state: &State, tree: &[Node]) -> Vec<IssueId> {
    let mut all = Vec::new();
    let mut visit = |id: &IssueId| {
        if state.issues.get(id).is_some_and(Issue::is_workable) {
            all.push(id.clone());
        }
    };
    tree.iter().for_each(|node| node.walk(&mut visit));
    all
}
