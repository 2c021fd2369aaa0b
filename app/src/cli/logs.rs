//! `convoy logs`.

use std::os::fd::AsFd as _;

use clap::Args;
use convoy_core::id::SessionId;
use convoy_engine::output;

use super::ask;
use super::context::Context;
use crate::error::{DONE, Error};
use crate::text;

/// Show what an agent printed
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  convoy logs gt-abc\n  convoy logs gt-abc -f\n  convoy logs s-3kd92mzx --raw"
)]
pub(super) struct Logs {
    /// The worker, issue or session
    of: String,
    /// Go on with what it prints, until it ends
    #[arg(short, long)]
    follow: bool,
    /// As it was printed, not made readable
    #[arg(long)]
    raw: bool,
}

impl Logs {
    pub(super) fn run(self, ctx: &mut Context) -> Result<u8, Error> {
        let session = ctx.with(|service| ask::session(service, &self.of))?;
        print(ctx, &session, self.raw, self.follow)
    }
}

/// Prints what the agent of a session printed, and with `follow` what it goes on to print.
pub(super) fn print(ctx: &mut Context, session: &SessionId, raw: bool, follow: bool) -> Result<u8, Error> {
    let workspace = ctx.workspace()?;
    let out = &mut ctx.out;
    if out.json && !follow {
        let lines = output::lines(&workspace, session, raw)?.collect::<Result<Vec<_>, _>>()?;
        out.json(&serde_json::json!({ "session_id": session, "lines": lines }))?;
        return Ok(DONE);
    }
    let stdout = std::io::stdout();
    let lines = if follow {
        output::followed(&workspace, session, raw, stdout.as_fd())?
    } else {
        output::lines(&workspace, session, raw)?
    };
    for line in lines {
        let line = line?;
        if out.json {
            out.json_line(&line)?;
        } else {
            out.raw(&format!("{}\n", text::block(&line)))?;
        }
        if out.is_closed() {
            break;
        }
    }
    Ok(DONE)
}
