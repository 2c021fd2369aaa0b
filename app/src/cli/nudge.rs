//! `convoy nudge`.

use std::io::Read;

use clap::Args;
use convoy_core::id::SessionId;
use convoy_engine::explain;
use convoy_engine::supervisor::files::SessionDir;
use convoy_engine::supervisor::protocol::NUDGE_BYTES_MAX;
use convoy_engine::supervisor::{NudgeError, nudge};
use convoy_engine::workspace::Workspace;

use super::context::Context;
use super::logs;
use crate::error::{DONE, Error, PARTIAL};

/// Say something to an agent while it works
///
/// It reads it with its next step, and goes on. Only agents whose prompt goes in as a message can be told something
/// (prompt = "duplex" in [agents.NAME], as Claude Code has it); any other reads nothing while it works.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  convoy nudge gt-abc 'the tests are in tests/login, run those first'\n  \
                        convoy nudge s-3kd92mzx - <hint.txt"
)]
pub(super) struct Nudge {
    /// The worker, issue or session
    of: String,
    /// What; '-' reads it from standard input
    #[arg(required = true)]
    text: Vec<String>,
}

impl Nudge {
    pub(super) fn run(self, ctx: &mut Context) -> Result<u8, Error> {
        let text = match self.text.as_slice() {
            [dash] if dash == "-" => piped()?,
            words => words.join(" "),
        };
        let by = ctx.actor()?;
        let session = logs::session(ctx, &self.of)?;
        let n = tell(&ctx.workspace()?, &session, &self.of, &text, &by)?;
        ctx.out.json(&serde_json::json!({ "ok": true, "session_id": session, "n": n }))?;
        ctx.out
            .say(&format!("Told {session}. It reads it with its next step: convoy logs {session} -f\n"))?;
        Ok(DONE)
    }
}

/// Tells the agent of a session something. The number of what it was told.
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

fn piped() -> Result<String, Error> {
    let mut text = String::new();
    let limit = NUDGE_BYTES_MAX as u64 + 1;
    std::io::stdin()
        .take(limit)
        .read_to_string(&mut text)
        .map_err(|error| Error::usage(format!("the text on standard input cannot be read: {error}")))?;
    Ok(text)
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
