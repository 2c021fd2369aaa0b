//! Who is at work, as lines of a terminal: one for each worker, and one for all. As narrow as the terminal is: what is of
//! least interest goes first, and the name last.

use anstyle::Style;
use convoy_core::issue::MoneyView;
use convoy_core::time::Time;
use convoy_core::view::{ConvoyView, WorkerView};

use crate::live::{Line, Size};
use crate::output::{BAD, BOLD, BUSY, FAINT};
use crate::text;

/// The longest name of an issue or a role, in columns.
const NAME_COLUMNS: usize = 24;
/// The longest name of an agent.
const AGENT_COLUMNS: usize = 12;
/// What is left for an agent's last line is worth showing from here on.
const LAST_COLUMNS_MIN: usize = 12;
/// From this width on a line has the agent, and what it costs.
const WIDE: usize = 60;
/// From this width on it has the time.
const MIDDLING: usize = 36;

/// One worker at work.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Hand {
    /// The issue or the role.
    pub(super) name: String,
    pub(super) state: State,
    pub(super) agent: String,
    /// Since when it is in that state.
    pub(super) since: Time,
    /// What it cost, if anything is known.
    pub(super) spent: Option<String>,
    /// The last line of its output: text of the agent's.
    pub(super) last: Option<String>,
}

/// What a worker does.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum State {
    Starting,
    Running,
    /// It runs, and somebody should look at it.
    Ailing(String),
    /// Its branch waits for review, gates and merge.
    Submitted,
}

impl State {
    fn word(&self) -> (&'static str, Style, &str) {
        match self {
            Self::Starting => ("○", FAINT, "starting"),
            Self::Running => ("▶", BUSY, "running"),
            Self::Ailing(health) => ("!", BAD, health),
            Self::Submitted => ("◐", BUSY, "submitted"),
        }
    }
}

impl Hand {
    /// A worker, if it is at work.
    pub(super) fn of(worker: &WorkerView, name: String) -> Option<Self> {
        let session = worker.sessions.last();
        let created = session.map_or(worker.started_at, |session| session.created_at);
        let started = session.and_then(|session| session.started_at);
        let ended = session.and_then(|session| session.ended_at);
        let ailing =
            worker.health.as_ref().map(|health| health.health.as_str()).filter(|word| *word != "healthy");
        let (state, since) = match (worker.state.as_str(), started) {
            ("running", Some(started)) => {
                (ailing.map_or(State::Running, |word| State::Ailing(word.replace('_', " "))), started)
            }
            ("running" | "assigned", _) => (State::Starting, created),
            ("submitted", _) => (State::Submitted, ended.unwrap_or(worker.last_activity_at)),
            _ => return None,
        };
        let spent = (worker.spent.micros != 0).then(|| text::money(&worker.spent));
        Some(Self { name, state, agent: worker.agent.clone(), since, spent, last: None })
    }
}

/// How far all of it is.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub(super) struct Sum {
    /// `3 of 5 closed`, `2 convoys`.
    pub(super) done: String,
    pub(super) waiting: usize,
    pub(super) spent: Option<String>,
    pub(super) budget: Option<String>,
}

impl Sum {
    /// Of one convoy.
    pub(super) fn of(convoy: &ConvoyView, waiting: usize) -> Self {
        let what = if convoy.roles.is_empty() { "closed" } else { "roles done" };
        Self {
            done: format!("{} of {} {what}", convoy.completed, convoy.total),
            waiting,
            spent: spent(&convoy.spent),
            budget: convoy.budget.as_ref().map(text::money),
        }
    }

    fn line(&self, running: usize) -> Line {
        let mut words = vec![match running {
            0 => "nobody at work".to_owned(),
            n => format!("{n} at work"),
        }];
        if self.waiting > 0 {
            words.push(format!("{} waiting", self.waiting));
        }
        match (&self.spent, &self.budget) {
            (spent, Some(budget)) => {
                words.push(format!("{} of {budget}", spent.as_deref().unwrap_or("$0")));
            }
            (Some(spent), None) => words.push(spent.clone()),
            (None, None) => {}
        }
        Line::default().and(BOLD, format!("  {}", self.done)).and(FAINT, format!(" · {}", words.join(" · ")))
    }
}

/// An amount, if it is one.
pub(super) fn spent(amount: &MoneyView) -> Option<String> {
    (amount.micros != 0).then(|| text::money(amount))
}

/// The lines: as many workers as there is room for, and the one for all.
pub(super) fn lines(hands: &[Hand], sum: &Sum, size: Size, now: Time) -> Vec<Line> {
    // The event lines above keep half of a low terminal, and the cursor its row.
    let room = (size.rows / 2).max(size.rows.saturating_sub(12)).saturating_sub(2).max(1);
    let (shown, more) = match hands.len() {
        n if n <= room => (n, 0),
        n => (room - 1, n - (room - 1)),
    };
    let widest =
        |of: fn(&Hand) -> usize, most: usize| hands[..shown].iter().map(of).max().unwrap_or(0).min(most);
    let columns = Columns {
        name: widest(|hand| text::columns(&text::line(&hand.name)), NAME_COLUMNS),
        state: widest(|hand| text::columns(hand.state.word().2), NAME_COLUMNS),
        agent: widest(|hand| text::columns(&text::line(&hand.agent)), AGENT_COLUMNS),
        spent: widest(|hand| hand.spent.as_deref().map_or(0, text::columns), NAME_COLUMNS),
        // The last one is not written to.
        all: size.columns.saturating_sub(1),
    };
    let mut lines: Vec<Line> = hands[..shown].iter().map(|hand| columns.line(hand, now)).collect();
    if more > 0 {
        lines.push(Line::default().and(FAINT, format!("  … and {more} more")));
    }
    lines.push(sum.line(hands.len()));
    lines
}

