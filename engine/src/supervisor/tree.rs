//! Everything that an agent started, and the proof that all of it is dead.
//!
//! The supervisor is a sub-reaper: whatever an agent's descendants do — new sessions, double forks, orphans — they
//! stay below the supervisor. So the proof is simple: when the system says that there are no children left to wait
//! for, there are no descendants. The search only serves to find whom to kill.

use std::collections::BTreeSet;
use std::io;

use rustix::process::{Signal, WaitOptions};

use crate::os::process::{self, Process};

/// The environment variable by which a session's processes are known.
pub const MARK: &str = "CONVOY_SESSION";

/// How a process ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Ended {
    pub(super) code: Option<i32>,
    pub(super) signal: Option<i32>,
}

/// The processes of one agent.
#[derive(Debug)]
pub(super) struct Tree {
    agent: u32,
    session: String,
    /// The agent's own end, once it is known. Until then its pid, and its group, cannot be another's.
    pub(super) ended: Option<Ended>,
    condemned: BTreeSet<Process>,
    leaked: u32,
}

impl Tree {
    pub(super) fn new(agent: u32, session: String) -> Self {
        Self { agent, session, ended: None, condemned: BTreeSet::new(), leaked: 0 }
    }

    /// Processes that were found alive after the agent's own had ended.
    pub(super) fn leaked(&self) -> u32 {
        self.leaked
    }

    /// Takes note of every child that has ended, the agent and adopted orphans. `true` when there are none left.
    pub(super) fn reap(&mut self) -> io::Result<bool> {
        loop {
            match rustix::process::wait(WaitOptions::NOHANG) {
                Ok(Some((pid, status))) => {
                    if u32::try_from(pid.as_raw_nonzero().get()) == Ok(self.agent) && self.ended.is_none() {
                        self.ended =
                            Some(Ended { code: status.exit_status(), signal: status.terminating_signal() });
                    }
                }
                Ok(None) => return Ok(false),
                Err(rustix::io::Errno::CHILD) => return Ok(true),
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Asks the agent's process group, as a terminal would. A stopped one is continued, so that it can answer.
    pub(super) fn ask(&self, signal: Signal) {
        // The agent was not waited for yet, so the group is certainly its own. It may be empty already.
        if self.ended.is_none()
            && let Some(group) = i32::try_from(self.agent).ok().and_then(rustix::process::Pid::from_raw)
        {
            for signal in [signal, Signal::CONT] {
                if let Err(error) = rustix::process::kill_process_group(group, signal) {
                    log(format_args!("cannot signal the agent's group: {error}"));
                }
            }
        }
    }

    /// Kills everything below this supervisor that is alive now.
    pub(super) fn kill(&mut self) -> io::Result<()> {
        self.condemn(process::descendants(std::process::id()))
    }

    /// Kills those who carry the session's mark without being below this supervisor, such as what was started
    /// through a server of another user session. `true` when there are none.
    pub(super) fn kill_marked(&mut self) -> io::Result<bool> {
        let found = process::marked(MARK, &self.session);
        let none = found.is_empty();
        self.condemn(found).map(|()| none)
    }

    fn condemn(&mut self, found: Vec<Process>) -> io::Result<()> {
        for process in found {
            let sent = match process.signal(Signal::KILL) {
                Ok(sent) => sent,
                // A descendant that became another user cannot be killed. It is waited for instead: as long as
                // it lives, nothing may take its place.
                Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                    log(format_args!("may not kill process {}", process.pid));
                    true
                }
                Err(error) => return Err(error),
            };
            if self.condemned.insert(process) && sent && self.ended.is_some() {
                self.leaked = self.leaked.saturating_add(1);
            }
        }
        Ok(())
    }
}

/// Says something in `supervisor.log`, which is this process's standard error.
pub(super) fn log(message: std::fmt::Arguments<'_>) {
    use std::io::Write;
    // There is nowhere to say that nothing can be said.
    drop(writeln!(io::stderr(), "{} {message}", crate::clock::now()));
}
