//! `convoy session`: a person's own work on an epic, and what works for it in the background.

mod show;
mod start;

use clap::{Args, Subcommand, ValueEnum};
use convoy_api::{Outcome, Service};
use convoy_core::command::Request;
use convoy_core::event::{Envelope, Event};
use convoy_core::own_session::Ended;
use convoy_core::time::Span;
use convoy_core::view::{CheckpointView, EpicView};
use convoy_engine::own;

use super::ask;
use super::context::Context;
use super::follow::{End, Follow, Look, See};
use crate::error::{DONE, Error};
use crate::output::{BAD, GOOD, paint};
use crate::text;

/// How long a command waits for the checkpoint that it asked for. It takes a second or so.
const CHECKPOINT_WAIT: Span = Span::from_secs(90);

/// Work on an epic, pause, and go on from where you were
///
/// A session is your own work, in a checkout of your own. What you do is kept as checkpoints on refs/convoy/state: when
/// you begin, every so often if something changed, when an issue is completed and when you pause. A later session, on
/// this machine or another, goes on from the last one.
#[derive(Debug, Subcommand)]
pub(super) enum Session {
    Start(start::Start),
    Status(show::Status),
    List(show::List),
    Pause(Pause),
    Resume(Resume),
    Complete(Complete),
}

/// Pause what is open of an epic
///
/// A checkpoint is made. Agents in the background (session start --background) are stopped after a checkpoint, until
/// 'convoy session resume'; convoys of the epic go on.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  convoy session pause --epic login --reason 'end of day'")]
pub(super) struct Pause {
    /// The epic; the one whose session is open here, or the only active one, if not given
    #[arg(long, value_name = "EPIC")]
    epic: Option<String>,
    /// Why, for whoever goes on
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
}

/// Go on with an epic: a new session of your own, and agents in the background begin again
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  convoy session resume --epic login")]
pub(super) struct Resume {
    /// The epic; the only active one if not given
    #[arg(long, value_name = "EPIC")]
    epic: Option<String>,
    /// Begin although a gate of the baseline fails, without running it
    #[arg(long)]
    no_baseline: bool,
}

/// Be done with a session
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  convoy session complete --epic login --outcome partial")]
pub(super) struct Complete {
    /// The epic; the one whose session is open here, or the only active one, if not given
    #[arg(long, value_name = "EPIC")]
    epic: Option<String>,
    /// What it came to
    #[arg(long, value_enum, default_value = "success")]
    outcome: OutcomeName,
}

/// What a session came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
enum OutcomeName {
    /// It did what it was for
    Success,
    /// It did not
    Failure,
    /// A part of it
    Partial,
    /// The conversation grew too long
    ContextOverflow,
}

impl From<OutcomeName> for Ended {
    fn from(name: OutcomeName) -> Self {
        match name {
            OutcomeName::Success => Self::Success,
            OutcomeName::Failure => Self::Failure,
            OutcomeName::Partial => Self::Partial,
            OutcomeName::ContextOverflow => Self::ContextOverflow,
        }
    }
}

impl Session {
    pub(super) fn run(self, ctx: &mut Context) -> Result<u8, Error> {
        match self {
            Self::Start(command) => command.run(ctx),
            Self::Status(command) => command.run(ctx),
            Self::List(command) => command.run(ctx),
            Self::Pause(command) => command.run(ctx),
            Self::Resume(command) => command.run(ctx),
            Self::Complete(command) => command.run(ctx),
        }
    }
}

/// The checkout that the command runs in, if it is in one.
pub(super) fn here(ctx: &Context) -> Option<String> {
    let workspace = ctx.workspace().ok()?;
    own::checkout(&workspace, &ctx.env, ctx.dir()).ok().map(|checkout| checkout.path)
}

impl Pause {
    fn run(self, ctx: &mut Context) -> Result<u8, Error> {
        let Self { epic, reason } = self;
        let path = here(ctx);
        let epic = ctx.with(|service| ask::epic(service, epic.as_deref(), path.as_deref()))?.id;
        let request = Request::SessionPause { epic: Some(epic.to_string()), path, reason };
        let outcome = ctx.act(request, false)?;
        ended(ctx, epic.as_str(), &outcome, "Paused")
    }
}

impl Complete {
    fn run(self, ctx: &mut Context) -> Result<u8, Error> {
        let path = here(ctx);
        let epic = ctx.with(|service| ask::epic(service, self.epic.as_deref(), path.as_deref()))?.id;
        let (name, result) = (Some(epic.to_string()), self.outcome.into());
        let outcome = ctx.act(Request::SessionComplete { epic: name, path, outcome: result }, false)?;
        ended(ctx, epic.as_str(), &outcome, "Completed")
    }
}

