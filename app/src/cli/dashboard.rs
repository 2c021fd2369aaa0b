//! `convoy dashboard`.

use std::process::Stdio;

use clap::Args;
use convoy_engine::background;
use convoy_engine::face::token_of;
use convoy_engine::os::spawn;
use serde_json::json;

use super::context::Context;
use crate::error::{DONE, Error};
use crate::http::engine_name;
use crate::http::secret::Secret;

/// What opens an address in a person's browser.
const OPENER: &str = "xdg-open";

/// Open the pages in your browser
///
/// Brings the background engine up, prints a link that lets one browser in within five minutes, and opens it where there
/// is a desktop. The browser is known for 30 days after that.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  convoy dashboard\n  convoy dashboard --print")]
pub(super) struct Dashboard {
    /// Only print the link
    #[arg(long)]
    print: bool,
}

impl Dashboard {
    pub(super) fn run(self, ctx: &mut Context) -> Result<u8, Error> {
        let workspace = ctx.workspace()?;
        let engine = background::up(&workspace, &ctx.env)?.view;
        let (Some(url), Some(file)) = (&engine.http, &engine.token_file) else {
            return Err(Error::refused("this engine serves no pages")
                .hint("daemon.http may be off, or its port taken: convoy config get daemon.http; convoy daemon logs"));
        };
        let secret = Secret::new(token_of(file.as_ref())?, &engine_name(&engine));
        let code = secret.link().map_err(|error| Error::refused(format!("no link can be made: {error}")))?;
        let link = format!("{url}/login?code={code}");
        let desktop = ["DISPLAY", "WAYLAND_DISPLAY"].iter().any(|name| ctx.env.text(name).is_some());
        let opened = desktop && !self.print && !ctx.out.json && open(ctx, &link);
        ctx.out.json(&json!({"url": url, "link": link, "opened": opened}))?;
        if self.print {
            ctx.out.say(&format!("{link}\n"))?;
        } else {
            let how = if opened {
                "Opened in your browser; or go there yourself"
            } else {
                "Open it in your browser"
            };
            ctx.out.say(&format!("{how}, within five minutes:\n\n  {link}\n\nAfter that: {url}\n"))?;
        }
        Ok(DONE)
    }
}

/// Has the link opened. Whether a browser came of it only the person can see, who has the link as well.
fn open(ctx: &Context, link: &str) -> bool {
    let mut command = spawn::command(OPENER);
    let command = command.arg(link).envs(ctx.env.iter()).stdin(Stdio::null()).stdout(Stdio::null());
    command.stderr(Stdio::null()).spawn().is_ok()
}
