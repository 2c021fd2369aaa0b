//! `convoy skill`: what teaches an assistant to use Convoy, written where it looks for such things.

#[cfg(test)]
mod lines;
mod place;
mod render;
mod texts;
mod view;

use clap::Subcommand;

pub(super) use view::SkillView;

use super::context::Context;
use crate::error::Error;

/// Teach an assistant to use Convoy
///
/// A skill is a folder with a file SKILL.md in it, which says when it is of use. What it says of commands follows from the
/// definitions of this program.
#[derive(Debug, Subcommand)]
pub(super) enum Skill {
    /// Write skills where an assistant finds them; all if none is named
    ///
    /// Doing it again brings what was installed up to date. What you have changed, or written yourself, is left alone and
    /// named.
    #[command(after_help = "Examples:\n  convoy skill install\n  convoy skill install convoy-run --user\n  \
            convoy skill install --dir .agents/skills --dry-run")]
    Install(place::Install),
    /// List the skills, and how they stand in a folder
    List(place::List),
    /// Print a skill
    Show(place::Show),
    /// Take installed skills away; all if none is named
    ///
    /// What you have changed is left alone and named.
    Remove(place::Remove),
}

impl Skill {
    pub(super) fn run(self, ctx: &mut Context) -> Result<u8, Error> {
        match self {
            Self::Install(command) => command.run(ctx),
            Self::List(command) => command.run(ctx),
            Self::Show(command) => command.run(ctx),
            Self::Remove(command) => command.run(ctx),
        }
    }
}
