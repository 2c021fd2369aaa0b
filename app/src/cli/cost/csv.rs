//! Costs as CSV, for spreadsheets: every text in quotes, and none that a spreadsheet would calculate.

use std::fmt::Write as _;

use convoy_core::view::{CostLine, CostView};

use super::report::By;
use crate::text;

/// With what a cell begins that a spreadsheet takes for a formula.
const FORMULA: [char; 4] = ['=', '+', '-', '@'];

const HEADS: &str = "by,id,name,source,cost_usd,cost_micros,share,reported_micros,estimated_micros,\
    self_reported_micros,carried_micros,input,output,cache_read,cache_write,unpriced_input,unpriced_output,unpriced_cache_read,\
    unpriced_cache_write,sessions,unmetered";

/// The breakdown that is asked for, else all of them.
pub(super) fn table(cost: &CostView, by: Option<By>) -> String {
    let mut table = format!("{HEADS}\r\n");
    for by in By::ALL.into_iter().filter(|one| by.is_none_or(|by| by == *one)) {
        for line in by.lines(cost) {
            row(&mut table, by.name(), line);
        }
    }
    table
}

fn row(table: &mut String, by: &str, line: &CostLine) {
    let texts = [Some(by), line.id.as_deref(), line.name.as_deref(), line.source.as_deref()];
    for text in texts {
        let _ = write!(table, "{},", quoted(text.unwrap_or_default()));
    }
    let (usage, unpriced) = (line.usage, line.unpriced);
    let _ = write!(table, "{},{},{:.4},", line.cost.usd, line.cost.micros, line.share);
    let kinds = [&line.reported, &line.estimated, &line.self_reported, &line.carried]
        .map(|money| money.micros.to_string());
    let counts = [
        usage.input,
        usage.output,
        usage.cache_read,
        usage.cache_write,
        unpriced.input,
        unpriced.output,
        unpriced.cache_read,
        unpriced.cache_write,
        line.sessions.into(),
        line.unmetered.into(),
    ];
    let numbers: Vec<String> = kinds.into_iter().chain(counts.map(|count| count.to_string())).collect();
    let _ = write!(table, "{}\r\n", numbers.join(","));
}

/// A text in quotes. What begins like a formula gets an apostrophe before it, which spreadsheets do not show.
fn quoted(text: &str) -> String {
    let safe = text::line(text);
    let formula = safe.trim_start().starts_with(FORMULA);
    format!("\"{}{}\"", if formula { "'" } else { "" }, safe.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_becomes_a_formula_or_another_cell() {
        for (text, cell) in [
            ("amber", "\"amber\""),
            ("", "\"\""),
            ("a,\"b\"", "\"a,\"\"b\"\"\""),
            ("=HYPERLINK(\"x\")", "\"'=HYPERLINK(\"\"x\"\")\""),
            (" @SUM(A1)", "\"' @SUM(A1)\""),
            ("+1", "\"'+1\""),
            ("-1", "\"'-1\""),
            ("\t=1", "\"\\t=1\""),
            ("a\nb\u{1b}", "\"a\\nb\\x1b\""),
        ] {
            assert_eq!(quoted(text), cell);
        }
    }
}
