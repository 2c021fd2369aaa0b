//! What an analysis finds: errors, which keep it from being staged, and warnings.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Analysis, cycles};
use crate::id::{ConvoyId, IssueId, RigName};
use crate::issue::Issue;
use crate::policy::{Policy, RigHold};
use crate::state::State;

/// How many ids a message names; the finding has them all.
const NAMED_MAX: usize = 5;

/// What sort of thing was found.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Category {
    /// Issues wait for each other in a circle.
    Cycle,
    /// An issue's rig is not one of the workspace.
    UnknownRig,
    /// An issue belongs to another convoy already.
    Tracked,
    /// The tasks are in more than one rig.
    CrossRig,
    /// A wave has more tasks than agents may work at once.
    OverCapacity,
    /// No new work begins in a rig.
    ParkedRig,
    /// Parts of an epic that nothing connects with its other parts.
    Orphan,
    /// Tasks that wait for something that is not staged with them.
    Gated,
}

impl Category {
    /// Whether it keeps things from being staged.
    pub fn is_error(self) -> bool {
        match self {
            Self::Cycle | Self::UnknownRig | Self::Tracked => true,
            Self::CrossRig | Self::OverCapacity | Self::ParkedRig | Self::Orphan | Self::Gated => false,
        }
    }
    /// The name that scripts read.
    pub fn name(self) -> &'static str {
        match self {
            Self::Cycle => "cycle",
            Self::UnknownRig => "unknown_rig",
            Self::Tracked => "tracked",
            Self::CrossRig => "cross_rig",
            Self::OverCapacity => "over_capacity",
            Self::ParkedRig => "parked_rig",
            Self::Orphan => "orphan",
            Self::Gated => "gated",
        }
    }
}

/// One thing that was found.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Finding {
    /// What sort.
    pub category: Category,
    /// The issues that it is about; of a cycle in its order, the first again at the end.
    pub issue_ids: Vec<IssueId>,
    /// What it is, for people.
    pub message: String,
    /// What to do about it, with the command where there is one.
    pub suggested_fix: String,
}

type Tasks = BTreeSet<IssueId>;

pub(super) fn find(
    state: &State,
    policy: &Policy,
    analysis: &Analysis,
    tasks: &Tasks,
    convoy: Option<&ConvoyId>,
    max_parallel: u32,
) -> Vec<Finding> {
    let mut found = in_cycles(state, tasks);
    found.extend(unknown_rigs(state, policy, tasks));
    found.extend(tracked(state, tasks, convoy));
    found.extend(cross_rig(state, tasks));
    found.extend(over_capacity(analysis, max_parallel));
    found.extend(parked(state, policy, tasks));
    found.extend(orphans(state, analysis));
    found.extend(gated(analysis));
    found
}

/// The first few ids.
fn named<'a>(ids: impl IntoIterator<Item = &'a IssueId>) -> String {
    let ids: Vec<&str> = ids.into_iter().map(IssueId::as_str).collect();
    let more = ids.len().saturating_sub(NAMED_MAX);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("{}{more}", ids[..ids.len().min(NAMED_MAX)].join(", "))
}

fn in_cycles(state: &State, tasks: &Tasks) -> Vec<Finding> {
    let finding = |path: Vec<IssueId>| {
        let words: Vec<&str> = path.iter().map(IssueId::as_str).collect();
        let (first, second) = (&path[0], &path[1 % path.len()]);
        Finding {
            category: Category::Cycle,
            message: format!("these wait for each other: {}", words.join(" -> ")),
            suggested_fix: format!("take one of them out: convoy issue dep remove {first} {second}"),
            issue_ids: path,
        }
    };
    cycles(state, tasks.iter()).into_iter().map(finding).collect()
}

fn by_rig<'a>(state: &'a State, tasks: &'a Tasks) -> BTreeMap<&'a RigName, Vec<IssueId>> {
    let mut rigs: BTreeMap<&RigName, Vec<IssueId>> = BTreeMap::new();
    for issue in tasks.iter().filter_map(|id| state.issues.get(id)) {
        rigs.entry(&issue.content.rig).or_default().push(issue.content.id.clone());
    }
    rigs
}

fn unknown_rigs(state: &State, policy: &Policy, tasks: &Tasks) -> Vec<Finding> {
    let rigs = by_rig(state, tasks).into_iter().filter(|(rig, _)| !policy.rigs.contains_key(*rig));
    let finding = |(rig, ids): (&RigName, Vec<IssueId>)| Finding {
        category: Category::UnknownRig,
        message: format!("rig {rig} is not known: {}", named(&ids)),
        suggested_fix: format!("add it: convoy rig add {rig} <path>"),
        issue_ids: ids,
    };
    rigs.map(finding).collect()
}

