//! Processes as Linux shows them: who they are, what they started, and their end.
//!
//! A bare pid names nobody: it is given to another process as soon as the first is gone. A [`Process`] is a pid
//! with its start time, and with the boot id beside it (see [`boot_id`]) it is an identity for ever. Signals go
//! through a pidfd whose identity was checked after it was opened, so that they cannot reach a stranger.
//!
//! Nothing here waits longer than it is told, and nothing touches a process that a caller did not name.

use std::collections::BTreeSet;
use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::Child;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::process::{Pid, PidfdFlags, Signal};
use serde::{Deserialize, Serialize};

use crate::clock::Instant;

/// How long one wait for a killed process lasts before everything is looked at again.
const KILL_WAIT: Duration = Duration::from_millis(50);

/// A process of this boot: its pid and its start time.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Process {
    /// Its process id.
    pub pid: u32,
    /// Its start time, in clock ticks since boot: field 22 of `/proc/PID/stat`.
    pub start_ticks: u64,
}

/// What `/proc/PID/stat` says, as far as it is needed here.
#[derive(Clone, Copy, Debug)]
struct Stat {
    state: u8,
    parent: u32,
    terminal: i32,
    threads: u32,
    start_ticks: u64,
}

impl Stat {
    fn read(pid: u32) -> Option<Self> {
        let text = std::fs::read(format!("/proc/{pid}/stat")).ok()?;
        // The name of the program stands in parentheses and may hold any byte, so fields count from the last.
        let at = text.iter().rposition(|b| *b == b')')?;
        let rest = std::str::from_utf8(text.get(at + 1..)?).ok()?;
        let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
        Some(Self {
            state: *fields.first()?.as_bytes().first()?,
            parent: fields.get(1)?.parse().ok()?,
            terminal: fields.get(4)?.parse().ok()?,
            threads: fields.get(17)?.parse().ok()?,
            start_ticks: fields.get(19)?.parse().ok()?,
        })
    }
    /// A zombie has ended: it runs no instruction and only waits to be counted. One whose first thread has ended
    /// looks the same, but its other threads run on.
    fn ended(&self) -> bool {
        matches!(self.state, b'Z' | b'X' | b'x') && self.threads <= 1
    }
}

fn raw(pid: u32) -> Option<Pid> {
    i32::try_from(pid).ok().and_then(Pid::from_raw)
}

impl Process {
    /// The process that has this pid now, zombies included. `None` if there is none.
    pub fn of(pid: u32) -> Option<Self> {
        Stat::read(pid).map(|stat| Self { pid, start_ticks: stat.start_ticks })
    }

    /// This process.
    ///
    /// # Errors
    /// When `/proc` is not readable: without it nothing can be supervised.
    pub fn current() -> io::Result<Self> {
        Self::of(std::process::id()).ok_or_else(|| io::Error::other("/proc/self/stat cannot be read"))
    }

    /// Whether this very process still runs. A zombie does not.
    pub fn is_alive(self) -> bool {
        Stat::read(self.pid).is_some_and(|stat| stat.start_ticks == self.start_ticks && !stat.ended())
    }

