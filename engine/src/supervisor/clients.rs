//! The connections of a supervisor's socket, served inside its one loop.
//!
//! Nothing here blocks and nothing grows: a subscriber is an offset into the observations file and a buffer of a
//! fixed size, so one that does not read costs nothing and holds nobody up.

use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;

use convoy_core::report::Exit;

use super::files::OBSERVATION_BYTES_MAX;
use super::observations::Writer;
use super::peer;
use super::protocol::{Code, REQUEST_BYTES_MAX, Reply, Request};
use crate::os::socket;

/// How much is read from the observations at once, usually. A longer line gets a longer buffer for a moment.
const READ_BYTES: usize = 8 * 1024;
/// With more than this unsent, nothing more is prepared for a client.
const UNSENT_BYTES: usize = 16 * 1024;
/// With more than this unsent, a client is asking and never listening, and is let go.
const UNSENT_BYTES_MAX: usize = 512 * 1024;

/// One connection.
#[derive(Debug)]
pub(super) struct Connection {
    stream: UnixStream,
    received: Vec<u8>,
    /// Inside a request that is too long: everything up to its end is skipped.
    skipping: bool,
    unsent: Vec<u8>,
    subscription: Option<Subscription>,
    /// The client has said everything; answers may still be on their way.
    half_closed: bool,
    broken: bool,
    /// Whether it comes out of another session, once somebody has asked.
    stranger: Option<bool>,
}

#[derive(Debug)]
struct Subscription {
    /// Lines that are still to be skipped, because the client has seen them.
    skip: u64,
    offset: u64,
    exit_sent: bool,
}

/// One line that came from a client.
pub(super) enum Line {
    Request(Request),
    Refused(Code, String),
}

impl Connection {
    pub(super) fn new(stream: UnixStream) -> io::Result<Self> {
        stream.set_nonblocking(true)?;
        Ok(Self {
            stream,
            received: Vec::new(),
            skipping: false,
            unsent: Vec::new(),
            subscription: None,
            half_closed: false,
            broken: false,
            stranger: None,
        })
    }

    /// Whether it comes out of another session. One process is at its other end as long as it is open.
    pub(super) fn is_stranger(&mut self) -> bool {
        let stream = &self.stream;
        *self.stranger.get_or_insert_with(|| socket::peer(stream).is_some_and(peer::is_stranger))
    }

    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
    pub(super) fn wants_read(&self) -> bool {
        !self.half_closed && self.unsent.len() < UNSENT_BYTES
    }
    pub(super) fn wants_write(&self) -> bool {
        !self.unsent.is_empty()
    }
    /// Nothing more can or need be done for this client.
    pub(super) fn finished(&self) -> bool {
        let served = self.unsent.is_empty()
            && match &self.subscription {
                Some(subscription) => subscription.exit_sent,
                None => self.half_closed,
            };
        self.broken || served
    }
    /// Whether it has everything that it asked for, so that the supervisor may go.
    pub(super) fn settled(&self) -> bool {
        self.finished() || (self.subscription.is_none() && self.unsent.is_empty())
    }

    /// Reads what has come, at most one buffer, and returns the whole lines in it.
    pub(super) fn receive(&mut self) -> Vec<Line> {
        let mut buffer = [0; READ_BYTES];
        let count = match self.stream.read(&mut buffer) {
            Ok(0) => {
                self.half_closed = true;
                return Vec::new();
            }
            Ok(count) => count,
            Err(error) => {
                self.broken |=
                    !matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted);
                return Vec::new();
            }
        };
        let mut lines = Vec::new();
        for piece in buffer.get(..count).unwrap_or_default().split_inclusive(|b| *b == b'\n') {
            let (body, whole) = piece.strip_suffix(b"\n").map_or((piece, false), |body| (body, true));
            if !self.skipping {
                self.received.extend_from_slice(body);
                if self.received.len() > REQUEST_BYTES_MAX {
                    self.skipping = true;
                    self.received = Vec::new();
                    lines.push(Line::Refused(
                        Code::TooLong,
                        format!("a request has at most {REQUEST_BYTES_MAX} bytes"),
                    ));
                }
            }
            if whole {
                if !self.skipping {
                    lines.push(match serde_json::from_slice(&self.received) {
                        Ok(request) => Line::Request(request),
                        Err(error) => {
                            Line::Refused(Code::BadRequest, format!("not a request of version 1: {error}"))
                        }
                    });
                }
                self.skipping = false;
                self.received.clear();
            }
        }
        lines
    }

    /// The other end is closed.
    pub(super) fn gone(&mut self) {
        self.broken = true;
    }

    /// Queues an answer.
    pub(super) fn reply(&mut self, reply: &Reply) {
        match serde_json::to_vec(reply) {
            Ok(line) if self.unsent.len() + line.len() < UNSENT_BYTES_MAX => {
                self.unsent.extend_from_slice(&line);
                self.unsent.push(b'\n');
            }
            Ok(_) | Err(_) => self.broken = true,
        }
    }

    /// From now on this client gets every observation above `after`.
    pub(super) fn subscribe(&mut self, after: u64) {
        self.subscription = Some(Subscription { skip: after, offset: 0, exit_sent: false });
    }

    /// Prepares and sends as much as the client takes without waiting.
    pub(super) fn push(&mut self, observations: &Writer, exit: Option<&Exit>) {
        loop {
            self.flush();
            if self.broken || self.unsent.len() >= UNSENT_BYTES || !self.prepare(observations, exit) {
                return;
            }
        }
    }

    fn flush(&mut self) {
        while !self.unsent.is_empty() && !self.broken {
            match self.stream.write(&self.unsent) {
                Ok(count) => drop(self.unsent.drain(..count)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(error) => self.broken |= error.kind() != io::ErrorKind::Interrupted,
            }
        }
    }

    /// Puts the next observations, or the exit after the last of them, into the buffer; `false` if there is nothing.
    fn prepare(&mut self, observations: &Writer, exit: Option<&Exit>) -> bool {
        let Some(subscription) = &mut self.subscription else { return false };
        if subscription.exit_sent {
            return false;
        }
        if subscription.offset >= observations.bytes() {
            let Some(exit) = exit else { return false };
            subscription.exit_sent = true;
            self.reply(&Reply::Exit(exit.clone()));
            return true;
        }
        let mut small = [0; READ_BYTES];
        let mut large = Vec::new();
        let mut count = observations.read(subscription.offset, &mut small);
        let mut lines: &[u8] = &small;
        if matches!(count, Ok(0)) {
            large.resize(OBSERVATION_BYTES_MAX, 0);
            count = observations.read(subscription.offset, &mut large);
            lines = &large;
        }
        match count {
            Ok(count @ 1..) => {
                subscription.offset += count as u64;
                for line in lines.get(..count).unwrap_or_default().split_inclusive(|b| *b == b'\n') {
                    if subscription.skip > 0 {
                        subscription.skip -= 1;
                    } else {
                        self.unsent.extend_from_slice(b"{\"observation\":");
                        self.unsent.extend_from_slice(line.strip_suffix(b"\n").unwrap_or(line));
                        self.unsent.extend_from_slice(b"}\n");
                    }
                }
                true
            }
            // The file is not what was written to it: this client is better served by reading it itself.
            Ok(0) | Err(_) => {
                self.broken = true;
                false
            }
        }
    }
}
