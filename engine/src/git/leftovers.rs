//! What Convoy left in a repository and beside it, for listing and cleaning.

use super::error::Result;
use super::names::{Key, Oid};
use super::repo::Repo;
use super::workdir::Root;

/// What a reference of ours keeps.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Kept {
    /// The commit that a workdir started from.
    Base,
    /// The earlier attempt that it went on from.
    From,
    /// Work that was saved out of it.
    Salvage,
}

/// One thing of ours.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Leftover {
    /// A reference under `refs/convoy/`.
    Reference {
        /// Which workdir it belongs to.
        key: Key,
        /// What it keeps.
        kept: Kept,
        /// The commit.
        commit: Oid,
    },
    /// A folder under the workdirs' root.
    Workdir {
        /// Which one.
        key: Key,
    },
}

/// Everything of ours in the repository and under the root, in order of name. Whether any of it is still
/// needed is for the caller to say.
///
/// # Errors
/// `Io`, or what running git gave.
pub fn list(repo: &Repo, root: &Root) -> Result<Vec<Leftover>> {
    let mut call = repo.call("for-each-ref");
    call.args(["--format=%(objectname) %(refname)", "--end-of-options"]);
    let text = call.args(["refs/convoy/base", "refs/convoy/from", "refs/convoy/salvage"]).text()?;
    let mut all = Vec::new();
    for line in text.lines() {
        let Some((oid, name)) = line.split_once(" refs/convoy/") else { continue };
        let Some((kind, key)) = name.split_once('/') else { continue };
        let kept = match kind {
            "base" => Kept::Base,
            "from" => Kept::From,
            _ => Kept::Salvage,
        };
        if let (Ok(commit), Ok(key)) = (Oid::new(oid), Key::new(key)) {
            all.push(Leftover::Reference { key, kept, commit });
        }
    }
    all.extend(root.keys()?.into_iter().map(|key| Leftover::Workdir { key }));
    Ok(all)
}

impl Repo {
    /// Forgets the pins of a workdir that is not there any more.
    ///
    /// # Errors
    /// What running git gave.
    pub fn forget_pins(&self, key: &Key) -> Result<()> {
        self.unpin(key)
    }

    /// Forgets saved work, if it is still this commit. A person asked for it.
    ///
    /// # Errors
    /// When it is another commit by now, or what running git gave.
    pub fn forget_salvage(&self, key: &Key, commit: &Oid) -> Result<()> {
        let mut call = self.call("update-ref");
        call.args(["-d", "--end-of-options", &key.salvage_ref(), commit.as_str()]).output().map(drop)
    }
}
