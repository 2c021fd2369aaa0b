//! `convoy brief`.

use clap::Args;
use convoy_api::{Code, Failure};
use convoy_core::view::{EpicView, StoredCheckpoint};
use convoy_engine::own;

use super::context::Context;
use super::{ask, session};
use crate::error::{DONE, Error};
use crate::text;

/// Print what whoever goes on should know
///
/// It is made of the newest checkpoint in git, with what was spent since. Agents get theirs by themselves.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  convoy brief --epic login\n  convoy brief gt-abc")]
pub(super) struct Brief {
    /// A worker, its issue or one of its sessions
    #[arg(conflicts_with = "epic")]
    worker: Option<String>,
    /// An epic; the one whose session is open here, or the only active one, if nothing is given
    #[arg(long, value_name = "EPIC")]
    epic: Option<String>,
}

impl Brief {
    pub(super) fn run(self, ctx: &mut Context) -> Result<u8, Error> {
        let workspace = ctx.workspace()?;
        let none = |of: &str| {
            let text = format!("there is no checkpoint of {of} yet");
            Error::from(Failure::new(Code::NotFound, text))
                .hint("make one: convoy checkpoint create; those of others come with: convoy sync")
        };
        let (stored, view): (StoredCheckpoint, Option<EpicView>) = match &self.worker {
            Some(worker) => {
                let found = ctx.with(|service| ask::worker(service, worker))?;
                let stored = own::stored(&workspace, &ctx.env, None)?;
                let latest = own::latest_of(&stored, &found.id).cloned();
                (latest.ok_or_else(|| none(found.id.as_str()))?, None)
            }
            None => {
                // An epic of which only git knows is known by its name.
                let path = session::here(ctx);
                let asked = ctx.with(|service| ask::epic(service, self.epic.as_deref(), path.as_deref()));
                let name = match (&asked, &self.epic) {
                    (Ok(view), _) => view.id.to_string(),
                    (Err(_), Some(name)) => own::epic_name(name)?.to_string(),
                    (Err(_), None) => return Err(asked.err().unwrap_or_else(|| none("an epic"))),
                };
                let stored = own::stored(&workspace, &ctx.env, Some(&name))?;
                let latest = own::latest(&stored, None).cloned();
                (latest.ok_or_else(|| none(&name))?, asked.ok())
            }
        };
        let text = own::brief_of(&stored, view.as_ref(), None);
        ctx.out.json(&serde_json::json!({ "checkpoint": stored, "brief": text }))?;
        ctx.out.say(&text::block(&text))?;
        Ok(DONE)
    }
}
