//! `convoy checkpoint`: what sessions had done, as git has it.

use std::fmt::Write as _;
use std::path::PathBuf;

use clap::{Args, Subcommand};
use convoy_core::command::Request;
use convoy_engine::checkpoints::{Checkpoints, Found, Restored};
use serde_json::Value;

use super::context::Context;
use super::session;
use crate::error::{DONE, Error};
use crate::output::{BOLD, GOOD, paint};
use crate::text;

/// How much of a summary and of a reason stands in a list, in characters.
const SUMMARY_CHARS: usize = 60;
const REASON_CHARS: usize = 30;
/// How many digits of a commit people read.
const SHORT: usize = 10;

/// See what sessions had done, and go back to it
///
/// Checkpoints are files on refs/convoy/state of a repository, with the commits that they name. No branch has them;
/// 'convoy sync' brings them to other machines.
#[derive(Debug, Subcommand)]
pub(super) enum Checkpoint {
    Create(Create),
    List(List),
    Show(Id),
    Restore(Restore),
    Delete(Delete),
}

/// Make one now, of what is open or at work
///
/// Nothing is disturbed: no branch, no index, no file. The command waits until it is in git.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  convoy checkpoint create --epic login -m 'the tests pass now'")]
pub(super) struct Create {
    /// Of what is open or at work of this epic; of the one that is open here, or the only active one, if not given
    #[arg(long, value_name = "EPIC")]
    epic: Option<String>,
    /// Of one session, a person's or an agent's
    #[arg(long, value_name = "SESSION", conflicts_with = "epic")]
    session: Option<String>,
    /// What is to be said about it
    #[arg(short, long, value_name = "TEXT")]
    message: Option<String>,
}

/// List them: those of each epic together, the newest first
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  convoy checkpoint list --epic login")]
pub(super) struct List {
    /// Only those of this epic
    #[arg(long, value_name = "EPIC")]
    epic: Option<String>,
}

/// Show one
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  convoy checkpoint show ckpt-4x2")]
pub(super) struct Id {
    /// Its id
    id: String,
}

/// Check one out in a folder of its own
///
/// It becomes a linked worktree on a new branch, at the commit of the checkpoint. What was not committed then are
/// changes that are not committed. Nothing that is there is touched: the folder must be new, or empty.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  convoy checkpoint restore ckpt-4x2\n  \
    convoy checkpoint restore ckpt-4x2 ../back --branch back")]
pub(super) struct Restore {
    /// Its id
    id: String,
    /// Where; beside the repository if not given
    #[arg(value_name = "DIR")]
    folder: Option<PathBuf>,
    /// The new branch; restore/<id> if not given
    #[arg(long, value_name = "NAME")]
    branch: Option<String>,
}

/// Remove one
///
/// It is not listed any more, also where the reference is brought by 'convoy sync'. The history of the reference keeps
/// it.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  convoy checkpoint delete ckpt-4x2")]
pub(super) struct Delete {
    /// Its id
    id: String,
}

impl Checkpoint {
    pub(super) fn run(self, ctx: &mut Context) -> Result<u8, Error> {
        let checkpoints = Checkpoints::open(&ctx.workspace()?, &ctx.env)?;
        match self {
            Self::Create(create) => create.run(ctx, &checkpoints),
            Self::List(List { epic }) => list(ctx, &checkpoints, epic.as_deref()),
            Self::Show(Id { id }) => {
                let found = checkpoints.find(&id)?;
                ctx.out.json(&found)?;
                ctx.out.say(&shown(&found))?;
                Ok(DONE)
            }
            Self::Restore(Restore { id, folder, branch }) => {
                let folder = folder.map(|folder| ctx.dir().join(folder));
                let restored = checkpoints.restore(&id, folder.as_deref(), branch.as_deref())?;
                ctx.out.json(&restored)?;
                ctx.out.say(&said(&restored))?;
                Ok(DONE)
            }
            Self::Delete(Delete { id }) => {
                let found = checkpoints.delete(&id)?;
                ctx.out.json(&found)?;
                ctx.out.say(&format!("Deleted {}\n", text::line(&found.stored.id)))?;
                Ok(DONE)
            }
        }
    }
}

impl Create {
    fn run(self, ctx: &mut Context, checkpoints: &Checkpoints) -> Result<u8, Error> {
        let Self { epic, session, message: note } = self;
        let path = session::here(ctx);
        let outcome = ctx.act(Request::CheckpointCreate { epic, session, path, note }, false)?;
        let ids: Vec<String> = outcome.items.iter().map(|item| item.id.clone()).collect();
        let failed = session::made(ctx, &ids)?;
        let found = ids.iter().filter_map(|id| checkpoints.find(id).ok()).collect::<Vec<_>>();
        ctx.out.json(&found)?;
        for one in &found {
            let commit = one.stored.wip_commit.as_ref().or(one.stored.git_commit.as_ref());
            let commit: String = commit.map_or("no commit", String::as_str).chars().take(SHORT).collect();
            let id = paint(GOOD, text::line(&one.stored.id));
            ctx.out.say(&format!("Checkpoint {id}: number {}, files in {commit}\n", one.stored.sequence))?;
        }
        for (id, why) in &failed {
            ctx.out.error(&Error::refused(format!("checkpoint {id} could not be made: {why}")));
        }
        Ok(if found.len() == ids.len() { DONE } else { 1 })
    }
}

