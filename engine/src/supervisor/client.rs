//! The blocking client of a supervisor's socket, for the engine and for an agent's own commands.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use convoy_core::health::Vitals;
use convoy_core::id::Epoch;
use convoy_core::money::Money;
use convoy_core::report::{Exit, Observation};

use super::protocol::{Code, OwnReport, Reply, Request};
use crate::os::socket;

/// How long an answer may take. A supervisor answers at once, after at most one write to the disk.
const ANSWER_LIMIT: Duration = Duration::from_secs(30);
/// The longest line that is read: an observation or an exit, with its frame.
const LINE_BYTES_MAX: u64 = super::files::OBSERVATION_BYTES_MAX as u64 + 1024;

/// Why a supervisor did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Nobody listens, or the connection broke. Whether a request was carried out is then unknown.
    #[error("no connection to the supervisor")]
    Connection(#[from] io::Error),
    /// It refused.
    #[error("the supervisor refused: {message}")]
    Refused {
        /// Why, for programs.
        code: Code,
        /// Why, for people.
        message: String,
    },
    /// It said something that is no answer.
    #[error("the supervisor said something unexpected")]
    Unexpected,
}

/// What a subscription brings.
#[derive(Clone, PartialEq, Debug)]
pub enum Message {
    /// The next observation.
    Observation(Observation),
    /// The end; nothing follows.
    Exit(Exit),
}

/// A connection to a supervisor.
#[derive(Debug)]
pub struct Client {
    reader: BufReader<UnixStream>,
}

impl Client {
    /// Connects to the supervisor of a session directory.
    ///
    /// # Errors
    /// When nobody listens there.
    pub fn connect(dir: &super::files::SessionDir) -> io::Result<Self> {
        Self::connect_socket(&dir.socket())
    }
    /// Connects to the socket at `path`, which an agent finds in `$CONVOY_SOCKET`.
    ///
    /// # Errors
    /// When nobody listens there.
    pub fn connect_socket(path: &Path) -> io::Result<Self> {
        Self::from_stream(socket::connect(path)?)
    }
    /// Takes a connection that exists already.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn from_stream(stream: UnixStream) -> io::Result<Self> {
        stream.set_read_timeout(Some(ANSWER_LIMIT))?;
        stream.set_write_timeout(Some(ANSWER_LIMIT))?;
        Ok(Self { reader: BufReader::new(stream) })
    }

    /// Asks for all observations above `after`, past and future, and the exit.
    ///
    /// # Errors
    /// When the connection is broken or the supervisor refuses.
    pub fn subscribe(mut self, after: u64) -> Result<Subscription, Error> {
        self.ask(&Request::Subscribe { after })?;
        self.reader.get_ref().set_read_timeout(None)?;
        Ok(Subscription { reader: self.reader, ended: false })
    }
    /// Has the agent stopped by its ladder. Returns at once; the exit comes through a subscription.
    ///
    /// # Errors
    /// `Refused` with `Stale` for another attempt's epoch, with `Ended` when there is nothing to stop.
    pub fn stop(&mut self, epoch: Epoch) -> Result<(), Error> {
        self.ask(&Request::Stop { epoch }).map(drop)
    }
    /// Lets the agent spend more: so much in all.
    ///
    /// # Errors
    /// `Refused` with `Stale` for another attempt's epoch, with `Ended` when nothing is spent any more.
    pub fn ceiling(&mut self, epoch: Epoch, ceiling: Money) -> Result<(), Error> {
        self.ask(&Request::Ceiling { epoch, micros: ceiling.as_micros() }).map(drop)
    }
    /// Reports something about the agent's own work; its number, if it became an observation. That is durable when
    /// this returns.
    ///
    /// # Errors
    /// When the connection is broken (then it may or may not be kept) or the supervisor refuses.
    pub fn report(&mut self, report: OwnReport) -> Result<Option<u64>, Error> {
        self.ask(&Request::Report(report))
    }
    /// Says something to the agent; the number of that observation. It is in the agent's input when this returns.
    ///
    /// # Errors
    /// When the connection is broken (then it may or may not be said) or the supervisor refuses.
    pub fn nudge(&mut self, epoch: Epoch, text: &str, by: &str) -> Result<u64, Error> {
        let (text, by) = (text.to_owned(), Some(by.to_owned()));
        self.ask(&Request::Nudge { epoch, text, by })?.ok_or(Error::Unexpected)
    }
    /// Waits at most so long for each answer from now on.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn patience(&self, limit: Duration) -> io::Result<()> {
        self.reader.get_ref().set_read_timeout(Some(limit))?;
        self.reader.get_ref().set_write_timeout(Some(limit))
    }

    /// How the agent does.
    ///
    /// # Errors
    /// When the connection is broken, or the supervisor is of a version that does not know.
    pub fn vitals(&mut self) -> Result<Vitals, Error> {
        self.send(&Request::Vitals {})?;
        match next(&mut self.reader)? {
            Some(Reply::Vitals(vitals)) => Ok(vitals),
            Some(Reply::Error { code, message }) => Err(Error::Refused { code, message }),
            Some(Reply::Ok { .. } | Reply::Observation(_) | Reply::Exit(_)) => Err(Error::Unexpected),
            None => Err(Error::Connection(io::ErrorKind::UnexpectedEof.into())),
        }
    }

    fn send(&mut self, request: &Request) -> io::Result<()> {
        let mut line = serde_json::to_vec(request).map_err(io::Error::from)?;
        line.push(b'\n');
        self.reader.get_mut().write_all(&line)
    }

    fn ask(&mut self, request: &Request) -> Result<Option<u64>, Error> {
        self.send(request)?;
        match next(&mut self.reader)? {
            Some(Reply::Ok { n, .. }) => Ok(n),
            Some(Reply::Error { code, message }) => Err(Error::Refused { code, message }),
            Some(Reply::Vitals(_) | Reply::Observation(_) | Reply::Exit(_)) => Err(Error::Unexpected),
            None => Err(Error::Connection(io::ErrorKind::UnexpectedEof.into())),
        }
    }
}

