//! The person's repository: what it is, and questions about its commits.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::error::{Error, Result, printable};
use super::names::{Branch, Identity, Key, Oid};
use super::run::{Call, Git};

/// How many changed files are named, and how long each is shown.
const CHANGED_MAX: usize = 5;
const CHANGED_CHARS_MAX: usize = 200;
/// The date of the commit that stands in for "nothing" under a repository's first work.
const EMPTY_ROOT_DATE: &str = "@946684800 +0000";

/// A repository, found once.
#[derive(Clone, Debug)]
pub struct Repo {
    git: Git,
    /// Its git directory; of a linked worktree, that worktree's own.
    pub git_dir: PathBuf,
    /// The git directory that all its worktrees share. Equal to `git_dir` but in a linked worktree.
    pub common_dir: PathBuf,
    /// The work tree that the path was in, if any.
    pub work_tree: Option<PathBuf>,
    /// Whether objects are named by SHA-256.
    pub sha256: bool,
}

/// The size of a change.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct DiffStat {
    /// Files added, removed or changed.
    pub files: u64,
    /// Lines added.
    pub insertions: u64,
    /// Lines removed.
    pub deletions: u64,
}

impl Repo {
    /// Finds the repository that `path` is in. This is the only place where git may look around.
    ///
    /// # Errors
    /// `NotARepository`.
    pub fn open(git: &Git, path: &Path) -> Result<Self> {
        let path = std::fs::canonicalize(path).map_err(super::error::io("cannot find", path))?;
        if let Some(repo) = Self::open_at_once(git, &path)? {
            return Ok(repo);
        }
        let ask = |question: &str| -> Result<Vec<u8>> {
            let mut call = git.call("rev-parse", &path);
            call.env("GIT_CEILING_DIRECTORIES", "").args(["--path-format=absolute", question]);
            let mut answer = call.output()?.stdout;
            answer.pop();
            Ok(answer)
        };
        let git_dir = ask("--git-dir").map_err(|e| match e {
            Error::Failed { stderr, .. } => Error::NotARepository { path: path.clone(), why: stderr },
            other => other,
        })?;
        let work_tree =
            if ask("--is-inside-work-tree")? == b"true" { Some(ask("--show-toplevel")?) } else { None };
        let to_path = |bytes: Vec<u8>| PathBuf::from(OsStr::from_bytes(&bytes));
        Ok(Self {
            git: git.clone(),
            git_dir: to_path(git_dir),
            common_dir: to_path(ask("--git-common-dir")?),
            work_tree: work_tree.map(to_path),
            sha256: ask("--show-object-format")? == b"sha256",
        })
    }

    /// All questions of `open` to one process, if the answers can be told apart: nothing if there is no work tree, no
    /// repository, or a line end in a path.
    fn open_at_once(git: &Git, path: &Path) -> Result<Option<Self>> {
        let mut call = git.call("rev-parse", path);
        call.env("GIT_CEILING_DIRECTORIES", "").args(["--path-format=absolute", "--git-dir"]);
        call.args(["--git-common-dir", "--show-object-format", "--is-inside-work-tree", "--show-toplevel"]);
        let output = call.accept(&[128]).output()?;
        let lines: Vec<&[u8]> = output.stdout.split(|b| *b == b'\n').collect();
        let [git_dir, common_dir, format, b"true", top, b""] = lines.as_slice() else { return Ok(None) };
        let to_path = |bytes: &[u8]| PathBuf::from(OsStr::from_bytes(bytes));
        Ok(Some(Self {
            git: git.clone(),
            git_dir: to_path(git_dir),
            common_dir: to_path(common_dir),
            work_tree: Some(to_path(top)),
            sha256: *format == b"sha256",
        }))
    }

    /// The repository at `path` itself. One that `path` is only inside of would be worked on in its place.
    ///
    /// # Errors
    /// `NotARepository`.
    pub fn open_at(git: &Git, path: &Path) -> Result<Self> {
        let repo = Self::open(git, path)?;
        let path = std::fs::canonicalize(path).map_err(super::error::io("cannot find", path))?;
        let tops = [repo.work_tree.as_ref(), Some(&repo.git_dir), Some(&repo.common_dir)];
        if tops.into_iter().flatten().any(|top| top.canonicalize().is_ok_and(|top| top == path)) {
            return Ok(repo);
        }
        let why = format!("it is inside the repository {}", repo.git_dir.display());
        Err(Error::NotARepository { path, why })
    }