fn list(ctx: &mut Context, checkpoints: &Checkpoints, epic: Option<&str>) -> Result<u8, Error> {
    let listing = checkpoints.list(epic)?;
    for trouble in &listing.troubles {
        ctx.out.aside(&format!("left out: {}\n", text::line(trouble)));
    }
    ctx.out.json(&listing.found)?;
    if listing.found.is_empty() {
        ctx.out.say("No checkpoints. Those of others come with: convoy sync\n")?;
        return Ok(DONE);
    }
    let heads = ["CHECKPOINT", "EPIC", "N", "SESSION", "TIME", "COMMIT", "REASON", "SUMMARY"];
    let mut rows = vec![heads.map(str::to_owned).to_vec()];
    rows.extend(listing.found.iter().map(row));
    ctx.out.say(&text::table(&rows))?;
    Ok(DONE)
}

fn row(found: &Found) -> Vec<String> {
    let stored = &found.stored;
    let files = stored.wip_commit.as_ref().or(stored.git_commit.as_ref());
    vec![
        text::line(&stored.id).into_owned(),
        text::line(&found.folder).into_owned(),
        stored.sequence.to_string(),
        stored.session_number.map_or_else(|| "-".to_owned(), |number| number.to_string()),
        text::cut(stored.timestamp.as_deref().unwrap_or("-"), SUMMARY_CHARS),
        text::cut(&files.map_or_else(|| "-".to_owned(), |oid| oid.chars().take(SHORT).collect()), SHORT),
        text::cut(&reason(&stored.reason), REASON_CHARS),
        text::cut(stored.summary.as_deref().unwrap_or_default(), SUMMARY_CHARS),
    ]
}

/// A reason in words: a text, or a name with what belongs to it.
fn reason(reason: &Value) -> String {
    match reason {
        Value::Null => "-".to_owned(),
        Value::String(text) => text.clone(),
        Value::Object(map) => map.keys().cloned().collect::<Vec<_>>().join(", "),
        other @ (Value::Bool(_) | Value::Number(_) | Value::Array(_)) => other.to_string(),
    }
}

fn shown(found: &Found) -> String {
    let stored = &found.stored;
    let mut said = format!("{}\n\n", paint(BOLD, text::line(&stored.id)));
    let mut fact = |name: &str, value: Option<&str>| {
        if let Some(value) = value {
            let _ = writeln!(said, "  {:<10} {}", format!("{name}:"), text::line(value));
        }
    };
    fact("Epic", stored.epic_id.as_deref().or(Some(&found.folder)));
    fact("Session", stored.session_id.as_deref());
    fact("Number", Some(&stored.sequence.to_string()));
    fact("Time", stored.timestamp.as_deref());
    fact("Reason", Some(&reason(&stored.reason)));
    fact("Commit", stored.git_commit.as_deref());
    fact("Files", stored.wip_commit.as_deref());
    fact("Rig", Some(found.rig.as_str()));
    if let Some(summary) = &stored.summary {
        let _ = write!(said, "\n{}", text::indented(summary, "  "));
    }
    if let Value::Object(context) = &stored.context {
        said.push('\n');
        for (name, value) in context.iter().filter(|(_, value)| !is_empty(value)) {
            let _ = writeln!(said, "  {}: {}", text::line(name), text::line(&plain(value)));
        }
    }
    let _ = writeln!(said, "\nNext: convoy checkpoint restore {}", text::line(&stored.id));
    said
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(map) => map.is_empty(),
        Value::Bool(_) | Value::Number(_) => false,
    }
}

/// A value as people read it.
fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(plain).collect::<Vec<_>>().join(", "),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => value.to_string(),
    }
}

fn said(restored: &Restored) -> String {
    let path = restored.path.display().to_string();
    let mut said = format!(
        "{} {} in {}, on branch {}\n",
        paint(GOOD, "Restored"),
        text::line(&restored.id),
        text::line(&path),
        text::line(&restored.branch)
    );
    if restored.wip_commit.is_some() {
        said.push_str("What was not committed then are uncommitted changes there.\n");
    }
    let _ = writeln!(said, "\nWhen you do not need it any more: git worktree remove {}", text::line(&path));
    said
}
