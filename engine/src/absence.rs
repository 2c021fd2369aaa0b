//! Being told when a workspace that nobody serves is served again, or changes all the same.
//!
//! Without an engine there are no events to follow. What there is: files of the state folder, which the system watches.
//! An engine that comes makes its socket; a command that does something alone moves the log's witness.

use std::path::PathBuf;

use crate::background;
use crate::log::Tail;
use crate::log::sqlite;
use crate::os::watch::Watcher;
use crate::workspace::Workspace;

/// A workspace without an engine, as it was when it was looked at.
#[derive(Debug)]
pub struct Absence {
    workspace: Workspace,
    dir: PathBuf,
    watcher: Watcher,
    acknowledged: Option<Tail>,
}

impl Absence {
    /// Begins to watch. To miss nothing, whoever looks begins before leaving the workspace's lock.
    ///
    /// # Errors
    /// When the state folder cannot be watched.
    pub fn begin(workspace: &Workspace) -> std::io::Result<Self> {
        let dir = workspace.state_dir();
        let watcher = Watcher::new([&dir])?;
        let acknowledged = sqlite::acknowledged(&dir)?;
        Ok(Self { workspace: workspace.clone(), dir, watcher, acknowledged })
    }

    /// Blocks until an engine serves, or somebody did something without one.
    ///
    /// # Errors
    /// When the system refuses to tell.
    pub fn end(&self) -> std::io::Result<()> {
        while sqlite::acknowledged(&self.dir)? == self.acknowledged && !self.is_served() {
            self.watcher.wait()?;
        }
        Ok(())
    }

    fn is_served(&self) -> bool {
        background::status(&self.workspace).is_ok_and(|engine| engine.running)
    }
}
