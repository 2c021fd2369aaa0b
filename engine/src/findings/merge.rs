//! Many findings of many roles, as one list in which each fault stands once.
//!
//! What is the same, is told by place and words alone, and without regard to the order in which anything came in:
//!
//! - Findings of agents are one if their lines overlap and they have the same category, the same topic, or nearly the
//!   same title; or if they quote the same lines of the same place. A broad category (`security`) counts between
//!   different roles only: it says who looked.
//! - Findings of programs have no quotes of their own, and two rules at one line are two faults. They are one if line,
//!   rule and message are the same; or, from different roles, if two rules at one line are about the same topic.
//! - A finding of an agent joins at most one fault that programs found, the one that is most like it.
//! - What is grounded never joins what is not, so that nothing unfounded makes anything graver.
//!
//! The fault has the highest severity, every role, and every distinct text. Nothing is compared with everything: what
//! could be the same is found by sorting.

mod cluster;
mod order;

use std::fmt;

use convoy_core::id::RoleName;
use convoy_core::review::{Confidence, Finding, Severity};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use super::kind::Touches;

/// A finding of a role.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Found {
    /// Whose.
    pub role: RoleName,
    /// It.
    pub finding: Finding,
    /// What it quotes is in the file.
    pub grounded: bool,
    /// A program found it: it points at lines, and quotes nothing of its own.
    pub by_program: bool,
}

impl Found {
    /// The findings of a role, before anybody has looked whether they are grounded.
    pub fn of(role: &RoleName, findings: Vec<Finding>, by_program: bool) -> Vec<Self> {
        let found = |finding| Self { role: role.clone(), finding, grounded: false, by_program };
        findings.into_iter().map(found).collect()
    }
}

/// The name of a merged finding: `F1`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct FindingId(pub u32);

impl fmt::Display for FindingId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "F{}", self.0)
    }
}

impl FindingId {
    /// The id that a text means: `F1`, `f1`, `[F1]`.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim().trim_matches(['[', ']', '*', '`', '.', ':']);
        text.strip_prefix(['F', 'f'])?.parse().ok().filter(|number| *number > 0).map(Self)
    }
}

impl Serialize for FindingId {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for FindingId {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(d)?;
        Self::parse(&text).ok_or_else(|| serde::de::Error::custom("the id of a finding is F and a number"))
    }
}

impl JsonSchema for FindingId {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "FindingId".into()
    }
    fn json_schema(g: &mut schemars::SchemaGenerator) -> schemars::Schema {
        String::json_schema(g)
    }
    fn inline_schema() -> bool {
        true
    }
}

/// One of the findings that a merged one was made of, as it came in.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Source {
    /// Whose.
    pub role: RoleName,
    /// A program found it.
    pub by_program: bool,
    /// It.
    pub finding: Finding,
}

/// A fault, and everybody who found it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Merged {
    /// Its name in this report.
    pub id: FindingId,
    /// The highest that anybody gave it.
    pub severity: Severity,
    /// What it touches.
    pub touches: Touches,
    /// What sort of thing.
    pub category: String,
    /// It in a line.
    pub title: String,
    /// What others called it.
    pub other_titles: Vec<String>,
    /// The file, from the top of the repository.
    pub file: Option<String>,
    /// The first line.
    pub line: Option<u32>,
    /// The last one.
    pub end_line: Option<u32>,
    /// Those lines.
    pub quote: String,
    /// What is wrong, in the words of each.
    pub problems: Vec<String>,
    /// What comes of it.
    pub impacts: Vec<String>,
    /// What to do.
    pub fixes: Vec<String>,
    /// The highest that anybody had.
    pub confidence: Option<Confidence>,
    /// What it quotes is in the file.
    pub grounded: bool,
    /// Who found it.
    pub roles: Vec<RoleName>,
    /// Others in the same file, the nearest ones.
    pub related: Vec<FindingId>,
    /// What it was made of.
    pub sources: Vec<Source>,
}

impl Merged {
    /// Whether the change does not land because of it.
    pub fn blocks(&self) -> bool {
        self.grounded && self.severity.blocks()
    }

    /// `src/a.rs:10`, as people read it; empty if it is about no file.
    pub fn place(&self) -> String {
        match (&self.file, self.line) {
            (Some(file), Some(line)) => format!("{file}:{line}"),
            (Some(file), None) => file.clone(),
            (None, _) => String::new(),
        }
    }
}

/// What merging made.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Faults {
    /// What counts, in order.
    pub grounded: Vec<Merged>,
    /// What is set apart, in order.
    pub ungrounded: Vec<Merged>,
    /// How many findings were others once more.
    pub duplicates: usize,
}

/// Merges what all roles found.
pub fn merge(mut found: Vec<Found>) -> Faults {
    let count = found.len();
    found.sort_by(order::as_they_came);
    let (grounded, ungrounded): (Vec<Found>, Vec<Found>) = found.into_iter().partition(|one| one.grounded);
    let grounded = order::numbered(cluster::cluster(grounded, true), 1);
    let next = grounded.len() as u32 + 1;
    let ungrounded = order::numbered(cluster::cluster(ungrounded, false), next);
    let duplicates = count - grounded.len() - ungrounded.len();
    Faults { grounded, ungrounded, duplicates }
}
