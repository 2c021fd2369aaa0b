//! Saying something to an agent while it works, and why it could not be said.

use convoy_core::id::SessionId;
use convoy_engine::explain;
use convoy_engine::supervisor::files::SessionDir;
use convoy_engine::supervisor::{NudgeError, nudge};
use convoy_engine::workspace::Workspace;

use crate::error::{Error, PARTIAL};

/// Says it, on behalf of `by`; the number that it has among what its session was told. `of` is what the person calls the
/// session's worker.
pub(crate) fn tell(
    workspace: &Workspace,
    session: &SessionId,
    of: &str,
    text: &str,
    by: &str,
) -> Result<u64, Error> {
    let dir = SessionDir::new(workspace.sessions_dir().join(session.as_str()));
    let told = dir.spec().map_err(NudgeError::from).and_then(|spec| nudge(&dir, spec.epoch, text, by));
    told.map_err(|error| match error {
        // It is made when its agent is to be started.
        NudgeError::Files(_) if !dir.path().exists() => refused(session, &NudgeError::NotStarted, of),
        error => refused(session, &error, of),
    })
}

fn refused(session: &SessionId, error: &NudgeError, of: &str) -> Error {
    let said = Error::refused(format!("session {session}: {}", explain(error)));
    let said = if error.is_uncertain() { Error { kind: "unknown", status: PARTIAL, ..said } } else { said };
    match error {
        NudgeError::NotStarted => said.hint(format!("see what it waits for: convoy why {of}")),
        NudgeError::Ended | NudgeError::TurnOver => {
            said.hint(format!("see what it printed: convoy logs {session}")).hint(
                "what the next attempt should know belongs into the issue: convoy issue update <id> --body",
            )
        }
        NudgeError::NoInput => {
            said.hint("only an agent with prompt = \"duplex\" can be told something: docs/agents.md")
        }
        NudgeError::Busy => said.hint("try again when it has gone on: convoy logs -f shows that"),
        NudgeError::Unknown(_) => {
            said.hint("it may or may not have been said: convoy events --type session.nudged")
        }
        NudgeError::Empty
        | NudgeError::TooLong { .. }
        | NudgeError::Files(_)
        | NudgeError::Partial
        | NudgeError::Stale
        | NudgeError::Old
        | NudgeError::Refused(_) => said,
    }
}
