//! `convoy cost budget`: limits on what may be spent.

use std::fmt::Write as _;

use clap::Args;
use convoy_core::command::{BudgetScope, Request};
use convoy_core::issue::MoneyView;
use convoy_core::money::Money;
use convoy_core::view::BudgetView;

use super::super::ask;
use super::super::context::Context;
use super::report::bar;
use crate::error::{DONE, Error};
use crate::output::{BAD, BOLD, BUSY, FAINT, GOOD, paint};
use crate::text;

/// Limit what may be spent, or see the limits
///
/// Whatever has a limit is worked on with slices of it, which are reserved before an agent starts, so that nothing is
/// promised twice. At 80 % its owner is warned, once. At 100 % nothing starts any more, and what runs is stopped after
/// a checkpoint; it goes on when the limit is raised. What is spent beyond a limit is the reply that was in flight, and is
/// shown as its overrun.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  convoy cost budget                       all limits\n  \
    convoy cost budget 5                     of the only active epic or convoy\n  \
    convoy cost budget 2.50 --convoy hq-cv-abc\n  convoy cost budget 20 --day\n  \
    convoy cost budget --none --epic payments")]
pub(in crate::cli) struct Budget {
    /// How much, in US dollars
    #[arg(value_name = "USD", conflicts_with = "none")]
    amount: Option<Money>,
    #[command(flatten)]
    of: Of,
    /// No limit any more
    #[arg(long)]
    none: bool,
    /// Also those of what is done with
    #[arg(long)]
    all: bool,
}

/// What a budget is for.
#[derive(Debug, Args)]
#[group(multiple = false)]
struct Of {
    /// All convoys and sessions of an epic
    #[arg(long)]
    epic: Option<String>,
    /// All workers of a convoy
    #[arg(long)]
    convoy: Option<String>,
    /// All attempts of a worker, or of an issue's worker
    #[arg(long)]
    worker: Option<String>,
    /// One attempt
    #[arg(long)]
    session: Option<String>,
    /// The whole workspace, each day (UTC)
    #[arg(long)]
    day: bool,
}

impl Of {
    fn scope(self) -> BudgetScope {
        match self {
            Self { epic: Some(id), .. } => BudgetScope::Epic(id),
            Self { convoy: Some(id), .. } => BudgetScope::Convoy(id),
            Self { worker: Some(id), .. } => BudgetScope::Worker(id),
            Self { session: Some(id), .. } => BudgetScope::Session(id),
            Self { day: true, .. } => BudgetScope::Day,
            Self { .. } => BudgetScope::Only,
        }
    }
}

impl Budget {
    pub(super) fn run(self, ctx: &mut Context) -> Result<u8, Error> {
        let Self { amount, of, none, all } = self;
        let scope = of.scope();
        if amount.is_some() || none {
            let outcome = ctx.act(Request::BudgetSet { scope, amount }, false)?;
            return ctx.out.item(&outcome.items, "Set");
        }
        let one = (scope != BudgetScope::Only).then_some(scope);
        let mut budgets = ctx.with(|service| ask::budgets(service, one.clone()))?;
        budgets.retain(|budget| all || one.is_some() || budget.active);
        match (&one, budgets.as_slice()) {
            (Some(_), [budget]) => ctx.out.json(budget)?,
            _ => ctx.out.json(&budgets)?,
        }
        ctx.out.say(&listed(&budgets))?;
        Ok(DONE)
    }
}

fn listed(budgets: &[BudgetView]) -> String {
    if budgets.is_empty() {
        return "No budgets.\n\nNext: convoy cost budget <usd> --convoy <convoy>\n".to_owned();
    }
    budgets.iter().map(shown).collect::<Vec<_>>().join("\n")
}

fn shown(budget: &BudgetView) -> String {
    let of = match &budget.id {
        Some(id) => format!("{} {}", text::line(&budget.level), text::line(id)),
        None => "each day (UTC)".to_owned(),
    };
    let title = budget.title.as_deref().map(|title| format!(": {}", text::title(title))).unwrap_or_default();
    let mut said = format!("{}{title}\n", paint(BOLD, of));
    match line(budget) {
        Some(line) => {
            let _ = writeln!(said, "  {line}");
        }
        None => {
            let _ = writeln!(said, "  no limit; {} spent", text::money(&budget.spent));
        }
    }
    if budget.reserved.micros > 0 || budget.free.is_some() {
        let free =
            budget.free.as_ref().map(|free| format!(", {} free", text::money(free))).unwrap_or_default();
        let _ = writeln!(said, "  {} reserved for what runs{free}", text::money(&budget.reserved));
    }
    if budget.overrun.micros > 0 {
        let _ = writeln!(said, "  {} beyond the limit", text::money(&budget.overrun));
    }
    if let Some(at) = budget.begins_anew_at {
        let from = if budget.configured { ", from the configuration" } else { "" };
        let _ = writeln!(said, "  {}", paint(FAINT, format!("begins anew at {}{from}", text::time(at))));
    }
    said
}

/// A limit in a line: bar, share, amounts, and what was said of it.
fn line(budget: &BudgetView) -> Option<String> {
    let limit = budget.limit.as_ref()?;
    Some(limit_line(&budget.spent, limit, budget.warned, budget.exceeded))
}

/// The same, of amounts.
pub(in crate::cli) fn limit_line(
    spent: &MoneyView,
    limit: &MoneyView,
    warned: bool,
    exceeded: bool,
) -> String {
    let (style, word) = match (exceeded, warned) {
        (true, _) => (BAD, "  exceeded"),
        (false, true) => (BUSY, "  ⚡"),
        (false, false) => (GOOD, ""),
    };
    let percent = i128::from(spent.micros) * 100 / i128::from(limit.micros.max(1));
    let bar = bar(spent.micros.min(limit.micros), limit.micros);
    let word = if word.is_empty() { String::new() } else { paint(style, word) };
    format!("{} {percent} %  {} of {}{word}", paint(style, bar), text::money(spent), text::money(limit))
}
