//! How a command reaches the workspace: through the engine that runs, or by an engine of its own.
//!
//! An engine may leave at any moment, and another may come: a call that finds one leaving is made again.

use std::cell::{Cell, RefCell};

use convoy_api::query::EngineView;
use convoy_api::{Answer, Code, Control, Failure, Order, Outcome, Query, Service, Watch};
use convoy_core::id::Seq;

use crate::background;
use crate::engine::{Engine, Mode};
use crate::os::spawn::Environment;
use crate::reach::{Reached, reach, remote};
use crate::workspace::Workspace;

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

/// The engine that runs, and no other: whoever follows it wants to know when it goes.
pub fn listening(workspace: &Workspace) -> Option<Box<dyn Service>> {
    remote(workspace)
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
        if ordered {
            engine.tell_trackers()?;
        }
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
            Inner::Local(engine) => {
                // What another configuration lets go on needs somebody who stays.
                self.ordered.set(self.ordered.get() || control == Control::Reload);
                engine.control(control)
            }
        }
    }
}
