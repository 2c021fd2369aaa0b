//! `convoy down`.

use clap::Args;
use convoy_engine::background;

use super::context::Context;
use crate::error::{DONE, Error};
use crate::text;

/// Have the background engine leave
///
/// Agents go on under their supervisors, and what they do is taken up when an engine runs again.
#[derive(Debug, Args)]
pub(super) struct Down {
    /// Stop the agents first, and keep their work
    #[arg(long)]
    stop_agents: bool,
}

impl Down {
    pub(super) fn run(self, ctx: &mut Context) -> Result<u8, Error> {
        let workspace = ctx.workspace()?;
        // One of another version does not say what it is at, and leaves all the same.
        let before = background::status(&workspace);
        let was_running = background::down(&workspace, self.stop_agents)?;
        let agents = if was_running { before.ok().map(|engine| engine.live_sessions) } else { Some(0) };
        ctx.out.json(&serde_json::json!({
            "was_running": was_running, "agents": agents, "agents_stopped": was_running && self.stop_agents,
        }))?;
        let said = match (was_running, agents, self.stop_agents) {
            (false, ..) => "The engine is not up; nothing changed.\n".to_owned(),
            (true, None, _) => "The engine is down.\n".to_owned(),
            (true, Some(0), _) => "The engine is down. No agent was at work.\n".to_owned(),
            (true, Some(n), true) => {
                format!("The engine is down. {} stopped; the work is kept.\n", text::count(n, "agent"))
            }
            (true, Some(n), false) => format!(
                "The engine is down. {} at work, under supervisors of their own.\n\nNext: convoy up    (take up what they do)\n",
                text::count(n, "agent")
            ),
        };
        ctx.out.say(&said)?;
        Ok(DONE)
    }
}
