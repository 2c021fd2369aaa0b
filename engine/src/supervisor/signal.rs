//! The signal file: how an agent that can only write files says what `convoy done` and the like say.
//!
//! It is hostile text like everything of an agent: a plain file of bounded size, whose ids have to be the session's own
//! and whose figures have to be figures. Only what has changed since it was read last is reported. What cannot be taken
//! is said once, where people and the next attempt see it, and ends nothing.

use std::fs::DirBuilder;
use std::io::Read;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::DirBuilderExt;

use convoy_core::money::Money;
use convoy_core::report::{AgentResult, Report};
use serde::Deserialize;

use super::files::{SessionDir, open_plain};
use super::spec::Spec;
use super::tree::log;
use crate::os::watch::Watcher;

/// The variable that tells an agent where it is.
pub(crate) const VARIABLE: &str = "CONVOY_SIGNAL_FILE";
/// The largest signal file: a few sentences, not a report.
const BYTES_MAX: u64 = 64 * 1024;
/// Outcomes by which a completed issue needed no change.
const NO_CHANGE: [&str; 2] = ["no_change", "nochange"];
/// Outcomes by which a failed agent asks for a person.
const BLOCKED: [&str; 2] = ["blocked", "needs_human"];

/// What an agent writes.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Written {
    worker_id: String,
    issue_id: String,
    status: Status,
    #[serde(default)]
    outcome: Option<Outcome>,
    #[serde(default)]
    checkpoint: Option<Checkpoint>,
    #[serde(default)]
    cost_usd: Option<f64>,
    #[serde(default)]
    error: Option<String>,
    /// Nobody needs it, since the supervisor has a clock of its own; but what stands there has to be a time.
    #[serde(default, rename = "updatedAt")]
    _updated_at: Option<jiff::Timestamp>,
}

#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Status {
    Running,
    Completed,
    Failed,
}

/// A word, or what other tools write in its place.
#[derive(Deserialize)]
#[serde(untagged)]
enum Outcome {
    Word(String),
    Described {
        #[serde(default)]
        success: Option<bool>,
        #[serde(default)]
        summary: Option<String>,
    },
}

/// A note about it, or its mere wish.
#[derive(Deserialize)]
#[serde(untagged)]
enum Checkpoint {
    Note(String),
    Wish(bool),
}

/// What a signal file said, as far as it was taken.
#[derive(Clone, PartialEq, Debug, Default)]
struct Seen {
    said: Option<Report>,
    checkpoint: Option<Option<String>>,
    cost: Option<Money>,
    failed: Option<String>,
}

/// The signal file of one session.
#[derive(Debug)]
pub(super) struct SignalFile {
    path: std::path::PathBuf,
    watcher: Option<Watcher>,
    seen: Seen,
    complained: bool,
}

impl SignalFile {
    /// Makes its folder and watches it, if the agent is told of it. Without watches it is read at the end.
    pub(super) fn open(dir: &SessionDir, spec: &Spec) -> Option<Self> {
        if !spec.env.contains_key(VARIABLE) {
            return None;
        }
        let path = dir.signal_file();
        let folder = path.parent()?;
        let made = DirBuilder::new().mode(0o700).create(folder);
        let watcher = match made.and_then(|()| Watcher::of_writes(folder)) {
            Ok(watcher) => Some(watcher),
            Err(error) => {
                log(format_args!("the signal file is read at the end only: {error}"));
                None
            }
        };
        Some(Self { path, watcher, seen: Seen::default(), complained: false })
    }

