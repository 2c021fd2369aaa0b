//! Merging what twenty reviewers found, ten thousand findings in all, against reading the same list from JSON and sorting it,
//! which is the least that anything with such a list does.

use convoy_core::id::RoleName;
use convoy_core::review::{Confidence, Finding, Severity};
use convoy_engine::findings::merge::{Found, merge};

use super::measure::{Result, Wanted};
use super::report::{Figure, Goal, Pair};

/// Reviewers, and findings of each.
const REVIEWERS: usize = 20;
const EACH: usize = 500;
/// Files, and lines in each.
const FILES: usize = 200;
const LINES: u32 = 1_000;
/// Merges in each round.
const TIMES: usize = 10;

const KINDS: [(&str, &str); 8] = [
    ("injection", "User input reaches the query"),
    ("race", "Two writers without a lock"),
    ("error handling", "The error is swallowed"),
    ("performance", "A query for each row of the list"),
    ("naming", "The name says something else"),
    ("security", "Anybody may call this"),
    ("F401", "`os` imported but unused"),
    ("SC2086", "Double quote to prevent globbing and word splitting."),
];

/// What the reviewers found: about every third thing by several of them. The same every time.
fn found() -> Result<Vec<Found>> {
    let mut random = fastrand::Rng::with_seed(5);
    let mut all = Vec::with_capacity(REVIEWERS * EACH);
    for reviewer in 0..REVIEWERS {
        let role = RoleName::new(format!("reviewer-{reviewer}"))?;
        for n in 0..EACH {
            let (category, title) = KINDS[random.usize(..KINDS.len())];
            // Some places are popular.
            let file = if n % 3 == 0 { random.usize(..5) } else { random.usize(..FILES) };
            let line = if n % 3 == 0 { 1 + random.u32(..60) } else { 1 + random.u32(..LINES) };
            let finding = Finding {
                severity: Severity::ALL[random.usize(..Severity::ALL.len())],
                category: category.to_owned(),
                title: format!("{title} of part {}", random.u32(..40)),
                file: Some(format!("src/part{}/file{file}.rs", file % 17)),
                line: Some(line),
                end_line: Some(line + random.u32(..4)),
                quote: format!("    let value_{line} = part.of({file});\n    value_{line}.check()?;"),
                problem: format!("{title}, because nobody looks at part {n} of it. ").repeat(3),
                impact: "Whoever does that at the right moment has all of it.".to_owned(),
                fix: format!("Look at part {n} before it is used."),
                confidence: Some(Confidence::Medium),
            };
            let by_program = category.starts_with(|c: char| c.is_ascii_uppercase());
            all.push(Found { role: role.clone(), finding, grounded: n % 50 != 0, by_program });
        }
    }
    Ok(all)
}

pub(super) fn measure(wanted: &Wanted) -> Result<Vec<Figure>> {
    let found = found()?;
    let findings: Vec<&Finding> = found.iter().map(|one| &one.finding).collect();
    let json = serde_json::to_vec(&findings)?;
    let mut rounds = Vec::new();
    let mut faults = 0;
    for _ in 0..wanted.rounds {
        let mut round = Pair::default();
        for _ in 0..TIMES {
            let given = found.clone();
            let merged = round.of.time(|| merge(given));
            faults = merged.grounded.len() + merged.ungrounded.len();
            round.anchor.time(|| -> Result<usize> {
                let mut all: Vec<Finding> = serde_json::from_slice(&json)?;
                all.sort_by(|a, b| (&a.file, a.line, &a.title).cmp(&(&b.file, b.line, &b.title)));
                Ok(std::hint::black_box(all).len())
            })?;
        }
        rounds.push(round);
    }
    if faults == 0 || faults >= found.len() {
        return Err(format!("{faults} of {} findings are left: nothing was merged", found.len()).into());
    }
    let times = rounds.iter().map(|round| round.of.percentile(50) / 1e3);
    let milliseconds = super::report::median(times);
    Ok(vec![
        Figure::value("merging 10,000 findings of 20 reviewers", "ms", milliseconds, Goal::AtMost(100.0)),
        Figure::ratio("the same, beside its floor", &rounds, 50, "read JSON, sort", Goal::AtMost(4.0)),
    ])
}
