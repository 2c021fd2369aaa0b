//! `convoy sync`: bringing what Convoy keeps in git to other machines, and what they have here.

use clap::Args;
use convoy_api::{Code, Failure};
use convoy_engine::checkpoints::{Checkpoints, Synced};

use super::context::Context;
use crate::error::{DONE, Error, PARTIAL};
use crate::output::{GOOD, paint};
use crate::text;

/// Bring checkpoints and convoys to a remote, and those that it has here
///
/// Fetches refs/convoy/state of each repository that has the remote, joins it with what is here, and pushes it.
/// Nothing is lost and nothing is forced; branches stay as they are. Whoever does the same elsewhere can go on with
/// what was done here.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  convoy sync\n  convoy sync backup")]
pub(super) struct Sync {
    /// The remote; with one repository, also an address
    #[arg(default_value = "origin")]
    remote: String,
}

impl Sync {
    pub(super) fn run(self, ctx: &mut Context) -> Result<u8, Error> {
        let checkpoints = Checkpoints::open(&ctx.workspace()?, &ctx.env)?;
        for closed in checkpoints.closed() {
            ctx.out.aside(&format!("left out: {}\n", text::line(closed)));
        }
        // A path is one from where the command is run, not from where the repository is.
        let path = ctx.dir().join(&self.remote);
        let path = std::path::absolute(path).ok().filter(|path| self.remote.contains('/') && path.exists());
        let remote = path.and_then(|path| path.to_str().map(str::to_owned)).unwrap_or(self.remote);
        let rows = checkpoints.sync(&ctx.env, &remote)?;
        ctx.out.json(&rows)?;
        for row in &rows {
            match &row.error {
                Some(error) if !ctx.out.json => ctx.out.error(&refused(row, error)),
                Some(_) => {}
                None => ctx.out.say(&line(row))?,
            }
        }
        let failed = rows.iter().filter(|row| !row.ok).count();
        Ok(if failed == 0 {
            DONE
        } else if failed == rows.len() {
            1
        } else {
            PARTIAL
        })
    }
}

fn refused(row: &Synced, why: &str) -> Error {
    Failure::new(Code::Unavailable, format!("{}: {why}", row.rig))
        .hint(format!("nothing is lost: see that {} can be reached, then: convoy sync", row.remote))
        .into()
}

fn line(row: &Synced) -> String {
    let (rig, remote) = (text::line(row.rig.as_str()), text::line(&row.remote));
    if !row.changed {
        return format!("{} {rig}: nothing new, here or at {remote}\n", paint(GOOD, "✓"));
    }
    let (received, sent) = (text::count(row.received, "file"), text::count(row.sent, "file"));
    format!("{} {rig}: {received} from {remote}, {sent} to it\n", paint(GOOD, "✓"))
}
