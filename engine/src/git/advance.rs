//! Moving a branch forward, once, without touching what a person has in its checkout.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::error::{Error, Result, printable, said};
use super::names::{Branch, Oid};
use super::pipe;
use super::repo::Repo;
use super::run::Call;

/// How long another's lock is waited for, in steps that grow: 635 ms altogether.
const LOCK_WAITS_MS: [u64; 7] = [5, 10, 20, 50, 100, 150, 300];

/// How many files in the way are named.
const FILES_MAX: usize = 50;
/// How long such a name is shown, in characters.
const FILE_CHARS_MAX: usize = 300;

/// What came of moving a branch.
#[derive(Clone, PartialEq, Eq, Debug)]
#[must_use]
pub enum Advance {
    /// The branch is now the new commit.
    Advanced,
    /// The branch had the new commit already: an interrupted run got this far.
    AlreadyMerged,
    /// The branch is something else by now; prepare again.
    Moved {
        /// What it is; nothing if it does not exist.
        now: Option<Oid>,
    },
    /// A person's checkout or a lock is in the way; try again when it has changed.
    Blocked {
        /// What is in the way.
        why: Obstacle,
        /// The checkout, if it is in one.
        checkout: Option<PathBuf>,
    },
}

/// What keeps a branch from moving.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Obstacle {
    /// The checkout has changes, or files that are not tracked, which would be overwritten.
    Files(Vec<String>),
    /// A rebase, merge, cherry-pick, revert, bisect or mailbox import is under way there.
    InProgress(&'static str),
    /// Another git holds this lock, or left it behind.
    Lock(PathBuf),
    /// Git refused for another reason.
    Refused(String),
}

/// Moves `branch` from one commit to a later one, which must descend from it. It is compare-and-swap; where
/// the branch is checked out it is a fast-forward there, which git refuses if it would touch changes.
///
/// # Errors
/// What running git gave, when that is not one of the answers.
pub fn advance(repo: &Repo, branch: &Branch, from: Option<&Oid>, to: &Oid) -> Result<Advance> {
    if let Some(answer) = standing(repo, branch, from, to)? {
        return Ok(answer);
    }
    let checkouts = checkouts(repo)?;
    for checkout in &checkouts {
        if let Some(what) = checkout.busy_with(branch) {
            let (why, checkout) = (Obstacle::InProgress(what), Some(checkout.path.clone()));
            return Ok(Advance::Blocked { why, checkout });
        }
    }
    let here: Vec<_> =
        checkouts.iter().filter(|c| c.branch.as_deref() == Some(&branch.reference())).collect();
    let mut waits = LOCK_WAITS_MS.iter();
    loop {
        let tried = match here.as_slice() {
            [] => (None, swap(repo, branch, from, to)?),
            [checkout] => (Some(checkout.path.clone()), checkout.fast_forward(repo, to)?),
            [first, ..] => {
                let why = Obstacle::Refused("the branch is checked out in several places".to_owned());
                return Ok(Advance::Blocked { why, checkout: Some(first.path.clone()) });
            }
        };
        let (checkout, refusal) = tried;
        let Some(said) = refusal else {
            return Ok(
                standing(repo, branch, from, to)?.map_or(Advance::Moved { now: from.cloned() }, finished)
            );
        };
        if let Some(answer) = standing(repo, branch, from, to)? {
            return Ok(finished(answer));
        }
        let why = obstacle(&said);
        if let Obstacle::Lock(_) = why
            && let Some(wait) = waits.next()
        {
            pipe::poll(&mut [], Duration::from_millis(*wait))
                .map_err(|source| Error::Spawn { command: "update-ref".to_owned(), source })?;
            continue;
        }
        return Ok(Advance::Blocked { why, checkout });
    }
}

/// The branch is where we put it, in this very call.
fn finished(answer: Advance) -> Advance {
    if answer == Advance::AlreadyMerged { Advance::Advanced } else { answer }
}

