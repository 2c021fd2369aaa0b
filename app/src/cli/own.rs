//! An agent's own commands, inside its session: they go to its supervisor, and work while no engine runs.

use std::path::Path;

use clap::Args;
use convoy_engine::os::spawn::Environment;
use convoy_engine::supervisor::client::{Client, Error as ClientError};
use convoy_engine::supervisor::protocol::{Code, OwnReport};

use super::context::Context;
use crate::error::{DONE, Error, PARTIAL};

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

/// Say that your issue is done (for agents)
///
/// Commit your work before. Whether it is done is then judged by what is there.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  convoy done\n  convoy done --no-change --note 'it was fixed already'")]
pub(super) struct Done {
    /// Nothing had to be changed
    #[arg(long)]
    no_change: bool,
    /// What is to be said about it
    #[arg(long, value_name = "TEXT")]
    note: Option<String>,
}

/// Say that you cannot go on without a person (for agents)
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  convoy blocked 'the staging password is needed'")]
pub(super) struct Blocked {
    /// Why
    #[arg(required = true)]
    reason: Vec<String>,
}

/// Have something remembered for whoever goes on (for agents)
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  convoy note 'the tests need a running database'")]
pub(super) struct Note {
    /// What
    #[arg(required = true)]
    text: Vec<String>,
}

/// Have a person know something, and go on (for agents)
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  convoy escalate 'the staging data is from 2019; I go on with it'")]
pub(super) struct Escalate {
    /// What
    #[arg(required = true)]
    reason: Vec<String>,
}

/// See what sessions had done, and go back to it
///
/// Checkpoints are files on refs/convoy/state of a repository, with the commits that they name. No branch has them;
/// 'convoy sync' brings them to other machines.
///
/// Inside a session, without a subcommand, an agent has its own work kept: the whole work tree, committed or not,
/// without a change to the branch.
#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "Examples:\n  convoy checkpoint list\n  convoy checkpoint -m 'before the big rename'    by an agent"
)]
pub(super) struct Checkpoint {
    #[command(subcommand)]
    command: Option<super::checkpoint::Checkpoint>,
    /// What is to be said about it (for agents)
    #[arg(short, long, value_name = "TEXT")]
    message: Option<String>,
}

impl Done {
    pub(super) fn run(self, ctx: &mut Context) -> Result<u8, Error> {
        let Self { no_change, note } = self;
        report(ctx, OwnReport::Done { no_change, note }, DONE_SAID)
    }
}

impl Blocked {
    pub(super) fn run(self, ctx: &mut Context) -> Result<u8, Error> {
        let reason = self.reason.join(" ");
        report(ctx, OwnReport::Blocked { reason }, BLOCKED_SAID)
    }
}

impl Note {
    pub(super) fn run(self, ctx: &mut Context) -> Result<u8, Error> {
        report(ctx, OwnReport::Note { text: self.text.join(" ") }, NOTE_SAID)
    }
}

impl Escalate {
    pub(super) fn run(self, ctx: &mut Context) -> Result<u8, Error> {
        let reason = self.reason.join(" ");
        report(ctx, OwnReport::Escalated { reason }, ESCALATED_SAID)
    }
}

impl Checkpoint {
    /// Whether it is an agent's word about its own work.
    pub(super) fn is_an_agents_own(&self) -> bool {
        self.command.is_none()
    }

    pub(super) fn run(self, ctx: &mut Context) -> Result<u8, Error> {
        if let Some(command) = self.command {
            return command.run(ctx);
        }
        report(ctx, OwnReport::Checkpoint { note: self.message }, CHECKPOINT_SAID)
            .map_err(|error| error.hint("a person looks at checkpoints with: convoy checkpoint list"))
    }
}

fn report(ctx: &mut Context, report: OwnReport, said: &str) -> Result<u8, Error> {
    let n = tell(&ctx.env, report)?;
    ctx.out.json(&told(n))?;
    ctx.out.say(&format!("{said}\n"))?;
    Ok(DONE)
}

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
