//! A git directory of our own over the files and objects of a workdir.
//!
//! Its configuration, index and references are ours, so that nothing which an agent configured in its clone
//! can run: no hook, filter, driver, monitor or helper. An attribute that names a filter is harmless, because
//! no filter is defined here. The agent's objects are read as objects; what is made goes to our own.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::error::{Error, Result, io};
use super::heads;
use super::names::{Identity, Message, Oid};
use super::repo::{self, DiffStat, Repo};
use super::run::Call;
use super::workdir::{Root, Workdir, copy_file, copy_shallow, make, write, write_alternates};

/// The most uncommitted files that are taken into a commit: more is a build folder that is not ignored.
const FILES_MAX: usize = 100_000;
/// The most bytes of uncommitted files that are taken into a commit.
const BYTES_MAX: u64 = 2 * 1024 * 1024 * 1024;
/// The largest list of private ignore patterns that is read, in bytes.
const EXCLUDE_BYTES_MAX: u64 = 64 * 1024;

/// What an agent changed and did not commit.
pub(super) struct Uncommitted {
    /// The tree with these changes; nothing if there are none.
    pub(super) tree: Option<Oid>,
    /// Git repositories inside the workdir, whose files cannot be part of a commit.
    pub(super) nested: Vec<PathBuf>,
}

pub(super) struct Shadow<'a> {
    repo: &'a Repo,
    dir: PathBuf,
    work: PathBuf,
}

