//! What comes from other tools: issues, convoys, and records of what they did, as they are taken in.
//!
//! `Foreign…` is what a reader of their files hands in, references still text; `Imported…` is the fact, as the log
//! keeps it. What a tool says of an issue that we have no field for is kept with it as text and given back on export;
//! nothing here looks into it.

use std::collections::BTreeSet;
use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::address::Address;
use crate::convoy::{MergeStrategy, NewConvoy};
use crate::id::{ConvoyId, IssueId};
use crate::issue::{CloseReason, Closed, DependencyType, Evidence, IssueType, NewIssue};
use crate::time::Time;

/// The longest word for a state of another tracker, in bytes.
pub const HOLD_BYTES_MAX: usize = 64;
/// The most text that is kept with one issue, in bytes.
pub const KEPT_BYTES_MAX: usize = 4 * 1024 * 1024;
/// The most records of other tools in a workspace: each has its key in the state.
pub const RECORDS_MAX: usize = 100_000;

/// The word of another tracker for why an open issue is not to be worked on here: `deferred`, `blocked`, `pinned`, ….
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
#[schemars(inline)]
pub struct Hold(String);

impl Hold {
    /// The word, if it is one.
    ///
    /// # Errors
    /// When it is empty, too long, or holds white space or control characters.
    pub fn new(word: &str) -> Result<Self, String> {
        let bad = word.is_empty()
            || word.len() > HOLD_BYTES_MAX
            || word.chars().any(|c| c.is_control() || c.is_whitespace());
        if bad {
            return Err(format!("expected 1 to {HOLD_BYTES_MAX} bytes without white space"));
        }
        Ok(Self(word.to_owned()))
    }
    /// As text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Hold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// What is known of an issue because it came from another tracker.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Origin {
    /// What was said of it that we have no field for: one JSON object, as text.
    pub kept: Option<String>,
    /// When it had last changed over there.
    pub as_of: Time,
}

/// The tools that workspaces are taken over from.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Tool {
    /// Gas Town.
    Gastown,
    /// The orchestration package, `orch`.
    Orch,
    /// Panopticon.
    Panopticon,
}

impl Tool {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Gastown => "gastown",
            Self::Orch => "orch",
            Self::Panopticon => "panopticon",
        }
    }
}

/// The state of an issue as another tracker has it.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ForeignStatus {
    /// To be worked on.
    Open,
    /// Open, and not to be worked on here.
    Held(Hold),
    /// Waits for a person: said by our own export only.
    NeedsHuman(String),
    /// Closed.
    Closed(ForeignClosed),
}

/// How another tracker closed an issue.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct ForeignClosed {
    /// Why.
    pub reason: CloseReason,
    /// When, if it says.
    pub at: Option<Time>,
    /// Evidence: in our own export only.
    pub evidence: Option<Box<Evidence>>,
    /// The issue that stands for it.
    pub duplicate_of: Option<IssueId>,
    /// What was said about it.
    pub note: Option<String>,
}

/// An issue as a file of another tracker has it.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[expect(missing_docs, reason = "as in `issue::NewIssue`")]
pub struct ForeignIssue {
    /// Where in the file, for errors.
    pub line: u32,
    pub id: IssueId,
    pub title: String,
    pub body: String,
    pub issue_type: IssueType,
    pub priority: u8,
    pub labels: Vec<String>,
    pub parent: Option<IssueId>,
    pub needs: Vec<(IssueId, DependencyType)>,
    pub acceptance: Vec<String>,
    pub state: ForeignStatus,
    pub created_by: Option<String>,
    pub created_at: Option<Time>,
    pub updated_at: Option<Time>,
    /// What else the file says of it: a JSON object.
    pub kept: Option<String>,
}

/// What becomes of issues that are here already.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Existing {
    /// They stay as they are.
    Keep,
    /// The file's are taken, except where ours changed after them.
    #[default]
    Update,
    /// The file's are taken.
    Force,
}

/// The state of an issue as it was taken in.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ImportedStatus {
    /// To be worked on.
    Open,
    /// Open, and not to be worked on here.
    Held(Hold),
    /// Waits for a person.
    NeedsHuman(String),
    /// Closed.
    Closed(Closed),
    /// As it was: a worker has it.
    Unchanged,
}

/// An issue as it was taken in: new, or in place of what it was.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct ImportedIssue {
    /// Its content.
    pub issue: NewIssue,
    /// Its state.
    pub state: ImportedStatus,
    /// Who made it.
    pub created_by: String,
    /// When it was made.
    pub created_at: Time,
    /// When it last changed.
    pub updated_at: Time,
    /// What else was said of it: a JSON object.
    pub kept: Option<String>,
}

/// The state of a convoy of another tool.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ImportedConvoyStatus {
    /// It waits to be launched.
    Staged,
    /// It tracks.
    Open,
    /// It is complete.
    Landed {
        /// Since when.
        at: Time,
    },
    /// It was closed before that.
    Abandoned {
        /// Why.
        reason: Option<String>,
        /// Since when.
        at: Time,
    },
}

/// A convoy as a file of another tool has it.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[expect(missing_docs, reason = "as in `convoy::NewConvoy`")]
pub struct ForeignConvoy {
    pub from: Tool,
    pub id: ConvoyId,
    pub title: String,
    pub tracked: Vec<IssueId>,
    pub owner: Option<Address>,
    pub notify: Vec<Address>,
    pub watchers: Vec<Address>,
    pub merge: Option<MergeStrategy>,
    pub base: Option<String>,
    pub epic: Option<String>,
    pub owned: bool,
    pub created_by: Option<Address>,
    pub created_at: Option<Time>,
    pub state: ImportedConvoyStatus,
}

/// A convoy as it was taken in.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct ImportedConvoy {
    /// Which tool had it.
    pub from: Tool,
    /// Its content.
    pub convoy: NewConvoy,
    /// Its state.
    pub state: ImportedConvoyStatus,
    /// Who asked to be told as well.
    pub watchers: BTreeSet<Address>,
    /// What of it was open when it was abandoned.
    pub open: Vec<IssueId>,
    /// Who made it.
    pub created_by: String,
    /// When it was made.
    pub created_at: Time,
}

/// What a record is of.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RecordOf {
    /// A worker or agent.
    Worker,
    /// Money.
    Cost,
    /// A checkpoint.
    Checkpoint,
    /// Something that a convoy had and ours have not.
    Convoy,
}

/// Something that another tool did, kept as history: it changes nothing here.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct ImportedRecord {
    /// Which tool.
    pub from: Tool,
    /// What it is of.
    pub of: RecordOf,
    /// Tells it from every other record of that tool.
    pub key: String,
    /// The issue or convoy that it is about, as that tool calls it.
    pub about: String,
    /// When.
    pub at: Option<Time>,
    /// What people read.
    pub text: String,
}
