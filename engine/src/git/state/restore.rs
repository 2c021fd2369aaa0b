//! What a WIP commit holds, checked out again in a place of its own.
//!
//! It is a linked worktree of the person's repository, which they see in `git worktree list` and remove with
//! `git worktree remove`, on a new branch. What was not committed then is not committed now.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use crate::crash;
use crate::git::error::{Error, Result, io};
use crate::git::names::{Branch, Oid};
use crate::git::repo::Repo;

/// What is to be where.
#[derive(Clone, Copy, Debug)]
pub struct Restore<'a> {
    /// The commit that is checked out; none if there was none yet.
    pub head: Option<&'a Oid>,
    /// The commit with the files, if they were not those of `head`.
    pub wip: Option<&'a Oid>,
    /// A folder that is not there yet, or is empty.
    pub into: &'a Path,
    /// Its branch, which is not there yet.
    pub branch: &'a Branch,
}

/// Checks it out.
///
/// # Errors
/// `Exists`, `BranchExists`, `NoSuchCommit`, `Io`, or what running git gave. What was begun is taken back.
pub fn restore(repo: &Repo, wanted: &Restore<'_>) -> Result<()> {
    let Restore { head, wip, into, branch } = *wanted;
    for oid in head.into_iter().chain(wip) {
        if !repo.has(oid)? {
            return Err(Error::NoSuchCommit { path: repo.common_dir.clone(), oid: oid.clone() });
        }
    }
    let Some(start) = head.or(wip) else {
        return Err(Error::Unborn { path: repo.common_dir.clone() });
    };
    refuse_what_is_there(into)?;
    if repo.resolve(branch)?.is_some() {
        return Err(Error::BranchExists { branch: branch.clone() });
    }
    let mut add = repo.call("worktree");
    add.args(["add", "-q", "--no-checkout", "--detach", "--end-of-options"]);
    add.arg(into).arg(start.as_str()).output()?;
    crash::point("restore:added");
    let made = fill(repo, wanted, start);
    if made.is_err() {
        // All of it was made here, a moment ago.
        let mut remove = repo.call("worktree");
        let _ = remove.args(["remove", "--force", "--end-of-options"]).arg(into).output();
        if head.is_some() && repo.resolve(branch).is_ok_and(|tip| tip.as_ref() == head) {
            let _ = repo.call("update-ref").args(["-d", &branch.reference(), start.as_str()]).output();
        }
    }
    made
}

fn fill(repo: &Repo, wanted: &Restore<'_>, start: &Oid) -> Result<()> {
    let here = Repo::open_at(repo.git(), wanted.into)?;
    let call = |name| {
        let mut call = repo.git().call(name, wanted.into);
        call.git_dir(&here.git_dir).work_tree(wanted.into);
        call
    };
    let files = wanted.wip.unwrap_or(start);
    call("read-tree").args(["--reset", "-u", files.as_str()]).output()?;
    match wanted.head {
        Some(head) if head != files => call("read-tree").args(["-m", head.as_str()]).output().map(drop)?,
        Some(_) => {}
        None => call("read-tree").arg("--empty").output().map(drop)?,
    }
    if let Some(head) = wanted.head {
        let none = head.zero();
        call("update-ref").args([&wanted.branch.reference(), head.as_str(), &none]).output()?;
    }
    call("symbolic-ref")
        .args(["-m", "convoy: restored", "HEAD", &wanted.branch.reference()])
        .output()
        .map(drop)
}

fn refuse_what_is_there(into: &Path) -> Result<()> {
    match fs::symlink_metadata(into) {
        Err(e) if e.kind() == ErrorKind::NotFound => {
            let parent = into.parent().unwrap_or(into);
            fs::create_dir_all(parent).map_err(io("cannot make", parent))
        }
        Err(e) => Err(io("cannot read", into)(e)),
        Ok(found) => {
            let empty =
                found.is_dir() && fs::read_dir(into).is_ok_and(|mut entries| entries.next().is_none());
            if empty { Ok(()) } else { Err(Error::Exists { path: into.to_owned() }) }
        }
    }
}
