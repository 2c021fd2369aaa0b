//! What the files of a work tree are beyond an index, and taking them into it.
//!
//! Not `git add`: it looks for changes inside nested repositories by running git there, with their configuration.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::io::ErrorKind;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::error::{Error, Result};
use super::names::Oid;
use super::run::Call;

/// The most uncommitted files that are taken into a commit: more is a build folder that is not ignored.
const FILES_MAX: usize = 100_000;
/// The most bytes of uncommitted files that are taken into a commit.
const BYTES_MAX: u64 = 2 * 1024 * 1024 * 1024;

/// A work tree, and how git is run over it with the index that is meant.
pub(super) struct Over<'a, F> {
    /// Begins a command over it.
    pub(super) call: F,
    /// Where it is.
    pub(super) work: &'a Path,
}

/// What differs from the index.
pub(super) struct Changes {
    /// Files that are there, or were.
    pub(super) files: Vec<Vec<u8>>,
    /// Git repositories inside, whose files cannot be part of a commit.
    pub(super) nested: Vec<PathBuf>,
}

impl<'a, F: Fn(&'static str) -> Call<'a>> Over<'_, F> {
    /// What differs from the index: files that are new and not ignored, changed, or gone.
    pub(super) fn changes(&self) -> Result<Changes> {
        let mut list = (self.call)("ls-files");
        list.args(["-z", "--others", "--modified", "--deleted", "--exclude-standard"]);
        let listing = list.output()?.stdout;
        let paths: BTreeSet<&[u8]> = listing.split(|b| *b == 0).filter(|path| !path.is_empty()).collect();
        let (nested, files): (Vec<&[u8]>, Vec<&[u8]>) =
            paths.into_iter().partition(|path| path.ends_with(b"/"));
        let nested = nested.into_iter().map(|path| PathBuf::from(OsStr::from_bytes(path))).collect();
        Ok(Changes { files: files.into_iter().map(<[u8]>::to_vec).collect(), nested })
    }

    /// Takes these files as they are into the index.
    pub(super) fn take(&self, files: &[Vec<u8>]) -> Result<()> {
        self.refuse_too_large(files)?;
        let (gone, there): (Vec<&[u8]>, Vec<&[u8]>) =
            files.iter().map(Vec::as_slice).partition(|path| self.is_gone(path));
        self.update_index("--force-remove", &gone)?;
        self.update_index("--remove", &there)
    }

    /// The index as a tree.
    pub(super) fn tree(&self) -> Result<Oid> {
        (self.call)("write-tree").oid()
    }

    /// Of these files, those that cannot be read.
    pub(super) fn unreadable(&self, files: &[Vec<u8>]) -> Vec<PathBuf> {
        let denied = |path: &&PathBuf| {
            let path = self.work.join(path);
            let is_file = fs::symlink_metadata(&path).is_ok_and(|found| found.is_file());
            is_file && fs::File::open(path).is_err_and(|error| error.kind() == ErrorKind::PermissionDenied)
        };
        let paths: Vec<PathBuf> = files.iter().map(|path| OsStr::from_bytes(path).into()).collect();
        paths.iter().filter(denied).cloned().collect()
    }

    fn update_index(&self, removal: &str, files: &[&[u8]]) -> Result<()> {
        if files.is_empty() {
            return Ok(());
        }
        let mut input = files.join(&0);
        input.push(0);
        let mut update = (self.call)("update-index");
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

    fn refuse_too_large(&self, files: &[Vec<u8>]) -> Result<()> {
        let size = |path: &Vec<u8>| {
            fs::symlink_metadata(self.work.join(OsStr::from_bytes(path))).map_or(0, |found| found.len())
        };
        let bytes = files.iter().map(size).sum();
        if files.len() > FILES_MAX || bytes > BYTES_MAX {
            return Err(Error::LeftoversTooLarge { path: self.work.to_owned(), files: files.len(), bytes });
        }
        Ok(())
    }
}
