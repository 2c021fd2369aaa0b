//! A synthesis: what came of a review, whole, as `synthesis.json` has it. The other reports are made of it.
//!
//! It has no times in it: of the same findings the same bytes are made.

use convoy_core::id::RoleName;
use convoy_core::review::ReviewResult;
use convoy_core::template::{Counts, Verdict};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::merge::{self, FindingId, Found, Merged};
use super::ranking::{self, Group, Ranking};
use crate::findings::kind::Touches;

/// How many findings are given to the role that ranks them: the gravest. It has to read them all, and the others stay in
/// the order of the code.
const PROMPT_FINDINGS_MAX: usize = 300;
/// How much of each text of a finding it is given, in bytes.
const PROMPT_TEXT_BYTES_MAX: usize = 600;

/// What a role gave.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Lane {
    /// In which role.
    pub role: RoleName,
    /// What it found, grounded already.
    pub found: Vec<Found>,
}

/// A role that gave nothing.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Missing {
    /// Which.
    pub role: RoleName,
    /// Why, as far as it is known.
    pub why: String,
}

/// What a review is about.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Subject {
    /// The template.
    pub template: String,
    /// The commit that was read.
    pub commit: Option<String>,
    /// Where the change begins, if it is one.
    pub diff_base: Option<String>,
    /// The files that were looked at.
    pub files: Vec<String>,
}

/// What a role contributed.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Contribution {
    /// In which role.
    pub role: RoleName,
    /// How many findings it gave.
    pub findings: u32,
    /// How many of them are grounded.
    pub grounded: u32,
}

/// What came of a review.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Synthesis {
    /// The template.
    pub template: String,
    /// The commit that was read, a full object id.
    pub commit: Option<String>,
    /// Where the change begins, if it is one.
    pub diff_base: Option<String>,
    /// The files that were looked at.
    pub files: Vec<String>,
    /// What it comes to.
    pub verdict: Verdict,
    /// How much of what sort.
    pub counts: Counts,
    /// In a few sentences, if an agent wrote it.
    pub summary: Option<String>,
    /// An agent put the findings in order.
    pub ranked: bool,
    /// Why none did, if one was to.
    pub unranked: Option<String>,
    /// What comes first of all.
    pub top: Vec<FindingId>,
    /// What belongs together, as an agent sees it.
    pub groups: Vec<Group>,
    /// What to do, as an agent sees it.
    pub actions: Vec<Group>,
    /// What was found, in order.
    pub findings: Vec<Merged>,
    /// What is set apart: its quotes are in no file.
    pub ungrounded: Vec<Merged>,
    /// Roles that gave nothing. That says nothing about the code.
    pub missing: Vec<Missing>,
    /// What each role contributed.
    pub lanes: Vec<Contribution>,
}

impl Synthesis {
    /// Merges what the roles found, and puts it in order.
    pub fn make(
        subject: Subject,
        lanes: Vec<Lane>,
        mut missing: Vec<Missing>,
        ranking: Option<&Ranking>,
    ) -> Self {
        let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        let mut contributions: Vec<Contribution> = lanes
            .iter()
            .map(|lane| Contribution {
                role: lane.role.clone(),
                findings: count(lane.found.len()),
                grounded: count(lane.found.iter().filter(|one| one.grounded).count()),
            })
            .collect();
        contributions.sort_by(|a, b| a.role.cmp(&b.role));
        missing.sort_by(|a, b| a.role.cmp(&b.role));
        let faults = merge::merge(lanes.into_iter().flat_map(|lane| lane.found).collect());
        let mut counts = Counts {
            ungrounded: count(faults.ungrounded.len()),
            duplicates: count(faults.duplicates),
            ..Counts::default()
        };
        for fault in &faults.grounded {
            *of_severity(&mut counts, fault.severity) += 1;
        }
        let blocks = faults.grounded.iter().any(Merged::blocks);
        let mut synthesis = Self {
            template: subject.template,
            commit: subject.commit,
            diff_base: subject.diff_base,
            files: subject.files,
            verdict: verdict(blocks, contributions.len(), missing.len()),
            counts,
            summary: None,
            ranked: false,
            unranked: None,
            top: Vec::new(),
            groups: Vec::new(),
            actions: Vec::new(),
            findings: faults.grounded,
            ungrounded: faults.ungrounded,
            missing,
            lanes: contributions,
        };
        ranking::apply(&mut synthesis, ranking);
        synthesis
    }

