//! The engine's Unix socket: each connection is served in a thread of its own, one call after the other. A caller who
//! speaks HTTP, which the first byte tells, is handed to the engine's face.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::Arc;

use convoy_api::wire::{Call, CallBody, LINE_BYTES_MAX, PROTOCOL, Reply};
use convoy_api::{Code, Control, Failure};
use convoy_core::id::Seq;

use crate::engine::watch;
use crate::face::{Callers, Leave, Shown};
use crate::inbox::Handle;
use crate::os::socket;
use crate::permits::Permits;
use crate::tasks::{self, Kind};
use crate::workspace::Workspace;
use crate::world::note;

/// How many connections are served at once; more wait for their turn.
const CONNECTIONS_MAX: usize = 512;
/// How long nobody is let in after somebody could not be served.
const PAUSE: std::time::Duration = std::time::Duration::from_millis(200);
/// How long a caller may take to send its call, or to take an event.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(10);

/// How long an engine that leaves waits for its last replies to be on their way.
const LAST_REPLIES_MAX: std::time::Duration = std::time::Duration::from_secs(1);

/// A socket that is served.
pub(crate) struct Serving {
    answering: Arc<Permits>,
    leave: Option<Leave>,
}

impl Serving {
    /// Waits until whoever was answered has the answer. To be called when the dispatcher has ended: an order that it
    /// committed last would otherwise look to its caller as if nobody knew what became of it.
    pub(crate) fn end(self) {
        self.answering.wait_free(CONNECTIONS_MAX, LAST_REPLIES_MAX);
        if let Some(leave) = self.leave {
            leave(LAST_REPLIES_MAX);
        }
    }
}

/// Opens the socket and serves it until the process ends.
pub(crate) fn serve(workspace: &Workspace, handle: Handle, shown: Option<Shown>) -> Result<Serving, Failure> {
    let path = workspace.socket();
    let wrong = |error: std::io::Error| {
        Failure::new(Code::Unavailable, format!("cannot listen on {}: {error}", path.display()))
    };
    // We hold the workspace's lock: a socket that is there belongs to an engine that died.
    match std::fs::remove_file(&path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(wrong(error)),
        _ => {}
    }
    let listener = socket::bind(&path).map_err(wrong)?;
    // As many as there can be connections, so that none ever waits for one; they only count.
    let answering = Arc::new(Permits::new(CONNECTIONS_MAX));
    let ours = Arc::clone(&answering);
    let (callers, leave) = shown.map(|Shown { callers, leave }| (Arc::new(callers), leave)).unzip();
    tasks::start(Kind::Listener, move || accept(&listener, &handle, &ours, callers.as_ref()))
        .map_err(wrong)?;
    Ok(Serving { answering, leave })
}

fn accept(
    listener: &UnixListener,
    handle: &Handle,
    answering: &Arc<Permits>,
    callers: Option<&Arc<Callers>>,
) {
    let permits = Arc::new(Permits::new(CONNECTIONS_MAX));
    loop {
        // Callers beyond the limit wait in the socket's own queue.
        permits.take();
        let served = listener.accept().and_then(|(stream, _)| {
            let (handle, permits) = (handle.clone(), Arc::clone(&permits));
            let answering = Arc::clone(answering);
            let callers = callers.cloned();
            tasks::start(Kind::Connection, move || {
                if socket::same_user(&stream) {
                    match callers {
                        Some(callers) if speaks_http(&stream) => callers(stream),
                        _ => connection(stream, &handle, &answering),
                    }
                }
                permits.give_back();
            })
        });
        if let Err(error) = served {
            permits.give_back();
            note(&format!("a caller could not be served: {error}"));
            // Out of descriptors or threads: it is no use to ask again at once.
            std::thread::park_timeout(PAUSE);
        }
    }
}

/// Whether what a caller says first is a request of HTTP: a call of ours is an object, and begins with a brace.
fn speaks_http(stream: &UnixStream) -> bool {
    let _ = stream.set_read_timeout(Some(PATIENCE));
    let mut first = [0];
    let flags = rustix::net::RecvFlags::PEEK;
    matches!(rustix::net::recv(stream, &mut first, flags), Ok((1.., _)) if first[0].is_ascii_uppercase())
}

