//! A WIP commit of a person's own checkout.
//!
//! Git works on a copy of their index, so that theirs stays as it is, whatever is staged, and whoever has locked it.
//! Their configuration holds: files go through the filters that they have set up. No hook runs, no branch moves.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::git::changes::{Changes, Over};
use crate::git::error::{Error, Result, io};
use crate::git::names::{Message, Oid};
use crate::git::repo::Repo;
use crate::git::run::Call;
use crate::git::workdir::copy_file;

use super::identity;
use super::wip::{Turn, Wip};

/// How often the files are listed again because they changed while they were read.
const ROUNDS_MAX: usize = 5;

/// When a commit says that it was made.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Dated {
    /// When it was.
    Now,
    /// When the commit was that is checked out: the same files on it are the same commit, whenever they are looked at.
    AsHead,
}

/// Makes one, in the repository's objects: nothing leads to it until the ref does. `scratch` is a folder of ours, made
/// if it is missing, for the copy of the index. A bare repository has no files, only a commit.
///
/// # Errors
/// `LeftoversTooLarge`, `Io`, or what running git gave, for example when a filter of theirs fails.
pub fn of_checkout(repo: &Repo, scratch: &Path, message: &Message, dated: Dated) -> Result<Wip> {
    let head = head(repo)?;
    let mut wip = Wip { head, commit: None, tree: None, nested: Vec::new(), unreadable: Vec::new() };
    let Some(work) = &repo.work_tree else { return Ok(wip) };
    let _turn = Turn::wait(scratch)?;
    let index = Index::copy(repo, scratch)?;
    let over = Over { call: |name| over_work(repo, work, &index.0, name), work };
    for round in 1.. {
        let Changes { mut files, nested } = over.changes()?;
        wip.nested = nested;
        files.retain(|path| !wip.unreadable.iter().any(|left| left.as_os_str().as_encoded_bytes() == path));
        match over.take(&files) {
            Ok(()) => break,
            Err(Error::Failed { .. }) if round < ROUNDS_MAX => wip.unreadable.extend(over.unreadable(&files)),
            Err(error) => return Err(error),
        }
    }
    let tree = match over.tree() {
        Ok(tree) => tree,
        Err(_) => {
            // A merge is under way: what stands in the files is taken, with its marks.
            over.take(&unmerged(repo, work, &index.0)?)?;
            over.tree()?
        }
    };
    if tree_of(repo, wip.head.as_ref())? != tree {
        let mut call = repo.call("commit-tree");
        match dated {
            Dated::Now => call.identity(&identity()),
            Dated::AsHead => call.identity_at(&identity(), &date_of(repo, wip.head.as_ref())?),
        };
        call.arg(tree.as_str()).input(message.bytes());
        if let Some(head) = &wip.head {
            call.args(["-p", head.as_str()]);
        }
        wip.commit = Some(call.oid()?);
    }
    wip.tree = Some(tree);
    Ok(wip)
}

/// When a commit was made, as git takes it; of none the beginning of time.
fn date_of(repo: &Repo, commit: Option<&Oid>) -> Result<String> {
    let Some(commit) = commit else { return Ok("@0 +0000".to_owned()) };
    let seconds =
        repo.call("log").args(["-1", "--no-show-signature", "--format=%ct", commit.as_str()]).text()?;
    Ok(format!("@{seconds} +0000"))
}

/// The commit that is checked out here.
fn head(repo: &Repo) -> Result<Option<Oid>> {
    let mut call = repo.git().call("rev-parse", &repo.git_dir);
    let output =
        call.git_dir(&repo.git_dir).args(["-q", "--verify", "HEAD^{commit}"]).accept(&[1, 128]).output()?;
    Ok(Oid::new(String::from_utf8_lossy(&output.stdout).trim()).ok())
}

/// The tree of a commit; that of nothing is empty.
fn tree_of(repo: &Repo, commit: Option<&Oid>) -> Result<Oid> {
    match commit {
        Some(commit) => repo.call("rev-parse").args(["--verify", &format!("{commit}^{{tree}}")]).oid(),
        None => repo.call("mktree").oid(),
    }
}

fn over_work<'a>(repo: &'a Repo, work: &Path, index: &Path, name: &'static str) -> Call<'a> {
    let mut call = repo.git().call(name, work);
    call.git_dir(&repo.git_dir).work_tree(work).env("GIT_INDEX_FILE", index);
    // Else a part of the copy would be written beside theirs.
    call.option("-c").option("core.splitIndex=false").option("-c").option("index.skipHash=true");
    call
}

/// Files of a merge that is not done.
fn unmerged(repo: &Repo, work: &Path, index: &Path) -> Result<Vec<Vec<u8>>> {
    let listing = over_work(repo, work, index, "ls-files").args(["-z", "--unmerged"]).output()?.stdout;
    let path = |row: &[u8]| Some(row[row.iter().position(|b| *b == b'\t')? + 1..].to_vec());
    let mut paths: Vec<Vec<u8>> = listing.split(|b| *b == 0).filter_map(path).collect();
    paths.dedup();
    Ok(paths)
}

/// A copy of the person's index, which goes when it is dropped.
struct Index(PathBuf);

impl Index {
    fn copy(repo: &Repo, scratch: &Path) -> Result<Self> {
        let copy = scratch.join("wip-index");
        let mut lock = copy.as_os_str().to_owned();
        lock.push(".lock");
        // What a process that was killed left behind; nobody else is at work here.
        for left in [copy.as_path(), Path::new(&lock)] {
            match fs::remove_file(left) {
                Err(e) if e.kind() != ErrorKind::NotFound => return Err(io("cannot remove", left)(e)),
                _ => {}
            }
        }
        let theirs = repo.git_dir.join("index");
        if theirs.exists() {
            copy_file(&theirs, &copy)?;
        }
        Ok(Self(copy))
    }
}

impl Drop for Index {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}
