//! Template convoys: runs of roles, each of which reads a repository at one commit and writes a report.
//!
//! A role is an issue of type `step`, with a [`Step`] in it; its body is the prompt, not rendered yet. The convoy has a
//! [`Run`]: what all its roles are about. Which roles there are, and what they say, comes from *templates* and *agent
//! files*; nothing of those is read again once a convoy has begun.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::id::{AgentName, IssueId, RigName, RoleName, SubagentName, TemplateName, WorkerId};
use crate::review::Raised;
use crate::time::{Span, Time};

/// The most roles of one convoy.
pub const ROLES_MAX: usize = 100;
/// The most files that a run names.
pub const FILES_MAX: usize = 20_000;

/// What a role writes, and so what is done with it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OutputKind {
    /// A report for people: `<role>.md`.
    #[default]
    Markdown,
    /// A report, and what it found as a list: `<role>.md` and `<role>.findings.json`.
    Findings,
    /// Findings as a program prints them: SARIF, or the JSON of a linter that is known.
    Sarif,
    /// The order and the summary of what others found: `synthesis.md` and the like are made of it.
    Synthesis,
    /// A judgement of an issue: `<role>.md` and `<role>.triage.json`.
    Triage,
}

/// What does the work of a role.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Runner {
    /// A coding agent.
    Agent {
        /// Which, if not the workspace's.
        agent: Option<AgentName>,
        /// Which model, if not the agent's own default.
        model: Option<String>,
        /// The tools that it may use, by the agent's own names; none for as many as it has.
        tools: Option<Vec<String>>,
        /// The agent's own name for how it asks for permission.
        permission_mode: Option<String>,
    },
    /// A program; each argument is a template like the prompt.
    Program {
        /// It and its arguments.
        command: Vec<String>,
        /// Exit statuses that are no failure.
        success: Vec<i32>,
    },
    /// Nobody: its prompt, rendered, is its report.
    Nobody,
}

/// One role of a template convoy, as its step keeps it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Step {
    /// Its name within the convoy.
    pub role: RoleName,
    /// The agent file that it was made of.
    pub subagent: SubagentName,
    /// What does its work.
    pub runner: Runner,
    /// What it writes.
    pub output: OutputKind,
    /// How long each of its attempts may take.
    pub timeout: Option<Span>,
    /// How often it is tried; none for as often as anything.
    pub max_attempts: Option<u32>,
    /// What its template has for its prompt.
    pub params: BTreeMap<String, String>,
    /// The issue that it is about, if it is about one of those of the run.
    pub about: Option<IssueId>,
}

/// What becomes of the others when a role has failed for good.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnFailure {
    /// They go on, and what depends on it goes on without it.
    #[default]
    Continue,
    /// Nothing new begins, and what runs is ended.
    Stop,
}

/// What is made of the reports of all roles.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ReportKind {
    /// Nothing.
    #[default]
    None,
    /// Findings, merged: `synthesis.md`, `synthesis.json`, `synthesis.sarif`.
    Review,
    /// Judgements of issues: `triage.md`, `triage.json`.
    Triage,
}

impl ReportKind {
    /// The name of its file for people, without the ending.
    pub fn file(self) -> Option<&'static str> {
        match self {
            Self::None => None,
            Self::Review => Some("synthesis"),
            Self::Triage => Some("triage"),
        }
    }
}

/// What all roles of a convoy are about.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Run {
    /// The template.
    pub template: TemplateName,
    /// Whose repository.
    pub rig: RigName,
    /// The commit that they read, a full object id; none if the repository has none.
    pub commit: Option<String>,
    /// Where the change begins that they look at, if they look at one.
    pub diff_base: Option<String>,
    /// The files that they look at, from the top of the repository.
    pub files: Vec<String>,
    /// What the person gave besides.
    pub vars: BTreeMap<String, String>,
    /// The request on a forge that it is about.
    pub pr_url: Option<String>,
    /// The issues that it is about.
    pub issues: Vec<IssueId>,
    /// How long it may take in all.
    pub timeout: Option<Span>,
    /// What follows when a role has failed.
    pub on_failure: OnFailure,
    /// What is made of it at the end.
    pub report: ReportKind,
    /// Where it is written, if not in the workspace's own folder for it.
    pub output_dir: Option<String>,
    /// The issues are changed as their judgements say.
    pub apply: bool,
    /// The worker whose branch it looks at before that is merged.
    pub reviews: Option<WorkerId>,
}

