//! `convoy cost status`.

use std::fmt::Write as _;

use clap::Args;
use convoy_core::report::Tokens;
use convoy_core::view::{CostLine, CostView};

use super::super::ask;
use super::super::context::Context;
use super::Of;
use super::report::bars;
use crate::error::{DONE, Error};
use crate::output::{BOLD, paint};
use crate::text;

/// How many of the dearest are shown; 'convoy cost report' has all.
const LINES_MAX: usize = 8;

/// Show what work costs: in all, and what costs most
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  convoy cost status\n  convoy cost status --convoy hq-cv-abc --json")]
pub(in crate::cli) struct Status {
    #[command(flatten)]
    of: Of,
}

impl Status {
    pub(super) fn run(self, ctx: &mut Context) -> Result<u8, Error> {
        let scope = self.of.scope();
        let cost = ctx.with(|service| ask::cost(service, scope, None))?;
        ctx.out.json(&cost)?;
        let mut said = summary(&cost);
        let (name, lines) = inside(&cost);
        if lines.len() > 1 {
            let shown = &lines[..lines.len().min(LINES_MAX)];
            let _ = write!(said, "\n  {}\n{}", paint(BOLD, format!("By {name}")), bars(shown));
            if lines.len() > LINES_MAX {
                let _ = writeln!(said, "  and {} more: convoy cost report", lines.len() - LINES_MAX);
            }
        }
        ctx.out.say(&said)?;
        Ok(DONE)
    }
}

/// What a scope is made of, as people want to see it divided.
pub(super) fn inside(cost: &CostView) -> (&'static str, &[CostLine]) {
    match cost.scope.as_str() {
        "workspace" | "epic" => ("convoy", &cost.by_convoy),
        "convoy" => ("worker", &cost.by_worker),
        _ => ("session", &cost.by_session),
    }
}

/// The total, and how it is known.
pub(super) fn summary(cost: &CostView) -> String {
    let of = match &cost.id {
        Some(id) => format!("{} {}", text::line(&cost.scope), text::line(id)),
        None => "This workspace".to_owned(),
    };
    let since = cost.since.as_deref().map(|day| format!(" since {}", text::line(day))).unwrap_or_default();
    let sessions = text::count(cost.sessions as usize, "session");
    let total = paint(BOLD, text::money(&cost.total));
    let mut said = format!("{of}{since}: {total} in {sessions}\n\n");
    let mut fact = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            let _ = writeln!(said, "  {:<14} {value}", format!("{name}:"));
        }
    };
    let kinds = [
        ("Reported", &cost.reported),
        ("Estimated", &cost.estimated),
        ("Self-reported", &cost.self_reported),
        ("Elsewhere", &cost.carried),
    ];
    for (name, money) in kinds {
        fact(name, (money.micros != 0).then(|| text::money(money)));
    }
    fact("Tokens", (cost.usage != Tokens::default()).then(|| tokens(cost.usage)));
    let unpriced = (cost.unpriced != Tokens::default())
        .then(|| format!("{}; no table has their price: convoy cost prices list", tokens(cost.unpriced)));
    fact("Unpriced", unpriced);
    let unmetered = (cost.unmetered > 0)
        .then(|| format!("{}, of which nothing is known", text::count(cost.unmetered as usize, "session")));
    fact("Unmetered", unmetered);
    format!("{}\n", said.trim_end())
}

/// Tokens of each kind.
pub(super) fn tokens(tokens: Tokens) -> String {
    format!(
        "{} input, {} output, {} cache read, {} cache write",
        text::grouped(tokens.input),
        text::grouped(tokens.output),
        text::grouped(tokens.cache_read),
        text::grouped(tokens.cache_write)
    )
}
