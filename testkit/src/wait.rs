//! Waiting for other processes by what they do to files, without polling: inotify and a deadline.

use std::fs;
use std::os::fd::{AsFd as _, BorrowedFd};
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::inotify::{self, CreateFlags, WatchFlags};

/// Waits until `path` exists. False when the time is over first.
pub fn for_file(path: &Path, timeout: Duration) -> bool {
    until(path, timeout, || path.exists())
}

/// Waits until the file contains a text. False when the time is over first.
pub fn for_text(path: &Path, text: &str, timeout: Duration) -> bool {
    until(path, timeout, || fs::read(path).is_ok_and(|all| String::from_utf8_lossy(&all).contains(text)))
}

/// Waits until a condition on `path` holds; it is looked at whenever something happens in the folder of the
/// file, which need not exist yet. False when the time is over first.
///
/// # Panics
/// When the system has no inotify left.
pub fn until(path: &Path, timeout: Duration, holds: impl Fn() -> bool) -> bool {
    let deadline = now() + timeout;
    loop {
        let watch =
            inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK).expect("an inotify descriptor");
        let interest = WatchFlags::CREATE
            | WatchFlags::MOVED_TO
            | WatchFlags::MODIFY
            | WatchFlags::CLOSE_WRITE
            | WatchFlags::DELETE
            | WatchFlags::ATTRIB;
        let folder = path.ancestors().skip(1).find(|folder| folder.is_dir()).unwrap_or(Path::new("."));
        let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        let watched = inotify::add_watch(&watch, folder, interest);
        // Looked at after the watch began, so that nothing falls between.
        if holds() {
            return true;
        }
        let left = deadline.saturating_duration_since(now());
        if left.is_zero() {
            return holds();
        }
        if watched.is_ok() {
            readable(watch.as_fd(), left);
        }
    }
}

/// Waits until a descriptor can be read (a pidfd: until the process has ended). False when the time is over.
pub fn readable(fd: BorrowedFd<'_>, timeout: Duration) -> bool {
    let deadline = now() + timeout;
    loop {
        let left = deadline.saturating_duration_since(now());
        let left = Timespec { tv_sec: left.as_secs().cast_signed(), tv_nsec: left.subsec_nanos().into() };
        match poll(&mut [PollFd::new(&fd, PollFlags::IN)], Some(&left)) {
            Ok(count) => return count > 0,
            Err(rustix::io::Errno::INTR) => {}
            Err(_) => return false,
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "deadlines of tests; the product reads engine/src/clock.rs")]
pub(crate) fn now() -> Instant {
    Instant::now()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(clippy::disallowed_methods, reason = "the other side of the wait")]
    fn sees_a_file_in_a_folder_that_does_not_exist_yet() {
        let root = tempfile::tempdir().unwrap();
        let file = root.path().join("a/b/c");
        let other = file.clone();
        let thread = std::thread::spawn(move || {
            fs::create_dir_all(other.parent().unwrap()).unwrap();
            fs::write(&other, "hello").unwrap();
        });
        assert!(for_text(&file, "hello", Duration::from_secs(10)));
        thread.join().unwrap();
        assert!(!for_text(&file, "never", Duration::from_millis(20)));
    }
}
