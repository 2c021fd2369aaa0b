//! `convoy mcp`.

use clap::Args;

use super::context::Context;
use crate::error::Error;
use crate::mcp::{self, Offer};

/// Serve tools to an assistant, by the Model Context Protocol on stdin and stdout
///
/// An assistant that it is registered with can look at convoys, issues, workers, costs and mail, and say why something
/// does not move. With --allow-write it can also make issues and convoys, start, stop, retry, close and review.
///
/// Inside a session it has the tools of a worker instead: done, checkpoint, blocked, note, escalate, brief. Convoy gives
/// them to its agents by itself.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  claude mcp add convoy -- convoy mcp\n  \
    claude mcp add convoy -- convoy -C /path/to/workspace mcp --allow-write\n  \
    codex mcp add convoy -- convoy mcp\n  gemini mcp add convoy convoy mcp")]
pub(super) struct Mcp {
    /// Also offer what changes something
    #[arg(long, conflicts_with = "worker")]
    allow_write: bool,
    /// Only the tools of a worker inside its session
    #[arg(long)]
    worker: bool,
}

impl Mcp {
    pub(super) fn run(self, ctx: &mut Context) -> Result<u8, Error> {
        let inside = ctx.env.text("CONVOY_SESSION").is_some();
        let person = if self.worker {
            Err(Error::refused("this server is for a worker, and has only its tools"))
        } else {
            ctx.check_outside_of_sessions()
        };
        mcp::serve(ctx, &Offer { person, writes: self.allow_write, worker: self.worker || inside })
    }
}
