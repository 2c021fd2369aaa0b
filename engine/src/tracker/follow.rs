//! Following a tracker: reading it again whenever its data changes, when somebody says so, and now and then.
//!
//! Some versions write while they are only asked. What changed during a reading may be its own doing, or somebody
//! else's: it is read again, a few times at most, and only a reading that finds news begins that anew.

use std::io::Read as _;
use std::os::fd::AsFd as _;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags};

use super::desk::{Desk, Reading};
use crate::git::pipe::poll;
use crate::inbox::Handle;
use crate::os::watch::Watcher;
use crate::tasks::{self, Kind};
use crate::world::note;

/// How long nothing must change before it is read: a writer writes several files.
const QUIET: Duration = Duration::from_millis(5);
/// How often that is waited for; a writer that never pauses is read in between.
const QUIET_TRIES: u32 = 10;
/// The pauses before readings that follow one during which something changed.
const ECHOES: [Duration; 3] = [Duration::ZERO, Duration::from_millis(100), Duration::from_secs(1)];
/// How often it is read while the system has no watch for it.
const UNWATCHED: Duration = Duration::from_secs(10);
/// The first pause after which one that cannot be read is tried again; it doubles.
const RETRY: Duration = Duration::from_secs(1);
/// The longest such pause.
const RETRY_MAX: Duration = Duration::from_secs(300);

/// When it is read again by itself.
#[derive(Clone, Copy)]
pub(super) struct Occasions {
    /// When its data changes.
    pub(super) change: bool,
    /// When the patrol comes by.
    pub(super) patrol: Option<Duration>,
}

/// Starts a thread that follows it, once it was read.
pub(super) fn start(desk: &Arc<Desk>, handle: &Handle, occasions: Occasions) {
    let (desk, handle) = (Arc::clone(desk), handle.clone());
    let started = UnixStream::pair().and_then(|(wake, woken)| {
        wake.set_nonblocking(true)?;
        woken.set_nonblocking(true)?;
        desk.followed_by(wake);
        let followed = Arc::clone(&desk);
        tasks::start(Kind::Watch, move || {
            follow(&followed, &handle, &woken, occasions);
            // Who still waits for a reading gets none from here.
            followed.unfollowed();
        })
    });
    if let Err(error) = started {
        desk.unfollowed();
        note(&format!("a tracker is not followed: {error}"));
    }
}

fn follow(desk: &Desk, handle: &Handle, woken: &UnixStream, occasions: Occasions) {
    let (mut echoes, mut retry) = (0, RETRY);
    while !desk.has_ended() {
        let asked = desk.waiting();
        // It is watched before it is read, so that nothing falls between.
        let watch = || {
            let data = desk.beads().data();
            let failed = |error: &_| note(&format!("{} is not watched: {error}", data.display()));
            Watcher::tree(&data).inspect_err(failed).ok()
        };
        let watcher = occasions.change.then(watch).flatten();
        let reading = desk.read(handle);
        for waiting in asked {
            let _ = waiting.send(());
        }
        let during = watcher.as_ref().is_some_and(Watcher::drain);
        match reading {
            Reading::Lost => {
                if wait(watcher.as_ref(), woken, Some(retry)) {
                    settle(watcher.as_ref());
                }
                retry = (retry * 2).min(RETRY_MAX);
                continue;
            }
            Reading::News => echoes = 0,
            Reading::Same => {}
        }
        retry = RETRY;
        if during && echoes < ECHOES.len() {
            wait(None, woken, Some(ECHOES[echoes]));
            echoes += 1;
            continue;
        }
        echoes = 0;
        // Where nothing can be watched that should be, it is looked at.
        let blind = occasions.change && watcher.is_none();
        let limit = if blind { Some(UNWATCHED) } else { occasions.patrol };
        if wait(watcher.as_ref(), woken, limit) {
            settle(watcher.as_ref());
        }
    }
}

/// Waits for a change, a call, or the end of `limit`; whether it was a change.
fn wait(watcher: Option<&Watcher>, mut woken: &UnixStream, limit: Option<Duration>) -> bool {
    // As good as for ever.
    let limit = limit.unwrap_or(Duration::from_secs(i32::MAX as u64));
    let mut fds = vec![PollFd::from_borrowed_fd(woken.as_fd(), PollFlags::IN)];
    fds.extend(watcher.map(|watcher| PollFd::from_borrowed_fd(watcher.as_fd(), PollFlags::IN)));
    let _ = poll(&mut fds, limit);
    let changed = fds.get(1).is_some_and(|fd| !fd.revents().is_empty());
    drop(fds);
    let _ = woken.read(&mut [0; 64]);
    changed
}

fn settle(watcher: Option<&Watcher>) {
    let Some(watcher) = watcher else { return };
    for _ in 0..QUIET_TRIES {
        watcher.drain();
        let mut fds = [PollFd::from_borrowed_fd(watcher.as_fd(), PollFlags::IN)];
        if !matches!(poll(&mut fds, QUIET), Ok(1..)) {
            return;
        }
    }
}
