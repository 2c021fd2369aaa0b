//! `convoy up`.

use clap::Args;
use convoy_engine::background;

use super::context::Context;
use super::daemon;
use crate::error::{DONE, Error};

/// Bring the background engine up
///
/// Commands that need it do so by themselves; it leaves when it has had nothing to do for a while.
#[derive(Debug, Args)]
pub(super) struct Up {}

impl Up {
    pub(super) fn run(self, ctx: &mut Context) -> Result<u8, Error> {
        let background::Up { view: engine, already } = background::up(&ctx.workspace()?, &ctx.env)?;
        ctx.out.json(&engine)?;
        let what = if already { "The engine is up already; nothing changed." } else { "The engine is up." };
        ctx.out.say(&format!("{what}\n\n{}\nNext: convoy status\n", daemon::facts(&engine)))?;
        Ok(DONE)
    }
}
