//! What came of a baseline: the published shape.

use convoy_core::id::{IssueId, RigName};
use convoy_core::time::Time;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::gate::{BaselineGate, Kind, Origin};

/// What came of one gate.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It passed.
    Passed,
    /// It did not.
    Failed,
    /// It says nothing: a program is missing, or what has to come first failed.
    Skipped,
    /// It has not run on these files.
    NotRun,
}

impl Verdict {
    /// The name that people and scripts read.
    pub fn name(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
            Self::NotRun => "not_run",
        }
    }
}

/// One gate of a baseline.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct GateReport {
    /// Its name.
    pub name: String,
    /// What it is for.
    pub kind: Kind,
    /// Who says that there is such a gate.
    pub origin: Origin,
    /// The file that it was detected by.
    pub file: Option<String>,
    /// Program and arguments.
    pub command: Vec<String>,
    /// What came of it.
    pub result: Verdict,
    /// It passed on the same files before, and was not run again.
    pub cached: bool,
    /// Its exit status.
    pub exit_code: Option<i32>,
    /// How long it took.
    pub duration_ms: Option<i64>,
    /// Why it was skipped or could not be run.
    pub detail: Option<String>,
    /// The end of its output, if it failed.
    pub output: Option<String>,
    /// The open issue about its failure.
    pub issue_id: Option<IssueId>,
    /// That issue was filed for this failure.
    pub issue_filed: bool,
}

impl GateReport {
    pub(super) fn new(gate: &BaselineGate, result: Verdict) -> Self {
        Self {
            name: gate.gate.name.clone(),
            kind: gate.kind,
            origin: gate.origin,
            file: gate.file.clone(),
            command: gate.gate.command.clone(),
            result,
            cached: false,
            exit_code: None,
            duration_ms: None,
            detail: None,
            output: None,
            issue_id: None,
            issue_filed: false,
        }
    }
}

/// What came of a baseline.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Report {
    /// Of which rig.
    pub rig: RigName,
    /// The commit that was checked out.
    pub commit: Option<String>,
    /// The files that the gates ran on, as git names such a tree.
    pub tree: Option<String>,
    /// Those differ from the commit: changes that are not committed are among them.
    pub uncommitted: bool,
    /// When it was run; null if it was not.
    pub run_at: Option<Time>,
    /// Whether no gate failed; null if it was not run.
    pub passed: Option<bool>,
    /// The gates, in the order in which they run.
    pub gates: Vec<GateReport>,
}

impl Report {
    /// Whether it was run and a gate failed.
    pub fn has_failed(&self) -> bool {
        self.passed == Some(false)
    }

    /// The gates that failed.
    pub fn failed(&self) -> impl Iterator<Item = &GateReport> {
        self.gates.iter().filter(|gate| gate.result == Verdict::Failed)
    }

    /// How many gates came to this.
    pub fn count(&self, verdict: Verdict) -> usize {
        self.gates.iter().filter(|gate| gate.result == verdict).count()
    }
}
