//! Reviews: what reviewers found in a change.
//!
//! A *reviewer* is an agent that looks at a commit in a *role* (security, architecture, …) and writes *findings*. Each
//! finding quotes the lines that it is about; one whose quote is not in its file is *ungrounded*: kept, and never
//! believed. A review *blocks* by grounded findings that are grave. A reviewer that failed has said nothing about the
//! change, good or bad.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::id::{AgentName, CheckpointId, ConvoyId, RoleName};
use crate::money::Money;
use crate::report::Tokens;
use crate::template::Verdict;
use crate::time::Span;

/// How many findings of a review are kept, the gravest first. More than that nobody would work through.
pub const FINDINGS_MAX: usize = 100;
/// The longest text of a finding that is kept, in bytes.
pub const TEXT_BYTES_MAX: usize = 4 * 1024;

/// How grave a finding is.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Worth knowing.
    #[default]
    Info,
    /// Hardly matters.
    Low,
    /// Should be changed at some time.
    Medium,
    /// Should be changed soon.
    High,
    /// Does harm when it is used.
    Critical,
    /// Must not land.
    Blocker,
}

impl Severity {
    /// All, the gravest first.
    pub const ALL: [Self; 6] =
        [Self::Blocker, Self::Critical, Self::High, Self::Medium, Self::Low, Self::Info];

    /// The name that people and scripts read.
    pub fn name(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
            Self::Blocker => "blocker",
        }
    }

    /// Whether a change with such a finding does not land.
    pub fn blocks(self) -> bool {
        match self {
            Self::Blocker | Self::Critical => true,
            Self::High | Self::Medium | Self::Low | Self::Info => false,
        }
    }
}

/// How sure a reviewer is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Confidence {
    /// It may be wrong.
    Low,
    /// It is likely.
    Medium,
    /// It is so.
    High,
}

/// What a reviewer found.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct Finding {
    /// How grave it is.
    pub severity: Severity,
    /// What sort of thing: injection, race, naming, …
    pub category: String,
    /// It in a line.
    pub title: String,
    /// The file, from the top of the repository.
    pub file: Option<String>,
    /// The first line that it is about, from 1.
    pub line: Option<u32>,
    /// The last one.
    pub end_line: Option<u32>,
    /// Those lines as they stand in the file.
    pub quote: String,
    /// What is wrong.
    pub problem: String,
    /// What comes of it.
    pub impact: String,
    /// What to do.
    pub fix: String,
    /// How sure the reviewer is.
    pub confidence: Option<Confidence>,
}

impl Finding {
    /// `src/a.rs:10`, as people read it; empty if it is about no file.
    pub fn place(&self) -> String {
        match (&self.file, self.line) {
            (Some(file), Some(line)) => format!("{file}:{line}"),
            (Some(file), None) => file.clone(),
            (None, _) => String::new(),
        }
    }
}

/// A finding, and who raised it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Raised {
    /// In which role.
    pub role: RoleName,
    /// Its quote is in its file.
    pub grounded: bool,
    /// What was found.
    pub finding: Finding,
}

impl Raised {
    /// Whether the change does not land because of it.
    pub fn blocks(&self) -> bool {
        self.grounded && self.finding.severity.blocks()
    }
}

/// How a reviewer ended.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LaneEnd {
    /// It gave its findings, perhaps none.
    Done,
    /// It did not; that says nothing about the change.
    Failed {
        /// Why.
        why: String,
    },
}

/// One reviewer's part of a review.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Lane {
    /// In which role.
    pub role: RoleName,
    /// Which agent.
    pub agent: AgentName,
    /// Which model, if not the agent's own default.
    pub model: Option<String>,
    /// How it ended.
    pub end: LaneEnd,
    /// How long it took.
    pub duration: Span,
    /// What it says that it cost.
    pub cost: Option<Money>,
    /// What it used, as far as it says.
    pub tokens: Option<Tokens>,
}

/// What reviewers said of a change.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Review {
    /// The tip of the branch that it is about.
    pub tip: String,
    /// The commit that they looked at.
    pub commit: String,
    /// The reviewers.
    pub lanes: Vec<Lane>,
    /// What they found, the gravest first; of a convoy's review what blocks.
    pub findings: Vec<Raised>,
    /// The convoy that made it, with the whole report.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub convoy: Option<ConvoyId>,
    /// How many more stand in its report that do not block.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub others: u32,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes what it asks about by reference")]
fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// What a review came to, as whoever wanted it is told.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct ReviewResult {
    /// It came to a verdict: everybody was heard, or something blocks whoever else would have said what.
    pub success: bool,
    /// The verdict.
    pub review_result: Verdict,
    /// The files that were looked at.
    pub files_reviewed: Vec<String>,
    /// What touches security, a line each.
    pub security_issues: Vec<String>,
    /// What touches performance, a line each.
    pub performance_issues: Vec<String>,
    /// It in a few sentences.
    pub notes: String,
    /// Where the whole report is.
    pub report: Option<String>,
    /// Reviewers that said nothing.
    pub missing_lanes: Vec<RoleName>,
}

/// The review of a session's checkpoint that is under way.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Reviewing {
    /// Which checkpoint.
    pub checkpoint: CheckpointId,
    /// By which convoy.
    pub convoy: ConvoyId,
}

/// The last review of a session's checkpoints, as its session keeps it.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct OfSession {
    /// The number of the checkpoint.
    pub sequence: u64,
    /// How many files differed then from where the session began.
    pub files: u32,
    /// All files as they were.
    pub tree: Option<String>,
    /// It in a line.
    pub summary: String,
    /// What it found, if any of it blocks.
    pub blocking: Vec<Raised>,
}

impl Review {
    /// Puts the gravest first, and leaves out what is beyond the limit.
    #[must_use]
    pub fn ordered(mut self) -> Self {
        // A stable sort: what is alike stays in the order of the reviewers.
        self.findings.sort_by_key(|raised| std::cmp::Reverse((raised.blocks(), raised.finding.severity)));
        self.findings.truncate(FINDINGS_MAX);
        self
    }

    /// The findings because of which it does not land.
    pub fn blocking(&self) -> impl Iterator<Item = &Raised> {
        self.findings.iter().filter(|raised| raised.blocks())
    }

    /// Reviewers that said nothing, and why.
    pub fn missing(&self) -> impl Iterator<Item = (&RoleName, &str)> {
        self.lanes.iter().filter_map(|lane| match &lane.end {
            LaneEnd::Failed { why } => Some((&lane.role, why.as_str())),
            LaneEnd::Done => None,
        })
    }

    /// It in a line: what blocks, and who said nothing.
    pub fn summary(&self) -> String {
        let blocking = self.blocking().count();
        let more = self.findings.len().saturating_add(self.others as usize);
        let missing: Vec<&str> = self.missing().map(|(role, _)| role.as_str()).collect();
        let mut text = match self.blocking().next() {
            None if more == 0 && missing.len() == self.lanes.len() && !missing.is_empty() => {
                "a review has no word".to_owned()
            }
            None if more == 0 => "a review found nothing".to_owned(),
            None => format!("a review found nothing that blocks, and {more} to look at"),
            Some(first) => {
                let Finding { title, .. } = &first.finding;
                let place = first.finding.place();
                let place = if place.is_empty() { place } else { format!(" ({place})") };
                let more = if blocking > 1 { format!(", and {} more", blocking - 1) } else { String::new() };
                format!("a review found what blocks it: {} says {title:?}{place}{more}", first.role)
            }
        };
        if !missing.is_empty() {
            text.push_str(&format!("; failed: {}", missing.join(", ")));
        }
        text
    }
}
