//! Lines: one thread reads them, whoever has something to say writes them.
//!
//! While requests are worked on, the reader goes on: it answers pings, queues further requests, and passes on that one
//! of them is wanted no more. The queue is bounded; what does not fit is refused, never waited for, or else nobody could
//! cancel what holds it up.

use std::io::{self, BufRead, Write as _};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use convoy_engine::tasks::{self, Kind};
use serde_json::{Value, json};

use super::protocol::{self, BUSY, Fault, Id, Incoming, PARSE_ERROR};
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
pub(super) struct Pending(Mutex<Requests>);

#[derive(Default)]
struct Requests {
    /// What is queued or worked on.
    all: Vec<Request>,
    /// Nothing more comes in. What was asked before is answered, but nobody waits for long.
    over: bool,
}

struct Request {
    id: Id,
    /// Nobody wants its answer any more.
    cancelled: bool,
    /// Ends the waiting, while it waits.
    ends: Option<End>,
}

/// Ends a waiting; one that has ended by itself is not ended twice.
type End = Arc<dyn Fn() + Send + Sync>;

impl Pending {
    fn requests(&self) -> MutexGuard<'_, Requests> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn queued(&self, id: &Id) {
        self.requests().all.push(Request { id: id.clone(), cancelled: false, ends: None });
    }

    fn cancel(&self, id: &Id) {
        let ends = {
            let mut requests = self.requests();
            let known = requests.all.iter_mut().find(|known| known.id == *id);
            known.and_then(|known| {
                known.cancelled = true;
                known.ends.clone()
            })
        };
        // Not while anybody could wait for the list of requests.
        ends.iter().for_each(|end| end());
    }

    /// Nothing more comes in.
    pub(super) fn end(&self) {
        let ends: Vec<End> = {
            let mut requests = self.requests();
            requests.over = true;
            requests.all.iter().filter_map(|known| known.ends.clone()).collect()
        };
        ends.iter().for_each(|end| end());
    }

    /// Whether nobody wants the answer to this any more.
    pub(super) fn is_cancelled(&self, id: &Id) -> bool {
        self.requests().all.iter().any(|known| known.id == *id && known.cancelled)
    }

    /// It waits from now on, and is ended by this when it is wanted no more.
    pub(super) fn waits(&self, id: &Id, end: impl Fn() + Send + Sync + 'static) {
        let end: End = Arc::new(end);
        let unwanted = {
            let mut requests = self.requests();
            let over = requests.over;
            let known = requests.all.iter_mut().find(|known| known.id == *id);
            known.is_none_or(|known| {
                known.ends = Some(Arc::clone(&end));
                known.cancelled || over
            })
        };
        if unwanted {
            end();
        }
    }

    /// It is answered, or never will be; whether somebody wants the answer.
    pub(super) fn done(&self, id: &Id) -> bool {
        let mut requests = self.requests();
        let at = requests.all.iter().position(|known| known.id == *id);
        at.is_none_or(|at| !requests.all.remove(at).cancelled)
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
        assert!(pending.requests().all.is_empty());
    }

    #[test]
    fn each_waiting_is_ended_by_its_own_cancellation_and_all_by_the_end() {
        let pending = Pending::default();
        let ended = Arc::new(Mutex::new(Vec::new()));
        let waits = |n: i32| {
            let ended = Arc::clone(&ended);
            pending.queued(&json!(n));
            pending.waits(&json!(n), move || ended.lock().unwrap().push(n));
        };
        (1..=3).for_each(waits);
        // Another one is refused, or answered.
        pending.queued(&json!(4));
        assert!(pending.done(&json!(4)));
        pending.cancel(&json!(2));
        assert_eq!(*ended.lock().unwrap(), [2]);
        assert!(!pending.done(&json!(2)));
        pending.end();
        assert_eq!(*ended.lock().unwrap(), [2, 1, 3]);
        waits(5);
        assert_eq!(*ended.lock().unwrap(), [2, 1, 3, 5], "nobody begins to wait after the end");
    }
}
