//! Making the commit that lands a branch, without an index or a work tree.

use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use super::error::Result;
use super::names::{Branch, Identity, Message, Oid};
use super::repo::Repo;

/// What merging a tip into a base branch gives.
#[derive(Clone, PartialEq, Eq, Debug)]
#[must_use]
pub enum Merge {
    /// A commit that can become the base branch. Nothing points at it yet.
    Prepared {
        /// What the base branch was; nothing when it does not exist yet.
        base: Option<Oid>,
        /// The merge commit: its parents are the base and the tip.
        commit: Oid,
    },
    /// The base branch has the tip already.
    AlreadyMerged {
        /// The merge commit that brought it, or the tip itself.
        commit: Oid,
    },
    /// Both sides changed the same things.
    Conflict {
        /// What the base branch was.
        base: Oid,
        /// The files, relative to the root of the tree.
        files: Vec<PathBuf>,
    },
}

/// Merges `tip` into what the base branch is now. Only objects are written.
///
/// # Errors
/// What running git gave, for example when the histories have no common commit.
pub fn prepare(
    repo: &Repo,
    base_branch: &Branch,
    tip: &Oid,
    who: &Identity,
    message: &Message,
) -> Result<Merge> {
    let base = repo.resolve(base_branch)?;
    onto(repo, base.as_ref(), tip, who, message)
}

/// Merges `tip` into a commit, or into nothing. Only objects are written.
///
/// # Errors
/// As `prepare`.
pub fn onto(repo: &Repo, base: Option<&Oid>, tip: &Oid, who: &Identity, message: &Message) -> Result<Merge> {
    let tree =
        repo.objects_named(&[format!("{tip}^{{tree}}")])?.remove(0).ok_or_else(|| no_such(repo, tip))?;
    let Some(base) = base else {
        let root = repo.empty_root()?;
        let commit = commit(repo, &tree, &root, tip, who, message)?;
        return Ok(Merge::Prepared { base: None, commit });
    };
    if repo.is_ancestor(tip, base)? {
        return Ok(Merge::AlreadyMerged { commit: brought_by(repo, tip, base)? });
    }
    let mut call = repo.call("merge-tree");
    if let Some(option) = repo.git().attributes_of(base) {
        call.option(option);
    }
    call.args(["--write-tree", "-z", "--name-only", "--no-messages", base.as_str(), tip.as_str()])
        .accept(&[1]);
    let output = call.output()?;
    let mut parts = output.stdout.split(|b| *b == 0).filter(|part| !part.is_empty());
    let tree = parts.next().unwrap_or_default();
    if output.code == 1 {
        let files = parts.map(|path| PathBuf::from(std::ffi::OsStr::from_bytes(path))).collect();
        return Ok(Merge::Conflict { base: base.clone(), files });
    }
    let tree = Oid::new(&String::from_utf8_lossy(tree)).map_err(|_| call.unexpected(tree))?;
    let commit = commit(repo, &tree, base, tip, who, message)?;
    Ok(Merge::Prepared { base: Some(base.clone()), commit })
}

/// The commits in `base` and not in `tip` that changed these files, newest first: short id and subject of each.
///
/// # Errors
/// What running git gave.
pub fn changes_to(repo: &Repo, files: &[PathBuf], tip: &Oid, base: &Oid, max: usize) -> Result<Vec<String>> {
    let mut call = repo.call("rev-list");
    call.args(["--no-commit-header", "--format=%h %s", &format!("--max-count={max}")]);
    call.arg(format!("{tip}..{base}")).arg("--").args(files);
    let text = call.output()?.stdout;
    Ok(String::from_utf8_lossy(&text).lines().map(str::to_owned).collect())
}

fn no_such(repo: &Repo, oid: &Oid) -> super::Error {
    super::Error::NoSuchCommit { path: repo.common_dir.clone(), oid: oid.clone() }
}

fn commit(repo: &Repo, tree: &Oid, base: &Oid, tip: &Oid, who: &Identity, message: &Message) -> Result<Oid> {
    let mut call = repo.call("commit-tree");
    call.identity(who).args([tree.as_str(), "-p", base.as_str(), "-p", tip.as_str()]);
    call.input(message.bytes()).oid()
}

/// The oldest merge commit between `tip` and the base branch, or `tip` if it came by a fast-forward.
fn brought_by(repo: &Repo, tip: &Oid, base: &Oid) -> Result<Oid> {
    let mut call = repo.call("rev-list");
    call.args(["--ancestry-path", "--merges", "--topo-order", "--reverse", &format!("{tip}..{base}"), "--"]);
    let text = call.text()?;
    match text.lines().next() {
        Some(line) => Oid::new(line),
        None => Ok(tip.clone()),
    }
}
