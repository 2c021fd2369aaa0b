//! Reading: a file of lines into issues, each checked, with the number of its line.

use std::collections::BTreeMap;
use std::io::{BufRead, Read as _};

use convoy_core::id::IssueId;
use convoy_core::import::{ForeignIssue, ForeignStatus};
use convoy_core::issue::DependencyType;
use convoy_core::time::Time;
use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_json::value::RawValue;

use super::{Object, kept, words};

/// The longest line, in bytes: a body of 1 MiB, escaped, with everything else that may stand beside it.
pub const LINE_BYTES_MAX: u64 = 8 * 1024 * 1024;
/// The most issues of one file.
pub const FILE_ISSUES_MAX: usize = 200_000;
/// How many problems are listed; who mends these sees the next ones.
const PROBLEMS_MAX: usize = 20;

/// What a file holds.
#[derive(Debug, Default)]
pub struct Lines {
    /// The issues, in order.
    pub issues: Vec<ForeignIssue>,
    /// The same, as they stand in the file; null where that cannot be held.
    objects: Vec<Value>,
    /// What stands in it that is no issue, with the number of the line.
    pub skipped: Vec<(u32, String)>,
    /// What is wrong, with the numbers of the lines; nothing may be taken from a file with problems.
    pub problems: Vec<String>,
}

/// Reads a whole file. Empty lines are nothing; a byte order mark is ignored.
///
/// # Errors
/// When it cannot be read. What it says wrongly is in `problems`.
pub fn read(mut file: impl BufRead) -> std::io::Result<Lines> {
    let mut lines = Lines::default();
    let mut buffer = Vec::new();
    for number in 1.. {
        buffer.clear();
        if (&mut file).take(LINE_BYTES_MAX + 1).read_until(b'\n', &mut buffer)? == 0 {
            break;
        }
        if buffer.len() as u64 > LINE_BYTES_MAX {
            lines.problems.push(format!("line {number}: longer than {LINE_BYTES_MAX} bytes"));
            break;
        }
        if lines.problems.len() >= PROBLEMS_MAX {
            lines.problems.push("and perhaps more".to_owned());
            break;
        }
        if lines.issues.len() >= FILE_ISSUES_MAX {
            lines.problems.push(format!("line {number}: more than {FILE_ISSUES_MAX} issues"));
            break;
        }
        let text = match std::str::from_utf8(&buffer) {
            Ok(text) => text.trim_start_matches('\u{feff}').trim(),
            Err(_) => {
                lines.problems.push(format!("line {number}: is not UTF-8 text"));
                continue;
            }
        };
        if text.is_empty() {
            continue;
        }
        match one(text, number) {
            Ok(Line::Issue(issue)) => {
                lines.issues.push(*issue);
                lines.objects.push(serde_json::from_str(text).unwrap_or_default());
            }
            Ok(Line::Else(what)) => lines.skipped.push((number, what)),
            Err(problem) => lines.problems.push(format!("line {number}: {problem}")),
        }
    }
    Ok(lines)
}

impl Lines {
    /// The issues with what the file says of them.
    pub(crate) fn with_objects(self) -> impl Iterator<Item = (ForeignIssue, Value)> {
        self.issues.into_iter().zip(self.objects)
    }

    /// Takes out the issues that are here just so already, of which `exported` are the lines; how many these are.
    ///
    /// The same thing may be said by an issue in two ways, one word for word as another tracker wrote it.
    pub fn drop_same(&mut self, exported: &[String]) -> usize {
        let ours: BTreeMap<String, Value> = exported
            .iter()
            .filter_map(|line| serde_json::from_str::<Value>(line).ok())
            .filter_map(|object| Some((object.get("id")?.as_str()?.to_owned(), object)))
            .collect();
        let before = self.issues.len();
        let objects = std::mem::take(&mut self.objects);
        let issues = std::mem::take(&mut self.issues).into_iter().zip(objects);
        let is_new = |(issue, object): &(ForeignIssue, Value)| ours.get(issue.id.as_str()) != Some(object);
        (self.issues, self.objects) = issues.filter(is_new).unzip();
        before - self.issues.len()
    }
}

enum Line {
    Issue(Box<ForeignIssue>),
    Else(String),
}

fn one(text: &str, number: u32) -> Result<Line, String> {
    if !text.starts_with('{') {
        return Err("not a JSON object".to_owned());
    }
    let object: Object = serde_json::from_str(text).map_err(|error| format!("not a JSON object: {error}"))?;
    // Beads also exports what it remembers for agents.
    if let Some(kind) = get::<String>(&object, "_type")?.filter(|kind| kind != "issue") {
        return Ok(Line::Else(kind));
    }
    let mut issue = issue(&object, number)?;
    issue.kept = kept::beside(&object, &issue);
    Ok(Line::Issue(Box::new(issue)))
}

/// One field; null and absent are the same.
pub(super) fn get<T: DeserializeOwned>(object: &Object, key: &str) -> Result<Option<T>, String> {
    match object.get(key) {
        None => Ok(None),
        Some(raw) => serde_json::from_str(raw.get()).map_err(|error| {
            // Where in the value it is is of no use: the line is.
            let error = error.to_string();
            format!("{key}: {}", error.split(" at line ").next().unwrap_or_default())
        }),
    }
}

