//! Other processes: this test program again, running one verb that is given on its stdin.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, ExitStatus, Stdio};
use std::time::Duration;

use convoy_engine::lock::{Acquired, WorkspaceLock};
use convoy_engine::log::sqlite::SqliteLog;
use convoy_engine::log::{AppendError, EventLog, OpenError, Record};
use convoy_engine::os::spawn;

use super::group_after;

/// What a child does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Verb {
    /// Appends until it is killed, reporting each acknowledged tail.
    Append,
    /// Makes a log, appends a little, folds it, appends again.
    Script,
    /// Says whether it could open the log.
    Open,
    /// Fills the folder's file system, then makes room and goes on.
    Fill,
    /// The same with a limit on the size of its files.
    FillLimited,
    /// Opens in a folder that cannot be written.
    ReadOnly,
    /// Takes the lock, starts a process that stays, and waits to be killed.
    HoldLock,
}

const VERBS: [Verb; 7] =
    [Verb::Append, Verb::Script, Verb::Open, Verb::Fill, Verb::FillLimited, Verb::ReadOnly, Verb::HoldLock];

/// A child at work.
pub(crate) struct Running {
    pub(crate) process: Child,
    lines: BufReader<ChildStdout>,
}

impl Running {
    /// Starts `verb` on `dir`; `wrapper` is a command to run it under, such as `unshare -m`.
    pub(crate) fn start(verb: Verb, dir: &Path, wrapper: &[&str]) -> std::io::Result<Self> {
        let program = std::env::current_exe()?;
        let mut argv: Vec<&std::ffi::OsStr> = wrapper.iter().map(std::ffi::OsStr::new).collect();
        argv.push(program.as_os_str());
        let mut command = spawn::command(argv[0]);
        command.args(&argv[1..]).args(["--exact", "child::run", "--ignored", "--nocapture"]);
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let order = format!("{verb:?} {}\n", dir.display());
        // A child that is gone shows when its answer is read.
        let _ = process.stdin.take().unwrap().write_all(order.as_bytes());
        let lines = BufReader::new(process.stdout.take().unwrap());
        Ok(Self { process, lines })
    }
    /// The next thing that it says; none at its end.
    pub(crate) fn next(&mut self) -> Option<String> {
        loop {
            let mut line = String::new();
            if self.lines.read_line(&mut line).unwrap_or(0) == 0 {
                return None;
            }
            // A line that was cut off by the kill is no report.
            if let Some(text) = line.strip_suffix('\n').and_then(|line| line.strip_prefix("@ ")) {
                return Some(text.to_owned());
            }
        }
    }
    /// All that it still says, and how it ended.
    pub(crate) fn finish(mut self) -> (Vec<String>, ExitStatus) {
        let mut said = Vec::new();
        while let Some(line) = self.next() {
            said.push(line);
        }
        (said, self.process.wait().unwrap())
    }
}

/// The tails in what a child said: event and hash.
pub(crate) fn acknowledged(said: &[String]) -> Vec<(u64, String)> {
    said.iter()
        .filter_map(|line| {
            let (seq, hash) = line.strip_prefix("ack ")?.split_once(' ')?;
            Some((seq.parse().ok()?, hash.to_owned()))
        })
        .collect()
}

pub(crate) fn say(text: impl std::fmt::Display) {
    let mut out = std::io::stdout();
    out.write_all(format!("@ {text}\n").as_bytes()).unwrap();
    out.flush().unwrap();
}

#[test]
#[ignore = "runs in the children of the other tests"]
fn run() {
    let mut order = String::new();
    std::io::stdin().read_line(&mut order).unwrap();
    let Some((verb, dir)) = order.trim_end().split_once(' ') else { return };
    // The test harness has begun a line.
    std::io::stdout().write_all(b"\n").unwrap();
    let verb = VERBS.into_iter().find(|one| format!("{one:?}") == verb).unwrap();
    let dir = PathBuf::from(dir);
    match verb {
        Verb::Append => append(&dir),
        Verb::Script => script(&dir),
        Verb::Open => match SqliteLog::open(&dir) {
            Ok(_) => say("open"),
            Err(error) => say(format!("refused: {error}")),
        },
        Verb::Fill => super::mounts::fill(&dir),
        Verb::FillLimited => super::mounts::fill_limited(&dir),
        Verb::ReadOnly => super::mounts::read_only(&dir),
        Verb::HoldLock => hold_lock(&dir),
    }
}

fn append(dir: &Path) {
    let mut log = SqliteLog::open(dir).unwrap();
    say("open");
    for round in 0_usize.. {
        let after = log.tail().seq;
        let tail = log.append(after, &group_after(after, round % 4 + 1)).unwrap();
        say(format!("ack {} {}", tail.seq, tail.hash));
        if round % 11 == 0 {
            log.maintain().unwrap();
        }
    }
}

/// Behaves as the engine must on each error: ends on a fatal one, opens again after an unknown one, tries again
/// on a full disk.
fn script(dir: &Path) {
    let mut log = open_again(dir);
    for round in 0..8 {
        if round == 5 {
            // Without the witness the log is folded when it is opened.
            drop(log);
            std::fs::remove_file(dir.join("log.ack")).unwrap();
            log = open_again(dir);
        }
        let after = log.tail().seq;
        let group = group_after(after, round % 3 + 1);
        log = step(log, dir, &group);
        say(format!("ack {} {}", log.tail().seq, log.tail().hash));
    }
}

fn step(mut log: SqliteLog, dir: &Path, group: &[Record]) -> SqliteLog {
    let after = log.tail().seq;
    loop {
        match log.append(after, group) {
            Ok(_) => return log,
            Err(AppendError::Full | AppendError::ReadOnly) => say("full"),
            Err(AppendError::Unknown(_)) => {
                say("unknown");
                drop(log);
                log = open_again(dir);
                if log.tail().seq > after {
                    return log;
                }
            }
            Err(error) => {
                say(format!("fatal: {error}"));
                std::process::exit(3);
            }
        }
    }
}

fn open_again(dir: &Path) -> SqliteLog {
    match SqliteLog::open(dir) {
        Ok(log) => log,
        Err(error @ OpenError::Damaged(_)) => {
            say(format!("damaged: {error}"));
            std::process::exit(4);
        }
        Err(error) => {
            say(format!("fatal: {error}"));
            std::process::exit(3);
        }
    }
}

#[expect(clippy::zombie_processes, reason = "it must outlive this process")]
fn hold_lock(dir: &Path) {
    let Acquired::Held(_lock) = WorkspaceLock::acquire(dir, Duration::ZERO).unwrap() else {
        panic!("the lock is not free")
    };
    let stays = spawn::command("sleep").arg("600").stdout(Stdio::null()).spawn().unwrap();
    say(stays.id());
    // Until it is killed.
    let (_sender, receiver) = std::sync::mpsc::sync_channel::<()>(0);
    let _ = receiver.recv();
}
