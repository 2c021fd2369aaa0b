//! Being told of changes in folders.

use std::mem::MaybeUninit;
use std::path::Path;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::fd::OwnedFd;
use rustix::fs::inotify::{self, CreateFlags, ReadFlags, WatchFlags};

/// Sees what changes in some folders from the moment it is made, also while nobody waits.
#[derive(Debug)]
pub struct Watcher {
    fd: OwnedFd,
}

impl Watcher {
    /// Watches files of these folders being written, made, moved, touched or removed.
    ///
    /// # Errors
    /// When a folder is not there or the system has no more watches.
    pub fn new<P: AsRef<Path>>(dirs: impl IntoIterator<Item = P>) -> std::io::Result<Self> {
        let fd = inotify::init(CreateFlags::CLOEXEC)?;
        let flags = WatchFlags::MODIFY
            | WatchFlags::CREATE
            | WatchFlags::DELETE
            | WatchFlags::MOVED_TO
            | WatchFlags::MOVED_FROM
            | WatchFlags::ATTRIB;
        for dir in dirs {
            inotify::add_watch(&fd, dir.as_ref(), flags)?;
        }
        Ok(Self { fd })
    }

    /// Blocks until something has changed, or for so long; whether something has.
    ///
    /// # Errors
    /// When the system refuses to tell.
    pub fn wait_for(&self, limit: std::time::Duration) -> std::io::Result<bool> {
        let limit = rustix::event::Timespec::try_from(limit).map_err(|_| rustix::io::Errno::INVAL)?;
        let mut fds = [PollFd::new(&self.fd, PollFlags::IN)];
        match poll(&mut fds, Some(&limit)) {
            Ok(0) | Err(rustix::io::Errno::INTR) => Ok(false),
            Ok(_) => self.wait().map(|()| true),
            Err(error) => Err(error.into()),
        }
    }

    /// Blocks until something has changed since it was made or since the last call.
    ///
    /// # Errors
    /// When the system refuses to tell.
    pub fn wait(&self) -> std::io::Result<()> {
        let mut buffer = [MaybeUninit::uninit(); 4096];
        let mut events = inotify::Reader::new(&self.fd, &mut buffer);
        loop {
            match events.next() {
                Ok(event) if event.events().contains(ReadFlags::IGNORED) => {}
                Ok(_) => return Ok(()),
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}