/// A role as it is asked for.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct NewStep {
    /// It.
    pub step: Step,
    /// It in a line.
    pub title: String,
    /// What it is to do: a template.
    pub prompt: String,
    /// The roles that have to be done first.
    pub needs: Vec<RoleName>,
}

/// How much of what sort a review found.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct Counts {
    /// Must not land.
    pub blocker: u32,
    /// Does harm.
    pub critical: u32,
    /// Should be changed soon.
    pub high: u32,
    /// Should be changed at some time.
    pub medium: u32,
    /// Hardly matters.
    pub low: u32,
    /// Worth knowing.
    pub info: u32,
    /// Set apart, because what they quote is not in the file.
    pub ungrounded: u32,
    /// Found more than once, and counted once.
    pub duplicates: u32,
}

/// What a review comes to.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Verdict {
    /// Nothing blocks.
    Approved,
    /// Something blocks.
    ChangesRequested,
    /// Not everybody was heard, or nothing is to be decided.
    Commented,
}

/// What was made of the reports of all roles.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ReportMade {
    /// Which making it was, from 1.
    pub round: u32,
    /// When.
    pub at: Time,
    /// Files of it, in the output folder.
    pub files: Vec<String>,
    /// What it found.
    pub counts: Counts,
    /// What it comes to, of a review.
    pub verdict: Option<Verdict>,
    /// Roles that gave nothing.
    pub missing: Vec<RoleName>,
    /// Why it could not be made, if it could not.
    pub error: Option<String>,
    /// Roles were still at work when it was begun: it is of what there was.
    #[serde(default)]
    pub interim: bool,
    /// What of it was done to the issues, if that was asked for.
    #[serde(default)]
    pub applied: Option<Applied>,
    /// The findings because of which a change does not land, the gravest first, at most `review::FINDINGS_MAX`.
    #[serde(default)]
    pub blocking: Vec<Raised>,
}

/// A judgement of an issue as a role gave it. Nothing of it is believed before it was checked.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Judged {
    /// Whose.
    pub role: RoleName,
    /// Of what.
    pub issue: IssueId,
    /// What sort of thing it is.
    pub category: String,
    /// How urgent it is.
    pub priority: i64,
    /// How much work it is.
    pub complexity: String,
    /// Labels that it should have.
    pub labels: Vec<String>,
    /// The issue that it is once more.
    pub duplicate_of: Option<String>,
    /// Why.
    pub rationale: String,
}

/// What was done to issues because of what was thought of them.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct Applied {
    /// Issues that are now as they were judged.
    pub issues: Vec<IssueId>,
    /// Judgements that nothing was done about.
    pub refused: Vec<NotApplied>,
}

/// A judgement that nothing was done about.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct NotApplied {
    /// Whose.
    pub role: RoleName,
    /// Of what.
    pub issue: IssueId,
    /// Why.
    pub why: String,
}

impl ReportMade {
    /// It could not be made.
    pub fn failed(round: u32, at: Time, why: String) -> Self {
        Self {
            round,
            at,
            files: Vec::new(),
            counts: Counts::default(),
            verdict: None,
            missing: Vec::new(),
            error: Some(why),
            blocking: Vec::new(),
            interim: false,
            applied: None,
        }
    }
}

/// How a run went, beside its steps.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Progress {
    /// Its time was up.
    pub timed_out: bool,
    /// Somebody ended it.
    pub stopped_by: Option<String>,
    /// How often its report was wanted: once, and whenever somebody asks for it again.
    pub wanted: u32,
    /// The issues are to be changed as its next report says.
    pub apply: bool,
    /// A report was made of all that its roles left; one that somebody wanted earlier is of what there was.
    #[serde(default)]
    pub is_final: bool,
    /// Its report, as it was made last.
    pub report: Option<ReportMade>,
}

/// What a template convoy came to.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RunOutcome {
    /// Every role is done.
    Completed,
    /// Some failed.
    Partial,
    /// All failed, or the template wants it over when one has.
    Failed,
    /// Somebody ended it.
    Stopped,
}

impl RunOutcome {
    /// The name that scripts read.
    pub fn name(self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::Partial => "partial",
            Self::Failed => "failed",
            Self::Stopped => "stopped",
        }
    }
}

/// What a role left.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Product {
    /// Its files in the output folder.
    pub files: Vec<String>,
    /// How many findings are in them.
    pub findings: Option<u32>,
}
