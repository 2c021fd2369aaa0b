//! How a command reaches the workspace: through the engine that runs, or by an engine of its own.

use convoy_api::client::Client;
use convoy_api::query::EngineView;
use convoy_api::{Answer, Control, Failure, Order, Outcome, Query, Service, Watch};
use convoy_core::id::Seq;

use crate::background;
use crate::engine::{Engine, LOCK_WAIT, Mode};
use crate::os::socket;
use crate::os::spawn::Environment;
use crate::workspace::Workspace;

/// A way into a workspace.
pub struct Door {
    workspace: Workspace,
    env: Environment,
    inner: Inner,
}

enum Inner {
    Remote(Box<dyn Service>),
    Local(Engine),
}

/// The running engine of a workspace, if there is one.
pub(crate) fn remote(workspace: &Workspace) -> Option<Box<dyn Service>> {
    let path = workspace.socket();
    // Only whether somebody listens; each call makes its own connection.
    socket::connect(&path).ok()?;
    Some(Box::new(Client::new(move || socket::connect(&path))))
}

/// Opens a workspace for one command.
///
/// # Errors
/// When no engine runs and the workspace cannot be opened: held by another, damaged, or wrongly configured.
pub fn open(workspace: &Workspace, env: &Environment) -> Result<Door, Failure> {
    let inner = match remote(workspace) {
        Some(service) => Inner::Remote(service),
        None => match Engine::open(workspace, env, Mode::Command, LOCK_WAIT) {
            Ok(engine) => Inner::Local(engine),
            // Whoever holds the lock may have begun to listen meanwhile.
            Err(failure) => Inner::Remote(remote(workspace).ok_or(failure)?),
        },
    };
    Ok(Door { workspace: workspace.clone(), env: env.clone(), inner })
}

impl Door {
    /// Whether an engine runs that this talks to.
    pub fn is_remote(&self) -> bool {
        matches!(self.inner, Inner::Remote(_))
    }

    /// Ends the command's part. Its own engine leaves; if work is pending or agents are at work, a background engine
    /// takes over, and is said which.
    ///
    /// # Errors
    /// When a background engine is needed and does not come up.
    pub fn finish(self) -> Result<Option<EngineView>, Failure> {
        let Inner::Local(engine) = self.inner else { return Ok(None) };
        let pending = matches!(engine.ask(Query::Engine)?, Answer::Engine(view) if !view.idle);
        drop(engine);
        if pending { background::up(&self.workspace, &self.env).map(|up| Some(up.view)) } else { Ok(None) }
    }

    fn service(&self) -> &dyn Service {
        match &self.inner {
            Inner::Remote(service) => service.as_ref(),
            Inner::Local(engine) => engine,
        }
    }
}

impl Service for Door {
    fn order(&self, order: Order) -> Result<Outcome, Failure> {
        self.service().order(order)
    }
    fn ask(&self, query: Query) -> Result<Answer, Failure> {
        self.service().ask(query)
    }
    fn watch(&self, after: Seq) -> Result<Watch, Failure> {
        self.service().watch(after)
    }
    fn control(&self, control: Control) -> Result<(), Failure> {
        self.service().control(control)
    }
}
