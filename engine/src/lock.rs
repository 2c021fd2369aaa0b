//! The lock that makes one process the writer of a workspace.
//!
//! It is a `flock` on the file `lock` in the state folder, held for life on a descriptor that no child inherits:
//! when the process ends, however it ends, the system lets go of it. The file's content is a hint for messages
//! and decides nothing. The lock follows the file, not its path: a folder that was moved keeps its lock.

use std::fs::File;
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::Duration;

use rustix::fs::{FlockOperation, flock};

use crate::tasks;

/// How often a lock file that was replaced while we took it is looked up again.
const REPLACED_MAX: usize = 8;
/// How much of the holder's hint is read.
const HINT_BYTES_MAX: usize = 64;

/// Why it cannot be told whether the workspace is free.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The lock file cannot be made or locked.
    #[error("{} cannot be locked", .file.display())]
    Io {
        /// The lock file.
        file: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The folder is on a file system that is shared between machines, where a lock may not hold.
    #[error("{} is on a network file system ({kind}), where two engines could run at once", .dir.display())]
    Network {
        /// The state folder.
        dir: PathBuf,
        /// Which file system.
        kind: &'static str,
    },
    /// Somebody keeps replacing the lock file.
    #[error("{} keeps being replaced", .file.display())]
    Replaced {
        /// The lock file.
        file: PathBuf,
    },
}

/// What came of asking for the lock.
#[derive(Debug)]
#[must_use]
pub enum Acquired {
    /// It is ours until the value is dropped.
    Held(WorkspaceLock),
    /// Another process has it.
    Busy {
        /// Which, if it said so; for messages only.
        pid: Option<u32>,
    },
}

/// The lock, held.
#[derive(Debug)]
pub struct WorkspaceLock {
    file: File,
}

impl WorkspaceLock {
    /// Takes the lock of the state folder `dir`, waiting for it no longer than `wait`.
    ///
    /// # Errors
    /// See [`Error`]. That another process has the lock is no error.
    pub fn acquire(dir: &Path, wait: Duration) -> Result<Acquired, Error> {
        let file = dir.join("lock");
        if let Some(lock) = take(dir, &file, FlockOperation::NonBlockingLockExclusive)? {
            return Ok(Acquired::Held(lock));
        }
        if wait.is_zero() {
            return Ok(Acquired::Busy { pid: hint(&file) });
        }
        Queue::join(dir)?.wait(wait)
    }
}

/// A place in the queue for the lock, which is kept over several waits.
#[derive(Debug)]
pub struct Queue {
    file: PathBuf,
    turn: Receiver<Result<Option<WorkspaceLock>, Error>>,
}

impl Queue {
    /// Joins the queue for the lock of the state folder `dir`.
    ///
    /// The wait is a blocking `flock` in a thread of its own. When nobody waits for it any more, that thread stays
    /// behind until the lock is free, and then lets go of it at once.
    ///
    /// # Errors
    /// When the system has no thread for it.
    pub fn join(dir: &Path) -> Result<Self, Error> {
        let file = dir.join("lock");
        let (sender, turn) = sync_channel(1);
        let waiter = {
            let (dir, file) = (dir.to_owned(), file.clone());
            move || {
                // Nobody listens any more: the lock goes back together with the message.
                let _ = sender.send(take(&dir, &file, FlockOperation::LockExclusive));
            }
        };
        tasks::start(tasks::Kind::Watch, waiter)
            .map_err(|source| Error::Io { file: file.clone(), source })?;
        Ok(Self { file, turn })
    }

    /// Waits no longer than `wait`.
    ///
    /// # Errors
    /// See [`Error`]. That another process has the lock is no error.
    pub fn wait(&self, wait: Duration) -> Result<Acquired, Error> {
        match self.turn.recv_timeout(wait) {
            Ok(Ok(Some(lock))) => Ok(Acquired::Held(lock)),
            Ok(Err(error)) => Err(error),
            Ok(Ok(None)) | Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                Ok(Acquired::Busy { pid: hint(&self.file) })
            }
        }
    }
}

impl Drop for WorkspaceLock {
    fn drop(&mut self) {
        // So that no later message names a process that is gone.
        let _ = self.file.set_len(0);
    }
}

