//! Lines: one thread reads them, whoever has something to say writes them.
//!
//! While a request is worked on, the reader goes on: it answers pings, queues further requests, and passes on that one
//! of them is wanted no more. The queue is bounded; what does not fit is refused, never waited for, or else nobody could
//! cancel what holds it up.

use std::io::{self, BufRead, Write as _};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use convoy_engine::tasks::{self, Kind};
use serde_json::{Value, json};

use super::protocol::{self, BUSY, Fault, Id, Incoming, PARSE_ERROR};
use crate::follow::Interrupter;
use crate::output::escape_json;

/// The longest line that is read. An issue's body may have a megabyte, and JSON escapes it.
const LINE_BYTES_MAX: usize = 8 * 1024 * 1024;
/// How many requests may wait; clients send some at once, and no more.
const QUEUE_MAX: usize = 64;

/// A request that waits for its turn.
pub(super) struct Work {
    pub(super) id: Id,
    pub(super) method: String,
    pub(super) params: Value,
}

/// Where messages go out, whole lines at a time.
#[derive(Default)]
pub(super) struct Out(Mutex<()>);

impl Out {
    /// Sends a message.
    ///
    /// # Errors
    /// When nobody reads any more.
    pub(super) fn send(&self, message: &Value) -> io::Result<()> {
        let mut line = message.to_string();
        escape_json(&mut line);
        line.push('\n');
        let _one_at_a_time = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut stdout = io::stdout().lock();
        stdout.write_all(line.as_bytes()).and_then(|()| stdout.flush())
    }
}

/// Which requests there are, and which of them are wanted no more.
#[derive(Default)]
pub(super) struct Pending(Mutex<Ids>);

#[derive(Default)]
struct Ids {
    /// What is queued or worked on, and whether it is wanted no more.
    all: Vec<(Id, bool)>,
    /// What is worked on waits, and is ended by this.
    waits: Option<(Id, Interrupter)>,
    /// Nothing more comes in. What was asked before is answered, but nobody waits for long.
    over: bool,
}

impl Pending {
    fn ids(&self) -> MutexGuard<'_, Ids> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn queued(&self, id: &Id) {
        self.ids().all.push((id.clone(), false));
    }

    fn cancel(&self, id: &Id) {
        let mut ids = self.ids();
        if let Some((_, cancelled)) = ids.all.iter_mut().find(|(known, _)| known == id) {
            *cancelled = true;
        }
        let waits = ids.waits.as_ref().filter(|(waiting, _)| waiting == id).map(|(_, ends)| ends.clone());
        drop(ids);
        // Not while anybody could wait for the list of requests.
        waits.iter().for_each(Interrupter::interrupt);
    }

    fn end(&self) {
        let mut ids = self.ids();
        ids.over = true;
        let waits = ids.waits.as_ref().map(|(_, ends)| ends.clone());
        drop(ids);
        waits.iter().for_each(Interrupter::interrupt);
    }

    /// Whether nobody wants the answer to this any more.
    pub(super) fn is_cancelled(&self, id: &Id) -> bool {
        self.ids().all.iter().any(|(known, cancelled)| known == id && *cancelled)
    }

    /// What is worked on waits from now on, and is ended by this when it is wanted no more.
    pub(super) fn waits(&self, id: &Id, interrupter: Interrupter) {
        // First the way to end it, then the look, so that nothing falls between.
        self.ids().waits = Some((id.clone(), interrupter.clone()));
        let over = self.ids().over;
        if over || self.is_cancelled(id) {
            interrupter.interrupt();
        }
    }

    /// It waits no more.
    pub(super) fn goes_on(&self) {
        self.ids().waits = None;
    }

    /// It is answered, or never will be; whether somebody wants the answer.
    pub(super) fn done(&self, id: &Id) -> bool {
        let wanted = !self.is_cancelled(id);
        let mut ids = self.ids();
        ids.waits = None;
        if let Some(at) = ids.all.iter().position(|(known, _)| known == id) {
            ids.all.remove(at);
        }
        wanted
    }
}

