//! Whether the files of a workdir are still those of its commit.

use std::path::PathBuf;

use super::changes::{Changes, Over};
use super::error::Result;
use super::repo::Repo;
use super::shadow::Shadow;
use super::workdir::{Root, Workdir};

/// The files of a detached workdir that differ from its commit, that are gone, or that are new and not ignored; nested
/// repositories among them.
///
/// # Errors
/// When the workdir is gone, or what running git gave.
pub fn changed(repo: &Repo, root: &Root, workdir: &Workdir) -> Result<Vec<PathBuf>> {
    let shadow = Shadow::named("look", repo, root, workdir)?;
    shadow.read(&workdir.base)?;
    // Taking the right to write from the files changed their inodes, and nothing else about them. Where that counts,
    // each of them would be read.
    let call = |name| {
        let mut call = shadow.over_work(name);
        call.option("-c").option("core.trustctime=false");
        call
    };
    let Changes { files, nested } = Over { call, work: &workdir.path }.changes()?;
    let files = files.into_iter().map(|file| {
        use std::os::unix::ffi::OsStringExt;
        PathBuf::from(std::ffi::OsString::from_vec(file))
    });
    Ok(files.chain(nested).collect())
}
