//! A terminal for a program that insists on one: the test is the person before it.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::num::NonZero;
use std::os::fd::AsFd as _;
use std::process::{Child, Command};
use std::time::Duration;

use rustix::fs::{Mode, OFlags};
use rustix::process::{Pid, PidfdFlags};
use rustix::pty::OpenptFlags;
use rustix::termios::Winsize;

use crate::wait;

/// The size of a terminal at first.
const COLUMNS: u16 = 100;
/// The same.
const ROWS: u16 = 30;

/// A program on a terminal of its own. Dropping this ends it.
pub struct Terminal {
    screen: File,
    keyboard: File,
    child: Child,
    shown: Vec<u8>,
    emulator: vt100::Parser,
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
        rustix::termios::tcsetwinsize(&keyboard, winsize(COLUMNS, ROWS)).expect("a size");
        let again = || keyboard.try_clone().expect("a descriptor");
        let child = command
            .env("TERM", "xterm")
            .stdin(again())
            .stdout(again())
            .stderr(again())
            .spawn()
            .expect("a program");
        let emulator = vt100::Parser::new(some(ROWS), some(COLUMNS), 0);
        Self { screen: screen.into(), keyboard, child, shown: Vec::new(), emulator }
    }

    /// Makes it wider, narrower, higher or lower. Rows are cut, and not broken anew.
    ///
    /// # Panics
    /// When the system refuses.
    pub fn resize(&mut self, columns: u16, rows: u16) {
        self.emulator.screen_mut().set_size(some(rows), some(columns));
        rustix::termios::tcsetwinsize(&self.keyboard, winsize(columns, rows)).expect("a size");
    }

    /// What the terminal is set to: nothing that a program changes there may outlast it.
    ///
    /// # Panics
    /// When the terminal is gone.
    pub fn modes(&self) -> String {
        format!("{:?}", rustix::termios::tcgetattr(&self.keyboard).expect("a terminal that is there"))
    }

    /// Everything that was written to it so far.
    pub fn written(&self) -> String {
        String::from_utf8_lossy(&self.shown).into_owned()
    }

    /// Where the cursor is (row, column), if it can be seen.
    pub fn cursor(&self) -> Option<(u16, u16)> {
        let screen = self.emulator.screen();
        (!screen.hide_cursor()).then(|| screen.cursor_position())
    }

    /// Waits until the screen is as it should be, and returns what a person sees on it, without empty rows at its end.
    ///
    /// # Panics
    /// When it does not become so in time.
    #[track_caller]
    pub fn sees(&mut self, timeout: Duration, holds: impl Fn(&str) -> bool) -> String {
        let deadline = wait::now() + timeout;
        loop {
            let seen = self.emulator.screen().contents();
            if holds(&seen) {
                return seen;
            }
            assert!(self.take(deadline), "the screen is otherwise:\n{seen}\nwritten: {:?}", self.written());
        }
    }

    /// Takes what was written meanwhile; false when nothing came in time, or the program has ended.
    fn take(&mut self, deadline: std::time::Instant) -> bool {
        let left = deadline.saturating_duration_since(wait::now());
        let mut piece = [0; 4096];
        let came = !left.is_zero() && wait::readable(self.screen.as_fd(), left);
        match if came { self.screen.read(&mut piece) } else { Ok(0) } {
            Ok(count @ 1..) => {
                self.shown.extend_from_slice(&piece[..count]);
                self.emulator.process(&piece[..count]);
                true
            }
            Ok(0) | Err(_) => false,
        }
    }

    /// Kills the program, as nothing else can be so sudden.
    ///
    /// # Panics
    /// When it has ended already and was collected.
    pub fn kills(&mut self) {
        self.child.kill().expect("a program that is there");
        self.child.wait().expect("the child is not collected yet");
        // What it had written by then.
        while self.take(wait::now() + Duration::from_millis(50)) {}
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
            assert!(self.take(deadline), "{text:?} was not shown: {shown:?}");
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
        self.ended(timeout)
    }

    /// The same, and its screen can be looked at after that.
    ///
    /// # Panics
    /// When it does not end in time, or a signal ended it.
    #[track_caller]
    pub fn ended(&mut self, timeout: Duration) -> i32 {
        let deadline = wait::now() + timeout;
        let pid = Pid::from_child(&self.child);
        let end =
            rustix::process::pidfd_open(pid, PidfdFlags::empty()).expect("the child is not collected yet");
        // What it shows has to be taken, or it would wait for that.
        while !wait::readable(end.as_fd(), Duration::ZERO) {
            let left = deadline.saturating_duration_since(wait::now());
            assert!(!left.is_zero(), "the program does not end: {:?}", self.written());
            wait::either(end.as_fd(), self.screen.as_fd(), left);
            if wait::readable(self.screen.as_fd(), Duration::ZERO) && !self.take(deadline) {
                break;
            }
        }
        let status = self.child.wait().expect("the child is not collected yet");
        while wait::readable(self.screen.as_fd(), Duration::ZERO) && self.take(deadline) {}
        status.code().expect("an exit status")
    }
}

fn some(n: u16) -> NonZero<u16> {
    NonZero::new(n).expect("a terminal has rows and columns")
}

fn winsize(columns: u16, rows: u16) -> Winsize {
    Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
