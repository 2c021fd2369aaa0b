//! What every chore needs: the checkout's root, running a program, saying what happens.

use std::ffi::OsStr;
use std::fmt::Display;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

/// Where the checkout is.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask is a folder of the checkout")
}

/// Says a line.
#[expect(clippy::print_stdout, reason = "a program for people")]
pub(crate) fn say(line: impl Display) {
    println!("{line}");
}

/// Says how to use it.
pub(crate) fn usage(text: &str) -> ExitCode {
    say(format_args!("usage: {text}"));
    ExitCode::from(2)
}

/// The time that something takes, with what it gave.
#[expect(clippy::disallowed_methods, reason = "the duration of a chore")]
pub(crate) fn timed<T>(work: impl FnOnce() -> T) -> (Duration, T) {
    let began = Instant::now();
    let result = work();
    (began.elapsed(), result)
}

/// A program in the checkout's root, without stdin.
#[expect(clippy::disallowed_methods, reason = "chores run programs")]
pub(crate) fn program<A: AsRef<OsStr>>(name: &str, args: impl IntoIterator<Item = A>) -> Command {
    let mut command = Command::new(name);
    command.args(args).current_dir(root()).stdin(Stdio::null());
    command
}

/// Whether a program is there and answers a harmless question.
pub(crate) fn has(name: &str, question: &str) -> bool {
    let mut command = program(name, question.split_whitespace());
    command.stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}

/// Runs a command to its end; its output is shown.
pub(crate) fn succeed(mut command: Command) -> Result<(), String> {
    let name = command.get_program().to_string_lossy().into_owned();
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("{name}: {status}")),
        Err(why) => Err(format!("{name}: {why}")),
    }
}

/// Which of a program's outputs is looked at.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stream {
    Stdout,
    Stderr,
}

/// As `succeed`, and gives each line of one of its outputs to `see`.
pub(crate) fn watched(mut command: Command, stream: Stream, mut see: impl FnMut(&str)) -> Result<(), String> {
    let name = command.get_program().to_string_lossy().into_owned();
    match stream {
        Stream::Stdout => command.stdout(Stdio::piped()),
        Stream::Stderr => command.stderr(Stdio::piped()),
    };
    let mut child = command.spawn().map_err(|why| format!("{name}: {why}"))?;
    let pipe: Box<dyn std::io::Read> = match stream {
        Stream::Stdout => Box::new(child.stdout.take().expect("stdout is a pipe")),
        Stream::Stderr => Box::new(child.stderr.take().expect("stderr is a pipe")),
    };
    for line in BufReader::new(pipe).split(b'\n').map_while(Result::ok) {
        let line = String::from_utf8_lossy(&line);
        say(&line);
        see(&line);
    }
    match child.wait() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("{name}: {status}")),
        Err(why) => Err(format!("{name}: {why}")),
    }
}