/// Reads stdin from now on, in a thread of its own. What it brings ends when stdin does.
pub(super) fn listen(out: &Arc<Out>, pending: &Arc<Pending>) -> io::Result<Receiver<Work>> {
    let (post, inbox) = sync_channel(QUEUE_MAX);
    let (out, pending) = (Arc::clone(out), Arc::clone(pending));
    let read = move || {
        let mut stdin = io::stdin().lock();
        // What cannot be read, or answered, is nobody's any more.
        while let Ok(Some(line)) = next_line(&mut stdin, LINE_BYTES_MAX) {
            if take(&line, &post, &out, &pending).is_err() {
                break;
            }
        }
        pending.end();
    };
    tasks::start(Kind::Watch, read)?;
    Ok(inbox)
}

/// A line, or that it was too long.
type Line = Result<Vec<u8>, Fault>;

fn take(line: &Line, post: &SyncSender<Work>, out: &Out, pending: &Pending) -> io::Result<()> {
    let incoming = match line.as_ref().map_err(Fault::clone).and_then(|line| protocol::read(line)) {
        Ok(Some(incoming)) => incoming,
        Ok(None) => return Ok(()),
        Err(fault) => return out.send(&fault.answer()),
    };
    match incoming {
        Incoming::Request { id, method, .. } if method == "ping" => {
            out.send(&protocol::answer(&id, json!({})))
        }
        Incoming::Request { id, method, params } => {
            pending.queued(&id);
            match post.try_send(Work { id, method, params }) {
                Ok(()) => Ok(()),
                Err(TrySendError::Full(work)) => {
                    pending.done(&work.id);
                    let what = format!("{QUEUE_MAX} requests wait already: ask again when some are answered");
                    out.send(&Fault::new(Some(work.id), BUSY, what).answer())
                }
                Err(TrySendError::Disconnected(_)) => Err(io::ErrorKind::BrokenPipe.into()),
            }
        }
        Incoming::Notification { method, params } => {
            if let ("notifications/cancelled", Some(id)) = (method.as_str(), params.get("requestId")) {
                pending.cancel(id);
            }
            Ok(())
        }
        Incoming::Response => Ok(()),
    }
}

/// The next line without its end; nothing when there are no more. Of one that is too long nothing is kept.
fn next_line(reader: &mut impl BufRead, longest: usize) -> io::Result<Option<Line>> {
    let mut line = Vec::new();
    let mut length = 0;
    loop {
        let piece = match reader.fill_buf() {
            Ok(piece) => piece,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        if piece.is_empty() && length == 0 {
            return Ok(None);
        }
        let end = piece.iter().position(|byte| *byte == b'\n');
        let part = &piece[..end.unwrap_or(piece.len())];
        let (taken, last) = (part.len() + usize::from(end.is_some()), end.is_some() || piece.is_empty());
        length += part.len();
        if length <= longest {
            line.extend_from_slice(part);
        } else {
            line = Vec::new();
        }
        reader.consume(taken);
        // An empty line counts as begun.
        if last {
            let too_long = || format!("this line is longer than {longest} bytes, and was not read");
            return Ok(Some(if length > longest {
                Err(Fault::new(None, PARSE_ERROR, too_long()))
            } else {
                Ok(line)
            }));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read_whole_or_left_out() {
        let text = b"ab\n\n0123456789\ncd";
        for buffer in [1, 3, 64] {
            let mut reader = io::BufReader::with_capacity(buffer, &text[..]);
            let mut next = || next_line(&mut reader, 4).unwrap();
            assert_eq!(next(), Some(Ok(b"ab".to_vec())));
            assert_eq!(next(), Some(Ok(Vec::new())));
            assert_eq!(next().unwrap().unwrap_err().code, PARSE_ERROR);
            assert_eq!(next(), Some(Ok(b"cd".to_vec())), "the last one needs no end");
            assert_eq!(next(), None);
        }
    }

    #[test]
    fn what_was_cancelled_is_not_answered() {
        let pending = Pending::default();
        for id in [json!(1), json!("1")] {
            pending.queued(&id);
        }
        pending.cancel(&json!(1));
        pending.cancel(&json!("another"));
        assert!(pending.is_cancelled(&json!(1)) && !pending.is_cancelled(&json!("1")));
        assert_eq!((pending.done(&json!(1)), pending.done(&json!("1"))), (false, true));
        assert!(pending.ids().all.is_empty());
    }
}
