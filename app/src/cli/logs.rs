//! `convoy logs`.

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
    let mut failed = None;
    // One value with everything, or, while it goes on, one line each.
    let whole = out.json && !follow;
    let mut lines = Vec::new();
    output::lines(&workspace, session, raw, follow, &mut |line| {
        if whole {
            lines.push(line.to_owned());
            return Ok(());
        }
        let printed =
            if out.json { out.json_line(line) } else { out.raw(&format!("{}\n", text::block(line))) };
        match printed {
            Ok(()) if !out.is_closed() => Ok(()),
            Ok(()) => Err(std::io::ErrorKind::BrokenPipe.into()),
            Err(error) => {
                failed = Some(error);
                Err(std::io::ErrorKind::Other.into())
            }
        }
    })
    .or_else(|failure| if out.is_closed() { Ok(()) } else { Err(failure) })?;
    if whole {
        out.json(&serde_json::json!({ "session_id": session, "lines": lines }))?;
    }
    failed.map_or(Ok(DONE), Err)
}
