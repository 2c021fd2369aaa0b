//! What an agent says of its own work: it goes to its supervisor, and is heard while no engine runs.

use std::path::Path;

use convoy_engine::os::spawn::Environment;
use convoy_engine::supervisor::client::{Client, Error as ClientError};
use convoy_engine::supervisor::protocol::{Code, OwnReport};

use crate::error::{Error, PARTIAL};

/// What an agent is told when it has said that it is done.
pub(crate) const DONE_SAID: &str = "Noted: done. End your turn now.";
/// What an agent is told when it has said that it is blocked.
pub(crate) const BLOCKED_SAID: &str = "Noted: blocked. Commit what you have, and end your turn now.";
/// What an agent is told when it has said that it notes something.
pub(crate) const NOTE_SAID: &str = "Noted.";
/// What an agent is told when it has said that it has a person told.
pub(crate) const ESCALATED_SAID: &str = "Noted: a person is told. Go on.";
/// What an agent is told when it has said that it has its work kept.
pub(crate) const CHECKPOINT_SAID: &str = "Noted: it is kept. Go on.";

/// What is printed of a report, with `--json`.
pub(crate) fn told(n: Option<u64>) -> serde_json::Value {
    serde_json::json!({ "ok": true, "n": n })
}

/// Tells the supervisor of the session that this environment is of. The number of the observation that it became.
pub(crate) fn tell(env: &Environment, report: OwnReport) -> Result<Option<u64>, Error> {
    let Some(socket) = env.get("CONVOY_SOCKET").filter(|socket| !socket.is_empty()) else {
        return Err(Error::refused("this command is for agents, inside a session: CONVOY_SOCKET is not set")
            .hint("a person closes an issue with: convoy issue close <id>"));
    };
    let client = Client::connect_socket(Path::new(socket)).map_err(|error| {
        Error::refused(format!("the supervisor of this session cannot be reached: {error}"))
            .hint("is the session over? then nothing that is said in it is heard")
    });
    client?.report(report).map_err(|error| match error {
        ClientError::Refused { code: Code::BadRequest, .. } => {
            Error::refused("the supervisor of this session is of an older version, which does not know this")
        }
        ClientError::Refused { message, .. } => Error::refused(format!("the supervisor refused: {message}")),
        ClientError::Connection(_) | ClientError::Unexpected => Error {
            kind: "unknown",
            message: format!("it may or may not be noted: {error}"),
            hints: vec!["say it again: what is said twice is taken once".into()],
            status: PARTIAL,
        },
    })
}
