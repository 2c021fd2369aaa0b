//! A terminal for a program that insists on one: the test is the person before it.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::fd::AsFd as _;
use std::process::{Child, Command};
use std::time::Duration;

use rustix::fs::{Mode, OFlags};
use rustix::pty::OpenptFlags;
use rustix::termios::Winsize;

use crate::wait;

/// A program on a terminal of its own. Dropping this ends it.
pub struct Terminal {
    screen: File,
    child: Child,
    shown: Vec<u8>,
}

impl Terminal {
    /// Starts a command of `TestEnv::command` on a terminal of 100 columns and 30 rows.
    ///
    /// # Panics
    /// When the system has no terminal, or the program cannot be started.
    pub fn start(mut command: Command) -> Self {
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
        let screen = rustix::pty::openpt(flags).expect("a pseudo-terminal");
        rustix::pty::grantpt(&screen).and_then(|()| rustix::pty::unlockpt(&screen)).expect("its other side");
        let name = rustix::pty::ptsname(&screen, Vec::new()).expect("its name");
        let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
        let keyboard = File::from(rustix::fs::open(name, flags, Mode::empty()).expect("its other side"));
        let size = Winsize { ws_row: 30, ws_col: 100, ws_xpixel: 0, ws_ypixel: 0 };
        rustix::termios::tcsetwinsize(&keyboard, size).expect("a size");
        let again = || keyboard.try_clone().expect("a descriptor");
        let child = command
            .env("TERM", "xterm")
            .stdin(again())
            .stdout(again())
            .stderr(again())
            .spawn()
            .expect("a program");
        Self { screen: screen.into(), child, shown: Vec::new() }
    }

    /// Waits until the text has been shown, and returns everything that was. What a screen is told to do between two
    /// pieces of the text breaks it.
    ///
    /// # Panics
    /// When it does not come in time.
    #[track_caller]
    pub fn shows(&mut self, text: &str, timeout: Duration) -> String {
        let deadline = wait::now() + timeout;
        loop {
            let shown = String::from_utf8_lossy(&self.shown).into_owned();
            if shown.contains(text) {
                return shown;
            }
            let left = deadline.saturating_duration_since(wait::now());
            let mut piece = [0; 4096];
            let came = !left.is_zero() && wait::readable(self.screen.as_fd(), left);
            match if came { self.screen.read(&mut piece) } else { Ok(0) } {
                Ok(count @ 1..) => self.shown.extend_from_slice(&piece[..count]),
                other => panic!("{text:?} was not shown ({other:?}): {shown:?}"),
            }
        }
    }

    /// Types.
    ///
    /// # Panics
    /// When the terminal is gone.
    pub fn types(&mut self, keys: &str) {
        self.screen.write_all(keys.as_bytes()).expect("a terminal that is there");
    }

    /// Waits for the program's end; its exit status.
    ///
    /// # Panics
    /// When it does not end in time, or a signal ended it.
    #[track_caller]
    pub fn ends(mut self, timeout: Duration) -> i32 {
        let deadline = wait::now() + timeout;
        // What it shows has to be taken, or it would wait for that; at its end the terminal has no other side.
        let mut piece = [0; 4096];
        loop {
            let left = deadline.saturating_duration_since(wait::now());
            assert!(wait::readable(self.screen.as_fd(), left), "the program does not end");
            if !matches!(self.screen.read(&mut piece), Ok(1..)) {
                break;
            }
        }
        self.child.wait().expect("the child is not collected yet").code().expect("an exit status")
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
