//! `convoy issue dep`.

use clap::{Args, Subcommand};
use convoy_api::{Code, Service};
use convoy_core::command::Request;
use convoy_core::issue::DependencyType;

use crate::cli::context::Context;
use crate::cli::{ask, values};
use crate::error::Error;

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
    pub(in crate::cli) fn run(self, ctx: &mut Context) -> Result<u8, Error> {
        let request = match self {
            Self::Add(Add { id, needs, kind: values::Link::Tracks }) => return track(ctx, id, needs),
            Self::Add(Add { id, needs, kind }) => {
                Request::DependencyAdd { id, needs, kind: DependencyType::from(kind) }
            }
            Self::Remove(Remove { id, needs }) => Request::DependencyRemove { id, needs },
        };
        let outcome = ctx.act(request, false)?;
        ctx.out.item(&outcome.items, "Updated")
    }
}

/// Whether the reference is of no issue, and of a convoy.
pub(super) fn is_convoy(service: &dyn Service, id: &str) -> bool {
    matches!(ask::issue(service, id), Err(failure) if failure.code == Code::NotFound)
        && ask::convoy(service, id).is_ok()
}

/// What other trackers call so: a convoy is an issue that tracks others.
fn track(ctx: &mut Context, id: String, needs: String) -> Result<u8, Error> {
    let is_convoy = ctx.with(|service| Ok(is_convoy(service, &id)))?;
    let request = if is_convoy {
        Request::ConvoyAdd { convoy: id, issues: vec![needs] }
    } else {
        Request::DependencyAdd { id, needs, kind: DependencyType::Tracks }
    };
    let outcome = ctx.act(request, false)?;
    ctx.out.item(&outcome.items, if is_convoy { "Added" } else { "Updated" })
}
