//! Runtimes: how a supervisor is hosted, whichever program its agent is.
//!
//! A terminal is a view of a session for people. What a session is known by are its files, never a screen.

pub mod tmux;

use serde::{Deserialize, Serialize};

/// How a session's supervisor is hosted.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Runtime {
    /// Without a terminal.
    #[default]
    Headless,
    /// In a session of the workspace's own tmux server, where a person can look on.
    Tmux,
}

impl Runtime {
    /// The one with this name.
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "headless" => Some(Self::Headless),
            "tmux" => Some(Self::Tmux),
            _ => None,
        }
    }
}
