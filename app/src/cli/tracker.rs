//! `convoy tracker`.

use std::fmt::Write as _;

use clap::{Args, Subcommand};
use convoy_api::Control;
use convoy_core::id::RigName;
use convoy_core::policy::Tracker as Kind;
use convoy_core::view::TrackerView;
use convoy_engine::config::{Config, Sources};
use convoy_engine::tracker::{self, Hooks};
use serde_json::json;

use super::ask;
use super::context::Context;
use crate::error::{DONE, Error};
use crate::output::{BAD, BOLD, GOOD, paint};
use crate::text;

/// See how the trackers of rigs do whose issues another program keeps
#[derive(Debug, Subcommand)]
pub(super) enum Tracker {
    Status(Status),
    Notify(Notify),
    #[command(subcommand)]
    Hook(Hook),
}

/// Show each tracker: whether it can be read, and what it was not told yet
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  convoy tracker status\n  convoy tracker status tools --json")]
pub(super) struct Status {
    /// Only this rig's
    rig: Option<RigName>,
}

/// Read every tracker once more, now
///
/// The engine sees by itself when a tracker's data changes; this is for hooks, and for data on other machines.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  convoy tracker notify")]
pub(super) struct Notify {}

/// Have a tracker tell of changes by its own hooks
#[derive(Debug, Subcommand)]
pub(super) enum Hook {
    Install(Install),
    Remove(Remove),
}

/// Write hooks into the tracker's data that say when an issue was made, changed or closed
///
/// Hooks of somebody else are left alone. With them a close is noticed without an engine.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  convoy tracker hook install tools")]
pub(super) struct Install {
    /// The rig
    rig: RigName,
}

/// Remove the hooks that were installed
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  convoy tracker hook remove tools")]
pub(super) struct Remove {
    /// The rig
    rig: RigName,
}

impl Tracker {
    /// Whether it may be used inside a session: a hook is, when an agent uses the tracker.
    pub(super) fn works_inside_sessions(&self) -> bool {
        matches!(self, Self::Notify(_))
    }

    pub(super) fn run(self, ctx: &mut Context) -> Result<u8, Error> {
        match self {
            Self::Status(command) => command.run(ctx),
            Self::Notify(Notify {}) => {
                ctx.with(|service| service.control(Control::ReadTrackers))?;
                ctx.out.json(&json!({ "read": true }))?;
                ctx.out.say("Read every tracker.\n")?;
                Ok(DONE)
            }
            Self::Hook(Hook::Install(Install { rig })) => {
                let dir = beads_rig(ctx, &rig)?;
                let program = std::env::current_exe()
                    .map_err(|error| Error::refused(format!("this program cannot be found: {error}")))?;
                let root = ctx.workspace()?.root().to_owned();
                let root = root.canonicalize().unwrap_or(root);
                let hooks = tracker::install(&dir, &program, &root)?;
                said(ctx, &hooks, "Installed")
            }
            Self::Hook(Hook::Remove(Remove { rig })) => {
                let dir = beads_rig(ctx, &rig)?;
                let hooks = tracker::remove(&dir)?;
                said(ctx, &hooks, "Removed")
            }
        }
    }
}

impl Status {
    fn run(self, ctx: &mut Context) -> Result<u8, Error> {
        let mut trackers = ctx.with(ask::trackers)?;
        if let Some(rig) = &self.rig {
            trackers.retain(|tracker| tracker.rig == rig.as_str());
            if trackers.is_empty() {
                beads_rig(ctx, rig)?;
            }
        }
        ctx.out.json(&trackers)?;
        if trackers.is_empty() {
            ctx.out.say("No rig has a tracker of its own. Give one: rigs.<rig>.tracker = \"beads\"\n")?;
        }
        for tracker in &trackers {
            ctx.out.say(&shown(tracker))?;
        }
        Ok(DONE)
    }
}

fn shown(tracker: &TrackerView) -> String {
    let glyph = if tracker.readable { paint(GOOD, "✓") } else { paint(BAD, "?") };
    let mut out = format!("{glyph} {}", paint(BOLD, text::line(&tracker.rig)));
    if let Some(version) = &tracker.version {
        let _ = write!(out, "  bd {}", text::line(version));
    }
    out.push('\n');
    if let Some(why) = &tracker.why {
        let since = tracker.lost_since.map(text::time).unwrap_or_default();
        let _ = writeln!(out, "  Unreadable:  {} (since {since})", text::line(why));
    }
    let missing = match tracker.missing {
        0 => String::new(),
        count => format!(", {count} of them not listed any more"),
    };
    let _ = writeln!(out, "  Issues:      {}{missing}", tracker.issues);
    if tracker.skipped > 0 {
        let _ = writeln!(out, "  Skipped:     {} whose ids cannot be used here", tracker.skipped);
    }
    let read = tracker.read_at.map_or_else(|| "not by this engine".to_owned(), text::time);
    let watched = if tracker.watched { "; its data is watched" } else { "" };
    let _ = writeln!(out, "  Read:        {read}{watched}");
    let _ = writeln!(out, "  To be told:  {}", tracker.pending);
    for refused in &tracker.refused {
        let (id, error) = (&refused.issue_id, text::line(&refused.error));
        let _ = writeln!(out, "    {} {id}: {error} ({} times)", paint(BAD, "✗"), refused.failures);
    }
    out
}

/// The repository of a rig whose issues are kept by beads.
fn beads_rig(ctx: &Context, rig: &RigName) -> Result<std::path::PathBuf, Error> {
    let config = Config::load(&ctx.workspace()?, &ctx.env, &Sources::default())?;
    match config.rigs().get(rig) {
        Some(found) if found.tracker == Kind::Beads => Ok(found.path.clone()),
        Some(_) => Err(Error::refused(format!("the issues of {rig} are kept here"))
            .hint(format!("have beads keep them: convoy config set rigs.{rig}.tracker beads"))),
        None => Err(Error::from(convoy_api::Failure::new(
            convoy_api::Code::NotFound,
            format!("no such rig: {rig}"),
        ))),
    }
}

fn said(ctx: &mut Context, hooks: &Hooks, done: &str) -> Result<u8, Error> {
    ctx.out.json(&json!({ "changed": hooks.changed, "same": hooks.same, "foreign": hooks.foreign }))?;
    for path in &hooks.changed {
        ctx.out.say(&format!("{done} {}\n", text::line(&path.display().to_string())))?;
    }
    if hooks.changed.is_empty() && hooks.foreign.is_empty() {
        ctx.out.say("Nothing to do: it is so already.\n")?;
    }
    for path in &hooks.foreign {
        let path = path.display().to_string();
        ctx.out.aside(&format!("left alone, it is not ours: {}\n", text::line(&path)));
    }
    Ok(DONE)
}
