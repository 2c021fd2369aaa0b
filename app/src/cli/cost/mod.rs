//! `convoy cost`: what work costs, and what models cost.

mod budget;
mod csv;
mod prices;
mod report;
mod status;

pub(super) use budget::limit_line;
use clap::{Args, Subcommand};
use convoy_api::query::CostOf;

use super::context::Context;
use crate::error::Error;

/// See what work costs
///
/// A session costs what its agent reported at its end; else what its usage costs by prices, an estimate; else what
/// a file of the agent says. Each is shown apart, and every breakdown comes to the same total.
#[derive(Debug, Subcommand)]
pub(in crate::cli) enum Cost {
    Status(status::Status),
    Report(report::Report),
    Budget(budget::Budget),
    #[command(subcommand)]
    Prices(prices::Prices),
}

impl Cost {
    pub(in crate::cli) fn run(self, ctx: &mut Context) -> Result<u8, Error> {
        match self {
            Self::Status(command) => command.run(ctx),
            Self::Report(command) => command.run(ctx),
            Self::Budget(command) => command.run(ctx),
            Self::Prices(command) => command.run(ctx),
        }
    }
}

/// Whose costs.
#[derive(Debug, Args)]
#[group(multiple = false)]
pub(super) struct Of {
    /// Those of an epic
    #[arg(long)]
    epic: Option<String>,
    /// Those of a convoy
    #[arg(long)]
    convoy: Option<String>,
    /// Those of a worker
    #[arg(long)]
    worker: Option<String>,
    /// Those of all workers of an issue
    #[arg(long)]
    issue: Option<String>,
}

impl Of {
    fn scope(self) -> CostOf {
        match self {
            Self { epic: Some(id), .. } => CostOf::Epic { id },
            Self { convoy: Some(id), .. } => CostOf::Convoy { id },
            Self { worker: Some(id), .. } => CostOf::Worker { id },
            Self { issue: Some(id), .. } => CostOf::Issue { id },
            Self { .. } => CostOf::Workspace,
        }
    }
}