/// Locks the file that has the path once it is locked; none if somebody else has it.
fn take(dir: &Path, path: &Path, how: FlockOperation) -> Result<Option<WorkspaceLock>, Error> {
    let failed = |source| Error::Io { file: path.to_owned(), source };
    for _ in 0..REPLACED_MAX {
        let file = open(path).map_err(failed)?;
        refuse_network(&file, dir)?;
        loop {
            match flock(&file, how) {
                Ok(()) => break,
                Err(rustix::io::Errno::INTR) => {}
                Err(rustix::io::Errno::WOULDBLOCK) => return Ok(None),
                Err(error) => return Err(failed(error.into())),
            }
        }
        let ours = file.metadata().map_err(failed)?;
        match std::fs::metadata(path) {
            Ok(there) if there.ino() == ours.ino() && there.dev() == ours.dev() => {
                let text = format!("{}\n", std::process::id());
                // On a read-only file system there is no hint.
                let _ = file.set_len(0).and_then(|()| file.write_all_at(text.as_bytes(), 0));
                return Ok(Some(WorkspaceLock { file }));
            }
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
            Ok(_) | Err(_) => {}
        }
    }
    Err(Error::Replaced { file: path.to_owned() })
}

/// Opens the lock file, on a read-only file system just for reading. Closed in children, as all that `std` opens.
fn open(path: &Path) -> io::Result<File> {
    match File::options().read(true).write(true).create(true).truncate(false).mode(0o600).open(path) {
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied
            ) =>
        {
            File::open(path).map_err(|_| error)
        }
        other => other,
    }
}

fn hint(path: &Path) -> Option<u32> {
    let file = File::open(path).ok()?;
    let mut bytes = [0; HINT_BYTES_MAX];
    let count = file.read_at(&mut bytes, 0).ok()?;
    std::str::from_utf8(&bytes[..count]).ok()?.trim().parse().ok()
}

#[cfg(target_os = "linux")]
fn refuse_network(file: &File, dir: &Path) -> Result<(), Error> {
    let found = rustix::fs::fstatfs(file)
        .map_err(|error| Error::Io { file: dir.to_owned(), source: error.into() })?;
    // The type's width differs between machines; the magic numbers fit into 32 bits.
    match network_kind(found.f_type as u32) {
        None => Ok(()),
        Some(kind) => Err(Error::Network { dir: dir.to_owned(), kind }),
    }
}

#[cfg(not(target_os = "linux"))]
fn refuse_network(_file: &File, _dir: &Path) -> Result<(), Error> {
    Ok(())
}

/// From `statfs(2)` and the kernel's `magic.h`.
#[cfg(target_os = "linux")]
fn network_kind(magic: u32) -> Option<&'static str> {
    match magic {
        0x6969 => Some("NFS"),
        0xff53_4d42 | 0xfe53_4d42 | 0x517b => Some("SMB"),
        0x5346_414f | 0x6b41_4653 => Some("AFS"),
        0x7375_7245 => Some("Coda"),
        0x00c3_6400 => Some("Ceph"),
        0x0bd0_0bd0 => Some("Lustre"),
        0x0116_1970 => Some("GFS2"),
        0x7461_636f => Some("OCFS2"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held(dir: &Path, wait: Duration) -> WorkspaceLock {
        match WorkspaceLock::acquire(dir, wait).unwrap() {
            Acquired::Held(lock) => lock,
            Acquired::Busy { pid } => panic!("busy, held by {pid:?}"),
        }
    }

    #[test]
    fn a_second_taker_is_told_who_has_it() {
        let dir = tempfile::tempdir().unwrap();
        let lock = held(dir.path(), Duration::ZERO);
        for wait in [Duration::ZERO, Duration::from_millis(20)] {
            match WorkspaceLock::acquire(dir.path(), wait).unwrap() {
                Acquired::Busy { pid } => assert_eq!(pid, Some(std::process::id())),
                Acquired::Held(_) => panic!("two have it"),
            }
        }
        drop(lock);
        let _lock = held(dir.path(), Duration::from_secs(20));
    }

    #[test]
    fn a_waiter_gets_it_as_soon_as_it_is_free() {
        let dir = tempfile::tempdir().unwrap();
        let lock = held(dir.path(), Duration::ZERO);
        let path = dir.path().to_owned();
        let waiter = tasks::start(tasks::Kind::Watch, move || held(&path, Duration::from_secs(60))).unwrap();
        drop(lock);
        let lock = waiter.join().unwrap();
        assert!(matches!(WorkspaceLock::acquire(dir.path(), Duration::ZERO).unwrap(), Acquired::Busy { .. }));
        drop(lock);
    }

    #[test]
    fn the_lock_follows_the_folder_and_not_a_deleted_file() {
        let dir = tempfile::tempdir().unwrap();
        let (old, new) = (dir.path().join("old"), dir.path().join("new"));
        std::fs::create_dir(&old).unwrap();
        let lock = held(&old, Duration::ZERO);
        std::fs::rename(&old, &new).unwrap();
        assert!(matches!(WorkspaceLock::acquire(&new, Duration::ZERO).unwrap(), Acquired::Busy { .. }));
        drop(lock);
        let _lock = held(&new, Duration::ZERO);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn shared_file_systems_are_known() {
        assert_eq!(network_kind(0x6969), Some("NFS"));
        assert_eq!(network_kind(0xef53), None);
    }
}
