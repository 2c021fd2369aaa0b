//! Talking to one child process: feed it, read both its outputs, and end it when time runs out.
//!
//! One thread and one poll loop; no output can block another.

use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::process::Signal;

use crate::clock::Instant;

/// How much is read at once.
const CHUNK_BYTES: usize = 64 * 1024;

/// How a conversation with a process ended.
pub(crate) enum End {
    /// The process ended.
    Exited { status: ExitStatus, stdout: Vec<u8>, stderr: Vec<u8> },
    /// It took too long, and was killed.
    TimedOut,
    /// It printed too much, and was killed.
    TooLarge,
}

/// Waits without a clock of its own: for readiness of `fds`, or for `timeout`.
pub(crate) fn poll(fds: &mut [PollFd<'_>], timeout: Duration) -> io::Result<usize> {
    let timeout =
        Timespec { tv_sec: timeout.as_secs() as i64, tv_nsec: i64::from(timeout.subsec_nanos()) as _ };
    match rustix::event::poll(fds, Some(&timeout)) {
        Ok(n) => Ok(n),
        Err(rustix::io::Errno::INTR) => Ok(0),
        Err(e) => Err(e.into()),
    }
}

/// Runs `command` in a process group of its own until `deadline`, giving it `input` and reading at most
/// `stdout_max` bytes of each output.
pub(crate) fn run(
    command: &mut Command,
    input: &[u8],
    deadline: Instant,
    stdout_max: usize,
) -> io::Result<End> {
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
    command.stdin(if input.is_empty() { Stdio::null() } else { Stdio::piped() });
    let end = once(command, input, deadline, stdout_max)?;
    match &end {
        // A Ctrl-C at the terminal, in the moment before it had a group of its own: it did not begin.
        End::Exited { status, stdout, stderr }
            if status.signal() == Some(Signal::INT.as_raw()) && stdout.is_empty() && stderr.is_empty() =>
        {
            once(command, input, deadline, stdout_max)
        }
        _ => Ok(end),
    }
}

fn once(command: &mut Command, input: &[u8], deadline: Instant, stdout_max: usize) -> io::Result<End> {
    let mut child = command.spawn()?;
    crate::os::process::behind_the_engine(child.id());
    let end = talk(&mut child, input, deadline, stdout_max);
    if !matches!(end, Ok(End::Exited { .. })) {
        kill(&mut child);
    }
    end
}

fn kill(child: &mut Child) {
    if let Some(pid) = i32::try_from(child.id()).ok().and_then(rustix::process::Pid::from_raw) {
        // The group is the child's own, and the child is not reaped yet, so the number cannot be another's.
        let _ = rustix::process::kill_process_group(pid, Signal::KILL);
    }
    let _ = child.kill();
    let _ = child.wait();
}

fn talk(child: &mut Child, input: &[u8], deadline: Instant, stdout_max: usize) -> io::Result<End> {
    let mut stdin = child.stdin.take();
    let (mut stdout, mut stderr) = (child.stdout.take(), child.stderr.take());
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let mut given = 0;
    let mut chunk = vec![0; CHUNK_BYTES];
    if let Some(pipe) = &stdin {
        rustix::fs::fcntl_setfl(pipe, rustix::fs::OFlags::NONBLOCK)?;
    }
    while stdout.is_some() || stderr.is_some() || stdin.is_some() {
        let left = deadline.left();
        if left.is_zero() {
            return Ok(End::TimedOut);
        }
        let ready = ready(stdin.as_ref(), stdout.as_ref(), stderr.as_ref(), left)?;
        if ready[0]
            && let Some(pipe) = &mut stdin
        {
            match pipe.write(&input[given..]) {
                Ok(n) => given += n,
                Err(e) if e.kind() == io::ErrorKind::WouldBlock || e.kind() == io::ErrorKind::Interrupted => {
                }
                // It ended without reading everything; its status says why.
                Err(_) => given = input.len(),
            }
            if given == input.len() {
                stdin = None;
            }
        }
        if ready[1] {
            take(&mut stdout, &mut out, &mut chunk)?;
        }
        if ready[2] {
            take(&mut stderr, &mut err, &mut chunk)?;
        }
        if out.len() > stdout_max || err.len() > stdout_max {
            return Ok(End::TooLarge);
        }
    }
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(End::Exited { status, stdout: out, stderr: err });
        }
        let left = deadline.left();
        if left.is_zero() {
            return Ok(End::TimedOut);
        }
        crate::os::process::wait_child(child, left)?;
    }
}

fn ready(
    stdin: Option<&impl AsFd>,
    stdout: Option<&impl AsFd>,
    stderr: Option<&impl AsFd>,
    left: Duration,
) -> io::Result<[bool; 3]> {
    let wanted: [Option<(BorrowedFd<'_>, PollFlags)>; 3] = [
        stdin.map(|p| (p.as_fd(), PollFlags::OUT)),
        stdout.map(|p| (p.as_fd(), PollFlags::IN)),
        stderr.map(|p| (p.as_fd(), PollFlags::IN)),
    ];
    let mut fds: Vec<_> =
        wanted.iter().flatten().map(|(fd, flags)| PollFd::from_borrowed_fd(*fd, *flags)).collect();
    poll(&mut fds, left)?;
    let mut answers = fds.iter().map(|fd| !fd.revents().is_empty());
    Ok(wanted.map(|w| w.is_some() && answers.next().unwrap_or(false)))
}

fn take<R: Read>(pipe: &mut Option<R>, into: &mut Vec<u8>, chunk: &mut [u8]) -> io::Result<()> {
    if let Some(reader) = pipe {
        match reader.read(chunk) {
            Ok(0) => *pipe = None,
            Ok(n) => into.extend_from_slice(&chunk[..n]),
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use convoy_core::time::Span;

    use super::*;

    #[test]
    fn what_an_interrupt_kept_from_beginning_is_begun_again_once() {
        let temp = tempfile::tempdir().unwrap();
        let run = |script: &str| {
            let mut command = crate::os::spawn::command("/bin/sh");
            command.args(["-c", script]).current_dir(temp.path());
            match run(&mut command, b"in", Instant::now().plus(Span::from_millis(60_000)), CHUNK_BYTES)
                .unwrap()
            {
                End::Exited { status, stdout, .. } => (status, stdout),
                _ => panic!("it does not end"),
            }
        };
        let (status, said) = run("if [ -e begun ]; then cat; else : > begun; kill -INT $$; fi");
        assert!(status.success(), "{status}");
        assert_eq!(said, b"in");
        assert_eq!(run("kill -INT $$").0.signal(), Some(Signal::INT.as_raw()));
        // What has said something has begun.
        let (status, said) = run("echo once; kill -INT $$");
        assert_eq!((status.signal(), said), (Some(Signal::INT.as_raw()), b"once\n".to_vec()));
    }
}