#[derive(serde::Deserialize)]
struct Dependency {
    depends_on_id: String,
    #[serde(rename = "type", default)]
    kind: String,
}

/// What only we write, below the key `convoy`.
#[derive(Default, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub(super) struct Ours {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) state: Option<ForeignStatus>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) acceptance: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) parent: Option<Parent>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) needs: Option<Vec<(IssueId, DependencyType)>>,
}

/// The parent, where a dependency does not say it.
#[derive(Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(super) struct Parent {
    pub(super) id: Option<IssueId>,
}

/// An object as an issue, without what is kept beside.
pub(super) fn issue(object: &Object, line: u32) -> Result<ForeignIssue, String> {
    let text = |key| get::<String>(object, key).map(Option::unwrap_or_default);
    let time = |key| {
        get::<Time>(object, key).map_err(|_| format!("{key}: expected a time, such as 2025-12-30T10:15:00Z"))
    };
    let id = get::<String>(object, "id")?.ok_or("id: is missing")?;
    let id = IssueId::new(&id).map_err(|error| error.to_string())?;
    let title = text("title")?;
    let priority = get::<u8>(object, "priority").map_err(|_| "priority: expected 0 to 4".to_owned())?;
    let word = get::<String>(object, "status")?.unwrap_or_else(|| "open".to_owned());
    let reason = get::<String>(object, "close_reason")?;
    let state = words::status(&word, reason.as_deref(), time("closed_at")?)?;
    let kind = get::<String>(object, "issue_type")?.unwrap_or_else(|| "task".to_owned());
    let (parent, needs) = dependencies(object)?;
    let ours: Ours = get(object, "convoy").map_err(|error| format!("convoy: {error}"))?.unwrap_or_default();
    Ok(ForeignIssue {
        line,
        id,
        title,
        body: text("description")?,
        issue_type: words::issue_type(&kind),
        priority: priority.unwrap_or(2),
        labels: get(object, "labels")?.unwrap_or_default(),
        parent: ours.parent.map_or(parent, |parent| parent.id),
        needs: ours.needs.unwrap_or(needs),
        acceptance: ours.acceptance.unwrap_or(words::criteria(&text("acceptance_criteria")?)),
        state: match (ours.state, state) {
            // Somebody else has changed what the word says since we wrote both.
            (Some(ours), theirs) if agree(&ours, &theirs) => ours,
            (_, theirs) => theirs,
        },
        created_by: get::<String>(object, "created_by")?.filter(|name| !name.is_empty()),
        created_at: time("created_at")?,
        updated_at: time("updated_at")?,
        kept: None,
    })
}

fn agree(ours: &ForeignStatus, theirs: &ForeignStatus) -> bool {
    match (ours, theirs) {
        (ForeignStatus::Closed(_), ForeignStatus::Closed(_)) => true,
        (ForeignStatus::NeedsHuman(_), ForeignStatus::Held(word)) => word.as_str() == "blocked",
        _ => false,
    }
}

type Needs = (Option<IssueId>, Vec<(IssueId, DependencyType)>);

/// The parent, and what it needs: of several dependencies on one issue the strongest. What is on no issue of ours, or
/// of a type that we do not have, is kept beside.
fn dependencies(object: &Object) -> Result<Needs, String> {
    let list: Vec<&RawValue> = get_list(object)?;
    let mut parent: Option<IssueId> = get::<String>(object, "parent")?.and_then(|id| IssueId::new(id).ok());
    let mut needs: BTreeMap<IssueId, DependencyType> = BTreeMap::new();
    for raw in list {
        let Some((id, kind)) = dependency(raw)? else { continue };
        if kind == DependencyType::ParentChild && parent.as_ref().is_none_or(|parent| *parent == id) {
            parent = Some(id);
            continue;
        }
        let strongest = needs.entry(id).or_insert(kind);
        if words::strength(kind) > words::strength(*strongest) {
            *strongest = kind;
        }
    }
    Ok((parent, needs.into_iter().collect()))
}

/// The entries of `dependencies`, as they are written.
pub(super) fn get_list(object: &Object) -> Result<Vec<&RawValue>, String> {
    match object.get("dependencies") {
        Some(raw) if raw.get() != "null" => {
            serde_json::from_str(raw.get()).map_err(|_| "dependencies: expected a list".to_owned())
        }
        _ => Ok(Vec::new()),
    }
}

/// One entry, if it is on an issue and of a type that we have.
pub(super) fn dependency(raw: &RawValue) -> Result<Option<(IssueId, DependencyType)>, String> {
    let entry: Dependency = serde_json::from_str(raw.get())
        .map_err(|_| "dependencies: expected objects with depends_on_id and type".to_owned())?;
    let kind = words::dependency(if entry.kind.is_empty() { "blocks" } else { &entry.kind });
    Ok(IssueId::new(&entry.depends_on_id).ok().zip(kind))
}
