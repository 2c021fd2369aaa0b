//! `convoy issue dep`.

use clap::{Args, Subcommand};
use convoy_core::command::Request;
use convoy_core::issue::DependencyType;

use crate::cli::context::Context;
use crate::cli::values;
use crate::error::Error;

/// How the ids of convoys begin.
const CONVOY_PREFIX: &str = "hq-cv-";

/// Make issues depend on each other
#[derive(Debug, Subcommand)]
pub(in crate::cli) enum Dep {
    Add(Add),
    Remove(Remove),
}

/// Have an issue wait for another
///
/// Only 'blocks' holds work back. A cycle is refused, with its path.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  convoy issue dep add gt-b gt-a    gt-b waits until gt-a is closed")]
pub(in crate::cli) struct Add {
    /// The issue that depends; with --type tracks also a convoy, which then tracks the other
    id: String,
    /// What it depends on
    needs: String,
    /// How it depends
    #[arg(long = "type", value_name = "TYPE", default_value = "blocks")]
    kind: values::Link,
}

/// Take a dependency away
#[derive(Debug, Args)]
pub(in crate::cli) struct Remove {
    /// The issue that depends
    id: String,
    /// What it depends on
    needs: String,
}

impl Dep {
    pub(super) fn run(self, ctx: &mut Context) -> Result<u8, Error> {
        let (request, done) = match self {
            // What other trackers call this: a convoy is an issue that tracks others.
            Self::Add(Add { id, needs, kind: values::Link::Tracks }) if id.starts_with(CONVOY_PREFIX) => {
                (Request::ConvoyAdd { convoy: id, issues: vec![needs] }, "Added")
            }
            Self::Add(Add { id, needs, kind }) => {
                (Request::DependencyAdd { id, needs, kind: DependencyType::from(kind) }, "Updated")
            }
            Self::Remove(Remove { id, needs }) => (Request::DependencyRemove { id, needs }, "Updated"),
        };
        let outcome = ctx.act(request, false)?;
        ctx.out.item(&outcome.items, done)
    }
}
