//! Judgements of issues: reading them, and putting them together.

use convoy_core::id::{IssueId, RoleName};
use convoy_core::review::Confidence;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::extract::Unreadable;
use super::parse;
use super::synthesis::Missing;

/// How the block begins.
const INFO: &str = "json triage";
/// The most labels that are taken.
const LABELS_MAX: usize = 20;
/// The longest label, in bytes.
const LABEL_BYTES_MAX: usize = 100;

/// How much work it is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Complexity {
    /// Less than an hour.
    Trivial,
    /// Some hours.
    Simple,
    /// A day or two.
    Medium,
    /// Most of a week.
    Complex,
    /// More than a week, or for somebody who knows the field.
    Expert,
}

impl Complexity {
    /// All, the smallest first.
    pub const ALL: [Self; 5] = [Self::Trivial, Self::Simple, Self::Medium, Self::Complex, Self::Expert];

    /// The name that people and scripts read.
    pub fn name(self) -> &'static str {
        match self {
            Self::Trivial => "trivial",
            Self::Simple => "simple",
            Self::Medium => "medium",
            Self::Complex => "complex",
            Self::Expert => "expert",
        }
    }
}

/// What is thought of an issue.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Judgement {
    /// What sort of thing: `bug/high`, `feature/new`, …
    pub category: String,
    /// From 0, which is now, to 4, which is perhaps never.
    pub priority: u8,
    /// How much work it is.
    pub complexity: Complexity,
    /// Labels that it should have.
    pub labels: Vec<String>,
    /// The issue that it is once more.
    pub duplicate_of: Option<String>,
    /// Why.
    pub rationale: String,
    /// How sure the role is.
    pub confidence: Option<Confidence>,
}

/// An issue, and what is thought of it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Judged {
    /// By which role.
    pub role: RoleName,
    /// Which issue.
    pub issue: Option<IssueId>,
    /// It in a line.
    pub title: String,
    /// What is thought of it.
    pub judgement: Judgement,
}

/// What came of a triage.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Triage {
    /// The issues, what should be done first before the others.
    pub issues: Vec<Judged>,
    /// Roles that gave nothing.
    pub missing: Vec<Missing>,
}

impl Triage {
    /// Puts judgements in order: by priority, the smaller work first, then by issue.
    pub fn make(mut issues: Vec<Judged>, mut missing: Vec<Missing>) -> Self {
        fn key(one: &Judged) -> impl Ord + '_ {
            (one.judgement.priority, one.judgement.complexity, &one.issue, &one.role, &one.judgement.rationale)
        }
        issues.sort_by(|a, b| key(a).cmp(&key(b)));
        missing.sort_by(|a, b| a.role.cmp(&b.role));
        Self { issues, missing }
    }
}

/// The judgement of a role: of its file `<role>.triage.json`, else of the block `json triage` in its report, else of the
/// block or the structured result in what it printed.
///
/// # Errors
/// Says what has to be mended, and where.
pub fn extract(
    role: &RoleName,
    file: Option<&str>,
    report: Option<&str>,
    output: Option<&str>,
) -> Result<Judgement, Unreadable> {
    let of_file = file.filter(|text| !text.trim().is_empty());
    let text = of_file.map(|text| parse::block(text, INFO).unwrap_or(text).to_owned());
    let text = text
        .or_else(|| report.and_then(|text| parse::block(text, INFO).map(str::to_owned)))
        .or_else(|| output.and_then(|text| parse::last_block(text, INFO)));
    let value = match text {
        Some(text) => serde_json::from_str(text.trim().trim_start_matches('\u{feff}'))
            .map_err(|error| Unreadable(format!("the judgement of {role} is not JSON: {error}")))?,
        None => output.and_then(|text| parse::last_structured(text, "priority")).ok_or_else(|| {
            Unreadable(format!(
                "there is no judgement: end {role}.md with a block that begins with ```{INFO} and holds {{\"category\", \
                 \"priority\", \"complexity\", \"labels\", \"duplicate_of\", \"rationale\", \"confidence\"}}"
            ))
        })?,
    };
    let object = value.as_object().ok_or_else(|| Unreadable("the judgement has to be one object".to_owned()))?;
    judgement(object).map_err(|why| Unreadable(format!("the judgement of {role} cannot be read: {why}")))
}

fn judgement(object: &Map<String, Value>) -> Result<Judgement, String> {
    let mut faults = Vec::new();
    let category = parse::text(object, &["category", "type"]);
    if category.is_empty() {
        faults.push("category is missing".to_owned());
    }
    let priority = parse::text(object, &["priority"]);
    let priority = priority.trim_start_matches(['P', 'p']).parse::<u8>().ok().filter(|number| *number <= 4);
    if priority.is_none() {
        faults.push("priority has to be a number from 0 (now) to 4 (perhaps never)".to_owned());
    }
    let word = parse::text(object, &["complexity"]).to_lowercase();
    let word = match word.as_str() {
        // A word of other scales.
        "moderate" | "standard" => "medium",
        "very complex" => "expert",
        word => word,
    };
    let complexity = Complexity::ALL.into_iter().find(|one| one.name() == word);
    if complexity.is_none() {
        let words: Vec<&str> = Complexity::ALL.iter().map(|one| one.name()).collect();
        faults.push(format!("complexity has to be one of {}", words.join(", ")));
    }
    let (Some(priority), Some(complexity), true) = (priority, complexity, faults.is_empty()) else {
        return Err(faults.join("; "));
    };
    let labels = object.get("labels").and_then(Value::as_array).into_iter().flatten();
    let labels = labels.filter_map(Value::as_str).map(str::trim);
    let mut labels: Vec<String> = labels
        .filter(|label| !label.is_empty() && label.len() <= LABEL_BYTES_MAX && !label.contains(char::is_control))
        .map(str::to_owned)
        .collect();
    labels.sort();
    labels.dedup();
    labels.truncate(LABELS_MAX);
    let duplicate_of = parse::text(object, &["duplicate_of", "duplicateOf"]);
    Ok(Judgement {
        category,
        priority,
        complexity,
        labels,
        duplicate_of: Some(duplicate_of).filter(|text| !text.is_empty()),
        rationale: parse::text(object, &["rationale", "reason"]),
        confidence: parse::any(object, &["confidence"]).and_then(parse::confidence),
    })
}
