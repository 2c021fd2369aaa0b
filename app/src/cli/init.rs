//! `convoy init`.

use clap::Args;
use convoy_engine::workspace::Workspace;

use super::context::Context;
use crate::error::{DONE, Error};
use crate::text;

/// Make this git repository, or empty folder, a workspace
///
/// Writes .convoy/config.toml, for committing, and .convoy/state/, which git ignores. Doing it again changes
/// nothing.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  convoy init\n  convoy init --prefix gt --name gastown\n  convoy -C ../other init"
)]
pub(super) struct Init {
    /// Prefix of the issues' ids; made from the name if not given
    #[arg(long)]
    prefix: Option<String>,
    /// Name of this repository as a rig; its folder's name if not given
    #[arg(long)]
    name: Option<String>,
}

impl Init {
    pub(super) fn run(self, ctx: &mut Context) -> Result<u8, Error> {
        let made = Workspace::init(ctx.dir(), self.name.as_deref(), self.prefix.as_deref(), &ctx.env)?;
        let root = made.workspace.root().to_string_lossy();
        ctx.out.json(&serde_json::json!({
            "root": root, "name": made.name, "prefix": made.prefix, "created": made.created, "rigs": made.others,
        }))?;
        let (root, name) = (text::line(&root), text::line(&made.name));
        let what = if made.created { "Made a workspace in" } else { "Already a workspace, nothing changed:" };
        let others = match made.others.join(", ") {
            none if none.is_empty() => none,
            others => format!("  Others:  {}\n", text::line(&others)),
        };
        ctx.out.say(&format!(
            "{what} {root}\n\n  Rig:     {name}\n  Prefix:  {}\n{others}\nNext: convoy issue create 'What is to be done'\n",
            made.prefix
        ))?;
        Ok(DONE)
    }
}
