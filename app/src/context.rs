//! What every command and every tool of an assistant is given: the environment, who asks, the way to an engine.

use std::path::{Path, PathBuf};

use convoy_api::{Failure, Order, Outcome, Service};
use convoy_core::address::Address;
use convoy_core::command::Request;
use convoy_engine::config::{Config, Sources};
use convoy_engine::door;
use convoy_engine::os::spawn::Environment;
use convoy_engine::workspace::Workspace;

use crate::ask;
use crate::error::{Error, PARTIAL};
use crate::output::Output;
use crate::way::Way;

/// How many landings one close says.
const LANDED_MAX: usize = 100;

/// What a command runs in.
pub(crate) struct Context {
    /// The environment of the process.
    pub(crate) env: Environment,
    /// Where it prints.
    pub(crate) out: Output,
    dir: Option<PathBuf>,
    actor: Option<String>,
    key: Option<String>,
    late: Option<Error>,
}

impl Context {
    /// In this environment: about the folder, on behalf of the actor, recognised again by the key.
    pub(crate) fn new(
        env: Environment,
        out: Output,
        dir: Option<PathBuf>,
        actor: Option<String>,
        key: Option<String>,
    ) -> Self {
        Self { env, out, dir, actor, key, late: None }
    }

    /// Has what is ordered from now on recognised again by this key.
    pub(crate) fn keyed(&mut self, key: Option<String>) {
        self.key = key;
    }

    /// What went wrong after the last call, although what it was for is done: nobody carries on, say.
    pub(crate) fn take_late(&mut self) -> Option<Error> {
        self.late.take()
    }

    /// The folder that the command is about.
    pub(crate) fn dir(&self) -> &Path {
        self.dir.as_deref().unwrap_or(Path::new("."))
    }

    /// The workspace that the folder is in.
    pub(crate) fn workspace(&self) -> Result<Workspace, Error> {
        Ok(Workspace::find(self.dir())?)
    }

    /// Who asks: the flag, else the variable, else the worker of this session, else the person.
    pub(crate) fn actor(&self) -> Result<String, Error> {
        let given = self.actor.as_deref().or_else(|| self.env.text("CONVOY_ACTOR"));
        let inside = || self.env.text("CONVOY_SESSION").and_then(|_| self.env.text("CONVOY_WORKER"));
        let Some(text) = given.or_else(inside) else { return Ok(Address::overseer().as_str().to_owned()) };
        let address = Address::new(text).map_err(|error| Error::usage(format!("--as: {error}")))?;
        Ok(address.as_str().to_owned())
    }

    /// An agent speaks to its supervisor and to nobody else, unless the workspace lets it.
    pub(crate) fn check_outside_of_sessions(&self) -> Result<(), Error> {
        let Some(session) = self.env.text("CONVOY_SESSION") else { return Ok(()) };
        if self.agents_may_command() {
            return Ok(());
        }
        Err(Error::refused(format!("this command is not for agents, and this is inside session {session}"))
            .hint("an agent's own commands are: convoy done, blocked, note, escalate, checkpoint")
            .hint("a person may allow the others: session.allow_commands = true in .convoy/config.toml"))
    }

    fn agents_may_command(&self) -> bool {
        let Ok(workspace) = self.workspace() else { return false };
        let config = Config::load(&workspace, &self.env, &Sources::default());
        config.and_then(|config| config.flag("session.allow_commands")).unwrap_or(false)
    }

    /// A request with its circumstances.
    pub(crate) fn order(&self, request: Request) -> Result<Order, Error> {
        Ok(Order { request, actor: self.actor()?, key: self.key.clone(), dry_run: false })
    }

    /// Calls the engine: the running one, else one of this command's own.
    pub(crate) fn with<T>(
        &mut self,
        call: impl FnOnce(&dyn Service) -> Result<T, Failure>,
    ) -> Result<T, Error> {
        let workspace = self.workspace()?;
        let door = door::open(&workspace, &self.env)?;
        if self.out.verbose {
            let engine = if door.is_remote() { "the running engine" } else { "an engine of its own" };
            self.out.aside(&format!("workspace {}, through {engine}\n", workspace.root().display()));
        }
        let result = call(&door);
        // What was ordered is done and is printed first; that nobody carries on is told after it.
        self.late = door.finish().err().map(Error::from);
        Ok(result?)
    }

    /// Has something done.
    pub(crate) fn act(&mut self, request: Request, dry_run: bool) -> Result<Outcome, Error> {
        let order = Order { dry_run, ..self.order(request)? };
        self.with(|service| service.order(order))
    }

    /// Has issues closed, and says which convoys land by it. Both are one step of the engine's.
    pub(crate) fn act_and_land(&mut self, request: Request) -> Result<(Outcome, Vec<String>), Error> {
        let order = self.order(request)?;
        self.with(|service| {
            let before = ask::engine(service)?.seq;
            let outcome = service.order(order)?;
            let kind = Some("convoy.landed".to_owned());
            // What cannot be read now is said by the notices as well.
            let landed = ask::events(service, before, LANDED_MAX, kind).unwrap_or_default().0;
            Ok((outcome, landed.into_iter().map(|event| event.subject).collect()))
        })
    }

    /// Has something done, and asks what it is like after that.
    pub(crate) fn act_and_ask<T>(
        &mut self,
        request: Request,
        ask: impl FnOnce(&dyn Service, &str) -> Result<T, Failure>,
    ) -> Result<(Outcome, T), Error> {
        let order = self.order(request)?;
        self.with(|service| ask::after(service, order, ask))
    }

    /// A way to an engine that stays: the background engine, which is brought up if it is not.
    pub(crate) fn staying(&self) -> Result<Way, Error> {
        Ok(Way::to_background(&self.workspace()?, &self.env)?)
    }

    /// Reports what went wrong; the status that the process ends with.
    pub(crate) fn end(mut self, result: Result<u8, Error>) -> u8 {
        let late = self.late.take();
        let (error, status) = match (result, late) {
            (Ok(0), Some(late)) => (Some(late), PARTIAL),
            (Ok(status), late) => (late, status),
            (Err(error), _) => {
                let status = error.status;
                (Some(error), status)
            }
        };
        if let Some(error) = error {
            self.out.error(&error);
        }
        status
    }
}
