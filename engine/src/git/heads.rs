//! What the references of a workdir say, read as files.
//!
//! Git itself is not asked, because it would read configuration that the agent may have written, and some of
//! it (a promisor remote with an upload-pack command) runs programs even when only an object is looked up.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::io::Read;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use super::error::{Error, Result, io};
use super::names::Oid;

/// The largest reference file, packed references or reflog that is read, in bytes.
const FILE_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// How many references and stashes one workdir may have.
pub(super) const HEADS_MAX: usize = 4096;
/// How many symbolic references are followed.
const SYMREFS_MAX: usize = 5;
/// How deep references may be nested.
const DEPTH_MAX: usize = 32;

/// Reads a regular file that an agent may have written: never through a symbolic link, never a pipe.
pub(super) fn read(path: &Path, limit: u64) -> Result<Option<Vec<u8>>> {
    let flags = (rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK).bits() as i32;
    let Ok(file) = std::fs::OpenOptions::new().read(true).custom_flags(flags).open(path) else {
        return Ok(None);
    };
    if !file.metadata().is_ok_and(|m| m.is_file() && m.len() <= limit) {
        return Ok(None);
    }
    let mut bytes = Vec::new();
    file.take(limit).read_to_end(&mut bytes).map_err(io("cannot read", path))?;
    Ok(Some(bytes))
}

/// The references of one git directory that an agent had.
pub(super) struct Heads {
    dir: PathBuf,
    packed: Vec<(String, Oid)>,
}

impl Heads {
    /// Reads those of the workdir at `path`.
    ///
    /// # Errors
    /// `WorkdirGone` when there is no git directory there, or another kind of one than we made.
    pub(super) fn open(path: &Path) -> Result<Self> {
        let gone = |why| Error::WorkdirGone { path: path.to_owned(), why };
        let is_dir = |path: &Path| std::fs::symlink_metadata(path).is_ok_and(|m| m.is_dir());
        let dir = path.join(".git");
        if !is_dir(path) {
            return Err(gone("the folder is missing"));
        }
        if !is_dir(&dir) {
            return Err(gone("its .git is missing, or is not a folder"));
        }
        if !is_dir(&dir.join("objects"))
            || !is_dir(&dir.join("refs"))
            || read(&dir.join("HEAD"), FILE_BYTES_MAX)?.is_none()
        {
            return Err(gone("its .git is damaged"));
        }
        if is_dir(&dir.join("reftable")) || std::fs::symlink_metadata(dir.join("commondir")).is_ok() {
            return Err(gone("its .git is of another kind than the one that was made"));
        }
        let packed = read(&dir.join("packed-refs"), FILE_BYTES_MAX)?.unwrap_or_default();
        let packed = String::from_utf8_lossy(&packed)
            .lines()
            .filter_map(|line| line.split_once(' '))
            .filter_map(|(oid, name)| Some((name.to_owned(), Oid::new(oid).ok()?)))
            .collect();
        Ok(Self { dir, packed })
    }

    /// The commit of HEAD, if it has one.
    pub(super) fn head(&self) -> Option<Oid> {
        self.follow("HEAD", 0)
    }

    /// The object of a full reference.
    pub(super) fn get(&self, name: &str) -> Option<Oid> {
        self.follow(name, 0)
    }

    fn follow(&self, name: &str, depth: usize) -> Option<Oid> {
        let plain = (name == "HEAD" || name.starts_with("refs/"))
            && name.split('/').all(|part| !part.is_empty() && part != "." && part != "..");
        if !plain || depth > SYMREFS_MAX {
            return None;
        }
        let packed = || self.packed.iter().find(|(n, _)| n == name).map(|(_, oid)| oid.clone());
        let Ok(Some(bytes)) = read(&self.dir.join(name), FILE_BYTES_MAX) else {
            return packed();
        };
        let text = String::from_utf8_lossy(&bytes);
        match text.trim().strip_prefix("ref:") {
            Some(target) => self.follow(target.trim(), depth + 1),
            None => Oid::new(text.trim()).ok(),
        }
    }

    /// Every object that a reference, a linked worktree or a stash of the workdir points at, but for those
    /// under `refs/remotes/` and `refs/tags/` that were packed when it was made.
    ///
    /// # Errors
    /// `TooManyHeads`.
    pub(super) fn all(&self) -> Result<BTreeSet<Oid>> {
        let mut all: BTreeSet<Oid> = self.head().into_iter().collect();
        all.extend(
            self.packed
                .iter()
                .filter(|(name, _)| !name.starts_with("refs/tags/"))
                .map(|(_, oid)| oid.clone()),
        );
        self.walk(&self.dir.join("refs"), 0, &mut all)?;
        if let Ok(worktrees) = std::fs::read_dir(self.dir.join("worktrees")) {
            for entry in worktrees.take(HEADS_MAX).flatten() {
                all.extend(self.loose(&entry.path().join("HEAD")));
            }
        }
        let stashes = read(&self.dir.join("logs/refs/stash"), FILE_BYTES_MAX)?.unwrap_or_default();
        for line in String::from_utf8_lossy(&stashes).lines() {
            all.extend(line.split(' ').nth(1).and_then(|oid| Oid::new(oid).ok()));
        }
        if all.len() > HEADS_MAX {
            return Err(Error::TooManyHeads { path: self.dir.clone(), limit: HEADS_MAX });
        }
        Ok(all)
    }

    fn loose(&self, path: &Path) -> Option<Oid> {
        let bytes = read(path, FILE_BYTES_MAX).ok()??;
        let text = String::from_utf8_lossy(&bytes);
        match text.trim().strip_prefix("ref:") {
            Some(target) => self.get(target.trim()),
            None => Oid::new(text.trim()).ok(),
        }
    }

    fn walk(&self, folder: &Path, depth: usize, all: &mut BTreeSet<Oid>) -> Result<()> {
        let Ok(entries) = std::fs::read_dir(folder) else { return Ok(()) };
        for entry in entries.flatten() {
            let kind = entry.file_type().map_err(io("cannot read", folder))?;
            if all.len() > HEADS_MAX || depth > DEPTH_MAX {
                return Err(Error::TooManyHeads { path: self.dir.clone(), limit: HEADS_MAX });
            }
            if kind.is_dir() {
                self.walk(&entry.path(), depth + 1, all)?;
            } else if kind.is_file() && !ends_with_lock(&entry.file_name()) {
                all.extend(self.loose(&entry.path()));
            }
        }
        Ok(())
    }
}

fn ends_with_lock(name: &OsString) -> bool {
    name.as_encoded_bytes().ends_with(b".lock")
}
