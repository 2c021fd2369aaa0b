//! The one place that starts threads.
//!
//! Every thread has a kind, which names it in a debugger and says what it may do. None outlives the process
//! in a way that matters: whatever a thread was doing is planned again from the state after a restart.

use std::thread::JoinHandle;

/// What a thread is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// Owns the state and the log. One per engine.
    Dispatcher,
    /// Carries out one effect, then ends.
    Effect,
    /// Follows one supervisor until its agent has ended.
    Session,
    /// Accepts connections on the engine's socket.
    Listener,
    /// Serves one client of the engine's socket.
    Connection,
    /// Waits for signals, file changes or timers and passes them on.
    Watch,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Dispatcher => "dispatcher",
            Self::Effect => "effect",
            Self::Session => "session",
            Self::Listener => "listener",
            Self::Connection => "connection",
            Self::Watch => "watch",
        }
    }
}

/// Stack of the threads that do small work; a hundred of them must stay cheap.
const STACK_BYTES: usize = 512 * 1024;
/// Stack of the dispatcher, whose snapshots are deep data.
const DISPATCHER_STACK_BYTES: usize = 8 * 1024 * 1024;

/// Starts a thread of `kind`.
///
/// # Errors
/// When the system has no more threads; the caller decides whether that ends the process or the one task.
#[expect(clippy::disallowed_methods, reason = "the owner of threads")]
pub fn start<T, F>(kind: Kind, work: F) -> std::io::Result<JoinHandle<T>>
where
    T: Send + 'static,
    F: FnOnce() -> T + Send + 'static,
{
    let stack = if kind == Kind::Dispatcher { DISPATCHER_STACK_BYTES } else { STACK_BYTES };
    std::thread::Builder::new().name(kind.name().to_owned()).stack_size(stack).spawn(work)
}
