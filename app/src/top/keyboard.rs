//! The thread that reads the keys, and the one that hears signals.
//!
//! Only one program may read a terminal. While something else has it, the reader is held: it neither reads nor waits for
//! keys, and says so before the terminal is given away.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

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
    held: Receiver<()>,
    go_on: SyncSender<()>,
}

impl Keyboard {
    /// Begins to read.
    pub(super) fn start(post: SyncSender<Input>) -> io::Result<Self> {
        let (called, call) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC)?;
        let (say_held, held) = sync_channel(1);
        let (go_on, wait) = sync_channel(1);
        tasks::start(Kind::Watch, move || {
            while let Next::Hold = read(&called, &post) {
                let mut taken = [0];
                let again = rustix::io::read(&called, &mut taken) == Ok(1)
                    && say_held.send(()).is_ok()
                    && wait.recv().is_ok();
                if !again {
                    return;
                }
            }
            // Nobody is there any more who could press a key.
            drop(post.send(Input::Gone));
        })?;
        Ok(Self { call, held, go_on })
    }

    /// Keeps away from the terminal while something else has it.
    pub(super) fn hold<T>(&self, act: impl FnOnce() -> T) -> io::Result<T> {
        rustix::io::write(&self.call, b"h")?;
        self.held.recv().map_err(io::Error::other)?;
        let result = act();
        self.go_on.send(()).map_err(io::Error::other)?;
        Ok(result)
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
    let mut bytes = Vec::new();
    loop {
        let mut fds = [PollFd::new(&terminal, PollFlags::IN), PollFd::new(called, PollFlags::IN)];
        // Only an unfinished key has a time limit: without one, nothing wakes this thread but a key.
        let limit = (!bytes.is_empty()).then_some(&REST_WAIT);
        let came = match poll(&mut fds, limit) {
            Ok(count) => count > 0,
            Err(rustix::io::Errno::INTR) => continue,
            Err(_) => return Next::End,
        };
        if !fds[1].revents().is_empty() {
            return Next::Hold;
        }
        if came {
            let mut piece = [0; READ_BYTES];
            match rustix::io::read(terminal, &mut piece) {
                Ok(0) => return Next::End,
                Ok(count) => bytes.extend_from_slice(&piece[..count]),
                Err(rustix::io::Errno::INTR | rustix::io::Errno::AGAIN) => {}
                Err(_) => return Next::End,
            }
        }
        for key in key::take(&mut bytes, !came) {
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
