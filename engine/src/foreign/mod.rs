//! Reading what other tools left on disk. Nothing there is changed, and nothing of it is run.
//!
//! Each reader says what it found in our words, and lists what it could not say in them, each with the reason. What
//! becomes of it is decided by the core.

mod files;
mod gastown;
mod orch;
mod panopticon;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use convoy_api::{Code, Failure};
use convoy_core::address::Address;
use convoy_core::convoy::NAME_CHARS_MAX;
use convoy_core::id::{ConvoyId, ID_BYTES_MAX, IssueId};
use convoy_core::import::{
    ForeignClosed, ForeignConvoy, ForeignIssue, ForeignStatus, Hold, ImportedConvoyStatus, ImportedRecord,
    Tool,
};
use convoy_core::issue::{CloseReason, IssueType};
use convoy_core::time::Time;

/// Something that has no counterpart here.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize)]
pub struct Unmapped {
    /// What sort of thing: `convoy`, `issue`, `field`, `line`, `file`.
    pub kind: &'static str,
    /// Which, as that tool calls it.
    pub id: String,
    /// The file that it is in, from the folder that was named.
    pub path: String,
    /// Why not, and what becomes of it.
    pub reason: String,
}

/// What was found.
#[derive(Debug, Default)]
pub struct Found {
    /// Issues that its convoys track, and what these wait for.
    pub issues: Vec<ForeignIssue>,
    /// Convoys.
    pub convoys: Vec<ForeignConvoy>,
    /// History.
    pub records: Vec<ImportedRecord>,
    /// What could not be said.
    pub unmapped: Vec<Unmapped>,
}

/// Reads the folder of a tool.
///
/// # Errors
/// When it holds nothing of that tool, or cannot be read.
pub fn read(tool: Tool, path: &Path) -> Result<Found, Failure> {
    let root = path
        .canonicalize()
        .map_err(|error| Failure::new(Code::NotFound, format!("cannot read {}: {error}", path.display())))?;
    let mut found = match tool {
        Tool::Gastown => gastown::read(&root),
        Tool::Orch => orch::read(&root),
        Tool::Panopticon => panopticon::read(&root),
    }?;
    for record in &mut found.records {
        if record.about.is_empty() {
            record.about.clone_from(&record.key);
        }
    }
    Ok(found)
}

impl Found {
    /// Leaves out the convoys with an issue whose prefix no rig has, and these issues; each is said.
    pub fn keep_prefixes(&mut self, known: &BTreeSet<String>) {
        let strange = |id: &IssueId| id.prefix() != "hq" && !known.contains(id.prefix());
        let (out, keep): (Vec<_>, Vec<_>) = std::mem::take(&mut self.convoys)
            .into_iter()
            .partition(|convoy| convoy.tracked.iter().any(strange));
        self.convoys = keep;
        for convoy in out {
            let prefixes: BTreeSet<&str> =
                convoy.tracked.iter().filter(|id| strange(id)).map(IssueId::prefix).collect();
            let prefixes: Vec<&str> = prefixes.into_iter().collect();
            let reason = format!(
                "no rig has the prefix {}: add it (convoy rig add NAME PATH --prefix {}), or name the rig that such \
                 issues are of (--rig NAME); then import again",
                prefixes.join(", "),
                prefixes.first().unwrap_or(&"P")
            );
            self.lost("convoy", convoy.id.as_str(), "", reason);
        }
        let tracked: BTreeSet<&IssueId> = self.convoys.iter().flat_map(|convoy| &convoy.tracked).collect();
        let needed = closure(&self.issues, tracked);
        self.issues.retain(|issue| needed.contains(&issue.id) && !strange(&issue.id));
    }

    fn lost(&mut self, kind: &'static str, id: &str, path: &str, reason: impl Into<String>) {
        self.unmapped.push(Unmapped {
            kind,
            id: id.to_owned(),
            path: path.to_owned(),
            reason: reason.into(),
        });
    }

    /// An address, or none if it is not one here.
    fn address(&mut self, field: &str, text: &str, of: &str, path: &str) -> Option<Address> {
        let text = text.trim();
        if text.is_empty() {
            return None;
        }
        match Address::new(text) {
            Ok(address) => Some(address),
            Err(error) => {
                self.lost("field", of, path, format!("{field}: {error}"));
                None
            }
        }
    }
}

/// These issues, and all that they wait for or are part of, as far as it is among `all`.
fn closure(all: &[ForeignIssue], from: BTreeSet<&IssueId>) -> BTreeSet<IssueId> {
    let by_id: BTreeMap<&IssueId, &ForeignIssue> = all.iter().map(|issue| (&issue.id, issue)).collect();
    let mut found = BTreeSet::new();
    let mut rest: Vec<&IssueId> = from.into_iter().collect();
    while let Some(id) = rest.pop() {
        if found.insert(id.clone())
            && let Some(issue) = by_id.get(id)
        {
            rest.extend(issue.needs.iter().map(|(id, _)| id).chain(&issue.parent));
        }
    }
    found
}

/// An issue of which only the id is known. Nobody is set to it here before a person has said what it is.
fn bare(id: IssueId, from: Tool, created_at: Option<Time>) -> ForeignIssue {
    ForeignIssue {
        line: 0,
        title: id.to_string(),
        body: format!("Known from {} by its id only.", from.name()),
        id,
        issue_type: IssueType::Task,
        priority: 2,
        labels: Vec::new(),
        parent: None,
        needs: Vec::new(),
        acceptance: Vec::new(),
        state: ForeignStatus::Held(Hold::new("unknown").expect("a constant that is a word")),
        created_by: None,
        created_at,
        updated_at: None,
        kept: None,
    }
}

fn closed(reason: CloseReason, at: Option<Time>, note: String) -> ForeignStatus {
    ForeignStatus::Closed(ForeignClosed { reason, at, evidence: None, duplicate_of: None, note: Some(note) })
}

/// Whether all that a convoy tracks is closed, as far as the files say.
fn all_closed(tracked: &[IssueId], issues: &[ForeignIssue]) -> bool {
    let is_closed = |id: &IssueId| {
        let issue = issues.iter().find(|issue| issue.id == *id);
        issue.is_some_and(|issue| matches!(issue.state, ForeignStatus::Closed(_)))
    };
    tracked.iter().all(is_closed)
}

/// A convoy's id as it is, or without what ours may not hold; the same each time.
fn convoy_id(text: &str) -> Option<ConvoyId> {
    if let Ok(id) = ConvoyId::new(text) {
        return Some(id);
    }
    let good = |c: char| if c.is_ascii_alphanumeric() || c == '-' || c == '_' { c } else { '-' };
    let safe: String = text.chars().map(good).take(ID_BYTES_MAX - 2).collect();
    ConvoyId::new(format!("{}-0", safe.trim_matches(['-', '_']))).ok()
}

fn title(text: &str, id: &str) -> String {
    let text = if text.trim().is_empty() { id } else { text.trim() };
    text.chars().take(NAME_CHARS_MAX).collect()
}

fn money(usd: f64) -> String {
    format!("${usd:.4}")
}

/// A convoy with nothing but what all tools have.
fn convoy(from: Tool, id: ConvoyId, title: String, tracked: Vec<IssueId>) -> ForeignConvoy {
    ForeignConvoy {
        from,
        id,
        title,
        tracked,
        owner: None,
        notify: Vec::new(),
        watchers: Vec::new(),
        merge: None,
        base: None,
        epic: None,
        owned: false,
        created_by: None,
        created_at: None,
        state: ImportedConvoyStatus::Open,
    }
}
