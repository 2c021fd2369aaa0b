//! What is written at one time: the files of convoys, by the repository that each goes to.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use convoy_core::convoy::Convoy;
use convoy_core::id::{ConvoyId, Seq};
use convoy_core::policy::{Policy, Rig};
use convoy_core::state::State;
use convoy_core::time::{Span, Time};
use convoy_core::view::{self, ConvoyView};
use serde::Serialize;
use serde_json::Value;

use super::Mark;
use crate::git::state::{Change, Put, StatePath, StateRef};
use crate::git::{self, Git, Message, Repo};
use crate::os::spawn::Environment;
use crate::world::note;
use crate::{crash, explain};

/// How many files go into one commit; more are several commits.
const FILES_MAX: usize = 500;
/// How long one git command may take while somebody waits for a command of theirs.
const QUICK: Span = Span::from_secs(5);
/// How long otherwise.
const PATIENT: Span = Span::from_secs(120);
/// What of a file is different whenever it is made, though the convoy is the same.
const VOLATILE: [&str; 6] = ["seq", "updated_at", "overdue", "spent", "reserved", "worker_age_s"];

/// How it is written.
#[derive(Clone, Copy, Debug)]
pub(super) struct Manner {
    /// Somebody waits.
    pub(super) quick: bool,
    /// Many may be as they are already: only those that differ are written.
    pub(super) compare: bool,
}

/// The file of a convoy.
#[derive(Serialize)]
struct File<'a> {
    #[serde(flatten)]
    convoy: &'a ConvoyView,
    /// The event that it is at.
    seq: Seq,
    /// When that was.
    updated_at: Time,
}

/// What is written, taken from the state at one moment.
pub(super) struct Page {
    repositories: BTreeMap<PathBuf, Vec<Change>>,
    stamp: Option<(PathBuf, Seq)>,
    env: Environment,
    manner: Manner,
}

impl Page {
    pub(super) fn new(
        state: &State,
        policy: &Policy,
        marks: &BTreeMap<ConvoyId, Mark>,
        stamp: Option<(PathBuf, Seq)>,
        env: &Environment,
        manner: Manner,
    ) -> Self {
        let mut repositories: BTreeMap<PathBuf, Vec<Change>> = BTreeMap::new();
        for (id, mark) in marks {
            let Some(convoy) = state.convoys.get(id) else { continue };
            let Some(rig) = home(state, policy, convoy) else { continue };
            let epic = convoy.content.epic.as_ref().map_or(id.as_str(), |epic| epic.as_str());
            let Ok(path) = StatePath::convoy(epic, id.as_str()) else { continue };
            let view = view::convoy(state, policy, convoy, mark.at);
            let file = File { convoy: &view, seq: mark.seq, updated_at: mark.at };
            let mut content = serde_json::to_vec_pretty(&file).expect("views are plain data");
            content.push(b'\n');
            let change = Change { path, put: Put::Whole(content) };
            repositories.entry(PathBuf::from(&rig.path)).or_default().push(change);
        }
        Self { repositories, stamp, env: env.clone(), manner }
    }

    /// Writes the files, then the stamp; whether that went well.
    pub(super) fn write(self) -> bool {
        let mut well = true;
        if !self.repositories.is_empty() {
            let limit = if self.manner.quick { QUICK } else { PATIENT };
            let git = Git::unasked(&self.env, limit);
            for (path, changes) in &self.repositories {
                crash::point("snapshots:before");
                let done = match &git {
                    Ok(git) => put(git, path, changes, self.manner.compare).map_err(|error| explain(&error)),
                    Err(error) => Err(explain(error)),
                };
                if let Err(why) = done {
                    let path = path.display();
                    let text = format!("convoys were not written to refs/convoy/state of {path}: {why}");
                    note(&format!("{text}; nothing else is changed by that, and it is tried again later"));
                    well = false;
                }
            }
        }
        if let Some((stamp, seq)) = self.stamp.filter(|_| well) {
            crash::point("snapshots:stamp");
            put_stamp(&stamp, seq);
        }
        well
    }
}

/// The repository that a convoy's file is kept in: that of the first of its issues whose repository can be used. What
/// tracks no issue of any repository goes to the first.
fn home<'a>(state: &'a State, policy: &'a Policy, convoy: &'a Convoy) -> Option<&'a Rig> {
    let issues = convoy.content.tracked.iter().filter_map(|id| state.issues.get(id));
    let mut rigs = issues.filter_map(|issue| policy.rigs.get(&issue.content.rig)).peekable();
    let usable = |rig: &&Rig| rig.trouble.is_none();
    if rigs.peek().is_some() { rigs.find(usable) } else { policy.rigs.values().find(usable) }
}

fn put(git: &Git, path: &Path, changes: &[Change], compare: bool) -> git::Result<()> {
    let repo = Repo::open_at(git, path)?;
    let state = StateRef::new(&repo);
    let changed: Vec<Change> = if compare { differing(&state, changes)? } else { changes.to_vec() };
    for changes in changed.chunks(FILES_MAX) {
        let message = match changes {
            [change] => Message::new(&format!("Convoy {}", change.path.id())),
            several => Message::new(&format!("{} convoys", several.len())),
        };
        let _ = state.write(changes, &[], &message)?;
    }
    Ok(())
}

/// Those of the changes by which anything but the time changes.
fn differing(state: &StateRef<'_>, changes: &[Change]) -> git::Result<Vec<Change>> {
    let there = state.list()?;
    let found: Vec<_> =
        there.into_iter().filter(|entry| changes.iter().any(|change| change.path == entry.path)).collect();
    let contents = state.read(&found)?;
    let before: BTreeMap<&StatePath, Option<Value>> =
        found.iter().map(|entry| &entry.path).zip(contents.iter().map(|text| lasting(text))).collect();
    let differs = |change: &&Change| match (&change.put, before.get(&change.path)) {
        (Put::Whole(content) | Put::Once(content), Some(before)) => lasting(content) != *before,
        (Put::Whole(_) | Put::Once(_) | Put::Gone, _) => true,
    };
    Ok(changes.iter().filter(differs).cloned().collect())
}

/// What of a file stays while the convoy is the same.
fn lasting(content: &[u8]) -> Option<Value> {
    let mut value = serde_json::from_slice(content).ok()?;
    strip(&mut value);
    Some(value)
}

fn strip(value: &mut Value) {
    match value {
        Value::Object(map) => {
            map.retain(|name, _| !VOLATILE.contains(&name.as_str()));
            map.values_mut().for_each(strip);
        }
        Value::Array(items) => items.iter_mut().for_each(strip),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Not synced: one that a crash loses or cuts only makes the next engine look again.
fn put_stamp(path: &Path, seq: Seq) {
    let text = format!("{seq}\n");
    if std::fs::read_to_string(path).ok().as_ref() == Some(&text) {
        return;
    }
    let beside = path.with_extension("new");
    let _ = std::fs::write(&beside, text).and_then(|()| std::fs::rename(&beside, path));
}
