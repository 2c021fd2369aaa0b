//! What Convoy keeps of a repository's work in the repository: commits on `refs/convoy/state`, which no branch has.
//!
//! - a *file* of the ref is a checkpoint or a snapshot of a convoy, as JSON;
//! - a *WIP commit* holds the files of a work tree as they are, whatever its index says. It is no file of the ref: a
//!   commit of the ref has it as a further parent, so that pushing the ref carries it.
//!
//! All of it is plumbing. No branch, no index and no file of a person's is touched, and no hook runs. Whoever can push
//! to a remote can write to the ref of those who sync with it, so what is read of it is not trusted: names are
//! checked, sizes limited, and only plain files are looked at.

mod checkout;
mod differing;
mod path;
mod read;
mod restore;
mod sync;
mod union;
mod wip;
mod write;

use super::error::Result;
use super::names::{Identity, Oid};
use super::repo::Repo;

pub use checkout::{Dated, of_checkout};
pub use differing::{Differing, differing, tree_of};
pub use path::StatePath;
pub use read::{Entry, changed};
pub use restore::{Restore, restore};
pub use sync::{Synced, has_remote, sync};
pub(super) use wip::{Turn, head_of};
pub use wip::{Wip, of_workdir};
pub use write::{Change, Put, Written};

/// The reference.
pub const REFERENCE: &str = "refs/convoy/state";

/// Who makes the commits of the ref, and WIP commits.
fn identity() -> Identity {
    Identity::new("Convoy", "convoy@convoy.invalid").expect("a valid identity")
}

/// The reference of one repository.
#[derive(Clone, Copy, Debug)]
pub struct StateRef<'a> {
    repo: &'a Repo,
}

impl<'a> StateRef<'a> {
    /// That of this repository, whether it is there or not.
    pub fn new(repo: &'a Repo) -> Self {
        Self { repo }
    }

    /// Its commit.
    ///
    /// # Errors
    /// What running git gave.
    pub fn tip(&self) -> Result<Option<Oid>> {
        self.repo.commit(REFERENCE)
    }
}
