//! The agent's standard input as a conversation: the prompt is its first message, nudges are those that follow.
//!
//! It is kept open while the agent works and closed when its turn ends, which ends the agent. What was written before
//! that is still answered (see [`crate::agent::duplex`]); after it nothing can be said any more. An agent whose input is
//! closed has a while to end by itself, and is stopped then.

use std::io::{self, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::process::ChildStdin;

use convoy_core::time::Span;

use crate::agent::duplex;
use crate::clock::Instant;

/// How long an agent may go on after its last turn: its own hooks and servers take their leave then.
const LINGER: Span = if cfg!(test) { Span::from_secs(3) } else { Span::from_secs(60) };
/// How much may wait to be written. An agent that asks and never reads is not answered for ever.
const UNWRITTEN_BYTES_MAX: usize = 1024 * 1024;

/// The open input of an agent.
#[derive(Debug)]
pub(super) struct Duplex {
    pipe: Option<ChildStdin>,
    unwritten: Vec<u8>,
    done: usize,
    /// What was said, if a part of it is among the unwritten.
    half_said: Option<Said>,
    /// A turn is over, and the input is closed when everything is written.
    over: bool,
    /// When the last turn was over, if no other has begun since.
    idle: Option<Instant>,
}

/// A message that was sent while the agent worked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Said {
    pub(super) text: String,
    pub(super) by: Option<String>,
}

/// What became of a message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Sent {
    /// It is in the agent's input.
    Whole,
    /// The agent has not read what was sent before: a part is there, the rest follows when it does.
    InPart,
    /// The agent has not read what was sent before, so nothing was sent.
    Busy,
    /// Its turn is over, or it reads no more.
    Over,
}

impl Duplex {
    /// With the prompt to be written. The pipe does not block.
    pub(super) fn new(prompt: &str, pipe: ChildStdin) -> Self {
        let unwritten = duplex::message(prompt);
        Self { pipe: Some(pipe), unwritten, done: 0, half_said: None, over: false, idle: None }
    }

    /// Whether something can be said to the agent.
    pub(super) fn is_open(&self) -> bool {
        self.pipe.is_some() && !self.over
    }

    /// Whether a turn is over, so that what begins now is another.
    pub(super) fn is_over(&self) -> bool {
        self.over
    }

    /// What to wait for, if something is to be written.
    pub(super) fn wants_write(&self) -> Option<BorrowedFd<'_>> {
        self.pipe.as_ref().filter(|_| self.done < self.unwritten.len()).map(AsFd::as_fd)
    }

    /// Writes what fits; the message that is whole in the agent's input by it, if it was not before.
    pub(super) fn feed(&mut self) -> Option<Said> {
        while let Some(pipe) = &mut self.pipe
            && self.done < self.unwritten.len()
        {
            match pipe.write(self.unwritten.get(self.done..).unwrap_or_default()) {
                Ok(count) => self.done += count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return None,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => self.close(),
            }
        }
        self.unwritten.clear();
        self.done = 0;
        if self.over {
            self.close();
        }
        self.half_said.take()
    }

    /// Says something to the agent.
    pub(super) fn say(&mut self, said: &Said) -> Sent {
        if !self.is_open() {
            return Sent::Over;
        }
        // A message is written whole or not at all; behind half of one there is no place for another.
        if self.done < self.unwritten.len() {
            return Sent::Busy;
        }
        self.unwritten = duplex::message(&said.text);
        self.half_said = Some(said.clone());
        let written = self.feed().is_some();
        if self.pipe.is_none() {
            return Sent::Over;
        }
        if written {
            return Sent::Whole;
        }
        if self.done == 0 {
            self.unwritten.clear();
            self.half_said = None;
            return Sent::Busy;
        }
        Sent::InPart
    }

    /// Answers what the agent asked.
    pub(super) fn answer(&mut self, answer: &[u8]) -> Option<Said> {
        if self.pipe.is_some() && self.unwritten.len() + answer.len() <= UNWRITTEN_BYTES_MAX {
            self.unwritten.extend_from_slice(answer);
        }
        self.feed()
    }

    /// The agent has begun to work on what was said to it.
    pub(super) fn turn_begun(&mut self) {
        self.idle = None;
    }

    /// The agent has said that its turn is over.
    pub(super) fn turn_over(&mut self) -> Option<Said> {
        self.over = true;
        self.idle = Some(Instant::now());
        self.feed()
    }

    fn close(&mut self) {
        (self.pipe, self.half_said) = (None, None);
    }

    /// When it should have ended by itself, if its turn is over.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.idle.map(|at| at.plus(LINGER))
    }
}
