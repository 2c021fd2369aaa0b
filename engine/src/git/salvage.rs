//! Saving what would be lost with a workdir.
//!
//! One commit per session holds everything: its tree is the files as they are, its parents are every commit,
//! branch and stash of the workdir that the repository does not have.

use std::path::PathBuf;

use super::error::Result;
use super::heads::Heads;
use super::names::{Identity, Message, Oid};
use super::repo::Repo;
use super::shadow::Shadow;
use super::workdir::{Root, Workdir};

/// What there was to save.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Salvage {
    /// Everything is in the repository already, or the workdir is gone.
    Nothing,
    /// It is in this commit.
    Saved {
        /// The full reference.
        reference: String,
        /// The commit: its tree is the files, its parents what was committed.
        commit: Oid,
        /// Git repositories inside the workdir, whose files are not saved.
        nested: Vec<PathBuf>,
    },
}

/// What is only in the workdir.
struct Unsaved {
    tree: Option<Oid>,
    head: Oid,
    parents: Vec<Oid>,
    nested: Vec<PathBuf>,
}

/// Saves uncommitted files and unfetched commits to `refs/convoy/salvage/<key>`, without running anything of
/// the agent's. Works without the workdir's `.git` too: then the files are compared with the base.
///
/// # Errors
/// `LeftoversTooLarge`, `TooManyHeads`, or what running git gave.
pub fn salvage(
    repo: &Repo,
    root: &Root,
    workdir: &Workdir,
    who: &Identity,
    message: &Message,
) -> Result<Salvage> {
    if !there(workdir) {
        return Ok(Salvage::Nothing);
    }
    let shadow = Shadow::new(repo, root, workdir)?;
    let Some(unsaved) = only_here(repo, &shadow, workdir)? else {
        return Ok(Salvage::Nothing);
    };
    let tree = match unsaved.tree {
        Some(tree) => tree,
        None => shadow.call("rev-parse").args(["--verify", &format!("{}^{{tree}}", unsaved.head)]).oid()?,
    };
    let reference = workdir.key.salvage_ref();
    let earlier = repo.commit(&reference)?;
    let mut parents: Vec<&Oid> = vec![&unsaved.head];
    parents.extend(unsaved.parents.iter().filter(|oid| **oid != unsaved.head));
    parents.extend(earlier.as_ref());
    let commit = shadow.commit(&tree, &parents, who, message)?;
    shadow.deliver(&commit, &workdir.base, &reference, true)?;
    Ok(Salvage::Saved { reference, commit, nested: unsaved.nested })
}

/// Whether a workdir holds work that is nowhere else.
pub(super) fn holds_work(repo: &Repo, root: &Root, workdir: &Workdir) -> Result<bool> {
    Ok(there(workdir) && only_here(repo, &Shadow::new(repo, root, workdir)?, workdir)?.is_some())
}

fn there(workdir: &Workdir) -> bool {
    std::fs::symlink_metadata(&workdir.path).is_ok_and(|m| m.is_dir())
}

/// What of the workdir is not in the repository; nothing if all is.
fn only_here(repo: &Repo, shadow: &Shadow<'_>, workdir: &Workdir) -> Result<Option<Unsaved>> {
    let heads = match Heads::open(&workdir.path) {
        Ok(heads) => Some(heads),
        Err(e) if e.is_workdir_gone() => None,
        Err(e) => return Err(e),
    };
    let on_branch = || heads.as_ref()?.get(&workdir.branch.as_ref()?.reference());
    let head =
        heads.as_ref().and_then(Heads::head).or_else(on_branch).unwrap_or_else(|| workdir.base.clone());
    let places: Vec<_> =
        workdir.branch.iter().map(super::Branch::reference).chain([workdir.key.salvage_ref()]).collect();
    let names: Vec<_> =
        places.iter().flat_map(|r| [format!("{r}^{{commit}}"), format!("{r}^{{tree}}")]).collect();
    let kept = repo.objects_named(&names)?;
    let all = match &heads {
        Some(heads) => heads.all()?,
        None => Default::default(),
    };
    let parents = unreached(shadow, &all, workdir, &kept)?;
    let found = shadow.uncommitted(&head)?;
    let tree = found.tree.filter(|tree| !kept.iter().skip(1).step_by(2).flatten().any(|have| have == tree));
    if tree.is_none() && parents.is_empty() {
        return Ok(None);
    }
    Ok(Some(Unsaved { tree, head, parents, nested: found.nested }))
}

/// The heads that no reference of the repository leads to.
fn unreached(
    shadow: &Shadow<'_>,
    all: &std::collections::BTreeSet<Oid>,
    workdir: &Workdir,
    kept: &[Option<Oid>],
) -> Result<Vec<Oid>> {
    let have: Vec<&Oid> = kept.iter().step_by(2).flatten().chain([&workdir.base]).collect();
    let new: Vec<&Oid> = all.iter().filter(|oid| !have.contains(oid)).collect();
    if new.is_empty() {
        return Ok(Vec::new());
    }
    let mut input: String = new.iter().map(|oid| format!("{oid}\n")).collect();
    input.extend(have.iter().map(|oid| format!("^{oid}\n")));
    let mut call = shadow.call("rev-list");
    let listing = call.args(["--stdin", "--ignore-missing"]).input(input).text()?;
    let missing: std::collections::HashSet<&str> = listing.lines().collect();
    Ok(new.into_iter().filter(|oid| missing.contains(oid.as_str())).cloned().collect())
}
