//! The terminal of a supervisor that is hosted in one: it shows, made readable, what the agent prints.
//!
//! It is a view and nothing depends on it. What is typed there is not read. A terminal that does not take what is
//! shown, because nobody serves it, holds nothing up: lines are left out and counted.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::OpenOptionsExt;

use rustix::termios::{InputModes, LocalModes, OptionalActions};

use super::files::SessionDir;
use crate::agent::{LINE_BYTES_MAX, Output};
use crate::output::readable;
use crate::text;

/// How much may wait for the terminal; beyond it lines are left out. A screen holds a few kilobytes.
const WAITING_BYTES_MAX: usize = 256 * 1024;

/// A terminal that shows an agent's output.
#[derive(Debug)]
pub(super) struct Terminal {
    tty: File,
    stdout: Lines,
    stderr: Lines,
    waiting: Vec<u8>,
    left_out: u64,
}

impl Terminal {
    /// Takes over the terminal that is this process's standard input, if it is one. What this process itself says
    /// goes to `supervisor.log` from here on.
    pub(super) fn take_over(dir: &SessionDir, output: Output) -> io::Result<Option<Self>> {
        let stdin = io::stdin();
        if !rustix::termios::isatty(&stdin) {
            return Ok(None);
        }
        let tty = File::from(stdin.as_fd().try_clone_to_owned()?);
        let log = File::options().append(true).create(true).mode(0o600).open(dir.supervisor_log())?;
        rustix::stdio::dup2_stdin(File::open("/dev/null")?)?;
        rustix::stdio::dup2_stdout(&log)?;
        rustix::stdio::dup2_stderr(&log)?;
        let mut modes = rustix::termios::tcgetattr(&tty)?;
        // Keys must neither show up among the agent's lines, nor stop them, nor signal anybody.
        modes.local_modes.remove(LocalModes::ECHO | LocalModes::ISIG);
        modes.input_modes.remove(InputModes::IXON);
        rustix::termios::tcsetattr(&tty, OptionalActions::Now, &modes)?;
        let flags = rustix::fs::fcntl_getfl(&tty)?;
        rustix::fs::fcntl_setfl(&tty, flags | rustix::fs::OFlags::NONBLOCK)?;
        let (stdout, stderr) = (Lines::new(output), Lines::new(Output::Plain));
        Ok(Some(Self { tty, stdout, stderr, waiting: Vec::new(), left_out: 0 }))
    }

    /// Shows the whole lines of what the agent printed.
    pub(super) fn printed(&mut self, bytes: &[u8]) {
        let (waiting, left_out) = (&mut self.waiting, &mut self.left_out);
        self.stdout.read(bytes, |output, line| show(waiting, left_out, readable(output, &lossy(line))));
    }

    /// Shows the whole lines of what the agent complained.
    pub(super) fn complained(&mut self, bytes: &[u8]) {
        let (waiting, left_out) = (&mut self.waiting, &mut self.left_out);
        self.stderr.read(bytes, |output, line| show(waiting, left_out, readable(output, &lossy(line))));
    }

    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        self.tty.as_fd()
    }

    /// Whether something waits to be shown.
    pub(super) fn wants_write(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Hands over what the terminal takes now; `false` when it is gone.
    pub(super) fn feed(&mut self) -> bool {
        while !self.waiting.is_empty() {
            match self.tty.write(&self.waiting) {
                Ok(count) => drop(self.waiting.drain(..count)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return true,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return false,
            }
            if self.waiting.is_empty() && self.left_out > 0 {
                let text = format!("({} lines are left out here; convoy logs has them)\n", self.left_out);
                (self.waiting, self.left_out) = (text.into_bytes(), 0);
            }
        }
        true
    }
}

fn lossy(line: &[u8]) -> std::borrow::Cow<'_, str> {
    String::from_utf8_lossy(line.strip_suffix(b"\r").unwrap_or(line))
}

fn show(waiting: &mut Vec<u8>, left_out: &mut u64, line: Option<String>) {
    let Some(line) = line else { return };
    if waiting.len() + line.len() > WAITING_BYTES_MAX {
        *left_out += 1;
        return;
    }
    waiting.extend_from_slice(text::block(&line).as_bytes());
    waiting.push(b'\n');
}

/// Lines out of bytes that come cut anywhere. Of one that is too long only the beginning is kept.
#[derive(Debug)]
struct Lines {
    output: Output,
    line: Vec<u8>,
}

impl Lines {
    fn new(output: Output) -> Self {
        Self { output, line: Vec::new() }
    }

    fn read(&mut self, bytes: &[u8], mut take: impl FnMut(Output, &[u8])) {
        for piece in bytes.split_inclusive(|b| *b == b'\n') {
            let (body, whole) = piece.strip_suffix(b"\n").map_or((piece, false), |body| (body, true));
            let room = LINE_BYTES_MAX.saturating_sub(self.line.len()).min(body.len());
            self.line.extend_from_slice(body.get(..room).unwrap_or_default());
            if whole {
                take(self.output, &self.line);
                self.line.clear();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(output: Output, pieces: &[&[u8]]) -> String {
        let (mut waiting, mut left_out) = (Vec::new(), 0);
        let mut lines = Lines::new(output);
        for piece in pieces {
            lines.read(piece, |output, line| {
                show(&mut waiting, &mut left_out, readable(output, &lossy(line)));
            });
        }
        assert_eq!(left_out, 0);
        String::from_utf8(waiting).unwrap()
    }

    #[test]
    fn lines_are_whole_and_do_nothing_to_the_terminal() {
        assert_eq!(shown(Output::Plain, &[b"on", b"e\r\ntw", b"o\nthr"]), "one\ntwo\n");
        assert_eq!(shown(Output::Plain, &[b"\x1b[2Jx\xff\n"]), "\\x1b[2Jx\u{fffd}\n");
        let said = br#"{"type":"assistant","message":{"content":[{"type":"text","text":"Hello"}]}}"#;
        assert_eq!(shown(Output::Claude, &[said, b"\n{\"type\":\"system\"}\nplain\n"]), "Hello\nplain\n");
        let long = vec![b'x'; LINE_BYTES_MAX + 5];
        assert_eq!(shown(Output::Plain, &[&long[..9], b"\n"]).len(), 10);
    }

    #[test]
    fn what_nobody_takes_is_left_out_and_counted() {
        let (mut waiting, mut left_out) = (Vec::new(), 0);
        for _ in 0..3 {
            show(&mut waiting, &mut left_out, Some("x".repeat(WAITING_BYTES_MAX / 2)));
        }
        assert_eq!((waiting.len(), left_out), (WAITING_BYTES_MAX / 2 + 1, 2));
    }
}
