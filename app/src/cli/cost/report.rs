//! `convoy cost report`.

use std::fmt::Write as _;

use clap::{Args, ValueEnum};
use convoy_core::cost::Day;
use convoy_core::report::Tokens;
use convoy_core::view::{CostLine, CostView};

use super::super::context::Context;
use super::super::{ask, values};
use super::{Of, csv, status};
use crate::error::{DONE, Error};
use crate::output::{BOLD, GOOD, paint};
use crate::text;

/// How wide a bar is, in characters.
const BAR_CHARS: usize = 20;
/// How much of a name is shown.
const NAME_CHARS: usize = 40;

#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(super) enum By {
    Epic,
    Convoy,
    Worker,
    Session,
    Issue,
    Model,
    Day,
}

impl By {
    pub(super) const ALL: [Self; 7] =
        [Self::Epic, Self::Convoy, Self::Worker, Self::Session, Self::Issue, Self::Model, Self::Day];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Epic => "epic",
            Self::Convoy => "convoy",
            Self::Worker => "worker",
            Self::Session => "session",
            Self::Issue => "issue",
            Self::Model => "model",
            Self::Day => "day",
        }
    }

    pub(super) fn lines(self, cost: &CostView) -> &[CostLine] {
        match self {
            Self::Epic => &cost.by_epic,
            Self::Convoy => &cost.by_convoy,
            Self::Worker => &cost.by_worker,
            Self::Session => &cost.by_session,
            Self::Issue => &cost.by_issue,
            Self::Model => &cost.by_model,
            Self::Day => &cost.by_day,
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, ValueEnum)]
enum Format {
    #[default]
    Text,
    Json,
    Csv,
}

/// Report what work costs, divided
///
/// Days are those of UTC. Text has the breakdown asked for, else those that fit the scope; JSON and CSV have all
/// unless one is asked for.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  convoy cost report\n  convoy cost report --epic payments --by model\n  \
        convoy cost report --since 7d --by day --format csv"
)]
pub(in crate::cli) struct Report {
    #[command(flatten)]
    of: Of,
    /// Only what was used on this day or later: a date, or how long ago, such as 7d
    #[arg(long, value_name = "D", value_parser = values::since)]
    since: Option<Day>,
    /// By what to divide it
    #[arg(long)]
    by: Option<By>,
    /// How to print it
    #[arg(long, default_value = "text")]
    format: Format,
}

impl Report {
    pub(super) fn run(self, ctx: &mut Context) -> Result<u8, Error> {
        let (since, by) = (self.since, self.by);
        if ctx.out.json && self.format == Format::Csv {
            return Err(Error::usage("--json and --format csv exclude each other"));
        }
        ctx.out.json |= self.format == Format::Json;
        let scope = self.of.scope();
        let cost = ctx.with(|service| ask::cost(service, scope, since))?;
        ctx.out.json(&cost)?;
        match self.format {
            Format::Csv => ctx.out.raw(&csv::table(&cost, by))?,
            Format::Text | Format::Json => ctx.out.say(&said(&cost, by))?,
        }
        Ok(DONE)
    }
}

fn said(cost: &CostView, by: Option<By>) -> String {
    let mut said = status::summary(cost);
    let mut part = |name: &str, lines: &[CostLine]| {
        let _ = write!(said, "\n  {}\n{}", paint(BOLD, format!("By {name}")), bars(lines));
    };
    match by {
        Some(by) if by.lines(cost).is_empty() => {}
        Some(by) => part(by.name(), by.lines(cost)),
        None => {
            let (name, lines) = status::inside(cost);
            let parts = [(name, lines), ("model", &cost.by_model), ("day", &cost.by_day)];
            parts
                .into_iter()
                .filter(|(_, lines)| !lines.is_empty())
                .for_each(|(name, lines)| part(name, lines));
        }
    }
    if cost.sessions == 0 {
        said.push_str("\n  No session has begun.\n");
    }
    said
}

/// A bar for each line, with its share, money and tokens.
pub(super) fn bars(lines: &[CostLine]) -> String {
    let most = lines.iter().map(|line| line.cost.micros).max().unwrap_or(0).max(1);
    let rows: Vec<Vec<String>> = lines.iter().map(|line| row(line, most)).collect();
    let table = text::table(&rows);
    table.lines().map(|line| format!("  {line}\n")).collect()
}

fn row(line: &CostLine, most: i64) -> Vec<String> {
    let id = line.id.as_deref().map_or_else(|| "(none)".to_owned(), |id| text::cut(id, NAME_CHARS));
    let name = line.name.as_deref().map(|name| text::cut(name, NAME_CHARS)).unwrap_or_default();
    let money = if line.cost.micros == 0 && line.sessions > 0 && line.unmetered == line.sessions {
        "unmetered".to_owned()
    } else if line.cost.micros == 0 && line.unpriced != Tokens::default() {
        "unpriced".to_owned()
    } else {
        text::money(&line.cost)
    };
    vec![
        id,
        name,
        paint(GOOD, bar(line.cost.micros, most)),
        format!("{:>4.0} %", line.share * 100.0),
        money,
        known(line),
        short(line.usage),
    ]
}

/// How its figure is known.
fn known(line: &CostLine) -> String {
    let kinds = [
        ("reported", line.reported.micros != 0),
        ("estimated", line.estimated.micros != 0),
        ("self-reported", line.self_reported.micros != 0),
        ("elsewhere", line.carried.micros != 0),
        ("unpriced", line.unpriced != Tokens::default() && line.cost.micros != 0),
    ];
    let words: Vec<&str> = kinds.into_iter().filter(|(_, is)| *is).map(|(word, _)| word).collect();
    words.join(", ")
}

/// A bar of eighths, as long as the amount is a part of the greatest.
pub(super) fn bar(amount: i64, most: i64) -> String {
    const PARTS: [char; 8] = [' ', '▏', '▎', '▍', '▌', '▋', '▊', '▉'];
    let eighths = (BAR_CHARS * 8) as i128 * i128::from(amount.max(0)) / i128::from(most.max(1));
    // What costs something has a bar.
    let eighths = usize::try_from(eighths).unwrap_or(0).max(usize::from(amount > 0));
    let (whole, part) = (eighths / 8, eighths % 8);
    let mut bar = "█".repeat(whole.min(BAR_CHARS));
    if part > 0 {
        bar.push(PARTS[part]);
    }
    format!("{bar:<BAR_CHARS$}")
}

fn short(tokens: Tokens) -> String {
    if tokens == Tokens::default() {
        return String::new();
    }
    let Tokens { input, output, cache_read, cache_write } = tokens;
    let [input, output, read, write] = [input, output, cache_read, cache_write].map(grouped);
    format!("in {input}  out {output}  cache {read} read, {write} written")
}

/// A number with its thousands apart: `12,345`.
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (n, digit) in digits.chars().enumerate() {
        if n > 0 && (digits.len() - n).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_as_people_read_them() {
        assert_eq!([0, 999, 1000, 1_234_567].map(grouped), ["0", "999", "1,000", "1,234,567"]);
        assert_eq!(bar(10, 10), "█".repeat(20));
        assert_eq!(bar(5, 10), format!("{}{}", "█".repeat(10), " ".repeat(10)));
        assert_eq!(bar(0, 10).trim(), "");
        assert_eq!((bar(1, 1_000_000).trim(), bar(-5, 10).trim()), ("▏", ""));
    }
}