/// Tasks of other convoys: of open ones, and of more than one staged one, of which none is meant more than another.
fn tracked(state: &State, tasks: &Tasks, convoy: Option<&ConvoyId>) -> Vec<Finding> {
    let mut others: BTreeMap<&ConvoyId, Vec<IssueId>> = BTreeMap::new();
    for issue in tasks.iter().filter_map(|id| state.issues.get(id)) {
        for other in issue.convoys.iter().filter(|id| Some(*id) != convoy) {
            others.entry(other).or_default().push(issue.content.id.clone());
        }
    }
    let mut findings = Vec::new();
    let mut staged = Vec::new();
    for (id, ids) in others {
        let Some(other) = state.convoys.get(id) else { continue };
        if other.is_open() {
            let rest: Vec<&IssueId> = tasks.iter().filter(|task| !ids.contains(task)).take(2).collect();
            let instead = match rest.as_slice() {
                [] => format!("see it: convoy status {id}"),
                [one] => format!("or add the other to it: convoy add {id} {one}"),
                [one, ..] => format!("or add the others to it: convoy add {id} {one} …"),
            };
            let names = named(&ids);
            findings.push(Finding {
                category: Category::Tracked,
                message: format!("{names}: tracked by {id} ({}), which is open", other.content.title),
                suggested_fix: format!(
                    "leave out what is there already, or take it from there: convoy remove {id} {}; {instead}",
                    ids[0]
                ),
                issue_ids: ids,
            });
        } else if other.staged().is_some() {
            staged.push((id, ids));
        }
    }
    // One that is restaged keeps what it has; without one, a single staged convoy is the one that is meant.
    if convoy.is_none() && staged.len() > 1 {
        let names: Vec<&str> = staged.iter().map(|(id, _)| id.as_str()).collect();
        findings.push(Finding {
            category: Category::Tracked,
            message: format!("tracked by several staged convoys: {}", names.join(", ")),
            suggested_fix: format!("close all but one of them: convoy close {}", names[0]),
            issue_ids: staged.into_iter().flat_map(|(_, ids)| ids).collect(),
        });
    }
    findings
}

fn cross_rig(state: &State, tasks: &Tasks) -> Option<Finding> {
    let rigs = by_rig(state, tasks);
    if rigs.len() < 2 {
        return None;
    }
    let counts: Vec<String> = rigs.iter().map(|(rig, ids)| format!("{rig} ({})", ids.len())).collect();
    Some(Finding {
        category: Category::CrossRig,
        message: format!("its tasks are in {} rigs: {}", rigs.len(), counts.join(", ")),
        suggested_fix: "if that is not meant, stage the issues of each rig apart".into(),
        issue_ids: tasks.iter().cloned().collect(),
    })
}

fn over_capacity(analysis: &Analysis, max_parallel: u32) -> Vec<Finding> {
    let waves = analysis.waves.iter().enumerate().filter(|(_, wave)| wave.len() > max_parallel as usize);
    let finding = |(place, wave): (usize, &Vec<IssueId>)| Finding {
        category: Category::OverCapacity,
        message: format!(
            "wave {} has {} tasks, of which at most {max_parallel} are worked on at once",
            place + 1,
            wave.len()
        ),
        suggested_fix: format!(
            "let more work at once: --max-parallel {}; or let the others wait",
            wave.len()
        ),
        issue_ids: wave.clone(),
    };
    waves.map(finding).collect()
}

fn parked(state: &State, policy: &Policy, tasks: &Tasks) -> Vec<Finding> {
    let is_parked = |rig: &RigName| policy.hold(rig) == Some(RigHold::Parked);
    let rigs = by_rig(state, tasks).into_iter().filter(|(rig, _)| is_parked(rig));
    let finding = |(rig, ids): (&RigName, Vec<IssueId>)| Finding {
        category: Category::ParkedRig,
        message: format!("rig {rig} is parked, and nothing begins in it: {}", named(&ids)),
        suggested_fix: format!("let work begin in it: convoy rig unpark {rig}"),
        issue_ids: ids,
    };
    rigs.map(finding).collect()
}

/// Of an epic: parts that neither wait for another part nor are waited for.
fn orphans(state: &State, analysis: &Analysis) -> Option<Finding> {
    let epic = analysis.epic.as_ref()?;
    let mut within: BTreeSet<&IssueId> = BTreeSet::new();
    let mut ids = Vec::new();
    analysis.tree.iter().for_each(|node| node.walk(&mut |id| ids.push(id.clone())));
    within.extend(&ids);
    let connected =
        |issue: &Issue| issue.blockers().chain(&issue.dependents).any(|other| within.contains(other));
    let parts = analysis.tracked.iter().filter_map(|id| state.issues.get(id));
    let apart = parts.filter(|issue| !issue.is_closed() && !connected(issue));
    let apart: Vec<IssueId> = apart.map(|issue| issue.content.id.clone()).collect();
    if analysis.tracked.len() < 2 || apart.is_empty() {
        return None;
    }
    Some(Finding {
        category: Category::Orphan,
        message: format!("no dependency connects these with the rest of {epic}: {}", named(&apart)),
        suggested_fix: format!(
            "if one of them waits for another: convoy issue dep add {} <issue>; if none does, launch it so",
            apart[0]
        ),
        issue_ids: apart,
    })
}

fn gated(analysis: &Analysis) -> Option<Finding> {
    let ids: Vec<IssueId> = analysis.gated.iter().map(|gated| gated.issue.clone()).collect();
    let gates: BTreeSet<&IssueId> =
        analysis.gated.iter().flat_map(|gated| &gated.by).filter(|id| !ids.contains(id)).collect();
    let first = gates.first()?;
    Some(Finding {
        category: Category::Gated,
        message: format!(
            "{} cannot start before what is not staged with them is closed: {}",
            named(&ids),
            named(gates.iter().copied())
        ),
        suggested_fix: format!("see what it waits for, or stage it as well: convoy why {first}"),
        issue_ids: ids,
    })
}
