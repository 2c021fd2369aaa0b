//! What a commit holds, and what is pinned.

use super::error::Result;
use super::names::{Key, Oid};
use super::repo::Repo;

impl Repo {
    /// The files of a commit.
    ///
    /// # Errors
    /// When it is not here.
    pub fn tree_of(&self, commit: &Oid) -> Result<Oid> {
        let mut call = self.call("rev-parse");
        call.args(["-q", "--verify", &format!("{commit}^{{tree}}")]).oid()
    }

    /// The commit that the workdir with this key began from, as long as it is pinned.
    ///
    /// # Errors
    /// When git cannot be run.
    pub fn pinned(&self, key: &Key) -> Result<Option<Oid>> {
        self.commit(&key.base_ref())
    }
}
