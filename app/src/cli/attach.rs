//! `convoy attach`.

use std::io::IsTerminal;

use clap::Args;
use convoy_engine::explain;
use convoy_engine::runtime::Runtime;
use convoy_engine::runtime::tmux::{INSTALL, Tmux};
use convoy_engine::supervisor::files::SessionDir;

use super::context::Context;
use super::{ask, logs};
use crate::error::{DONE, Error};

/// Look on while an agent works
///
/// Shows the terminal of an agent that runs in tmux (defaults.runtime = "tmux"): Ctrl-c leaves and PageUp scrolls back;
/// the agent goes on either way. Any other agent has no terminal, and what it prints is followed, as by logs -f.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  convoy attach gt-abc\n  convoy attach s-3kd92mzx\n  \
                        convoy attach gt-abc --json    the command line that would be run, and where")]
pub(super) struct Attach {
    /// The worker, issue or session
    of: String,
}

impl Attach {
    pub(super) fn run(self, ctx: &mut Context) -> Result<u8, Error> {
        let session = ctx.with(|service| ask::session(service, &self.of))?;
        let workspace = ctx.workspace()?;
        let dir = SessionDir::new(workspace.sessions_dir().join(session.as_str()));
        let wrong = |error| Error::refused(format!("session {session}: {}", explain(&error)));
        if dir.exit().map_err(wrong)?.is_some() {
            return Err(Error::refused(format!("session {session} has ended"))
                .hint(format!("see what it printed: convoy logs {session}")));
        }
        let started = dir.run_record().map_err(wrong)?.is_some();
        let spec = dir.spec().ok().filter(|_| started).ok_or_else(|| {
            Error::refused(format!("the agent of {session} has not started yet"))
                .hint(format!("see what it waits for: convoy why {}", self.of))
        })?;
        let (command, directory) = match spec.runtime {
            Runtime::Headless => (None, None),
            Runtime::Tmux => {
                let tmux = Tmux::find(&workspace, &ctx.env)
                    .map_err(|error| Error::refused(explain(&error)).hint(INSTALL))?;
                if !ctx.out.json {
                    return show(ctx, &tmux, &session);
                }
                (Some(tmux.attach_words(&session)), Some(tmux.directory().to_owned()))
            }
        };
        if ctx.out.json {
            let runtime = spec.runtime;
            ctx.out.json(&serde_json::json!({
                "session_id": session, "runtime": runtime, "command": command, "directory": directory,
            }))?;
            return Ok(DONE);
        }
        ctx.out.aside(&format!("{session} has no terminal (runtime headless); this is what it prints\n"));
        logs::print(ctx, &session, false, true)
    }
}

/// Becomes tmux.
fn show(ctx: &Context, tmux: &Tmux, session: &convoy_core::id::SessionId) -> Result<u8, Error> {
    if !std::io::stdin().is_terminal() || !std::io::stdout().is_terminal() {
        return Err(Error::refused("attach needs a terminal")
            .hint(format!("follow what it prints without one: convoy logs {session} -f")));
    }
    if !tmux.has(session) {
        return Err(Error::refused(format!("the terminal of {session} is gone"))
            .hint(format!("see what it printed: convoy logs {session}")));
    }
    Err(Error::refused(explain(&tmux.attach(session, &ctx.env))))
}
