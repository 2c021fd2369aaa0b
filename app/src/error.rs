//! The one outer error of the binary: kind, message, hints, exit status.

use convoy_api::{Code, Failure};

/// The status of a command that went as asked, or had nothing to do.
pub(crate) const DONE: u8 = 0;
/// A part of what was asked for failed, or it cannot be told what was done.
pub(crate) const PARTIAL: u8 = 5;
/// A person interrupted it.
pub(crate) const INTERRUPTED: u8 = 130;

/// Why a command did not do what it was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub(crate) struct Error {
    /// The code that scripts read.
    pub(crate) kind: &'static str,
    /// What and why.
    pub(crate) message: String,
    /// What to do.
    pub(crate) hints: Vec<String>,
    /// With what the process ends.
    pub(crate) status: u8,
}

impl Error {
    /// The command line is not one that Convoy accepts.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self { kind: "usage", message: message.into(), hints: Vec::new(), status: 2 }
    }
    /// The state of things does not allow it.
    pub(crate) fn refused(message: impl Into<String>) -> Self {
        Failure::new(Code::Refused, message).into()
    }
    /// What was printed could not be written.
    pub(crate) fn output(error: &std::io::Error) -> Self {
        Self {
            kind: "output",
            message: format!("cannot write the output: {error}"),
            hints: vec!["what was asked for may have been done: look before you repeat it".into()],
            status: PARTIAL,
        }
    }
    /// With advice.
    #[must_use]
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        Self {
            kind: failure.code.name(),
            status: failure.code.exit_status(),
            message: failure.message,
            hints: failure.hint.into_iter().collect(),
        }
    }
}
