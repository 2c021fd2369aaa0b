//! How much room there is, and how much of it the log takes.

use convoy_api::{Code, Failure};

use crate::workspace::Workspace;

/// Room on the disk that the workspace's state is on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Disk {
    /// What is free for this user, in bytes.
    pub free: u64,
    /// How large it is, in bytes.
    pub size: u64,
    /// How much the log takes, in bytes.
    pub log: u64,
}

/// The files that the log is made of.
const LOG: [&str; 2] = ["log.db", "log.db-wal"];

/// Looks.
///
/// # Errors
/// When the system does not say.
pub fn disk(workspace: &Workspace) -> Result<Disk, Failure> {
    let state = workspace.state_dir();
    let room = rustix::fs::statvfs(&state)
        .map_err(|error| Failure::new(Code::Unavailable, format!("the room on the disk: {error}")))?;
    let size = |name: &str| std::fs::metadata(state.join(name)).map_or(0, |found| found.len());
    Ok(Disk {
        free: room.f_bavail.saturating_mul(room.f_frsize),
        size: room.f_blocks.saturating_mul(room.f_frsize),
        log: LOG.into_iter().map(size).sum(),
    })
}