    /// Where it was cloned from, if it was.
    ///
    /// # Errors
    /// What running git gave.
    pub fn origin(&self) -> Result<Option<String>> {
        let mut call = self.call("config");
        let url = call.args(["--local", "--get", "remote.origin.url"]).accept(&[1]).text()?;
        Ok(Some(url).filter(|url| !url.is_empty()))
    }

    /// The program that it is used with.
    pub fn git(&self) -> &Git {
        &self.git
    }

    /// A command on the shared git directory, without a work tree.
    pub(super) fn call(&self, name: &'static str) -> Call<'_> {
        let mut call = self.git.call(name, &self.common_dir);
        call.git_dir(&self.common_dir);
        call
    }

    /// Where objects are.
    pub(super) fn objects(&self) -> PathBuf {
        self.common_dir.join("objects")
    }

    /// The branch that is checked out here, born or not. With a detached HEAD: the remote's default branch if
    /// it exists here, else `main`, `master`, or the only branch.
    ///
    /// # Errors
    /// `NoDefaultBranch`.
    pub fn default_branch(&self) -> Result<Branch> {
        let mut head = self.git.call("symbolic-ref", &self.git_dir);
        head.git_dir(&self.git_dir).args(["-q", "HEAD"]).accept(&[1]);
        if let Some(name) = head.text()?.strip_prefix("refs/heads/") {
            return Branch::new(name);
        }
        let mut call = self.call("for-each-ref");
        call.args([
            "--format=%(refname) %(symref)",
            "--end-of-options",
            "refs/heads",
            "refs/remotes/origin/HEAD",
        ]);
        let listing = call.output()?.stdout;
        let listing = String::from_utf8_lossy(&listing);
        let mut branches: Vec<&str> = Vec::new();
        let mut wanted = Vec::new();
        for line in listing.lines() {
            let (name, target) = line.split_once(' ').unwrap_or((line, ""));
            branches.extend(name.strip_prefix("refs/heads/"));
            wanted.extend(target.strip_prefix("refs/remotes/origin/"));
        }
        wanted.extend(["main", "master"]);
        let found = wanted.into_iter().find(|name| branches.contains(name));
        match (found, branches.as_slice()) {
            (Some(name), _) => Branch::new(name),
            (None, [name]) => Branch::new(*name),
            (None, _) => Err(Error::NoDefaultBranch { path: self.git_dir.clone() }),
        }
    }

    /// The commit that a branch points at, or nothing when it does not exist.
    ///
    /// # Errors
    /// When git cannot be run.
    pub fn resolve(&self, branch: &Branch) -> Result<Option<Oid>> {
        self.commit(&branch.reference())
    }

    /// The commit that a full reference points at.
    pub(super) fn commit(&self, reference: &str) -> Result<Option<Oid>> {
        Ok(self.objects_named(&[format!("{reference}^{{commit}}")])?.remove(0))
    }

    /// The objects with these names, in their order, in one process. Names must not contain line ends.
    pub(super) fn objects_named(&self, names: &[String]) -> Result<Vec<Option<Oid>>> {
        let mut call = self.call("cat-file");
        let output = call.arg("--batch-check=%(objectname)").input(names.join("\n") + "\n").output()?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let oids: Vec<_> = text.lines().map(|line| Oid::new(line).ok()).collect();
        if oids.len() == names.len() { Ok(oids) } else { Err(call.unexpected(text.as_bytes())) }
    }

    /// Whether a commit is here.
    ///
    /// # Errors
    /// What running git gave.
    pub fn has(&self, oid: &Oid) -> Result<bool> {
        Ok(self.commit(oid.as_str())?.is_some())
    }

    /// Whether everything in `ancestor` is in `descendant` too. A commit is its own ancestor.
    ///
    /// # Errors
    /// When a commit is not in the repository.
    pub fn is_ancestor(&self, ancestor: &Oid, descendant: &Oid) -> Result<bool> {
        let mut call = self.call("merge-base");
        call.args(["--is-ancestor", ancestor.as_str(), descendant.as_str()]).accept(&[1]);
        Ok(call.output()?.code == 0)
    }

    /// The size of the change between two commits.
    ///
    /// # Errors
    /// When a commit is not in the repository.
    pub fn diff_stat(&self, from: &Oid, to: &Oid) -> Result<DiffStat> {
        diff_stat(&mut self.call("diff-tree"), from, to)
    }

    /// The commit from which two others went apart; nothing if they have none in common.
    ///
    /// # Errors
    /// What running git gave.
    pub fn merge_base(&self, one: &Oid, other: &Oid) -> Result<Option<Oid>> {
        let mut call = self.call("merge-base");
        let found = call.args([one.as_str(), other.as_str()]).accept(&[1]).output()?.stdout;
        let text = String::from_utf8_lossy(&found);
        text.lines().next().map(Oid::new).transpose()
    }

    /// The files below `folder` that differ between two commits, as they can be shown; at most a few.
    ///
    /// # Errors
    /// What running git gave.
    pub fn changed_below(&self, from: &Oid, to: &Oid, folder: &str) -> Result<Vec<String>> {
        let mut call = self.call("diff-tree");
        call.args([
            "-r",
            "-z",
            "--name-only",
            "--no-renames",
            "--no-ext-diff",
            from.as_str(),
            to.as_str(),
            "--",
            folder,
        ]);
        let listing = call.output()?.stdout;
        let names = listing.split(|b| *b == 0).filter(|name| !name.is_empty());
        Ok(names.take(CHANGED_MAX).map(|name| printable(name, CHANGED_CHARS_MAX)).collect())
    }

    /// Points references at commits, and keeps those commits from being collected. No old value is expected.
    pub(super) fn pin(&self, pins: &[(String, &Oid)]) -> Result<()> {
        let lines: String = pins.iter().map(|(name, oid)| format!("update {name} {oid}\n")).collect();
        self.call("update-ref").arg("--stdin").input(lines).output().map(drop)
    }

    /// Removes the pins of a workdir. Those that are not there are no error.
    pub(super) fn unpin(&self, key: &Key) -> Result<()> {
        let names = [key.base_ref(), key.from_ref()];
        let there = self.objects_named(&names)?;
        let lines: String = names
            .iter()
            .zip(&there)
            .filter_map(|(name, oid)| Some(format!("delete {name} {}\n", oid.as_ref()?)))
            .collect();
        if lines.is_empty() {
            return Ok(());
        }
        self.call("update-ref").arg("--stdin").input(lines).output().map(drop)
    }

    /// The commit without files that a repository without commits starts from. It is always the same one.
    pub(super) fn empty_root(&self) -> Result<Oid> {
        let tree = self.call("mktree").output()?.stdout;
        let identity = Identity::new("Convoy", "convoy@localhost").expect("a valid identity");
        let tree = String::from_utf8_lossy(&tree);
        let mut call = self.call("commit-tree");
        call.identity_at(&identity, EMPTY_ROOT_DATE).arg(tree.trim()).input(&b"Start\n"[..]);
        call.oid()
    }
}

/// The size of a change, by a `diff-tree` that was pointed at a repository.
pub(super) fn diff_stat(call: &mut Call<'_>, from: &Oid, to: &Oid) -> Result<DiffStat> {
    call.args([
        "--shortstat",
        "-r",
        "--no-ext-diff",
        "--no-textconv",
        "--no-color",
        from.as_str(),
        to.as_str(),
    ]);
    let text = call.text()?;
    let mut stat = DiffStat::default();
    for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
        let (number, what) = part.split_once(' ').ok_or_else(|| call.unexpected(text.as_bytes()))?;
        let number = number.parse().map_err(|_| call.unexpected(text.as_bytes()))?;
        match what.as_bytes().first() {
            Some(b'f') => stat.files = number,
            Some(b'i') => stat.insertions = number,
            _ => stat.deletions = number,
        }
    }
    Ok(stat)
}