fn next(reader: &mut BufReader<UnixStream>) -> io::Result<Option<Reply>> {
    let mut line = Vec::new();
    reader.take(LINE_BYTES_MAX).read_until(b'\n', &mut line)?;
    if line.is_empty() {
        return Ok(None);
    }
    if line.last() != Some(&b'\n') {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    serde_json::from_slice(&line).map(Some).map_err(io::Error::from)
}

/// Observations as they come, then the exit. It also ends, without an exit, when the supervisor is gone; the
/// session directory then says what is known.
#[derive(Debug)]
pub struct Subscription {
    reader: BufReader<UnixStream>,
    ended: bool,
}

impl Subscription {
    /// A handle by which another thread can end a blocked `next`: `shutdown(Both)`.
    ///
    /// # Errors
    /// When the system has no more descriptors.
    pub fn handle(&self) -> io::Result<UnixStream> {
        self.reader.get_ref().try_clone()
    }
}

impl Iterator for Subscription {
    type Item = io::Result<Message>;

    fn next(&mut self) -> Option<Self::Item> {
        while !self.ended {
            match next(&mut self.reader) {
                Ok(Some(Reply::Observation(observation))) => {
                    return Some(Ok(Message::Observation(observation)));
                }
                Ok(Some(Reply::Exit(exit))) => {
                    self.ended = true;
                    return Some(Ok(Message::Exit(exit)));
                }
                Ok(Some(Reply::Ok { .. } | Reply::Vitals(_) | Reply::Error { .. })) => {}
                Ok(None) => self.ended = true,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    self.ended = true;
                    return Some(Err(error));
                }
            }
        }
        None
    }
}
