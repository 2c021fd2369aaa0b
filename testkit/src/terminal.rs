//! A terminal for a program that insists on one: the test is the person before it.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::fd::AsFd as _;
use std::process::{Child, Command};
use std::time::Duration;

use rustix::fs::{Mode, OFlags};
use rustix::process::{Pid, Signal, kill_process};
use rustix::pty::OpenptFlags;
use rustix::termios::Winsize;

use crate::wait;

/// A program on a terminal of its own. Dropping this ends it.
pub struct Terminal {
    screen: File,
    child: Child,
    shown: Vec<u8>,
    picture: vt100::Parser,
}

/// Columns and rows of a terminal until it is resized.
const SIZE: (u16, u16) = (100, 30);

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
        rustix::termios::tcsetwinsize(&keyboard, winsize(SIZE)).expect("a size");
        let again = || keyboard.try_clone().expect("a descriptor");
        if !command.get_envs().any(|(name, value)| name == "TERM" && value.is_some()) {
            command.env("TERM", "xterm");
        }
        let child = command.stdin(again()).stdout(again()).stderr(again()).spawn().expect("a program");
        let picture = vt100::Parser::new(SIZE.1, SIZE.0, 0);
        Self { screen: screen.into(), child, shown: Vec::new(), picture }
    }

    /// Waits until a text stands on the screen, whatever the program did to bring it there; what stands on it then.
    ///
    /// # Panics
    /// When it does not come in time.
    #[track_caller]
    pub fn sees(&mut self, text: &str, timeout: Duration) -> String {
        self.until(timeout, |picture| picture.contains(text))
            .unwrap_or_else(|picture| panic!("{text:?} does not stand on the screen:\n{picture}"))
    }

    /// Waits until what stands on the screen is as wanted; else what stands on it in the end.
    ///
    /// # Errors
    /// When it does not come in time, or the program has ended.
    pub fn until(&mut self, timeout: Duration, holds: impl Fn(&str) -> bool) -> Result<String, String> {
        self.until_at(timeout, |picture, _| holds(picture))
    }

    /// The same, with the column that the cursor is in.
    fn until_at(&mut self, timeout: Duration, holds: impl Fn(&str, u16) -> bool) -> Result<String, String> {
        let deadline = wait::now() + timeout;
        loop {
            let picture = self.picture.screen().contents();
            if holds(&picture, self.picture.screen().cursor_position().1) {
                return Ok(picture);
            }
            let left = deadline.saturating_duration_since(wait::now());
            let came = !left.is_zero() && wait::readable(self.screen.as_fd(), left);
            if !came || self.read() == 0 {
                return Err(picture);
            }
        }
    }

    /// Waits until what stands on the screen is as wanted, and returns it.
    ///
    /// # Panics
    /// When it does not become so in time.
    #[track_caller]
    pub fn sees_that(&mut self, timeout: Duration, holds: impl Fn(&str) -> bool) -> String {
        self.until(timeout, holds).unwrap_or_else(|seen| {
            panic!("the screen is otherwise:\n{seen}\nwritten: {:?}", self.written());
        })
    }

    /// The same, when the cursor also rests at the beginning of a line: what is read of a terminal may end within a write.
    ///
    /// # Panics
    /// When it does not become so in time.
    #[track_caller]
    pub fn rests_when(&mut self, timeout: Duration, holds: impl Fn(&str) -> bool) -> String {
        self.until_at(timeout, |picture, column| column == 0 && holds(picture)).unwrap_or_else(|seen| {
            panic!("the screen is otherwise:\n{seen}\nwritten: {:?}", self.written());
        })
    }

    /// Everything that was written to it so far.
    pub fn written(&self) -> String {
        String::from_utf8_lossy(&self.shown).into_owned()
    }

    /// Where the cursor is (row, column), if it can be seen.
    pub fn cursor(&self) -> Option<(u16, u16)> {
        let screen = self.picture.screen();
        (!screen.hide_cursor()).then(|| screen.cursor_position())
    }

    /// Kills the program, as nothing else can be so sudden, and takes what it had written by then.
    ///
    /// # Panics
    /// When it has ended already and was collected.
    pub fn kills(&mut self) {
        self.child.kill().expect("a program that is there");
        self.child.wait().expect("the child is not collected yet");
        while wait::readable(self.screen.as_fd(), Duration::ZERO) && self.read() > 0 {}
    }

    /// Reads a piece of what is shown; how much it was.
    fn read(&mut self) -> usize {
        let mut piece = [0; 4096];
        let count = self.screen.read(&mut piece).unwrap_or(0);
        self.shown.extend_from_slice(&piece[..count]);
        self.picture.process(&piece[..count]);
        count
    }

    /// Whether the program has a screen of its own at the moment, and not the one that the shell wrote on.
    pub fn is_alternate(&self) -> bool {
        self.picture.screen().alternate_screen()
    }

    /// Whether the cursor is hidden.
    pub fn hides_cursor(&self) -> bool {
        self.picture.screen().hide_cursor()
    }

    /// Every byte that was shown.
    pub fn bytes(&self) -> &[u8] {
        &self.shown
    }

    /// Makes it another size, and tells the program.
    ///
    /// # Panics
    /// When the terminal is gone.
    pub fn resize(&mut self, columns: u16, rows: u16) {
        self.picture.screen_mut().set_size(rows, columns);
        rustix::termios::tcsetwinsize(&self.screen, winsize((columns, rows))).expect("a size");
        self.signal(Signal::WINCH);
    }

    /// Sends the program a signal.
    ///
    /// # Panics
    /// When the program is gone.
    pub fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(self.child.id().cast_signed()).expect("a process id");
        kill_process(pid, signal).expect("a program that runs");
    }

    /// How the terminal is set: whether it echoes, takes lines, and so on.
    ///
    /// # Panics
    /// When the terminal is gone.
    pub fn modes(&self) -> String {
        format!("{:?}", rustix::termios::tcgetattr(&self.screen).expect("a terminal that is there"))
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
            let came = !left.is_zero() && wait::readable(self.screen.as_fd(), left);
            assert!(came && self.read() > 0, "{text:?} was not shown: {shown:?}");
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

    /// The same, for somebody who looks at the terminal afterwards.
    ///
    /// # Panics
    /// When it does not end in time, or a signal ended it.
    #[track_caller]
    pub fn ended(&mut self, timeout: Duration) -> i32 {
        let deadline = wait::now() + timeout;
        // What it shows has to be taken, or it would wait for that; at its end the terminal has no other side.
        loop {
            let left = deadline.saturating_duration_since(wait::now());
            assert!(wait::readable(self.screen.as_fd(), left), "the program does not end");
            if self.read() == 0 {
                break;
            }
        }
        self.child.wait().expect("the child is not collected yet").code().expect("an exit status")
    }
}

fn winsize((columns, rows): (u16, u16)) -> Winsize {
    Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