/// What the branch says about the wish: nothing when it is still `from`.
fn standing(repo: &Repo, branch: &Branch, from: Option<&Oid>, to: &Oid) -> Result<Option<Advance>> {
    let now = repo.resolve(branch)?;
    if now.as_ref() == Some(to) {
        return Ok(Some(Advance::AlreadyMerged));
    }
    if now.as_ref() == from {
        return Ok(None);
    }
    if let Some(now) = &now
        && repo.is_ancestor(to, now)?
    {
        return Ok(Some(Advance::AlreadyMerged));
    }
    Ok(Some(Advance::Moved { now }))
}

/// What keeps a branch from moving, looked at again without moving it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Watched {
    /// The folders in which it changes: of the checkouts of the branch, and of the files in the way.
    pub folders: BTreeSet<PathBuf>,
    /// Whether it is still there; nothing when only another try can tell.
    pub in_the_way: Option<bool>,
}

/// Looks again at what kept `branch` from moving: these files, or whatever it was if there are none.
///
/// # Errors
/// What running git gave.
pub fn look_again(repo: &Repo, branch: &Branch, files: &[String]) -> Result<Watched> {
    let mut folders = BTreeSet::from([repo.git_dir.clone()]);
    let (mut busy, mut dirty) = (false, false);
    for checkout in checkouts(repo)? {
        let here = checkout.branch.as_deref() == Some(&branch.reference());
        let occupied = checkout.busy_with(branch).is_some();
        busy |= occupied;
        if here || occupied {
            let parents = files.iter().filter_map(|file| Some(checkout.path.join(file).parent()?.to_owned()));
            folders.extend(parents.chain([checkout.git_dir.clone(), checkout.path.clone()]));
        }
        dirty |= here && !files.is_empty() && checkout.holds_changes(repo, files)?;
    }
    folders.retain(|folder| folder.is_dir());
    // A name that is not shown as it is cannot be asked about.
    let known =
        !files.is_empty() && files.iter().all(|f| !f.contains('\\') && f.chars().count() < FILE_CHARS_MAX);
    let in_the_way = (busy || dirty || known).then_some(busy || dirty);
    Ok(Watched { folders, in_the_way })
}

/// Compare and swap; gives what git said if it refused.
fn swap(repo: &Repo, branch: &Branch, from: Option<&Oid>, to: &Oid) -> Result<Option<Vec<u8>>> {
    let old = from.map_or_else(|| to.zero(), Oid::to_string);
    let mut call = repo.call("update-ref");
    call.args([
        "--create-reflog",
        "-m",
        "convoy: merge",
        "--end-of-options",
        &branch.reference(),
        to.as_str(),
        &old,
    ]);
    refusal(&mut call)
}

fn refusal(call: &mut Call<'_>) -> Result<Option<Vec<u8>>> {
    let output = call.accept(&[1, 2, 128]).output()?;
    Ok((output.code != 0).then_some(output.stderr))
}

/// A work tree of the repository.
struct Checkout {
    path: PathBuf,
    git_dir: PathBuf,
    /// The full reference that its HEAD names, if it is not detached.
    branch: Option<String>,
}

fn checkouts(repo: &Repo) -> Result<Vec<Checkout>> {
    let listing = repo.call("worktree").args(["list", "--porcelain", "-z"]).output()?.stdout;
    let mut all: Vec<Checkout> = Vec::new();
    let mut main = true;
    // Each record ends with an empty field.
    let fields: Vec<&[u8]> = listing.split(|b| *b == 0).collect();
    for record in fields.split(|field| field.is_empty()).filter(|record| !record.is_empty()) {
        let value =
            |name: &str| record.iter().find_map(|f| f.strip_prefix(name.as_bytes())?.strip_prefix(b" "));
        let is_main = std::mem::replace(&mut main, false);
        let Some(path) = value("worktree") else { continue };
        if record.contains(&b"bare".as_slice()) {
            continue;
        }
        let listed = PathBuf::from(OsStr::from_bytes(path));
        let branch = value("branch").map(|name| String::from_utf8_lossy(name).into_owned());
        let git_dir = if is_main { repo.common_dir.clone() } else { linked_git_dir(repo, &listed) };
        // Git lists the main work tree by where its git directory is, which may be configured otherwise.
        let path = match &repo.work_tree {
            Some(tree) if git_dir == repo.git_dir => tree.clone(),
            _ => listed,
        };
        all.push(Checkout { path, git_dir, branch });
    }
    Ok(all)
}

