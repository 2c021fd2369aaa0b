//! A git directory of our own over the files and objects of a workdir.
//!
//! Its configuration, index and references are ours, so that nothing which an agent configured in its clone
//! can run: no hook, filter, driver, monitor or helper. An attribute that names a filter is harmless, because
//! no filter is defined here. The agent's objects are read as objects; what is made goes to our own.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::changes::{Changes, Over};
use super::error::{Result, io};
use super::heads;
use super::names::{Identity, Message, Oid};
use super::repo::{self, DiffStat, Repo};
use super::run::Call;
use super::workdir::{INDEX, Root, START, Workdir, copy_file, copy_shallow, make, write, write_alternates};

/// The largest list of private ignore patterns that is read, in bytes.
const EXCLUDE_BYTES_MAX: u64 = 64 * 1024;
/// The largest file with one object name that is read, in bytes.
const OID_FILE_BYTES_MAX: u64 = 100;

/// What an agent changed and did not commit.
pub(super) struct Uncommitted {
    /// The tree with these changes; nothing if there are none.
    pub(super) tree: Option<Oid>,
    /// Git repositories inside the workdir, whose files cannot be part of a commit.
    pub(super) nested: Vec<PathBuf>,
}

pub(super) struct Shadow<'a> {
    repo: &'a Repo,
    /// What the engine keeps for the workdir.
    engine: PathBuf,
    dir: PathBuf,
    work: PathBuf,
    /// The commit that the index is of, if that is known.
    index_of: Option<Oid>,
    /// What is made goes to the repository's own objects, and the workdir's are not looked at.
    into_repository: bool,
}

impl<'a> Shadow<'a> {
    /// Makes one, new each time. What it held before is only in the repository, or is made again.
    pub(super) fn new(repo: &'a Repo, root: &Root, workdir: &Workdir) -> Result<Self> {
        Self::named("git", repo, root, workdir)
    }

    /// As `new`, beside those with other names.
    pub(super) fn named(name: &str, repo: &'a Repo, root: &Root, workdir: &Workdir) -> Result<Self> {
        let engine = root.engine(&workdir.key);
        let dir = engine.join(name);
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
        let mut index_of = None;
        if fs::symlink_metadata(engine.join(INDEX)).is_ok_and(|m| m.is_file()) {
            copy_file(&engine.join(INDEX), &dir.join("index"))?;
            let start = heads::read(&engine.join(START), OID_FILE_BYTES_MAX)?.unwrap_or_default();
            index_of = Oid::new(String::from_utf8_lossy(&start).trim()).ok();
        }
        Ok(Self { repo, engine, dir, work: workdir.path.clone(), index_of, into_repository: false })
    }

    /// From now on what is made goes to the repository's own objects. Of the workdir's objects only those are seen
    /// that were delivered.
    pub(super) fn into_repository(mut self) -> Self {
        self.into_repository = true;
        self
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.dir
    }

    /// A command without a work tree.
    pub(super) fn call(&self, name: &'static str) -> Call<'_> {
        let mut call = self.repo.git().call(name, &self.dir);
        call.isolated().git_dir(&self.dir);
        self.place(&mut call);
        call
    }

    fn place(&self, call: &mut Call<'_>) {
        if self.into_repository {
            call.env("GIT_OBJECT_DIRECTORY", self.repo.objects());
        }
    }

    pub(super) fn over_work(&self, name: &'static str) -> Call<'a> {
        let mut call = self.repo.git().call(name, &self.work);
        call.isolated().git_dir(&self.dir).work_tree(&self.work);
        self.place(&mut call);
        call
    }

    /// What the files of the workdir are beyond `head`.
    pub(super) fn uncommitted(&self, head: &Oid) -> Result<Uncommitted> {
        self.read(head)?;
        let over = self.over();
        let Changes { files, nested } = over.changes()?;
        if files.is_empty() {
            return Ok(Uncommitted { tree: None, nested });
        }
        over.take(&files)?;
        let tree = over.tree()?;
        let same = self.tree_of(head)? == tree;
        Ok(Uncommitted { tree: (!same).then_some(tree), nested })
    }

    /// Whether the workdir was made at this commit, which is pinned in the repository.
    pub(super) fn begins_at(&self, head: &Oid) -> bool {
        self.index_of.as_ref() == Some(head)
    }

    /// Has the index that was kept when the workdir was made written again, once, if that is of use to all who look
    /// later. Only one at a time may do so, before the index is read.
    ///
    /// Of a file that was written in the same second as its index, git cannot tell by the times whether it changed
    /// since: it reads it whenever it is asked. That is every file that the checkout wrote in its last second.
    pub(super) fn settle(&self) -> Result<()> {
        let (kept, start) = (self.engine.join(INDEX), self.engine.join(START));
        let second = |path: &Path| fs::symlink_metadata(path).map(|found| found.mtime());
        match (second(&kept), second(&start)) {
            (Ok(kept), Ok(start)) if kept <= start => {}
            _ => return Ok(()),
        }
        let mut refresh = self.over_work("update-index");
        // That a file differs is no failure.
        refresh.args(["-q", "--refresh", "--force-write-index"]).accept(&[1]).output()?;
        let new = self.engine.join("index.new");
        copy_file(&self.dir.join("index"), &new)?;
        fs::rename(&new, &kept).map_err(io("cannot move", &new))
    }

    /// Has the index be what `head` is. Of the index that was kept when the workdir was made, entries that are the
    /// same keep their file times, so that only what changed is read.
    pub(super) fn read(&self, head: &Oid) -> Result<()> {
        if self.begins_at(head) {
            return Ok(());
        }
        let mut read = self.over_work("read-tree");
        if read.args(["-m", head.as_str()]).output().is_err() {
            let _ = fs::remove_file(self.dir.join("index"));
            self.over_work("read-tree").arg(head.as_str()).output()?;
        }
        Ok(())
    }

    /// The files of the workdir, over the index.
    pub(super) fn over(&self) -> Over<'_, impl Fn(&'static str) -> Call<'a>> {
        Over { call: |name| self.over_work(name), work: &self.work }
    }

    /// The tree of a commit.
    pub(super) fn tree_of(&self, commit: &Oid) -> Result<Oid> {
        self.call("rev-parse").args(["--verify", &format!("{commit}^{{tree}}")]).oid()
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
        let force = if force { "+" } else { "" };
        self.fetch(known, format!("{force}{tip}:{reference}"))
    }

    /// Brings a commit and all that it needs into the repository, checked, under no reference: whoever has it done
    /// makes a commit that leads to it.
    pub(super) fn bring(&self, tip: &Oid, known: &Oid) -> Result<()> {
        self.fetch(known, tip.to_string())
    }

    fn fetch(&self, known: &Oid, what: String) -> Result<()> {
        let mut call = self.repo.call("fetch");
        // Checks each object, and asks for nothing but this commit.
        call.args(["-q", "--no-tags", "--no-write-fetch-head", "--no-auto-maintenance", "--no-prune"]);
        call.args(["--no-recurse-submodules", "--no-show-forced-updates", "--refmap=", "--atomic"]);
        call.arg(format!("--negotiation-tip={known}"));
        call.option("-c").option("fetch.fsckObjects=true");
        call.arg("--end-of-options").arg(self.path()).arg(what).output().map(drop)
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
    // The index is ours and read at once: a sum over it is half of what writing it costs.
    text += "[index]\n\tskipHash = true\n";
    if sha256 {
        text += "[extensions]\n\tobjectformat = sha256\n";
    }
    text
}
