//! The one place that makes a process, and the environment that it may inherit.
//!
//! Argv vectors only, never a shell. A command starts with an empty environment and a closed stdin; whatever
//! it may see is added by name.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::process::{Command, Stdio};

/// The environment of this process, read once by `main` and handed down.
#[derive(Clone, Debug, Default)]
pub struct Environment(BTreeMap<OsString, OsString>);

impl Environment {
    /// From name and value pairs, such as `std::env::vars_os()`.
    pub fn new(vars: impl IntoIterator<Item = (OsString, OsString)>) -> Self {
        Self(vars.into_iter().collect())
    }
    /// One value.
    pub fn get(&self, name: &str) -> Option<&OsStr> {
        self.0.get(OsStr::new(name)).map(OsString::as_os_str)
    }
    /// One value as text, if it is set, valid and not empty.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.get(name).and_then(OsStr::to_str).filter(|text| !text.is_empty())
    }
    /// All names and values, in order of name.
    pub fn iter(&self) -> impl Iterator<Item = (&OsStr, &OsStr)> {
        self.0.iter().map(|(name, value)| (name.as_os_str(), value.as_os_str()))
    }
    /// Those that `keep` wants, by name.
    pub fn filtered(&self, keep: impl Fn(&str) -> bool) -> Self {
        Self(
            self.0
                .iter()
                .filter(|(name, _)| name.to_str().is_some_and(&keep))
                .map(|(n, v)| (n.clone(), v.clone()))
                .collect(),
        )
    }
    /// Sets one value.
    pub fn set(&mut self, name: impl Into<OsString>, value: impl Into<OsString>) {
        self.0.insert(name.into(), value.into());
    }
}

/// A command with nothing inherited: no environment, no stdin.
#[expect(clippy::disallowed_methods, reason = "the owner of process creation")]
pub fn command(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    command.env_clear().stdin(Stdio::null());
    command
}

/// Becomes another program, in the same process, with everything that this one has: environment, files, limits. Returns
/// only when that cannot be.
#[expect(clippy::disallowed_methods, reason = "the owner of process creation")]
pub fn become_program(program: &Path, name: &OsStr, arguments: &[OsString]) -> std::io::Error {
    use std::os::unix::process::CommandExt;
    Command::new(program).arg0(name).args(arguments).exec()
}

/// Lets the system kill the command's process when the thread that starts it ends.
///
/// It covers the process itself, not what it starts; the rest is for whoever recovers.
#[expect(unsafe_code, reason = "a death signal can only be asked for by the new process itself, before exec")]
pub fn die_with_parent(command: &mut Command) {
    use std::os::unix::process::CommandExt;
    let parent = rustix::process::getpid();
    let ask = move || -> std::io::Result<()> {
        rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL))?;
        // The parent may have ended before the request; then nobody would ever send the signal.
        if rustix::process::getppid() == Some(parent) {
            Ok(())
        } else {
            Err(std::io::Error::from_raw_os_error(rustix::io::Errno::SRCH.raw_os_error()))
        }
    };
    // SAFETY: between fork and exec only async-signal-safe work is allowed. The closure makes two system calls,
    // prctl and getppid, through rustix, which issues them directly; an error holds a plain number. It
    // allocates nothing and takes no lock.
    unsafe {
        command.pre_exec(ask);
    }
}

/// Puts the command's process into a session and process group of its own, away from this one's terminal.
#[expect(unsafe_code, reason = "a session can only be made by the new process itself, before exec")]
pub fn own_session(command: &mut Command) {
    use std::os::unix::process::CommandExt;
    let make = || -> std::io::Result<()> {
        rustix::process::setsid()?;
        Ok(())
    };
    // SAFETY: between fork and exec only async-signal-safe work is allowed. The closure makes one system call,
    // setsid, through rustix, which issues it directly; an error holds a plain number. It allocates nothing and
    // takes no lock.
    unsafe {
        command.pre_exec(make);
    }
}

/// Closes every descriptor but the standard three: whatever the caller of this program's caller left open.
///
/// A supervisor outlives those who started it, and would keep their pipes and locks open for as long.
///
/// # Errors
/// When `/proc` is not readable.
#[expect(unsafe_code, reason = "a descriptor that was inherited has no owner that could close it")]
pub(crate) fn close_inherited() -> std::io::Result<()> {
    use std::os::fd::FromRawFd;
    // The listing's own descriptor is among the numbers, and gone before they are used.
    let inherited: Vec<i32> = std::fs::read_dir("/proc/self/fd")?
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter(|number| *number > 2)
        .collect();
    for number in inherited {
        // SAFETY: this runs first in a process that has opened nothing yet, so no value owns one of these numbers.
        // A number that was closed meanwhile (the listing's) names nothing, which is found before it is owned.
        if std::fs::symlink_metadata(format!("/proc/self/fd/{number}")).is_ok() {
            drop(unsafe { std::os::fd::OwnedFd::from_raw_fd(number) });
        }
    }
    Ok(())
}