impl<'a> Shadow<'a> {
    /// Makes one, new each time. What it held before is only in the repository, or is made again.
    pub(super) fn new(repo: &'a Repo, root: &Root, workdir: &Workdir) -> Result<Self> {
        let engine = root.engine(&workdir.key);
        let dir = engine.join("git");
        make(&engine)?;
        match fs::remove_dir_all(&dir) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => return Err(io("cannot remove", dir)(e)),
            _ => {}
        }
        make(&dir.join("objects/pack"))?;
        make(&dir.join("refs/heads"))?;
        make(&dir.join("info"))?;
        let probed = heads::read(&engine.join("config"), EXCLUDE_BYTES_MAX)?.unwrap_or_default();
        write(&dir.join("config"), configuration(repo.sha256, &String::from_utf8_lossy(&probed)).as_bytes())?;
        write_alternates(&dir, &[&workdir.path.join(".git/objects"), &repo.objects()])?;
        copy_shallow(repo, &dir)?;
        if let Some(exclude) = heads::read(&workdir.path.join(".git/info/exclude"), EXCLUDE_BYTES_MAX)? {
            write(&dir.join("info/exclude"), &exclude)?;
        }
        write(&dir.join("HEAD"), b"ref: refs/heads/none\n")?;
        if fs::symlink_metadata(engine.join("index")).is_ok_and(|m| m.is_file()) {
            copy_file(&engine.join("index"), &dir.join("index"))?;
        }
        Ok(Self { repo, dir, work: workdir.path.clone() })
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.dir
    }

    /// A command without a work tree.
    pub(super) fn call(&self, name: &'static str) -> Call<'_> {
        let mut call = self.repo.git().call(name, &self.dir);
        call.isolated().git_dir(&self.dir);
        call
    }

    fn over_work(&self, name: &'static str) -> Call<'_> {
        let mut call = self.repo.git().call(name, &self.work);
        call.isolated().git_dir(&self.dir).work_tree(&self.work);
        call
    }

    /// What the files of the workdir are beyond `head`.
    pub(super) fn uncommitted(&self, head: &Oid) -> Result<Uncommitted> {
        // Of the index that was kept when the workdir was made, entries that are the same keep their file
        // times, so that only what changed is read.
        let mut read = self.over_work("read-tree");
        if read.args(["-m", head.as_str()]).output().is_err() {
            let _ = fs::remove_file(self.dir.join("index"));
            self.over_work("read-tree").arg(head.as_str()).output()?;
        }
        // Not `git add`: it looks for changes inside nested repositories by running git there, with their
        // configuration.
        let mut list = self.over_work("ls-files");
        list.args(["-z", "--others", "--modified", "--deleted", "--exclude-standard"]);
        let listing = list.output()?.stdout;
        let paths: BTreeSet<&[u8]> = listing.split(|b| *b == 0).filter(|path| !path.is_empty()).collect();
        let (nested, files): (Vec<&[u8]>, Vec<&[u8]>) =
            paths.into_iter().partition(|path| path.ends_with(b"/"));
        let nested = nested.into_iter().map(|path| PathBuf::from(OsStr::from_bytes(path))).collect();
        if files.is_empty() {
            return Ok(Uncommitted { tree: None, nested });
        }
        self.refuse_too_large(&files)?;
        let (gone, there): (Vec<&[u8]>, Vec<&[u8]>) = files.into_iter().partition(|path| self.is_gone(path));
        self.update_index("--force-remove", &gone)?;
        self.update_index("--remove", &there)?;
        let tree = self.over_work("write-tree").oid()?;
        let same = self.call("rev-parse").args(["--verify", &format!("{head}^{{tree}}")]).oid()? == tree;
        Ok(Uncommitted { tree: (!same).then_some(tree), nested })
    }

    fn update_index(&self, removal: &str, files: &[&[u8]]) -> Result<()> {
        if files.is_empty() {
            return Ok(());
        }
        let mut input = files.join(&0);
        input.push(0);
        let mut update = self.over_work("update-index");
        update.args(["--add", "--replace", removal, "-z", "--stdin"]).input(input).output().map(drop)
    }

    /// Whether there is nothing at a path, or only by way of a symbolic link, which git does not follow.
    fn is_gone(&self, path: &[u8]) -> bool {
        let path = Path::new(OsStr::from_bytes(path));
        let is_link =
            |part: &Path| fs::symlink_metadata(self.work.join(part)).is_ok_and(|found| found.is_symlink());
        fs::symlink_metadata(self.work.join(path)).is_err()
            || path.ancestors().skip(1).any(|part| !part.as_os_str().is_empty() && is_link(part))
    }

    fn refuse_too_large(&self, files: &[&[u8]]) -> Result<()> {
        let size = |path: &&[u8]| {
            fs::symlink_metadata(self.work.join(OsStr::from_bytes(path))).map_or(0, |found| found.len())
        };
        let bytes = files.iter().map(size).sum();
        if files.len() > FILES_MAX || bytes > BYTES_MAX {
            return Err(Error::LeftoversTooLarge { path: self.work.clone(), files: files.len(), bytes });
        }
        Ok(())
    }

    /// Makes a commit of a tree.
    pub(super) fn commit(
        &self,
        tree: &Oid,
        parents: &[&Oid],
        who: &Identity,
        message: &Message,
    ) -> Result<Oid> {
        let mut call = self.call("commit-tree");
        call.identity(who).arg(tree.as_str()).input(message.bytes());
        for parent in parents {
            call.args(["-p", parent.as_str()]);
        }
        call.oid()
    }

    /// How many commits `tip` has that `base` lacks, or nothing when `tip` does not descend from `base` or
    /// is not there.
    pub(super) fn commits_since(&self, base: &Oid, tip: &Oid) -> Result<Option<u64>> {
        let mut call = self.call("rev-list");
        call.args(["--count", "--left-right", &format!("{base}...{tip}"), "--"]).accept(&[128]);
        let output = call.output()?;
        if output.code != 0 {
            return Ok(None);
        }
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let (left, right) = text.trim().split_once('\t').ok_or_else(|| call.unexpected(text.as_bytes()))?;
        let right = right.parse().map_err(|_| call.unexpected(text.as_bytes()))?;
        Ok((left == "0").then_some(right))
    }

    /// The size of the change between two commits.
    pub(super) fn diff_stat(&self, from: &Oid, to: &Oid) -> Result<DiffStat> {
        repo::diff_stat(&mut self.call("diff-tree"), from, to)
    }

    /// Brings a commit and all that it needs into the repository, checked, under a full reference.
    pub(super) fn deliver(&self, tip: &Oid, known: &Oid, reference: &str, force: bool) -> Result<()> {
        let mut call = self.repo.call("fetch");
        // Checks each object, and asks for nothing but this commit.
        call.args(["-q", "--no-tags", "--no-write-fetch-head", "--no-auto-maintenance", "--no-prune"]);
        call.args(["--no-recurse-submodules", "--no-show-forced-updates", "--refmap=", "--atomic"]);
        call.arg(format!("--negotiation-tip={known}"));
        call.option("-c").option("fetch.fsckObjects=true");
        call.arg("--end-of-options").arg(self.path());
        let force = if force { "+" } else { "" };
        call.arg(format!("{force}{tip}:{reference}")).output().map(drop)
    }
}

/// The configuration of a shadow, with what git found out about the file system when the workdir was made.
fn configuration(sha256: bool, probed: &str) -> String {
    let version = u8::from(sha256);
    let mut text = format!("[core]\n\trepositoryformatversion = {version}\n\tbare = false\n");
    for line in probed.lines().map(str::trim) {
        if ["filemode = false", "symlinks = false", "ignorecase = true"].contains(&line) {
            text += &format!("\t{line}\n");
        }
    }
    if sha256 {
        text += "[extensions]\n\tobjectformat = sha256\n";
    }
    text
}
