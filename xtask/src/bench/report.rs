//! Samples, figures, and how they are shown.

use std::path::Path;
use std::time::Duration;

use serde::Serialize;

use crate::chore;

/// Times of the same deed, in microseconds.
#[derive(Clone, Debug, Default)]
pub(super) struct Samples(Vec<f64>);

impl Samples {
    pub(super) fn add(&mut self, time: Duration) {
        self.0.push(time.as_secs_f64() * 1e6);
    }
    /// Does it once and keeps how long it took.
    pub(super) fn time<T>(&mut self, work: impl FnOnce() -> T) -> T {
        let (took, result) = chore::timed(work);
        self.add(took);
        result
    }
    /// These and others.
    pub(super) fn and(mut self, others: Self) -> Self {
        self.0.extend(others.0);
        self
    }
    /// The value that so many of a hundred do not exceed.
    pub(super) fn percentile(&self, percent: usize) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_unstable_by(f64::total_cmp);
        let at = (sorted.len() * percent / 100).min(sorted.len().saturating_sub(1));
        sorted.get(at).copied().unwrap_or(f64::NAN)
    }
}

/// One round's times of what is measured, and of its anchor.
#[derive(Clone, Debug, Default)]
pub(super) struct Pair {
    pub(super) of: Samples,
    pub(super) anchor: Samples,
}

pub(super) fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut sorted: Vec<f64> = values.into_iter().collect();
    sorted.sort_unstable_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
}

/// What a figure should be.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Goal {
    /// Not more than this.
    AtMost(f64),
    /// Not less than this.
    AtLeast(f64),
    /// Only to be known.
    None,
}

/// A line of the table.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Figure {
    name: String,
    unit: &'static str,
    p50: f64,
    p99: Option<f64>,
    anchor: Option<Anchor>,
    /// What is held against the goal: the ratio to the anchor, or the value itself.
    judged: f64,
    goal: Goal,
    met: bool,
}

#[derive(Clone, Debug, Serialize)]
struct Anchor {
    name: &'static str,
    p50: f64,
    p99: f64,
}

impl Figure {
    fn new(name: impl Into<String>, unit: &'static str, p50: f64, judged: f64, goal: Goal) -> Self {
        let met = match goal {
            Goal::AtMost(limit) => judged <= limit,
            Goal::AtLeast(limit) => judged >= limit,
            Goal::None => true,
        };
        Self { name: name.into(), unit, p50, p99: None, anchor: None, judged, goal, met }
    }

    /// Times beside an anchor's: the ratio of one percentile, in the median of the rounds.
    pub(super) fn ratio(
        name: impl Into<String>,
        rounds: &[Pair],
        percent: usize,
        anchor: &'static str,
        goal: Goal,
    ) -> Self {
        let at = |of: fn(&Pair) -> &Samples, percent| {
            median(rounds.iter().map(|round| of(round).percentile(percent)))
        };
        let ratio = |round: &Pair| round.of.percentile(percent) / round.anchor.percentile(percent);
        let judged = median(rounds.iter().map(ratio));
        let anchor =
            Anchor { name: anchor, p50: at(|pair| &pair.anchor, 50), p99: at(|pair| &pair.anchor, 99) };
        Self {
            p99: Some(at(|pair| &pair.of, 99)),
            anchor: Some(anchor),
            ..Self::new(name, "us", at(|pair| &pair.of, 50), judged, goal)
        }
    }

    /// Rates beside an anchor's, one of each in a round.
    pub(super) fn rate(
        name: impl Into<String>,
        unit: &'static str,
        rounds: &[(f64, f64)],
        anchor: &'static str,
        goal: Goal,
    ) -> Self {
        let at = median(rounds.iter().map(|(_, anchor)| *anchor));
        let judged = median(rounds.iter().map(|(of, anchor)| of / anchor));
        let anchor = Anchor { name: anchor, p50: at, p99: at };
        let of = median(rounds.iter().map(|(of, _)| *of));
        Self { anchor: Some(anchor), ..Self::new(name, unit, of, judged, goal) }
    }

    /// A value that needs no anchor.
    pub(super) fn value(name: impl Into<String>, unit: &'static str, value: f64, goal: Goal) -> Self {
        Self::new(name, unit, value, value, goal)
    }

    pub(super) fn is_met(&self) -> bool {
        self.met
    }
}

/// Prints figures as lines of one table.
pub(super) fn print(figures: &[Figure]) {
    for figure in figures {
        let p99 = figure.p99.map_or_else(String::new, |p99| format!("{p99:.1}"));
        let (anchor, judged) = match &figure.anchor {
            Some(anchor) => (format!("{} {:.1}", anchor.name, anchor.p50), format!("{:.2}x", figure.judged)),
            None => (String::new(), String::new()),
        };
        let goal = match figure.goal {
            Goal::AtMost(limit) => format!("<= {limit}"),
            Goal::AtLeast(limit) => format!(">= {limit}"),
            Goal::None => String::new(),
        };
        let met = match figure.goal {
            Goal::None => "",
            _ if figure.met => "met",
            _ => "MISSED",
        };
        chore::say(format_args!(
            "  {:<44} {:>10.1} {p99:>9} {:<6} | {anchor:<34} | {judged:>7} {goal:<8} {met}",
            figure.name, figure.p50, figure.unit
        ));
    }
}

/// Writes figures as JSON.
pub(super) fn write(file: &Path, figures: &[Figure]) -> std::io::Result<()> {
    let mut text = serde_json::to_vec_pretty(figures)?;
    text.push(b'\n');
    std::fs::write(file, text)
}
