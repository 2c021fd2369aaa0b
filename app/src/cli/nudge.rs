//! `convoy nudge`.

use std::io::Read;

use clap::Args;
use convoy_engine::supervisor::protocol::NUDGE_BYTES_MAX;

use super::ask;
use super::context::Context;
use crate::error::{DONE, Error};
use crate::tell::tell;

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
        let session = ctx.with(|service| ask::session(service, &self.of))?;
        let n = tell(&ctx.workspace()?, &session, &self.of, &text, &by)?;
        ctx.out.json(&serde_json::json!({ "ok": true, "session_id": session, "n": n }))?;
        ctx.out
            .say(&format!("Told {session}. It reads it with its next step: convoy logs {session} -f\n"))?;
        Ok(DONE)
    }
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
