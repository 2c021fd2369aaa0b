//! A way to an engine that stays: the one that runs, or one in this process.

use convoy_api::{Answer, Code, Control, Failure, Order, Outcome, Query, Service, Watch};
use convoy_core::event::Event;
use convoy_core::id::Seq;
use convoy_engine::background;
use convoy_engine::door;
use convoy_engine::engine::Engine;
use convoy_engine::os::spawn::Environment;
use convoy_engine::workspace::Workspace;

/// The way. It is to this one engine: one that goes takes it along, and whoever follows opens another.
pub(crate) struct Way {
    workspace: Workspace,
    env: Environment,
    inner: Inner,
}

enum Inner {
    There(Box<dyn Service>),
    Here(Box<Engine>),
}

impl Way {
    /// To the background engine, which is brought up if it is not.
    pub(crate) fn to_background(workspace: &Workspace, env: &Environment) -> Result<Self, Failure> {
        background::up(workspace, env)?;
        let gone = || Failure::new(Code::Unavailable, "the engine has just left");
        let inner = Inner::There(door::listening(workspace).ok_or_else(gone)?);
        Ok(Self { workspace: workspace.clone(), env: env.clone(), inner })
    }

    /// To the engine that runs, else to one in this process.
    pub(crate) fn to_any(workspace: &Workspace, env: &Environment) -> Result<Self, Failure> {
        let inner = match door::listening(workspace) {
            Some(engine) => Inner::There(engine),
            None => Inner::Here(Box::new(background::foreground(workspace, env, crate::http::face)?)),
        };
        Ok(Self { workspace: workspace.clone(), env: env.clone(), inner })
    }

    /// Leaves it. What an engine in this process has not ended, a background engine takes over.
    pub(crate) fn finish(self) -> Result<(), Failure> {
        let engine = match self.inner {
            Inner::There(_) => return Ok(()),
            Inner::Here(engine) => engine,
        };
        checkpoints_made(&engine);
        // One that was told to leave answers no more, and is not to be followed by another.
        let pending = matches!(engine.ask(Query::Engine), Ok(Answer::Engine(view)) if !view.idle);
        drop(engine);
        if pending { background::up(&self.workspace, &self.env).map(drop) } else { Ok(()) }
    }

    /// Whether the engine is in this process.
    pub(crate) fn is_here(&self) -> bool {
        matches!(self.inner, Inner::Here(_))
    }

    fn service(&self) -> &dyn Service {
        match &self.inner {
            Inner::There(engine) => engine.as_ref(),
            Inner::Here(engine) => engine.as_ref(),
        }
    }
}

/// Waits for what is being kept of what was just done. It takes a moment, and nobody has to stay for it.
fn checkpoints_made(engine: &Engine) {
    let pending = || match engine.ask(Query::Engine) {
        Ok(Answer::Engine(view)) => (view.checkpoints > 0).then_some(view.seq),
        _ => None,
    };
    let Some(seq) = pending() else { return };
    let Ok(events) = engine.watch(seq) else { return };
    for event in events {
        let made = matches!(
            event.map(|event| event.event),
            Ok(Event::CheckpointMade { .. } | Event::CheckpointFailed { .. })
        );
        if made && pending().is_none() {
            return;
        }
    }
}

impl Service for Way {
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
