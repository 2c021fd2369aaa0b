//! The files at the top of a folder, as detection reads them: bounded, and through no symbolic link.

use std::fs::{File, OpenOptions};
use std::io::Read;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// How much of a file is read: far more than any that people write by hand.
const BYTES_MAX: u64 = 1024 * 1024;
/// How many entries of a folder are looked at.
const ENTRIES_MAX: usize = 10_000;

/// A folder.
#[derive(Debug)]
pub(in crate::baseline) struct Tree {
    root: PathBuf,
}

impl Tree {
    pub(in crate::baseline) fn at(root: &Path) -> Self {
        Self { root: root.to_owned() }
    }

    /// Whether there is a regular file of this name.
    pub(super) fn has(&self, name: &str) -> bool {
        self.root.join(name).symlink_metadata().is_ok_and(|facts| facts.is_file())
    }

    /// Whether there is a folder of this name.
    pub(super) fn has_folder(&self, name: &str) -> bool {
        self.root.join(name).symlink_metadata().is_ok_and(|facts| facts.is_dir())
    }

    /// The first of these names that is a file.
    pub(super) fn first(&self, names: &[&'static str]) -> Option<&'static str> {
        names.iter().copied().find(|name| self.has(name))
    }

    /// The text of a file; empty if it is not there. What is longer than such files are is not all read.
    pub(super) fn text(&self, name: &str) -> String {
        let mut bytes = Vec::new();
        if let Some(file) = self.open(name) {
            let _ = file.take(BYTES_MAX).read_to_end(&mut bytes);
        }
        String::from_utf8_lossy(&bytes).into_owned()
    }

    fn open(&self, name: &str) -> Option<File> {
        // Not blocking: a named pipe has nobody who writes.
        let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
        let path = self.root.join(name);
        let file = OpenOptions::new().read(true).custom_flags(flags.bits() as i32).open(path).ok()?;
        file.metadata().is_ok_and(|facts| facts.is_file()).then_some(file)
    }

    /// Whether a folder holds a file whose name fits.
    pub(super) fn any_in(&self, folder: &str, fits: impl Fn(&str) -> bool) -> bool {
        self.has_folder(folder)
            && std::fs::read_dir(self.root.join(folder)).is_ok_and(|entries| {
                entries.flatten().take(ENTRIES_MAX).any(|entry| entry.file_name().to_str().is_some_and(&fits))
            })
    }
}
