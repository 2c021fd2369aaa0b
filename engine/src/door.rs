//! How a command reaches the workspace: through the engine that runs, or by an engine of its own.
//!
//! An engine may leave at any moment, and another may come. Whoever finds one that leaves waits until its lock is
//! free, and no longer than [`LOCK_WAIT`].

use std::cell::{Cell, RefCell};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use convoy_api::client::Client;
use convoy_api::query::EngineView;
use convoy_api::{Answer, Code, Control, Failure, Order, Outcome, Query, Service, Watch};
use convoy_core::id::Seq;

use crate::background;
use crate::engine::{Engine, Mode};
use crate::os::socket;
use crate::os::spawn::Environment;
use crate::workspace::Workspace;

/// How long a command waits for the workspace while another has it.
pub const LOCK_WAIT: Duration = Duration::from_secs(5);
/// How long one look at the lock takes; between two looks, whoever has it may have begun to listen.
const LOCK_LOOK: Duration = Duration::from_millis(100);

/// A way into a workspace.
pub struct Door {
    workspace: Workspace,
    env: Environment,
    inner: RefCell<Inner>,
    /// Something was ordered and is done.
    ordered: Cell<bool>,
}

enum Inner {
    Remote(Box<dyn Service>),
    Local(Box<Engine>),
}

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
    let looks = LOCK_WAIT.as_millis() / LOCK_LOOK.as_millis();
    let mut busy = None;
    for _ in 0..looks {
        if let Some(service) = remote(workspace) {
            return Ok(Reached::Remote(service));
        }
        match Engine::open(workspace, env, mode, LOCK_LOOK) {
            Ok(engine) => return Ok(Reached::Local(Box::new(engine))),
            Err(failure) if failure.code == Code::Conflict => busy = Some(failure),
            Err(failure) => return Err(failure),
        }
    }
    Err(busy.unwrap_or_else(|| Failure::new(Code::Conflict, "another convoy has this workspace")))
}

fn command(workspace: &Workspace, env: &Environment) -> Result<Inner, Failure> {
    Ok(match reach(workspace, env, Mode::Command)? {
        Reached::Remote(service) => Inner::Remote(service),
        Reached::Local(engine) => Inner::Local(engine),
    })
}

/// Opens a workspace for one command.
///
/// # Errors
/// When no engine runs and the workspace cannot be opened: held by another, damaged, or wrongly configured.
pub fn open(workspace: &Workspace, env: &Environment) -> Result<Door, Failure> {
    let inner = RefCell::new(command(workspace, env)?);
    Ok(Door { workspace: workspace.clone(), env: env.clone(), inner, ordered: Cell::new(false) })
}

impl Door {
    /// Whether an engine runs that this talks to.
    pub fn is_remote(&self) -> bool {
        matches!(*self.inner.borrow(), Inner::Remote(_))
    }

    /// Ends the command's part. Its own engine leaves; if something was ordered, and work is pending or agents are at
    /// work, a background engine takes over, and is said which. Whoever only asks starts nothing.
    ///
    /// # Errors
    /// When a background engine is needed and does not come up.
    pub fn finish(self) -> Result<Option<EngineView>, Failure> {
        let Inner::Local(engine) = self.inner.into_inner() else { return Ok(None) };
        let ordered = self.ordered.get();
        let pending = ordered && matches!(engine.ask(Query::Engine)?, Answer::Engine(view) if !view.idle);
        drop(engine);
        if pending { background::up(&self.workspace, &self.env).map(|up| Some(up.view)) } else { Ok(None) }
    }

    /// Calls; and once more when the engine was just leaving, which is sure to have done nothing.
    fn call<T>(&self, call: impl Fn(&dyn Service) -> Result<T, Failure>) -> Result<T, Failure> {
        let attempt = || match &*self.inner.borrow() {
            Inner::Remote(service) => (call(service.as_ref()), true),
            Inner::Local(engine) => (call(engine.as_ref()), false),
        };
        match attempt() {
            (Err(failure), true) if failure.code == Code::Unavailable => {
                *self.inner.borrow_mut() = command(&self.workspace, &self.env)?;
                attempt().0
            }
            (result, _) => result,
        }
    }
}

impl Service for Door {
    fn order(&self, order: Order) -> Result<Outcome, Failure> {
        let outcome = self.call(|service| service.order(order.clone()))?;
        self.ordered.set(self.ordered.get() || !order.dry_run);
        Ok(outcome)
    }
    fn ask(&self, query: Query) -> Result<Answer, Failure> {
        self.call(|service| service.ask(query.clone()))
    }
    fn watch(&self, after: Seq) -> Result<Watch, Failure> {
        self.call(|service| service.watch(after))
    }
    fn control(&self, control: Control) -> Result<(), Failure> {
        match &*self.inner.borrow() {
            Inner::Remote(service) => service.control(control),
            Inner::Local(engine) => engine.control(control),
        }
    }
}
