//! Failures: what went wrong, in one shape on every surface.

use serde::{Deserialize, Serialize};

use convoy_core::refusal::Refusal;

/// What kind of failure; decides the exit status.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Code {
    /// The domain does not allow it.
    Refused,
    /// A value is not accepted.
    Invalid,
    /// A reference fits several things.
    Ambiguous,
    /// No such thing.
    NotFound,
    /// Somebody else holds or changed it.
    Conflict,
    /// A dependency cycle.
    Cycle,
    /// It may or may not have been done; ask again with the same key.
    Unknown,
    /// The disk is full; nothing was recorded.
    DiskFull,
    /// The log is damaged.
    Corrupt,
    /// A wait ran out of time.
    Timeout,
    /// Something in the way that has nothing to do with what was asked.
    Unavailable,
}

impl Code {
    /// The exit status of a command that fails so.
    pub fn exit_status(self) -> u8 {
        match self {
            Self::Refused | Self::Cycle | Self::DiskFull | Self::Corrupt | Self::Unavailable => 1,
            Self::Invalid | Self::Ambiguous => 2,
            Self::NotFound => 3,
            Self::Conflict => 4,
            Self::Unknown => 5,
            Self::Timeout => 124,
        }
    }
    /// The name that scripts read.
    pub fn name(self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::Invalid => "invalid",
            Self::Ambiguous => "ambiguous",
            Self::NotFound => "not_found",
            Self::Conflict => "conflict",
            Self::Cycle => "cycle",
            Self::Unknown => "unknown",
            Self::DiskFull => "disk_full",
            Self::Corrupt => "corrupt",
            Self::Timeout => "timeout",
            Self::Unavailable => "unavailable",
        }
    }
}

/// What went wrong, and what to do about it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct Failure {
    /// What kind.
    pub code: Code,
    /// What and why, one line.
    pub message: String,
    /// What to do.
    pub hint: Option<String>,
}

impl Failure {
    /// A failure without advice.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), hint: None }
    }
    /// With advice.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        let code = match &refusal {
            Refusal::NoSuch { .. } => Code::NotFound,
            Refusal::Ambiguous { .. } => Code::Ambiguous,
            Refusal::Invalid { .. } => Code::Invalid,
            Refusal::Cycle { .. } => Code::Cycle,
            Refusal::Conflict { .. } => Code::Conflict,
            Refusal::Domain { .. } => Code::Refused,
        };
        Self { code, message: refusal.to_string(), hint: refusal.hint() }
    }
}
