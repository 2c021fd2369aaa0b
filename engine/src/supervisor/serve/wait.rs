//! The one poll of a supervisor: everything that can have something to say.

use std::io;
use std::os::fd::AsFd;

use rustix::event::{PollFd, PollFlags, Timespec};

use super::Server;
use crate::clock::Instant;
use crate::supervisor::duplex::Duplex;
use crate::supervisor::signal::SignalFile;
use crate::supervisor::start::Agent;

/// What one poll can have to say.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    Child,
    Terminate,
    Hangup,
    Terminal,
    Agent,
    Prompt,
    Input,
    Signal,
    Stdout,
    Stderr,
    Listener,
    Client(usize),
    Gone(usize),
}

impl Server<'_> {
    /// Waits for input until `deadline`; what there is.
    pub(super) fn wait(
        &self,
        agent: Option<&Agent>,
        running: bool,
        deadline: Option<Instant>,
    ) -> io::Result<Vec<Source>> {
        let mut sources = vec![Source::Child, Source::Terminate, Source::Hangup, Source::Listener];
        let mut fds = vec![
            PollFd::from_borrowed_fd(self.signals.child.as_fd(), PollFlags::IN),
            PollFd::from_borrowed_fd(self.signals.terminate.as_fd(), PollFlags::IN),
            PollFd::from_borrowed_fd(self.signals.hangup.as_fd(), PollFlags::IN),
            PollFd::from_borrowed_fd(self.listener.as_fd(), PollFlags::IN),
        ];
        let mut add = |source, fd, flags| {
            sources.push(source);
            fds.push(PollFd::from_borrowed_fd(fd, flags));
        };
        if let Some(terminal) = self.terminal.as_ref().filter(|terminal| terminal.wants_write()) {
            add(Source::Terminal, terminal.fd(), PollFlags::OUT);
        }
        if let Some(input) = self.duplex.as_ref().and_then(Duplex::wants_write) {
            add(Source::Input, input, PollFlags::OUT);
        }
        if let Some(changes) = self.signal.as_ref().and_then(SignalFile::changes) {
            add(Source::Signal, changes, PollFlags::IN);
        }
        if let Some(agent) = agent {
            if running {
                add(Source::Agent, agent.pidfd.as_fd(), PollFlags::IN);
            }
            if let Some(prompt) = &agent.prompt {
                add(Source::Prompt, prompt.fd(), PollFlags::OUT);
            }
            if let Some(stdout) = &agent.stdout {
                add(Source::Stdout, stdout.as_fd(), PollFlags::IN);
            }
            if let Some(stderr) = &agent.stderr {
                add(Source::Stderr, stderr.as_fd(), PollFlags::IN);
            }
        }
        for (index, client) in self.clients.iter().enumerate() {
            let mut flags = PollFlags::empty();
            flags.set(PollFlags::IN, client.wants_read());
            flags.set(PollFlags::OUT, client.wants_write());
            add(Source::Client(index), client.fd(), flags);
        }
        let timeout = deadline.and_then(|at| Timespec::try_from(at.left()).ok());
        match rustix::event::poll(&mut fds, timeout.as_ref()) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        let ready = sources.into_iter().zip(&fds).filter(|(_, fd)| !fd.revents().is_empty());
        Ok(ready
            .map(|(source, fd)| match source {
                // A client that left says so in every poll, asked or not, and has nothing left to read.
                Source::Client(index) if !fd.revents().intersects(PollFlags::IN | PollFlags::OUT) => {
                    Source::Gone(index)
                }
                other => other,
            })
            .collect())
    }
}
