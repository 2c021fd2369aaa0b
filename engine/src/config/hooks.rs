//! Hooks: a person's own commands around the life of a workdir.

use convoy_api::Failure;
use convoy_core::time::Span;

use super::typed::Config;

/// When a hook runs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum When {
    /// A workdir was made; nothing has run in it.
    AfterCreate,
    /// An agent is about to be started.
    BeforeRun,
    /// An agent has ended, and what it left is saved.
    AfterRun,
    /// A workdir is about to be removed.
    BeforeRemove,
}

impl When {
    /// All of them, in the order of a workdir's life.
    pub const ALL: [Self; 4] = [Self::AfterCreate, Self::BeforeRun, Self::AfterRun, Self::BeforeRemove];

    /// Its key below `hooks`.
    pub fn name(self) -> &'static str {
        match self {
            Self::AfterCreate => "after_create",
            Self::BeforeRun => "before_run",
            Self::AfterRun => "after_run",
            Self::BeforeRemove => "before_remove",
        }
    }
}

/// A command that runs at a point of a workdir's life.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Hook {
    /// When.
    pub when: When,
    /// Program and arguments.
    pub command: Vec<String>,
    /// The longest that it may take.
    pub timeout: Span,
}

impl Config {
    /// The hook for a point of a workdir's life, if there is one.
    ///
    /// # Errors
    /// When its command is empty or its time limit is no duration.
    pub fn hook(&self, when: When) -> Result<Option<Hook>, Failure> {
        let key = |leaf: &str| format!("hooks.{}.{leaf}", when.name());
        let timeout = self.span(&key("timeout"))?;
        match self.texts(&key("command"))? {
            None => Ok(None),
            Some(command) if command.is_empty() => {
                Err(self.wrong(&key("command"), "a program and its arguments"))
            }
            Some(command) => Ok(Some(Hook { when, command, timeout })),
        }
    }
}
