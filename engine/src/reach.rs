//! Reaching a workspace: the engine that serves it, or its lock.
//!
//! An engine may leave at any moment, and another may come. Whoever finds one that leaves waits until its lock is
//! free, and for one holder no longer than [`LOCK_WAIT`].

use std::cell::Cell;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use convoy_api::client::Client;
use convoy_api::{Code, Failure, Service};

use crate::engine::{Engine, Mode, busy};
use crate::lock::{self, Acquired, Queue, WorkspaceLock};
use crate::os::socket;
use crate::os::spawn::Environment;
use crate::workspace::Workspace;

/// How long a command waits for the workspace while another has it, and the same one all the time.
pub const LOCK_WAIT: Duration = Duration::from_secs(5);
/// How long it waits for its turn in all, while one after the other has it: a hundred commands that were given at once
/// are done in a tenth of this.
const TURN_WAIT: Duration = Duration::from_secs(60);
/// How long one look at the lock takes; between two looks, whoever has it may have begun to listen.
const LOCK_LOOK: Duration = Duration::from_millis(100);

/// The running engine of a workspace, if there is one.
pub(crate) fn remote(workspace: &Workspace) -> Option<Box<dyn Service>> {
    let path = workspace.socket();
    // The connection that shows that somebody listens serves the first call.
    let first = Cell::new(Some(socket::connect(&path).ok()?));
    let connect =
        move || -> std::io::Result<UnixStream> { first.take().map_or_else(|| socket::connect(&path), Ok) };
    Some(Box::new(Client::new(connect)))
}

/// The engine that runs, or one that is opened here.
pub(crate) enum Reached {
    /// Another process has it.
    Remote(Box<dyn Service>),
    /// It was opened here.
    Local(Box<Engine>),
}

/// Reaches the workspace: whoever listens is taken; while somebody who does not has the lock, it is waited for.
pub(crate) fn reach(workspace: &Workspace, env: &Environment, mode: Mode) -> Result<Reached, Failure> {
    let looks = |wait: Duration| wait.as_millis() / LOCK_LOOK.as_millis();
    let dir = workspace.state_dir();
    let (mut holder, mut of_holder) = (None, 0);
    // One place for all looks: who joined the queue anew for each would be the last in it each time.
    let mut queue = None;
    for _ in 0..looks(TURN_WAIT) {
        if let Some(service) = remote(workspace) {
            return Ok(Reached::Remote(service));
        }
        workspace.prepare_state()?;
        let failed = |error: lock::Error| Failure::new(Code::Unavailable, crate::explain(&error));
        let acquired = match &queue {
            None => WorkspaceLock::acquire(&dir, Duration::ZERO),
            Some(queue) => Queue::wait(queue, LOCK_LOOK),
        };
        match acquired.map_err(failed)? {
            Acquired::Held(lock) => {
                return Engine::open_locked(workspace, env, mode, lock)
                    .map(|engine| Reached::Local(Box::new(engine)));
            }
            // As long as it is another one each time, the queue moves.
            Acquired::Busy { pid } => {
                of_holder = if pid == holder { of_holder + 1 } else { 1 };
                holder = pid;
            }
        }
        if of_holder >= looks(LOCK_WAIT) {
            break;
        }
        if queue.is_none() {
            queue = Some(Queue::join(&dir).map_err(failed)?);
        }
    }
    Err(busy(holder))
}