/// The git directory of a linked work tree, by the record that the repository has of it.
fn linked_git_dir(repo: &Repo, path: &Path) -> PathBuf {
    let wanted = path.join(".git");
    let records = repo.common_dir.join("worktrees");
    let is_it = |record: &PathBuf| {
        let text = fs::read(record.join("gitdir")).unwrap_or_default();
        let text = OsStr::from_bytes(text.trim_ascii_end());
        record.join(text) == wanted
    };
    fs::read_dir(&records).into_iter().flatten().flatten().map(|e| e.path()).find(is_it).unwrap_or(records)
}

impl Checkout {
    /// What is under way here that concerns `branch`.
    fn busy_with(&self, branch: &Branch) -> Option<&'static str> {
        let reference = branch.reference();
        let names = |file: &str| {
            fs::read_to_string(self.git_dir.join(file))
                .is_ok_and(|text| text.trim() == reference || text.trim() == branch.as_str())
        };
        let here = |file: &str| self.branch.as_ref() == Some(&reference) && self.git_dir.join(file).exists();
        [
            (names("rebase-merge/head-name") || here("rebase-merge"), "a rebase"),
            (names("rebase-apply/head-name") || here("rebase-apply"), "a rebase or mailbox import"),
            (names("BISECT_START"), "a bisection"),
            (here("MERGE_HEAD"), "a merge"),
            (here("CHERRY_PICK_HEAD"), "a cherry-pick"),
            (here("REVERT_HEAD"), "a revert"),
        ]
        .into_iter()
        .find_map(|(busy, what)| busy.then_some(what))
    }

    /// Whether one of these files is a lock that is there, or differs from what is committed, or is not known.
    fn holds_changes(&self, repo: &Repo, files: &[String]) -> Result<bool> {
        if files.iter().any(|file| file.ends_with(".lock") && Path::new(file).is_absolute()) {
            return Ok(files.iter().any(|file| Path::new(file).exists()));
        }
        let mut call = repo.git().call("status", &self.path);
        call.git_dir(&self.git_dir).work_tree(&self.path).env("GIT_LITERAL_PATHSPECS", "1");
        call.args(["--porcelain", "-z", "--untracked-files=all", "--ignored=matching", "--"]).args(files);
        Ok(!call.output()?.stdout.is_empty())
    }

    /// Fast-forwards here; gives what git said if it refused.
    fn fast_forward(&self, repo: &Repo, to: &Oid) -> Result<Option<Vec<u8>>> {
        let mut call = repo.git().call("merge", &self.path);
        call.git_dir(&self.git_dir).work_tree(&self.path).env("GIT_REFLOG_ACTION", "convoy: merge");
        call.args([
            "--ff-only",
            "--no-squash",
            "--commit",
            "--no-verify-signatures",
            "--no-autostash",
            "--no-stat",
        ]);
        // A file that is ignored here but comes with the merge is a person's file all the same.
        call.args(["-q", "--no-overwrite-ignore", "--end-of-options", to.as_str()]);
        refusal(&mut call)
    }
}

/// What git's words mean. Git speaks English here, because the locale is ours.
fn obstacle(words: &[u8]) -> Obstacle {
    let text = String::from_utf8_lossy(words);
    if let Some((before, _)) = text.split_once(".lock': File exists")
        && let Some((_, path)) = before.split_once("Unable to create '")
    {
        return Obstacle::Lock(PathBuf::from(format!("{path}.lock")));
    }
    // Files are listed one a line after a tab.
    let files: Vec<_> = words
        .split(|b| *b == b'\n')
        .filter_map(|line| line.strip_prefix(b"\t"))
        .take(FILES_MAX)
        .map(|file| printable(file, FILE_CHARS_MAX))
        .collect();
    if files.is_empty() { Obstacle::Refused(said(words)) } else { Obstacle::Files(files) }
}