    /// A descriptor of this very process; `None` if it is gone.
    ///
    /// # Errors
    /// When the system refuses for another reason than the process being gone.
    pub fn pidfd(self) -> io::Result<Option<OwnedFd>> {
        let Some(pid) = raw(self.pid) else { return Ok(None) };
        match rustix::process::pidfd_open(pid, PidfdFlags::empty()) {
            // The descriptor is bound to whoever had the pid when it was opened; only now is it known who.
            Ok(fd) => Ok((Self::of(self.pid) == Some(self)).then_some(fd)),
            Err(rustix::io::Errno::SRCH) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Sends a signal to this very process and to no other; `false` if it is gone.
    ///
    /// # Errors
    /// When the system refuses for another reason than the process being gone.
    pub fn signal(self, signal: Signal) -> io::Result<bool> {
        let Some(fd) = self.pidfd()? else { return Ok(false) };
        match rustix::process::pidfd_send_signal(&fd, signal) {
            Ok(()) => Ok(true),
            Err(rustix::io::Errno::SRCH) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Waits until this process has ended or `limit` has passed; says whether it has ended.
    ///
    /// # Errors
    /// When the system cannot poll.
    pub fn wait_end(self, limit: Duration) -> io::Result<bool> {
        if let Some(fd) = self.pidfd()? {
            wait_readable(&fd, limit)?;
        }
        Ok(!self.is_alive())
    }
}

/// Waits until a child has ended or `limit` has passed. It keeps its pid until it is reaped, so it is no other's.
///
/// # Errors
/// When the system cannot poll.
pub fn wait_child(child: &Child, limit: Duration) -> io::Result<()> {
    let Some(pid) = raw(child.id()) else { return Ok(()) };
    wait_readable(&rustix::process::pidfd_open(pid, PidfdFlags::empty())?, limit).map(drop)
}

/// Waits until `fd` is readable or `limit` has passed.
///
/// # Errors
/// When the system cannot poll.
pub fn wait_readable(fd: impl std::os::fd::AsFd, limit: Duration) -> io::Result<bool> {
    let timeout = Timespec::try_from(limit).ok();
    let mut fds = [PollFd::from_borrowed_fd(fd.as_fd(), PollFlags::IN)];
    match rustix::event::poll(&mut fds, timeout.as_ref()) {
        Ok(ready) => Ok(ready > 0),
        Err(rustix::io::Errno::INTR) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// The id of this boot; a process of another boot is certainly gone.
///
/// # Errors
/// When `/proc` is not readable.
pub fn boot_id() -> io::Result<String> {
    Ok(std::fs::read_to_string("/proc/sys/kernel/random/boot_id")?.trim().to_owned())
}

/// Every process below `root` that has not ended, in no order. Found through `/proc/PID/task/TID/children`, which
/// may miss one while others end: ask again until there are no children left to wait for.
pub fn descendants(root: u32) -> Vec<Process> {
    let Some(first) = children(root) else { return descendants_by_scan(root) };
    let mut found = BTreeSet::new();
    let mut open = first;
    while let Some(pid) = open.pop() {
        if let Some(stat) = Stat::read(pid)
            && found.insert((Process { pid, start_ticks: stat.start_ticks }, stat.ended()))
        {
            open.extend(children(pid).unwrap_or_default());
        }
    }
    found.into_iter().filter(|(_, ended)| !ended).map(|(process, _)| process).collect()
}

/// The children of all threads of a process; `None` if the system does not tell or the process is gone.
fn children(pid: u32) -> Option<Vec<u32>> {
    let mut all = Vec::new();
    for task in std::fs::read_dir(format!("/proc/{pid}/task")).ok()?.flatten() {
        let text = std::fs::read_to_string(task.path().join("children")).ok()?;
        all.extend(text.split_ascii_whitespace().filter_map(|word| word.parse::<u32>().ok()));
    }
    Some(all)
}

/// The same for kernels without `children` files: every process is asked for its parent.
fn descendants_by_scan(root: u32) -> Vec<Process> {
    let all: Vec<(u32, Stat)> = pids().filter_map(|pid| Stat::read(pid).map(|stat| (pid, stat))).collect();
    let mut below = BTreeSet::from([root]);
    loop {
        let before = below.len();
        below.extend(
            all.iter()
                .filter(|(_, stat)| below.contains(&stat.parent))
                .map(|(pid, _)| *pid)
                .collect::<Vec<_>>(),
        );
        if below.len() == before {
            break;
        }
    }
    all.iter()
        .filter(|(pid, stat)| *pid != root && below.contains(pid) && !stat.ended())
        .map(|(pid, stat)| Process { pid: *pid, start_ticks: stat.start_ticks })
        .collect()
}

fn pids() -> impl Iterator<Item = u32> {
    std::fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| entry.file_name().to_str().and_then(|name| name.parse().ok()))
}

/// This process and all those above it: whoever clears up never removes the branch on which it sits.
fn self_and_ancestors() -> BTreeSet<u32> {
    line_of(std::process::id()).into_iter().collect()
}

/// A process and all those above it. It ends early if one of them is gone.
pub fn line_of(pid: u32) -> Vec<u32> {
    let mut line = Vec::new();
    let mut pid = pid;
    while pid > 0 && !line.contains(&pid) {
        let Some(stat) = Stat::read(pid) else { break };
        line.push(pid);
        pid = stat.parent;
    }
    line
}

/// The words that a process was called with; none if it is gone.
pub fn arguments(pid: u32) -> Vec<Vec<u8>> {
    let text = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    text.split(|b| *b == 0).map(<[u8]>::to_vec).collect()
}

/// The value of `name` in an environment as the system shows it: `NAME=value`, each ended by a zero.
fn value_in<'a>(environment: &'a [u8], name: &str) -> Option<&'a [u8]> {
    environment.split(|b| *b == 0).find_map(|pair| pair.strip_prefix(name.as_bytes())?.strip_prefix(b"="))
}

/// Every living process that was started with `name=value` in its environment, except this one and those above
/// it. A process cannot leave this set by a new session, a double fork or a new parent.
pub fn marked(name: &str, value: &str) -> Vec<Process> {
    matching(|_, environment| value_in(environment, name) == Some(value.as_bytes()))
}

/// Those of [`marked`], and those that work inside `dir` without being anybody else's: neither marked with
/// another value nor at a terminal, as the shell of a person who looks around there would be.
pub fn marked_or_inside(name: &str, value: &str, dir: &Path) -> Vec<Process> {
    let dir = dir.canonicalize().ok();
    matching(|pid, environment| match value_in(environment, name) {
        Some(found) => found == value.as_bytes(),
        None => {
            let cwd = || std::fs::read_link(format!("/proc/{pid}/cwd"));
            dir.as_ref().is_some_and(|dir| cwd().is_ok_and(|cwd| cwd.starts_with(dir)))
                && Stat::read(pid).is_some_and(|stat| stat.terminal == 0)
        }
    })
}

/// Every living process but this one and those above it for which `wanted` holds, given its environment.
fn matching(wanted: impl Fn(u32, &[u8]) -> bool) -> Vec<Process> {
    let ours = self_and_ancestors();
    let mut environment = Vec::new();
    let mut fits = |pid: u32| {
        environment.clear();
        // Of a process that may not be read nothing is known but where it works.
        let _ = std::fs::File::open(format!("/proc/{pid}/environ"))
            .and_then(|mut file| file.read_to_end(&mut environment));
        wanted(pid, &environment)
    };
    pids()
        .filter(|pid| !ours.contains(pid))
        .filter_map(|pid| {
            // Nearly all of the system's processes end here, after one look.
            if !fits(pid) {
                return None;
            }
            let stat = Stat::read(pid)?;
            // The pid may have gone to another since: the answer that counts comes after the start time was
            // read, and that time is checked again before any signal is sent.
            (!stat.ended() && fits(pid)).then_some(Process { pid, start_ticks: stat.start_ticks })
        })
        .collect()
}

/// Kills with SIGKILL what `find` finds until it finds nothing; the number of processes that were killed.
///
/// # Errors
/// `TimedOut` when some are still there after `limit`, as a process in an uninterruptible wait can be.
pub fn kill_until_none(find: impl Fn() -> Vec<Process>, limit: Duration) -> io::Result<u32> {
    let begun = Instant::now();
    let mut killed = BTreeSet::new();
    loop {
        let found = find();
        if found.is_empty() {
            return Ok(u32::try_from(killed.len()).unwrap_or(u32::MAX));
        }
        if begun.elapsed() > limit {
            let pids: Vec<u32> = found.iter().map(|process| process.pid).collect();
            return Err(io::Error::new(io::ErrorKind::TimedOut, format!("cannot kill processes {pids:?}")));
        }
        for process in &found {
            if process.signal(Signal::KILL)? {
                killed.insert(*process);
            }
        }
        for process in &found {
            process.wait_end(KILL_WAIT)?;
        }
    }
}

/// How much nicer than the engine and its supervisors agents and git are: those decide what goes on next, and take
/// a moment; these take minutes and all the processors.
const NICE: i32 = 5;

/// Lets the engine and its supervisors go before this process and what it starts. A wish, not a need.
pub fn behind_the_engine(pid: u32) {
    if let Some(pid) = i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw) {
        let _ = rustix::process::setpriority_process(Some(pid), NICE);
    }
}

/// Lets this process have so many files open at once, or as many as the system allows it.
pub fn allow_open_files(wanted: u64) {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let wanted = maximum.map_or(wanted, |maximum| wanted.min(maximum));
    if current.is_some_and(|current| current < wanted) {
        // Without it some callers wait for others to leave.
        let _ = setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), maximum });
    }
}

