//! The engine's Unix socket: each connection is served in a thread of its own, one call after the other.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::Arc;

use convoy_api::wire::{Call, CallBody, LINE_BYTES_MAX, PROTOCOL, Reply};
use convoy_api::{Code, Control, Failure};
use convoy_core::id::Seq;

use crate::engine::watch;
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
    permits: Arc<Permits>,
}

impl Serving {
    /// Waits until whoever was answered has the answer. To be called when the dispatcher has ended: an order that it
    /// committed last would otherwise look to its caller as if nobody knew what became of it.
    pub(crate) fn end(self) {
        // One permit is always with whoever waits for the next caller.
        self.permits.wait_free(CONNECTIONS_MAX - 1, LAST_REPLIES_MAX);
    }
}

/// Opens the socket and serves it until the process ends.
pub(crate) fn serve(workspace: &Workspace, handle: Handle) -> Result<Serving, Failure> {
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
    let permits = Arc::new(Permits::new(CONNECTIONS_MAX));
    let ours = Arc::clone(&permits);
    tasks::start(Kind::Listener, move || accept(&listener, &handle, &ours)).map_err(wrong)?;
    Ok(Serving { permits })
}

fn accept(listener: &UnixListener, handle: &Handle, permits: &Arc<Permits>) {
    loop {
        // Callers beyond the limit wait in the socket's own queue.
        permits.take();
        let served = listener.accept().and_then(|(stream, _)| {
            let (handle, permits) = (handle.clone(), Arc::clone(permits));
            tasks::start(Kind::Connection, move || {
                if socket::same_user(&stream) {
                    connection(stream, &handle);
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

fn connection(mut stream: UnixStream, handle: &Handle) {
    let Ok(mut reader) = stream.try_clone().map(BufReader::new) else { return };
    let _ = stream.set_read_timeout(Some(PATIENCE));
    let _ = stream.set_write_timeout(Some(PATIENCE));
    loop {
        let reply = match read(&mut reader) {
            Ok(CallBody::Order(order)) => handle.order(order).map(Reply::Outcome),
            Ok(CallBody::Ask(query)) => handle.ask(query).map(Reply::Answer),
            Ok(CallBody::Control(control)) => handle.control(control).map(|()| Reply::Done),
            Ok(CallBody::Watch { after }) => match serve_watch(&mut stream, handle, after) {
                Ok(()) => return,
                Err(failure) => Err(failure),
            },
            Err(failure) => Err(failure),
        };
        let failed = reply.is_err();
        let sent = send(&mut stream, &reply.unwrap_or_else(Reply::Error));
        // A caller may call again whenever it likes. This side never closes a connection that was answered well, so
        // that no call can cross with its end.
        let _ = stream.set_read_timeout(None);
        if failed || sent.is_err() || !matches!(reader.fill_buf(), Ok([_, ..])) {
            return;
        }
        let _ = stream.set_read_timeout(Some(PATIENCE));
    }
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
