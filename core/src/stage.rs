//! Staging: what would happen if these issues were launched as a convoy, found out without starting anything.
//!
//! The analysis is pure. Only `blocks` orders work; parent and child only say what an epic consists of. A *task*
//! is an issue that is not closed and that an agent could be set to. A task is *gated* when what it waits for is
//! not a task of the same analysis, or waits for such a thing itself; every other task is in exactly one *wave*.

mod cycle;
mod finding;
mod tree;
mod wave;

use std::collections::BTreeSet;

use crate::id::{ConvoyId, IssueId};
use crate::policy::Policy;
use crate::state::State;

pub use cycle::cycles;
pub use finding::{Category, Finding};
pub use tree::{DEPTH_MAX, Node, TooDeep};

/// What is analysed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Subject {
    /// The parts of an epic.
    Epic(IssueId),
    /// What a convoy tracks.
    Convoy(ConvoyId),
    /// These issues.
    Issues(Vec<IssueId>),
}

/// A task that waits for something that is not a task of the same analysis.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Gated {
    /// The task.
    pub issue: IssueId,
    /// Those of its blockers that are such things, or that are gated themselves.
    pub by: Vec<IssueId>,
}

/// What the analysis came to.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Analysis {
    /// What a convoy of it would track: closed issues too, epics not.
    pub tracked: Vec<IssueId>,
    /// The epic that it is of.
    pub epic: Option<IssueId>,
    /// Errors and warnings, errors first.
    pub findings: Vec<Finding>,
    /// Tasks that can be worked on side by side once the wave before is closed, by priority, then age.
    pub waves: Vec<Vec<IssueId>>,
    /// Tasks that are in no wave.
    pub gated: Vec<Gated>,
    /// What is part of what.
    pub tree: Vec<Node>,
}

impl Analysis {
    /// What keeps it from being staged.
    pub fn errors(&self) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(|finding| finding.category.is_error())
    }
    /// What a person should look at before it is launched.
    pub fn warnings(&self) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(|finding| !finding.category.is_error())
    }
}

/// Analyses a subject. `convoy` is the staged one that would be restaged, `max_parallel` how many agents may work
/// on it at once.
///
/// # Errors
/// When epics are nested too deeply to be walked.
pub fn analyse(
    state: &State,
    policy: &Policy,
    subject: &Subject,
    convoy: Option<&ConvoyId>,
    max_parallel: u32,
) -> Result<Analysis, TooDeep> {
    let convoy = match subject {
        Subject::Convoy(id) => Some(id),
        Subject::Epic(_) | Subject::Issues(_) => convoy,
    };
    let (epic, given) = match subject {
        Subject::Epic(epic) => (Some(epic.clone()), Vec::new()),
        Subject::Convoy(id) => {
            let found = state.convoys.get(id);
            let epic = found.and_then(|convoy| convoy.staged()?.epic.clone());
            (epic, found.map(|convoy| convoy.content.tracked.clone()).unwrap_or_default())
        }
        Subject::Issues(issues) => (None, issues.clone()),
    };
    let mut tree = Vec::new();
    if let Some(epic) = &epic {
        tree.push(tree::of(state, epic)?);
    }
    let mut within = BTreeSet::new();
    tree.iter().for_each(|node| node.walk(&mut |id| within.extend([id.clone()])));
    let tracked = match subject {
        Subject::Epic(_) => tree::workable(state, &tree),
        Subject::Convoy(_) | Subject::Issues(_) => given,
    };
    let apart = tracked.iter().filter(|id| !within.contains(*id));
    tree.extend(apart.map(|id| Node { issue: id.clone(), children: Vec::new() }));
    let is_task = |id: &&IssueId| state.issues.get(*id).is_some_and(|i| !i.is_closed() && i.is_workable());
    let tasks: BTreeSet<IssueId> = tracked.iter().filter(is_task).cloned().collect();
    let (waves, gated) = wave::waves(state, &tasks);
    let mut analysis = Analysis { tracked, epic, findings: Vec::new(), waves, gated, tree };
    analysis.findings = finding::find(state, policy, &analysis, &tasks, convoy, max_parallel);
    Ok(analysis)
}
