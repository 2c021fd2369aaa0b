//! What is kept of baselines: the last report of a rig, and which gates passed on which files.
//!
//! All of it is derived: whatever cannot be read is as if it were not there, and the gates run again.

use std::collections::BTreeMap;
use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use convoy_api::{Code, Failure};
use convoy_core::id::RigName;
use convoy_core::time::{Span, Time};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::gate::BaselineGate;
use super::report::Report;
use crate::lock::{Acquired, WorkspaceLock};
use crate::workspace::Workspace;
use crate::{clock, config};

/// How many passed gates are remembered: some hundred states of the files.
const PASSED_MAX: usize = 1000;
/// How long a pass counts: tools and services that a gate needs change too.
const PASSED_FOR: Span = Span::from_secs(7 * 24 * 60 * 60);
/// The largest file that is read back.
const FILE_BYTES_MAX: u64 = 16 * 1024 * 1024;
/// How long somebody waits who finds another baseline of the rig under way.
const LOCK_WAIT: Duration = Duration::from_millis(200);
/// Part of every key: raised when what a pass means changes.
const FORM: &str = "1";

/// A gate that passed.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Pass {
    at: Time,
    duration_ms: i64,
}

/// The folder of a rig's baselines.
pub(super) struct Kept {
    dir: PathBuf,
    /// Held while it lives: one baseline of a rig at a time.
    _lock: Option<WorkspaceLock>,
}

impl Kept {
    /// For looking only.
    pub(super) fn look(workspace: &Workspace, rig: &RigName) -> Self {
        Self { dir: workspace.state_dir().join("baseline").join(rig.as_str()), _lock: None }
    }

    /// For a run. The folder is private: what gates print is nobody else's business.
    ///
    /// # Errors
    /// When another baseline of the rig is under way, or the folder cannot be made.
    pub(super) fn take(workspace: &Workspace, rig: &RigName) -> Result<Self, Failure> {
        workspace.prepare_state()?;
        let mut kept = Self::look(workspace, rig);
        let cannot = |error: &dyn std::error::Error| {
            let text = format!("cannot use {}: {}", kept.dir.display(), crate::explain(error));
            Failure::new(Code::Unavailable, text)
        };
        DirBuilder::new().recursive(true).mode(0o700).create(kept.runs()).map_err(|error| cannot(&error))?;
        match WorkspaceLock::acquire(&kept.dir, LOCK_WAIT).map_err(|error| cannot(&error))? {
            Acquired::Held(lock) => kept._lock = Some(lock),
            Acquired::Busy { pid } => {
                let by = pid.map(|pid| format!(" (process {pid})")).unwrap_or_default();
                let text = format!("another baseline of {rig} is under way{by}");
                return Err(Failure::new(Code::Conflict, text).hint("wait until it has ended"));
            }
        }
        Ok(kept)
    }

    /// Where each run of a gate has a folder.
    pub(super) fn runs(&self) -> PathBuf {
        self.dir.join("runs")
    }

    pub(super) fn report(&self) -> Option<Report> {
        read(&self.dir.join("report.json"))
    }

    /// # Errors
    /// When it cannot be written.
    pub(super) fn keep(&self, report: &Report) -> io::Result<()> {
        write(&self.dir.join("report.json"), report)
    }

    /// How long a gate took that passed on this tree.
    pub(super) fn passed(&self, tree: &str, gate: &BaselineGate) -> Option<i64> {
        let pass = *self.passes().get(&key(tree, gate))?;
        // One from the future was made before the clock was set back.
        let age = clock::now().since(pass.at);
        (age <= PASSED_FOR).then_some(pass.duration_ms)
    }

    /// Remembers that a gate passed on this tree. That it cannot be remembered costs another run, and no more.
    pub(super) fn remember(&self, tree: &str, gate: &BaselineGate, duration_ms: i64) {
        let mut passes = self.passes();
        passes.insert(key(tree, gate), Pass { at: clock::now(), duration_ms });
        while passes.len() > PASSED_MAX
            && let Some(oldest) = passes.iter().min_by_key(|(_, pass)| pass.at).map(|(key, _)| key.clone())
        {
            passes.remove(&oldest);
        }
        let _ = write(&self.dir.join("passed.json"), &passes);
    }

    fn passes(&self) -> BTreeMap<String, Pass> {
        read(&self.dir.join("passed.json")).unwrap_or_default()
    }
}

/// What a pass is kept under: the files, and all that the gate is.
fn key(tree: &str, gate: &BaselineGate) -> String {
    let mut hash = Sha256::new();
    let words = gate.gate.command.iter().map(String::as_str);
    for part in [FORM, tree, &gate.gate.name].into_iter().chain(words) {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part.as_bytes());
    }
    hash.update(gate.gate.timeout.as_millis().to_le_bytes());
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn read<T: DeserializeOwned>(path: &Path) -> Option<T> {
    let fits = fs::symlink_metadata(path).is_ok_and(|facts| facts.is_file() && facts.len() <= FILE_BYTES_MAX);
    fits.then(|| serde_json::from_slice(&fs::read(path).ok()?).ok()).flatten()
}

fn write(path: &Path, value: &impl Serialize) -> io::Result<()> {
    config::replace(path, &serde_json::to_string(value)?)
}
