//! Finds and ends the processes that a test has left behind, and only those.
//!
//! A process belongs to a test when the test's folder, whose name is unique, is in its environment or command
//! line, or is where it works. The check is repeated on a pidfd before a signal is sent, so that a reused
//! number is never hit.

use std::ffi::OsString;
use std::fs;
use std::os::fd::AsFd as _;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::time::Duration;

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

use crate::wait;

/// How long a killed process may take to be gone.
const GONE_MS: u64 = 5_000;
/// Rounds of looking again: a process may start another while it is being ended.
const ROUNDS_MAX: usize = 20;

/// A living process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Process {
    /// Its number.
    pub pid: i32,
    /// Its command line, joined by blanks.
    pub command: String,
}

/// The processes whose environment, command line or directory names `folder`. This one is never among them.
pub fn of(folder: &Path) -> Vec<Process> {
    let pids = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = pids.filter_map(|entry| entry.file_name().to_str().and_then(|name| name.parse().ok()));
    pids.filter(|pid| belongs(*pid, folder)).map(|pid| Process { pid, command: command_of(pid) }).collect()
}

/// Ends them all at once, and whatever they start meanwhile.
pub fn kill(folder: &Path) {
    for _ in 0..ROUNDS_MAX {
        let found = of(folder);
        if found.is_empty() {
            return;
        }
        for process in found {
            let Some(pid) = Pid::from_raw(process.pid) else { continue };
            let Ok(fd) = pidfd_open(pid, PidfdFlags::empty()) else { continue };
            if belongs(process.pid, folder) && pidfd_send_signal(&fd, Signal::KILL).is_ok() {
                wait::readable(fd.as_fd(), Duration::from_millis(GONE_MS));
            }
        }
    }
}

fn belongs(pid: i32, folder: &Path) -> bool {
    if u32::try_from(pid) == Ok(std::process::id()) || is_zombie(pid) {
        return false;
    }
    let needle = folder.as_os_str().as_bytes();
    let names = |file: &str| {
        fs::read(format!("/proc/{pid}/{file}"))
            .is_ok_and(|bytes| bytes.windows(needle.len()).any(|window| window == needle))
    };
    let works_there = fs::read_link(format!("/proc/{pid}/cwd")).is_ok_and(|cwd| cwd.starts_with(folder));
    works_there || names("environ") || names("cmdline")
}

/// Dead, only not yet collected by its parent.
fn is_zombie(pid: i32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('Z'))
}

fn command_of(pid: i32) -> String {
    let bytes = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let words = bytes.split(|b| *b == 0).filter(|word| !word.is_empty());
    let words: Vec<OsString> = words.map(|w| std::ffi::OsStr::from_bytes(w).to_owned()).collect();
    words.join(std::ffi::OsStr::new(" ")).to_string_lossy().into_owned()
}