/// How wide everything is.
struct Columns {
    name: usize,
    state: usize,
    agent: usize,
    spent: usize,
    all: usize,
}

impl Columns {
    fn line(&self, hand: &Hand, now: Time) -> Line {
        let (glyph, style, word) = hand.state.word();
        let plain = Style::new();
        let mut line =
            Line::default().and(style, format!("  {glyph} ")).and(BOLD, padded(&hand.name, self.name));
        line = line.and(plain, format!("  {}", padded(word, self.state)));
        if self.all >= WIDE && self.agent > 0 {
            line = line.and(plain, format!("  {}", padded(&hand.agent, self.agent)));
        }
        if self.all >= MIDDLING {
            line = line.and(plain, format!("  {:>7}", text::lasted(now.since(hand.since).as_secs())));
        }
        if self.all >= WIDE && self.spent > 0 {
            let spent = hand.spent.as_deref().unwrap_or_default();
            line = line.and(plain, format!("  {spent:>width$}", width = self.spent));
        }
        match &hand.last {
            Some(last) if line.columns() + 2 + LAST_COLUMNS_MIN <= self.all => {
                let room = self.all - line.columns() - 2;
                line.and(FAINT, format!("  {}", text::fit(last, room)))
            }
            Some(_) | None => line,
        }
    }
}

/// Cut and filled up to so many columns.
fn padded(text: &str, columns: usize) -> String {
    let fits = text::fit(text, columns);
    let fill = columns.saturating_sub(text::columns(&fits));
    fits + &" ".repeat(fill)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hand(name: &str, last: Option<&str>) -> Hand {
        Hand {
            name: name.to_owned(),
            state: State::Running,
            agent: "claude".to_owned(),
            since: Time::from_millis(0),
            spent: Some("$0.42".to_owned()),
            last: last.map(str::to_owned),
        }
    }

    fn shown(hands: &[Hand], columns: usize, rows: usize) -> Vec<String> {
        let sum = Sum { done: "1 of 4 closed".to_owned(), waiting: 1, ..Sum::default() };
        let lines = lines(hands, &sum, Size { columns, rows }, Time::from_millis(125_000));
        let plain = lines.iter().map(|line| line.painted(columns - 1).0);
        plain.map(|line| anstream::adapter::strip_str(&line).to_string()).collect()
    }

    #[test]
    fn a_line_has_as_much_as_fits() {
        let hands = [hand("gt-a", Some("> cargo test --workspace \u{1b}[2J")), hand("日本", None)];
        assert_eq!(
            shown(&hands, 90, 24),
            [
                "  ▶ gt-a  running  claude   2m 05s  $0.42  > cargo test --workspace \\x1b[2J",
                "  ▶ 日本  running  claude   2m 05s  $0.42",
                "  1 of 4 closed · 2 at work · 1 waiting",
            ]
        );
        assert_eq!(shown(&hands, 61, 24)[0], "  ▶ gt-a  running  claude   2m 05s  $0.42  > cargo test --w…");
        assert_eq!(shown(&hands, 50, 24)[0], "  ▶ gt-a  running   2m 05s  > cargo test --works…");
        assert_eq!(shown(&hands, 37, 24)[0], "  ▶ gt-a  running   2m 05s");
        assert_eq!(shown(&hands, 20, 24)[0], "  ▶ gt-a  running");
        assert_eq!(shown(&hands, 8, 24)[0], "  ▶ gt…");
        assert_eq!(shown(&hands, 1, 24)[0], "");
    }

    #[test]
    fn the_line_for_all_says_what_is_spent_and_of_what() {
        let said = |spent: Option<&str>, budget: Option<&str>| {
            let [spent, budget] = [spent, budget].map(|amount| amount.map(str::to_owned));
            let line = Sum { done: "2 convoys open".to_owned(), waiting: 0, spent, budget }.line(3);
            anstream::adapter::strip_str(&line.painted(80).0).to_string()
        };
        assert_eq!(said(None, None), "  2 convoys open · 3 at work");
        assert_eq!(said(Some("$0.42"), None), "  2 convoys open · 3 at work · $0.42");
        assert_eq!(said(Some("$0.42"), Some("$5.00")), "  2 convoys open · 3 at work · $0.42 of $5.00");
        assert_eq!(said(None, Some("$5.00")), "  2 convoys open · 3 at work · $0 of $5.00");
    }

    #[test]
    fn a_low_terminal_has_fewer_lines_and_says_so() {
        let hands: Vec<Hand> = (0..30).map(|n| hand(&format!("gt-{n}"), None)).collect();
        let all = shown(&hands, 80, 40);
        assert_eq!(all.len(), 27);
        assert_eq!(all[25], "  … and 5 more");
        for rows in 1..40 {
            let lines = shown(&hands, 80, rows).len();
            assert!(lines < rows.max(3), "{lines} of {rows}");
        }
        assert_eq!(shown(&[], 80, 24), ["  1 of 4 closed · nobody at work · 1 waiting"]);
    }
}