    /// Puts it in the order of an agent, and takes its summary.
    pub fn rank(&mut self, ranking: &Ranking) {
        ranking::apply(self, Some(ranking));
    }

    /// A finding by its id.
    pub fn get(&self, id: FindingId) -> Option<&Merged> {
        self.findings.iter().chain(&self.ungrounded).find(|finding| finding.id == id)
    }

    /// It as a reviewer's answer.
    pub fn result(&self, report: Option<String>) -> ReviewResult {
        let of = |touches: Touches| -> Vec<String> {
            self.findings.iter().filter(|finding| finding.touches == touches).map(in_a_line).collect()
        };
        let missing: Vec<RoleName> = self.missing.iter().map(|lane| lane.role.clone()).collect();
        ReviewResult {
            success: self.verdict != Verdict::Commented,
            review_result: self.verdict,
            files_reviewed: self.files.clone(),
            security_issues: of(Touches::Security),
            performance_issues: of(Touches::Performance),
            notes: self.notes(),
            report,
            missing_lanes: missing,
        }
    }

    fn notes(&self) -> String {
        let mut notes = match &self.summary {
            Some(summary) => summary.clone(),
            None if self.findings.is_empty() => "nothing was found".to_owned(),
            None => {
                let blocking = self.findings.iter().filter(|finding| finding.blocks()).count();
                format!("{} found, {blocking} of them block", self.findings.len())
            }
        };
        if !self.missing.is_empty() {
            let roles: Vec<&str> = self.missing.iter().map(|lane| lane.role.as_str()).collect();
            notes.push_str(&format!("; gave nothing: {}", roles.join(", ")));
        }
        notes
    }

    /// What the role that ranks is given: the findings in the order of the code, without what they were made of.
    pub fn for_prompt(&self) -> Vec<serde_json::Value> {
        let cut = |text: &str| text[..text.floor_char_boundary(PROMPT_TEXT_BYTES_MAX)].to_owned();
        let all = |texts: &[String]| cut(&texts.join("\n"));
        let brief = |finding: &Merged| {
            serde_json::json!({
                "id": finding.id, "severity": finding.severity, "touches": finding.touches,
                "category": cut(&finding.category), "title": cut(&finding.title), "file": finding.file,
                "line": finding.line, "end_line": finding.end_line, "roles": finding.roles,
                "confidence": finding.confidence, "problem": all(&finding.problems),
                "impact": all(&finding.impacts), "fix": all(&finding.fixes), "related": finding.related,
            })
        };
        self.findings.iter().take(PROMPT_FINDINGS_MAX).map(brief).collect()
    }
}

fn in_a_line(finding: &Merged) -> String {
    let place = finding.place();
    let place = if place.is_empty() { place } else { format!(" ({place})") };
    format!("{} {}: {}{place}", finding.id, finding.severity.name(), finding.title)
}

/// What a review comes to. What nobody looked at is not approved; what blocks, blocks whoever is missing.
fn verdict(blocks: bool, lanes: usize, missing: usize) -> Verdict {
    if blocks {
        Verdict::ChangesRequested
    } else if missing > 0 || lanes == 0 {
        Verdict::Commented
    } else {
        Verdict::Approved
    }
}

fn of_severity(counts: &mut Counts, severity: convoy_core::review::Severity) -> &mut u32 {
    use convoy_core::review::Severity;
    match severity {
        Severity::Blocker => &mut counts.blocker,
        Severity::Critical => &mut counts.critical,
        Severity::High => &mut counts.high,
        Severity::Medium => &mut counts.medium,
        Severity::Low => &mut counts.low,
        Severity::Info => &mut counts.info,
    }
}