    /// What tells that something was written.
    pub(super) fn changes(&self) -> Option<BorrowedFd<'_>> {
        self.watcher.as_ref().map(AsFd::as_fd)
    }

    /// What it says now and did not say before.
    pub(super) fn look(&mut self, spec: &Spec) -> Vec<Report> {
        if let Some(watcher) = &self.watcher {
            watcher.drain();
        }
        let seen = match self.read(spec) {
            Ok(Some(seen)) => seen,
            Ok(None) => return Vec::new(),
            Err(_) if self.complained => return Vec::new(),
            Err(why) => {
                self.complained = true;
                log(format_args!("the signal file is not taken: {why}"));
                return vec![Report::Note { text: format!("the signal file was not taken: {why}") }];
            }
        };
        let before = std::mem::replace(&mut self.seen, seen);
        let now = &self.seen;
        let mut reports = Vec::new();
        if now.said != before.said {
            reports.extend(now.said.clone());
        }
        if now.checkpoint != before.checkpoint {
            reports.extend(now.checkpoint.clone().map(|note| Report::CheckpointAsked { note }));
        }
        if now.cost != before.cost {
            reports.extend(now.cost.map(|cost| Report::SelfReported { cost }));
        }
        reports
    }

    /// The agent's result, to which its last word in the file belongs: one that says that it failed did not succeed.
    pub(super) fn judge(&self, result: Option<AgentResult>) -> Option<AgentResult> {
        let Some(why) = &self.seen.failed else { return result };
        let other = result.unwrap_or(AgentResult {
            ok: false,
            error: None,
            cost: None,
            tokens: None,
            denied: 0,
            retry_at: None,
        });
        Some(AgentResult { ok: false, error: Some(other.error.unwrap_or_else(|| why.clone())), ..other })
    }

    fn read(&self, spec: &Spec) -> Result<Option<Seen>, String> {
        let file = match open_plain(&self.path) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error.to_string()),
        };
        let mut whole = Vec::new();
        file.take(BYTES_MAX + 1).read_to_end(&mut whole).map_err(|error| error.to_string())?;
        if whole.is_empty() {
            return Ok(None);
        }
        if whole.len() as u64 > BYTES_MAX {
            return Err(format!("it is longer than {BYTES_MAX} bytes"));
        }
        let written: Written = serde_json::from_slice(&whole).map_err(|error| error.to_string())?;
        taken(written, spec).map(Some)
    }
}

fn taken(written: Written, spec: &Spec) -> Result<Seen, String> {
    let Written { worker_id, issue_id, status, outcome, checkpoint, cost_usd, error, _updated_at: _ } =
        written;
    if worker_id != spec.worker.as_str() || issue_id != spec.issue.as_str() {
        return Err(format!(
            "it is not about {} and {}: workerId and issueId say so",
            spec.worker, spec.issue
        ));
    }
    let (word, success, text) = match outcome {
        Some(Outcome::Word(word)) => (Some(plain(&word)), None, Some(word)),
        Some(Outcome::Described { success, summary }) => (summary.as_deref().map(plain), success, summary),
        None => (None, None, None),
    };
    let is = |words: &[&str]| word.as_deref().is_some_and(|word| words.contains(&word));
    let cost = match cost_usd {
        Some(usd) if usd < 0.0 => return Err("costUsd is negative".to_owned()),
        Some(usd) => {
            Some(Money::from_dollars(usd).ok_or_else(|| "costUsd is no amount of money".to_owned())?)
        }
        None => None,
    };
    let (mut said, mut failed) = (None, None);
    match status {
        Status::Running => {}
        Status::Completed if success != Some(false) => {
            let no_change = is(&NO_CHANGE);
            said = Some(Report::Done { no_change, note: text.filter(|_| !no_change) });
        }
        Status::Completed | Status::Failed => {
            let why = error.or(text).unwrap_or_else(|| "it does not say why".to_owned());
            said = Some(if is(&BLOCKED) {
                Report::Blocked { reason: why.clone() }
            } else {
                Report::Note { text: format!("it says that it failed: {why}") }
            });
            failed = Some(why);
        }
    }
    let checkpoint = match checkpoint {
        Some(Checkpoint::Note(note)) => Some(Some(note).filter(|note| !note.trim().is_empty())),
        Some(Checkpoint::Wish(true)) => Some(None),
        Some(Checkpoint::Wish(false)) | None => None,
    };
    Ok(Seen { said, checkpoint, cost, failed })
}

/// A word as it is compared.
fn plain(word: &str) -> String {
    word.trim().to_lowercase().replace(['-', ' '], "_")
}
