//! One gate of a baseline, and where it comes from.

use std::collections::BTreeSet;
use std::path::Path;

use convoy_core::id::RigName;
use convoy_core::time::Span;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::detect::{self, Tree};
use crate::config::{Gate, GateTime};

/// What a gate is for. They run in this order: what is quick and says most comes first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// It makes a fresh copy ready for the others, such as `npm ci`.
    Setup,
    /// Whether it compiles.
    Typecheck,
    /// Whether it is tidy.
    Lint,
    /// Whether it works.
    Test,
    /// What a person configured; Convoy does not guess what it is for.
    Configured,
}

/// Who says that there is such a gate.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// A person, in the configuration.
    Configured,
    /// The files of the repository.
    Detected,
}

/// A gate that may run.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct BaselineGate {
    pub(crate) gate: Gate,
    pub(crate) kind: Kind,
    pub(crate) origin: Origin,
    /// The file that it was detected by.
    pub(crate) file: Option<String>,
    /// Programs without which it says nothing.
    pub(crate) tools: Vec<String>,
    /// The setup that has to succeed first.
    pub(crate) after: Option<String>,
}

/// The gates of a rig whose files are in `folder`: those that are configured for a baseline, else those that are
/// detected. Only reads.
pub(crate) fn ordered(configured: &[Gate], rig: &RigName, folder: &Path, timeout: Span) -> Vec<BaselineGate> {
    let mut gates: Vec<BaselineGate> = configured
        .iter()
        .filter(|gate| gate.is_for(rig) && gate.is_at(GateTime::Baseline))
        .map(|gate| BaselineGate {
            gate: gate.clone(),
            kind: Kind::Configured,
            origin: Origin::Configured,
            file: None,
            tools: Vec::new(),
            after: None,
        })
        .collect();
    if gates.is_empty() {
        gates = detected(folder, timeout);
    }
    gates
}

/// The gates that the files in a folder call for, in the order in which they run. Only reads.
pub(crate) fn detected(folder: &Path, timeout: Span) -> Vec<BaselineGate> {
    let mut found = detect::all(&Tree::at(folder));
    // A stable sort: what is alike stays in the order of its ecosystem.
    found.sort_by_key(|one| one.kind);
    let mut names = BTreeSet::new();
    found.retain(|one| names.insert(one.name.clone()));
    found
        .into_iter()
        .map(|one| BaselineGate {
            gate: Gate {
                name: one.name,
                command: one.command,
                timeout,
                rigs: None,
                when: BTreeSet::from([GateTime::Baseline]),
            },
            kind: one.kind,
            origin: Origin::Detected,
            file: Some(one.file.to_owned()),
            tools: one.tools,
            after: one.after,
        })
        .collect()
}
