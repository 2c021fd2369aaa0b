//! What the scripts say of staging: analyses, and what only imported data has.

use std::collections::{BTreeMap, BTreeSet};

use convoy_core::event::Event;
use convoy_core::issue::{DependencyType, IssueType, NewIssue};
use convoy_core::{decide, view};

use crate::door::Door;
use crate::perform::Words;
use crate::request::default_title;
use crate::show::{self, Names};

/// A fact that no request makes: a dependency that closes a circle, an issue of a rig that nobody knows.
pub(crate) fn imported(words: &Words<'_>) -> Event {
    if words.bare[0] == "import" {
        let (issue, needs) = (words.bare[1].parse().unwrap(), words.bare[2].parse().unwrap());
        return Event::DependencyAdded { issue, needs, kind: kind(words) };
    }
    let issue = NewIssue {
        id: words.bare[1].parse().unwrap(),
        rig: words.bare[2].parse().unwrap(),
        title: default_title(words),
        body: String::new(),
        issue_type: IssueType::Task,
        priority: 2,
        labels: BTreeSet::new(),
        parent: None,
        needs: BTreeMap::new(),
        acceptance: Vec::new(),
        step: None,
    };
    Event::IssueCreated { issue }
}

/// What staging would find.
pub(crate) fn analysed(door: &Door, names: &Names, words: &Words<'_>) -> Vec<String> {
    let what: Vec<String> = words.bare[1..].iter().map(|word| names.id(word)).collect();
    let max = words.get("max").map(|max| max.parse().unwrap());
    let staging = match decide::staging(&door.state, &door.policy, &what, max) {
        Ok(staging) => staging,
        Err(refusal) => return vec![format!("  ! {}", show::refusal(&refusal))],
    };
    let v = view::stage(&door.state, &staging);
    let restaged = v.convoy_id.as_ref().map(|id| format!(", restages {id}")).unwrap_or_default();
    let mut lines = vec![format!("  {:?} {:?}{restaged}", v.status, v.title)];
    for finding in v.errors.iter().chain(&v.warnings) {
        let (category, ids) = (finding.category.name(), &finding.issue_ids);
        lines.push(format!("  {category} {ids:?}: {} ({})", finding.message, finding.suggested_fix));
    }
    for wave in &v.waves {
        let task = |task: &view::TaskView| match task.blocked_by.is_empty() {
            true => task.id.to_string(),
            false => format!("{} after {:?}", task.id, task.blocked_by),
        };
        let tasks: Vec<String> = wave.tasks.iter().map(task).collect();
        lines.push(format!("  wave {}: {}", wave.number, tasks.join(", ")));
    }
    lines.extend(v.gated.iter().map(|gated| format!("  gated {} by {:?}", gated.id, gated.gated_by)));
    v.tree.iter().for_each(|node| tree_lines(node, 1, &mut lines));
    lines
}

fn tree_lines(node: &view::TreeView, depth: usize, lines: &mut Vec<String>) {
    let kind = node.issue_type.name();
    lines.push(format!("{}- {} {kind} {} in {}", "  ".repeat(depth), node.id, node.status, node.rig));
    node.children.iter().for_each(|child| tree_lines(child, depth + 1, lines));
}

/// The type of a dependency.
pub(crate) fn kind(words: &Words<'_>) -> DependencyType {
    match words.get("kind").as_deref() {
        Some("related") => DependencyType::Related,
        Some("parent-child") => DependencyType::ParentChild,
        _ => DependencyType::Blocks,
    }
}
