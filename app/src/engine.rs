//! What the command line needs of the engine.
//!
//! Stands in for the engine's own door until that is in the tree: there is no engine to talk to, and it says so.

use convoy_api::{Answer, Code, Control, Failure, Order, Outcome, Query, Service, Watch};
use convoy_core::id::Seq;
pub(crate) use convoy_engine::os::spawn::Environment;
pub(crate) use convoy_engine::workspace::Workspace;

fn absent() -> Failure {
    Failure::new(Code::Unavailable, "this build has no engine")
}

/// The door.
pub(crate) mod door {
    use super::{
        Answer, Control, Environment, Failure, Order, Outcome, Query, Seq, Service, Watch, Workspace,
    };

    /// A way to an engine.
    #[derive(Debug)]
    pub(crate) struct Door(());

    /// Opens it.
    pub(crate) fn open(_: &Workspace, _: &Environment) -> Result<Door, Failure> {
        Err(super::absent())
    }

    impl Door {
        /// Closes it.
        pub(crate) fn finish(self) -> Result<(), Failure> {
            Ok(())
        }
        /// Whether a running engine is behind it.
        pub(crate) fn is_remote(&self) -> bool {
            false
        }
    }

    impl Service for Door {
        fn order(&self, _: Order) -> Result<Outcome, Failure> {
            Err(super::absent())
        }
        fn ask(&self, _: Query) -> Result<Answer, Failure> {
            Err(super::absent())
        }
        fn watch(&self, _: Seq) -> Result<Watch, Failure> {
            Err(super::absent())
        }
        fn control(&self, _: Control) -> Result<(), Failure> {
            Err(super::absent())
        }
    }
}

/// The background engine.
pub(crate) mod background {
    use super::{Environment, Failure, Workspace};
    use convoy_api::query::EngineView;

    /// Brings it up.
    pub(crate) fn up(_: &Workspace, _: &Environment) -> Result<(EngineView, bool), Failure> {
        Err(super::absent())
    }
    /// Has it leave.
    pub(crate) fn down(_: &Workspace, _: bool) -> Result<bool, Failure> {
        Ok(false)
    }
    /// Is it.
    pub(crate) fn serve(_: &Workspace, _: Environment) -> Result<(), Failure> {
        Err(super::absent())
    }
    /// What it is at.
    pub(crate) fn status(_: &Workspace) -> EngineView {
        EngineView {
            running: false,
            pid: 0,
            version: env!("CARGO_PKG_VERSION").into(),
            socket: None,
            http: None,
            token_file: None,
            started_at: convoy_core::time::Time::default(),
            host: String::new(),
            seq: convoy_core::id::Seq(0),
            live_sessions: 0,
            idle: true,
            open_convoys: Vec::new(),
            unread: 0,
        }
    }
}

/// An engine in this process that stays until the door is closed.
pub(crate) fn foreground(_: &Workspace, _: &Environment) -> Result<door::Door, Failure> {
    Err(absent())
}
