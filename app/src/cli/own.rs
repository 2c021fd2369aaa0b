//! An agent's own commands, inside its session: they go to its supervisor, and work while no engine runs.

use clap::Args;
use convoy_engine::supervisor::protocol::OwnReport;

use super::context::Context;
use crate::error::{DONE, Error};
use crate::own::{BLOCKED_SAID, CHECKPOINT_SAID, DONE_SAID, ESCALATED_SAID, NOTE_SAID, tell, told};

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
