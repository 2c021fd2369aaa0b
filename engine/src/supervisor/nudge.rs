//! Saying something to a running agent, from outside of its supervisor: for people and for the engine.

use convoy_core::id::Epoch;

use super::client::{Client, Error as ClientError};
use super::files::{self, SessionDir};
use super::protocol::{Code, NUDGE_BYTES_MAX};
use super::spec::PromptVia;

/// Why nothing was said.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is nothing to say.
    #[error("there is no text to say")]
    Empty,
    /// It is too much at once.
    #[error("the text has {bytes} bytes; at most {NUDGE_BYTES_MAX} can be said at once")]
    TooLong {
        /// How long it is.
        bytes: usize,
    },
    /// The files of the session say nothing.
    #[error(transparent)]
    Files(#[from] files::Error),
    /// The agent has not started.
    #[error("its agent has not started yet")]
    NotStarted,
    /// It has ended.
    #[error("its agent has ended")]
    Ended,
    /// It has said its last word, and ends.
    #[error("its agent has ended its turn and takes in nothing more")]
    TurnOver,
    /// It reads nothing while it works.
    #[error("its agent takes in nothing while it works")]
    NoInput,
    /// It has not read what was said before.
    #[error("its agent has not read what was said to it before")]
    Busy,
    /// It has read a part of it.
    #[error("its agent has been sent a part of it, and gets the rest when it reads on")]
    Partial,
    /// The session is at another attempt, or another session is meant.
    #[error("that attempt is not the one that runs")]
    Stale,
    /// Its supervisor is older than this program.
    #[error("its supervisor is of an older version, which cannot say anything to an agent")]
    Old,
    /// Its supervisor refused for another reason.
    #[error("its supervisor refused: {0}")]
    Refused(String),
    /// Nobody answered. It may have been said.
    #[error("its supervisor does not answer")]
    Unknown(#[source] std::io::Error),
}

impl Error {
    /// Whether it may have been said all the same, wholly or in part.
    pub fn is_uncertain(&self) -> bool {
        matches!(self, Self::Unknown(_) | Self::Partial)
    }
    /// Whether it may be said in a moment.
    pub fn is_passing(&self) -> bool {
        matches!(self, Self::NotStarted | Self::Busy)
    }
}

/// Says `text` to the agent of a session, on behalf of `by`; the number of the observation that it becomes. When this
/// returns, it is in the agent's standard input.
///
/// # Errors
/// When it cannot be said, and why.
pub fn nudge(dir: &SessionDir, epoch: Epoch, text: &str, by: &str) -> Result<u64, Error> {
    if text.trim().is_empty() {
        return Err(Error::Empty);
    }
    if text.len() > NUDGE_BYTES_MAX {
        return Err(Error::TooLong { bytes: text.len() });
    }
    if dir.exit()?.is_some() {
        return Err(Error::Ended);
    }
    if dir.run_record()?.is_none() {
        return Err(Error::NotStarted);
    }
    if dir.spec()?.prompt != PromptVia::Duplex {
        return Err(Error::NoInput);
    }
    let mut client = match Client::connect(dir) {
        Ok(client) => client,
        Err(_) if dir.exit()?.is_some() => return Err(Error::Ended),
        Err(error) => return Err(Error::Unknown(error)),
    };
    client.nudge(epoch, text, by).map_err(|error| match error {
        ClientError::Refused { code, message } => match code {
            Code::Stale => Error::Stale,
            Code::Ended if dir.exit().is_ok_and(|exit| exit.is_some()) => Error::Ended,
            Code::Ended => Error::TurnOver,
            Code::NoInput => Error::NoInput,
            Code::Busy => Error::Busy,
            Code::Partial => Error::Partial,
            Code::BadRequest => Error::Old,
            Code::TooLong | Code::Limit | Code::Storage | Code::Stranger | Code::Unknown => {
                Error::Refused(message)
            }
        },
        ClientError::Connection(error) => Error::Unknown(error),
        ClientError::Unexpected => Error::Unknown(std::io::ErrorKind::InvalidData.into()),
    })
}