/// The memory that this process has in use, in bytes, where the system says so.
pub fn resident_bytes() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/self/statm").ok()?;
    let pages: u64 = text.split(' ').nth(1)?.parse().ok()?;
    Some(pages * rustix::param::page_size() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::os::spawn::command;

    #[test]
    fn a_pid_with_another_start_time_is_somebody_else() {
        let me = Process::current().unwrap();
        assert!(me.is_alive());
        let other = Process { start_ticks: me.start_ticks + 1, ..me };
        assert!(!other.is_alive());
        assert!(other.pidfd().unwrap().is_none());
        // A signal that reached this process would end the test.
        assert!(!other.signal(Signal::KILL).unwrap());
    }

    #[test]
    fn finds_descendants_by_both_ways_and_ends_them() {
        let mut child = command("/bin/sh").arg("-c").arg("/bin/sleep 1000 & wait").spawn().unwrap();
        let below = || {
            let all = descendants(std::process::id());
            all.into_iter()
                .filter(|p| p.pid == child.id() || Stat::read(p.pid).is_some_and(|s| s.parent == child.id()))
                .collect::<Vec<_>>()
        };
        let begun = Instant::now();
        while below().len() < 2 && begun.elapsed() < Duration::from_secs(5) {
            std::thread::yield_now();
        }
        assert_eq!(below().len(), 2);
        let scanned = descendants_by_scan(std::process::id());
        assert!(below().iter().all(|process| scanned.contains(process)));
        assert_eq!(kill_until_none(below, Duration::from_secs(5)).unwrap(), 2);
        child.wait().unwrap();
    }
}
