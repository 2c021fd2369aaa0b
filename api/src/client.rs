//! The blocking client of a running engine's socket.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::sync::{Mutex, PoisonError};

use convoy_core::id::Seq;

use crate::wire::{Call, CallBody, PROTOCOL, Reply};
use crate::{Answer, Code, Control, Failure, Order, Outcome, Query, Service, Watch};

/// How long an answer may take. An engine answers in milliseconds; its disk may be slow.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(15);
/// How long an engine may take to leave when it stops its agents first.
const CONTROL_PATIENCE: std::time::Duration = std::time::Duration::from_secs(300);
/// How many connections are kept for later calls: as many as threads that call at once in one program.
const KEPT_MAX: usize = 16;

/// A running engine, reached over its socket. Each call has a connection to itself, so that one that hangs holds
/// nobody else up; once it is answered, a later call takes the same connection.
#[derive(Debug)]
pub struct Client<C> {
    connect: C,
    kept: Mutex<Vec<BufReader<UnixStream>>>,
}

impl<C: Fn() -> std::io::Result<UnixStream>> Client<C> {
    /// A client that connects by `connect`.
    pub fn new(connect: C) -> Self {
        Self { connect, kept: Mutex::new(Vec::new()) }
    }

    fn kept(&self) -> std::sync::MutexGuard<'_, Vec<BufReader<UnixStream>>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn call(&self, body: CallBody) -> Result<BufReader<UnixStream>, Failure> {
        let gone = |error: &std::io::Error| {
            Failure::new(Code::Unavailable, format!("the engine cannot be reached: {error}"))
                .hint("see 'convoy daemon status'")
        };
        let mut line = serde_json::to_vec(&Call { protocol: PROTOCOL, body })
            .map_err(|error| Failure::new(Code::Invalid, error.to_string()))?;
        line.push(b'\n');
        // One that cannot be written to belonged to an engine that left, which got no whole line.
        loop {
            let Some(mut kept) = self.kept().pop() else { break };
            if kept.get_mut().write_all(&line).is_ok() {
                return Ok(kept);
            }
        }
        let mut stream = (self.connect)().map_err(|error| gone(&error))?;
        stream.write_all(&line).map_err(|error| gone(&error))?;
        Ok(BufReader::new(stream))
    }

    fn reply(&self, body: CallBody) -> Result<Reply, Failure> {
        let orders = matches!(body, CallBody::Order(_));
        let patience = match &body {
            CallBody::Ask(_) | CallBody::Order(_) | CallBody::Watch { .. } => Some(PATIENCE),
            // Agents may have to be stopped first.
            CallBody::Control(_) => Some(CONTROL_PATIENCE),
        };
        let mut reader = self.call(body)?;
        let _ = reader.get_ref().set_read_timeout(patience);
        // The call is sent: from here on an order may have been done although its reply was lost.
        let lost = |detail: String| {
            if orders {
                Failure::new(Code::Unknown, format!("the engine went away before it answered: {detail}"))
                    .hint("repeat the command with the same --key to learn whether it was done")
            } else {
                Failure::new(Code::Unavailable, format!("the engine went away: {detail}"))
            }
        };
        let reply = match read(&mut reader) {
            Ok(Some(reply)) => reply,
            Ok(None) => return Err(lost("no reply".into())),
            Err(error) if error.kind() == std::io::ErrorKind::InvalidData && !orders => {
                return Err(Failure { message: format!("the engine answered, but {error}"), ..unexpected() });
            }
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                let limit = patience.map_or(0, |limit| limit.as_secs());
                let code = if orders { Code::Unknown } else { Code::Timeout };
                return Err(Failure::new(code, format!("the engine has not answered for {limit} s"))
                    .hint("see what it is at: convoy daemon logs; if it hangs, end its process and go on: nothing is lost"));
            }
            Err(error) => return Err(lost(error.to_string())),
        };
        if let Reply::Error(failure) = reply {
            return Err(failure);
        }
        let mut kept = self.kept();
        if kept.len() < KEPT_MAX {
            kept.push(reader);
        }
        Ok(reply)
    }
}

fn read(reader: &mut BufReader<UnixStream>) -> std::io::Result<Option<Reply>> {
    let mut line = Vec::new();
    if reader.read_until(b'\n', &mut line)? == 0 {
        return Ok(None);
    }
    let strange =
        |error| format!("this command does not understand it; it may be of another version ({error})");
    let invalid = |error| std::io::Error::new(std::io::ErrorKind::InvalidData, strange(error));
    serde_json::from_slice(&line).map(Some).map_err(invalid)
}

fn unexpected() -> Failure {
    Failure::new(Code::Unavailable, "the engine gave an answer to another question")
        .hint("it may be of another version: 'convoy down', then 'convoy up'")
}

impl<C: Fn() -> std::io::Result<UnixStream>> Service for Client<C> {
    fn order(&self, order: Order) -> Result<Outcome, Failure> {
        match self.reply(CallBody::Order(order))? {
            Reply::Outcome(outcome) => Ok(outcome),
            _ => Err(unexpected()),
        }
    }

    fn ask(&self, query: Query) -> Result<Answer, Failure> {
        match self.reply(CallBody::Ask(query))? {
            Reply::Answer(answer) => Ok(answer),
            _ => Err(unexpected()),
        }
    }

    fn watch(&self, after: Seq) -> Result<Watch, Failure> {
        let mut reader = self.call(CallBody::Watch { after })?;
        let _ = reader.get_ref().set_read_timeout(None);
        Ok(Box::new(std::iter::from_fn(move || match read(&mut reader) {
            Ok(Some(Reply::Event(event))) => Some(Ok(*event)),
            Ok(Some(Reply::Error(failure))) => Some(Err(failure)),
            Ok(Some(_)) => Some(Err(unexpected())),
            Ok(None) | Err(_) => None,
        })))
    }

    fn control(&self, control: Control) -> Result<(), Failure> {
        match self.reply(CallBody::Control(control))? {
            Reply::Done => Ok(()),
            _ => Err(unexpected()),
        }
    }
}