/// Serves a caller until it leaves, or until a call failed.
fn connection(mut stream: UnixStream, handle: &Handle, answering: &Permits) {
    let Ok(mut reader) = stream.try_clone().map(BufReader::new) else { return };
    let _ = stream.set_write_timeout(Some(PATIENCE));
    loop {
        let _ = stream.set_read_timeout(Some(PATIENCE));
        let call = read(&mut reader);
        if !answering.with(|| answer(&mut stream, handle, call)) {
            return;
        }
        // A caller may call again whenever it likes: this side never closes a connection that was answered well, so
        // that no call can cross with its end.
        let _ = stream.set_read_timeout(None);
        if !matches!(reader.fill_buf(), Ok([_, ..])) {
            return;
        }
    }
}

/// Answers a call; whether another may follow.
fn answer(stream: &mut UnixStream, handle: &Handle, call: Result<CallBody, Failure>) -> bool {
    let reply = match call {
        Ok(CallBody::Order(order)) => handle.order(order).map(Reply::Outcome),
        Ok(CallBody::Ask(query)) => handle.ask(query).map(Reply::Answer),
        Ok(CallBody::Control(control)) => handle.control(control).map(|()| Reply::Done),
        Ok(CallBody::Watch { after }) => match serve_watch(stream, handle, after) {
            Ok(()) => return false,
            Err(failure) => Err(failure),
        },
        Err(failure) => Err(failure),
    };
    let fine = reply.is_ok();
    send(stream, &reply.unwrap_or_else(Reply::Error)).is_ok() && fine
}

/// Sends events until the engine leaves or the caller goes away, which it may do while nothing happens.
fn serve_watch(stream: &mut UnixStream, handle: &Handle, after: Seq) -> Result<(), Failure> {
    let lost = |error: std::io::Error| Failure::new(Code::Unavailable, error.to_string());
    let subscription = handle.subscribe()?;
    let number = subscription.number;
    let mut caller = stream.try_clone().map_err(lost)?;
    caller.set_read_timeout(None).map_err(lost)?;
    let ender = handle.clone();
    tasks::start(Kind::Watch, move || {
        // A caller says nothing more: what ends this is that it, or this side, closes.
        let _ = caller.read(&mut [0]);
        ender.unsubscribe(number);
    })
    .map_err(lost)?;
    for event in watch(handle, after, subscription) {
        let reply = event.map_or_else(Reply::Error, |event| Reply::Event(Box::new(event)));
        if send(stream, &reply).is_err() {
            break;
        }
    }
    let _ = stream.shutdown(std::net::Shutdown::Both);
    Ok(())
}

/// What every call of every version has.
#[derive(serde::Deserialize)]
struct Version {
    protocol: u32,
}

fn read(reader: &mut BufReader<UnixStream>) -> Result<CallBody, Failure> {
    let bad = |text: String| Failure::new(Code::Invalid, format!("not a call: {text}"));
    let mut line = Vec::new();
    reader
        .take(LINE_BYTES_MAX as u64)
        .read_until(b'\n', &mut line)
        .map_err(|error| bad(error.to_string()))?;
    // The version comes first: what another version calls may be nothing that we know.
    let Version { protocol } = serde_json::from_slice(&line).map_err(|error| bad(error.to_string()))?;
    let call: Result<Call, _> = serde_json::from_slice(&line);
    if protocol == PROTOCOL {
        return call.map(|call| call.body).map_err(|error| bad(error.to_string()));
    }
    // Being asked to make way is understood from any version.
    if let Ok(Call { body: CallBody::Control(control @ Control::Down { .. }), .. }) = call {
        return Ok(CallBody::Control(control));
    }
    Err(Failure::new(Code::Unavailable, "the engine is of another version than this command")
        .hint("restart it: convoy down, then convoy up"))
}

fn send(stream: &mut UnixStream, reply: &Reply) -> std::io::Result<()> {
    let mut line = serde_json::to_vec(reply)?;
    line.push(b'\n');
    stream.write_all(&line)
}