/// Says what was ended, once its checkpoint is in git.
fn ended(ctx: &mut Context, epic: &str, outcome: &Outcome, done: &str) -> Result<u8, Error> {
    let changed = outcome.items.iter().any(|item| item.changed);
    let view =
        if changed { settled(ctx, epic)? } else { ctx.with(|service| ask::epic(service, Some(epic), None))? };
    if ctx.out.json {
        ctx.out.json(&view)?;
        return Ok(DONE);
    }
    let status = ctx.out.items(&outcome.items, done)?;
    if !changed {
        return Ok(status);
    }
    let sessions: Vec<&str> = outcome.items.iter().map(|item| item.id.as_str()).collect();
    let made = view.checkpoints.iter().filter(|one| sessions.contains(&one.session_id.as_str()));
    ctx.out.say(&made.take(1).map(checkpoint_line).collect::<String>())?;
    if !view.convoys.is_empty() && done == "Paused" {
        let convoys = text::count(view.convoys.len(), "convoy");
        ctx.out.say(&format!("  The {convoys} of the epic go on: convoy list --epic {epic}\n"))?;
    }
    if done == "Paused" {
        ctx.out.say(&format!("\nTo resume: convoy session start --epic {epic} --resume\n"))?;
    }
    let failed = view.checkpoints.first().is_some_and(|one| one.state == "failed");
    Ok(if failed { 1 } else { status })
}

fn checkpoint_line(checkpoint: &CheckpointView) -> String {
    match checkpoint.state.as_str() {
        "failed" => format!(
            "  {} its checkpoint could not be made: {}\n",
            paint(BAD, "✗"),
            text::line(checkpoint.why.as_deref().unwrap_or_default())
        ),
        "made" => {
            let commit: String =
                checkpoint.state_commit.as_deref().unwrap_or_default().chars().take(10).collect();
            let (id, n) = (&checkpoint.id, checkpoint.sequence);
            format!("  Checkpoint: {} (number {n}, in commit {commit})\n", paint(GOOD, id))
        }
        _ => format!("  Checkpoint: {} is still being made\n", checkpoint.id),
    }
}

/// Waits until no checkpoint of the epic's sessions is to be made any more; what it is like then.
pub(super) fn settled(ctx: &Context, epic: &str) -> Result<EpicView, Error> {
    let mut last: Option<EpicView> = None;
    let look = |service: &dyn Service| {
        let seq = ask::engine(service)?.seq;
        let view = ask::epic(service, Some(epic), None)?;
        let done = view.checkpoints.iter().all(|one| one.state != "wanted");
        last = Some(view);
        Ok(Look { end: done.then_some(()), seq })
    };
    let matters = |event: &Envelope| match event.event {
        Event::CheckpointMade { .. } | Event::CheckpointFailed { .. } => See::Look,
        _ => See::Nothing,
    };
    let mut follow = Follow::new(ctx.workspace()?, Some(CHECKPOINT_WAIT));
    match follow.until(|| ctx.staying(), look, |event| Ok(matters(event)))? {
        End::Reached(()) | End::TimeOut | End::Interrupted | End::Unseen => {}
    }
    last.ok_or_else(|| Error::refused("the engine is gone; what was asked for is recorded"))
}

/// Waits until these checkpoints are in git; those that could not be made, and why.
pub(super) fn made(ctx: &Context, ids: &[String]) -> Result<Vec<(String, String)>, Error> {
    let mut failed = Vec::new();
    let look = |service: &dyn Service| {
        let seq = ask::engine(service)?.seq;
        let found = ask::checkpoints(service, ids)?;
        let left = found.iter().filter(|one| one.state == "wanted").count();
        failed = found
            .into_iter()
            .filter(|one| one.state == "failed")
            .map(|one| (one.id.to_string(), one.why.unwrap_or_default()))
            .collect();
        Ok(Look { end: (left == 0).then_some(()), seq })
    };
    let matters = |event: &Envelope| match event.event {
        Event::CheckpointMade { .. } | Event::CheckpointFailed { .. } => See::Look,
        _ => See::Nothing,
    };
    let mut follow = Follow::new(ctx.workspace()?, Some(CHECKPOINT_WAIT));
    match follow.until(|| ctx.staying(), look, |event| Ok(matters(event)))? {
        End::Reached(()) | End::Interrupted | End::Unseen => Ok(failed),
        End::TimeOut => {
            Err(Error::refused("the checkpoint is still being made; look later: convoy checkpoint list"))
        }
    }
}

impl Resume {
    fn run(self, ctx: &mut Context) -> Result<u8, Error> {
        let path = here(ctx);
        let view = ctx.with(|service| ask::epic(service, self.epic.as_deref(), path.as_deref()))?;
        let epic = view.id.to_string();
        let mut status = DONE;
        if !view.background.is_empty() {
            let request = Request::SessionResume { epic: Some(epic.clone()), path: path.clone() };
            let outcome = ctx.act(request, false)?;
            if !ctx.out.json {
                status = ctx.out.items(&outcome.items, "Begins again")?;
            }
        }
        let own = view.sessions.iter().find(|session| session.worker_id.is_none());
        match own {
            Some(own) if view.open_session_id.is_some() => {
                ctx.out.json(&view)?;
                ctx.out.say(&format!("{}: session {} of {epic} is open already\n", own.id, own.number))?;
                Ok(status)
            }
            Some(_) => {
                let started = start::Start::resumed(epic, self.no_baseline).run(ctx)?;
                Ok(status.max(started))
            }
            None => {
                ctx.out.json(&view)?;
                Ok(status)
            }
        }
    }
}
