//! Being told of changes in folders.

use std::mem::MaybeUninit;
use std::path::Path;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::fd::OwnedFd;
use rustix::fs::inotify::{self, CreateFlags, ReadFlags, WatchFlags};

/// What counts as a change.
const FLAGS: WatchFlags = WatchFlags::MODIFY
    .union(WatchFlags::CREATE)
    .union(WatchFlags::DELETE)
    .union(WatchFlags::MOVED_TO)
    .union(WatchFlags::MOVED_FROM)
    .union(WatchFlags::ATTRIB);
/// How many folders of a tree are watched: the system has a limit for all programs of a person together.
const FOLDERS_MAX: usize = 1000;

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
        for dir in dirs {
            inotify::add_watch(&fd, dir.as_ref(), FLAGS)?;
        }
        Ok(Self { fd })
    }

    /// Watches a folder with all that are in it now.
    ///
    /// # Errors
    /// When it is not there, or the system has no more watches.
    pub fn tree(root: &Path) -> std::io::Result<Self> {
        let watcher = Self::new([root])?;
        let mut folders = vec![root.to_owned()];
        let mut count = 0;
        while let Some(folder) = folders.pop() {
            // One that has gone meanwhile has nothing to be watched; its going is seen by the one above.
            for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
                if count < FOLDERS_MAX && entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                    match inotify::add_watch(&watcher.fd, entry.path(), FLAGS) {
                        Ok(_) => folders.push(entry.path()),
                        Err(rustix::io::Errno::NOENT) => {}
                        Err(error) => return Err(error.into()),
                    }
                    count += 1;
                }
            }
        }
        rustix::fs::fcntl_setfl(&watcher.fd, rustix::fs::OFlags::NONBLOCK)?;
        Ok(watcher)
    }

    /// Watches whole files of a folder: being closed by whoever wrote them, or moved there. It never blocks.
    ///
    /// # Errors
    /// When the folder is not there, or the system has no more watches.
    pub fn of_writes(dir: &Path) -> std::io::Result<Self> {
        let fd = inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK)?;
        inotify::add_watch(&fd, dir, WatchFlags::CLOSE_WRITE | WatchFlags::MOVED_TO)?;
        Ok(Self { fd })
    }

    /// Forgets what has changed up to now; whether anything has. Only of a `tree` or of writes.
    pub fn drain(&self) -> bool {
        let mut buffer = [MaybeUninit::uninit(); 4096];
        let mut events = inotify::Reader::new(&self.fd, &mut buffer);
        let mut any = false;
        loop {
            match events.next() {
                Ok(_) => any = true,
                Err(rustix::io::Errno::INTR) => {}
                Err(_) => return any,
            }
        }
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

    /// Blocks until something has changed, or until a pipe or socket has no other side any more; whether it was the change.
    ///
    /// # Errors
    /// When the system refuses to tell.
    pub fn wait_while(&self, there: &impl std::os::fd::AsFd) -> std::io::Result<bool> {
        loop {
            // Of the other one nothing is waited for but its end, which needs no asking. Of a file there is none.
            let mut fds = [PollFd::new(&self.fd, PollFlags::IN), PollFd::new(there, PollFlags::empty())];
            match poll(&mut fds, None) {
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
                Ok(_) if !fds[1].revents().is_empty() => return Ok(false),
                Ok(_) => return self.wait().map(|()| true),
            }
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

impl std::os::fd::AsFd for Watcher {
    fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
        self.fd.as_fd()
    }
}
