//! The thread that reads the keys, and the one that hears signals.
//!
//! Only one program may read a terminal. While something else has it, the reader is held: it neither reads nor waits for
//! keys. It says so behind the last key that it has read, and only then the terminal is given away. Nobody waits for it to
//! say that, for it may wait itself until there is room for its keys.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::mpsc::{SyncSender, sync_channel};

use convoy_engine::tasks::{self, Kind};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGWINCH};

use super::key;
use super::run::Input;
use super::screen;
use crate::error::INTERRUPTED;

/// How long the rest of a key may take: within one write of the terminal, also over a slow line.
const REST_WAIT: Timespec = Timespec { tv_sec: 0, tv_nsec: 50_000_000 };
/// How much is read at once.
const READ_BYTES: usize = 1024;

/// The reader of keys.
pub(super) struct Keyboard {
    /// Being closed, or written to, calls the reader away from the terminal.
    call: OwnedFd,
    go_on: SyncSender<()>,
}

impl Keyboard {
    /// Begins to read.
    pub(super) fn start(post: SyncSender<Input>) -> io::Result<Self> {
        let (called, call) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC)?;
        let (go_on, wait) = sync_channel(1);
        tasks::start(Kind::Watch, move || {
            while let Next::Hold = read(&called, &post) {
                let mut taken = [0];
                let again = rustix::io::read(&called, &mut taken) == Ok(1)
                    && post.send(Input::Held).is_ok()
                    && wait.recv().is_ok();
                if !again {
                    return;
                }
            }
            // Nobody is there any more who could press a key.
            drop(post.send(Input::Gone));
        })?;
        Ok(Self { call, go_on })
    }

    /// Calls the reader away from the terminal: [`Input::Held`] comes when it is.
    pub(super) fn hold(&self) -> io::Result<()> {
        rustix::io::write(&self.call, b"h")?;
        Ok(())
    }

    /// Lets it read again.
    pub(super) fn go_on(&self) -> io::Result<()> {
        self.go_on.send(()).map_err(io::Error::other)
    }
}

enum Next {
    /// Something else needs the terminal.
    Hold,
    /// The terminal is gone, or whoever wants keys is.
    End,
}

fn read(called: &OwnedFd, post: &SyncSender<Input>) -> Next {
    let terminal = rustix::stdio::stdin();
    let mut typed = key::Typed::default();
    loop {
        let mut fds = [PollFd::new(&terminal, PollFlags::IN), PollFd::new(called, PollFlags::IN)];
        // Only an unfinished key has a time limit: without one, nothing wakes this thread but a key.
        let limit = typed.is_unfinished().then_some(&REST_WAIT);
        let came = match poll(&mut fds, limit) {
            Ok(count) => count > 0,
            Err(rustix::io::Errno::INTR) => continue,
            Err(_) => return Next::End,
        };
        if !fds[1].revents().is_empty() {
            return Next::Hold;
        }
        let mut piece = [0; READ_BYTES];
        let count = match came.then(|| rustix::io::read(terminal, &mut piece)) {
            None | Some(Err(rustix::io::Errno::INTR | rustix::io::Errno::AGAIN)) => 0,
            Some(Ok(0) | Err(_)) => return Next::End,
            Some(Ok(count)) => count,
        };
        for key in typed.take(&piece[..count], !came) {
            if post.send(Input::Key(key)).is_err() {
                return Next::End;
            }
        }
    }
}

/// Hears that the size has changed, and that somebody wants the program to end. Whoever says that twice gets it at once.
pub(super) fn signals(post: SyncSender<Input>) -> io::Result<()> {
    let mut signals = signal_hook::iterator::Signals::new([SIGWINCH, SIGINT, SIGTERM, SIGHUP])?;
    tasks::start(Kind::Watch, move || {
        let mut told = false;
        for signal in &mut signals {
            if signal == SIGWINCH {
                // With a full queue there is a picture to come anyway, and that asks for the size.
                drop(post.try_send(Input::Resized));
                continue;
            }
            if told || post.try_send(Input::Interrupt).is_err() {
                screen::give_back();
                std::process::exit(INTERRUPTED.into());
            }
            told = true;
        }
    })
    .map(drop)
}
