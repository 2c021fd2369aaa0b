//! The engine's Unix socket: each connection is one call, served in a thread of its own.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use convoy_api::wire::{Call, CallBody, LINE_BYTES_MAX, PROTOCOL, Reply};
use convoy_api::{Code, Control, Failure};

use crate::dispatcher::Handle;
use crate::engine::watch;
use crate::os::socket;
use crate::tasks::{self, Kind};
use crate::workspace::Workspace;

/// How many connections are served at once; more are told to come again.
const CONNECTIONS_MAX: usize = 256;
/// How long a caller may take to send its call, or to take an event.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(10);

/// Opens the socket and serves it until the process ends.
pub(crate) fn serve(workspace: &Workspace, handle: Handle) -> Result<(), Failure> {
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
    tasks::start(Kind::Listener, move || accept(&listener, &handle)).map_err(wrong)?;
    Ok(())
}

fn accept(listener: &UnixListener, handle: &Handle) {
    let open = Arc::new(AtomicUsize::new(0));
    for stream in listener.incoming() {
        let Ok(mut stream) = stream else { continue };
        if !socket::same_user(&stream) {
            continue;
        }
        if open.load(Ordering::Acquire) >= CONNECTIONS_MAX {
            let full = Failure::new(Code::Unavailable, "the engine has too many callers").hint("try again");
            let _ = send(&mut stream, &Reply::Error(full));
            continue;
        }
        open.fetch_add(1, Ordering::AcqRel);
        let (handle, counter) = (handle.clone(), Arc::clone(&open));
        let served = tasks::start(Kind::Connection, move || {
            connection(stream, &handle);
            counter.fetch_sub(1, Ordering::AcqRel);
        });
        if served.is_err() {
            open.fetch_sub(1, Ordering::AcqRel);
        }
    }
}

fn connection(mut stream: UnixStream, handle: &Handle) {
    let _ = stream.set_read_timeout(Some(PATIENCE));
    let _ = stream.set_write_timeout(Some(PATIENCE));
    let reply = match read(&stream) {
        Ok(CallBody::Order(order)) => handle.order(order).map(Reply::Outcome),
        Ok(CallBody::Ask(query)) => handle.ask(query).map(Reply::Answer),
        Ok(CallBody::Control(control)) => handle.control(control).map(|()| Reply::Done),
        Ok(CallBody::Watch { after }) => match watch(handle, after) {
            Ok(events) => {
                for event in events {
                    let reply = event.map_or_else(Reply::Error, |event| Reply::Event(Box::new(event)));
                    if send(&mut stream, &reply).is_err() {
                        break;
                    }
                }
                return;
            }
            Err(failure) => Err(failure),
        },
        Err(failure) => Err(failure),
    };
    let _ = send(&mut stream, &reply.unwrap_or_else(Reply::Error));
}

fn read(stream: &UnixStream) -> Result<CallBody, Failure> {
    let bad = |text: String| Failure::new(Code::Invalid, format!("not a call: {text}"));
    let mut line = Vec::new();
    let mut reader = BufReader::new(stream).take(LINE_BYTES_MAX as u64);
    reader.read_until(b'\n', &mut line).map_err(|error| bad(error.to_string()))?;
    let call: Call = serde_json::from_slice(&line).map_err(|error| bad(error.to_string()))?;
    if call.protocol == PROTOCOL {
        return Ok(call.body);
    }
    // Being asked to make way is understood from any version.
    if let CallBody::Control(control @ Control::Down { .. }) = call.body {
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
