//! The names of files on the ref. Only these are read and written.

use std::fmt;

use convoy_core::id::EpicName;

use crate::git::error::{Error, Result};

/// The folder of checkpoints.
const CHECKPOINTS: &str = "checkpoints";
/// The folder of convoys.
const CONVOYS: &str = "convoys";
/// What the name of every file ends with.
const SUFFIX: &str = ".json";
/// What the name of a convoy's file begins with.
const CONVOY_PREFIX: &str = "convoy-";

/// The name of a file on the ref.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct StatePath(String);

impl StatePath {
    /// That of a checkpoint: `checkpoints/<epic>/<id>.json`.
    ///
    /// # Errors
    /// `BadName` when either is not safe as a part of a path.
    pub fn checkpoint(epic: &str, id: &str) -> Result<Self> {
        Ok(Self(format!("{CHECKPOINTS}/{}/{}{SUFFIX}", part(epic)?, part(id)?)))
    }

    /// That of a convoy: `convoys/<epic>/convoy-<id>.json`.
    ///
    /// # Errors
    /// `BadName` when either is not safe as a part of a path.
    pub fn convoy(epic: &str, id: &str) -> Result<Self> {
        Ok(Self(format!("{CONVOYS}/{}/{CONVOY_PREFIX}{}{SUFFIX}", part(epic)?, part(id)?)))
    }

    /// A name that was found on the ref; nothing if it is none of ours.
    pub(super) fn found(text: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(text).ok()?;
        let (folder, rest) = text.split_once('/')?;
        let (epic, name) = rest.split_once('/')?;
        let id = name.strip_suffix(SUFFIX)?;
        let known = match folder {
            CHECKPOINTS => Self::checkpoint(epic, id),
            CONVOYS => Self::convoy(epic, id.strip_prefix(CONVOY_PREFIX)?),
            _ => return None,
        };
        known.ok()
    }

    /// Whether it is a checkpoint's.
    pub fn is_checkpoint(&self) -> bool {
        self.0.starts_with(CHECKPOINTS)
    }

    /// The epic's part.
    pub fn epic(&self) -> &str {
        self.0.split('/').nth(1).expect("made of three parts")
    }

    /// The id's part.
    pub fn id(&self) -> &str {
        let name = self.0.rsplit('/').next().expect("made of three parts");
        let id = name.strip_suffix(SUFFIX).expect("made with it");
        if self.is_checkpoint() { id } else { id.strip_prefix(CONVOY_PREFIX).expect("made with it") }
    }

    /// The whole name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for StatePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// Checked by the rule of epics' names, which ids keep to as well.
fn part(text: &str) -> Result<&str> {
    match EpicName::new(text) {
        Ok(_) if !text.is_empty() => Ok(text),
        Ok(_) | Err(_) => Err(Error::BadName {
            kind: "name in refs/convoy/state",
            text: text.chars().take(120).collect(),
            why: "expected letters, digits, '.', '_' and '-', not beginning with '.' or '-'",
        }),
    }
}
