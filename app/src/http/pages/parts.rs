//! What pages are put together from: values as people read them, lists, sections. Forms are in `forms`.
//!
//! Everything that people or agents wrote goes through [`safe`] (a line) or [`block`] (a text): what would be invisible
//! is shown. That it is no markup is maud's doing.

use convoy_core::issue::MoneyView;
use convoy_core::time::{Span, Time};
use convoy_engine::clock;
use maud::{Markup, html};

use crate::text;

/// The most wagons that are drawn one by one; a longer convoy is a bar.
const WAGONS_MAX: usize = 24;
/// How many digits of a commit are shown.
const COMMIT_CHARS: usize = 12;
/// The longest title in a list, in characters; its page has all of it.
const TITLE_CHARS: usize = 120;

/// What a state means to whoever looks: each has a colour, and never only that.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Tone {
    /// Done, and well.
    Good,
    /// At work.
    Busy,
    /// On its way, nothing to do.
    Wait,
    /// A person has to look.
    Alert,
    /// Came to nothing.
    Bad,
    /// Nothing happens, and nothing has to.
    Idle,
}

impl Tone {
    pub(super) fn class(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Busy => "busy",
            Self::Wait => "wait",
            Self::Alert => "alert",
            Self::Bad => "bad",
            Self::Idle => "idle",
        }
    }
}

/// Text on one line, with nothing hidden in it.
pub(super) fn safe(text: &str) -> String {
    text::line(text).into_owned()
}

/// Text of several lines, with nothing hidden in it.
pub(super) fn block(text: &str) -> String {
    text::block(text)
}

/// A title in a list, cut; its whole in the tooltip if it was.
pub(super) fn title(whole: &str) -> Markup {
    let cut = text::cut(whole, TITLE_CHARS);
    let line = safe(whole);
    html! { span title=[(cut != line).then_some(line.as_str())] { (cut) } }
}

/// The sign of a state of anything, and what it means. Names are those that `--json` has.
pub(super) fn sign(state: &str) -> (&'static str, Tone) {
    match state {
        "closed" | "landed" | "completed" | "done" | "merged" | "approved" | "delivered" | "healthy"
        | "passed" | "ok" => ("✓", Tone::Good),
        "in_progress" | "running" | "initializing" | "testing" => ("▶\u{fe0e}", Tone::Busy),
        "submitted" | "in_review" | "requested" => ("◐", Tone::Busy),
        "assigned" | "waiting" | "pending" | "staged" | "paused" | "staged_ready" => ("→", Tone::Wait),
        "needs_human" | "needs human" | "blocked" | "conflict" | "partial" | "changes_requested"
        | "overdue" | "stale" | "escalated" | "over budget" | "dead worker" | "released"
        | "staged_warnings" | "warning" | "attention" => ("!", Tone::Alert),
        "failed" | "abandoned" | "lost" | "stopped" | "budget_exceeded" | "error" | "crashed" => {
            ("✗", Tone::Bad)
        }
        "unknown" => ("?", Tone::Alert),
        "open" => ("○", Tone::Idle),
        _ => ("·", Tone::Idle),
    }
}

/// A state: its sign, its colour, its word.
pub(super) fn badge(state: &str) -> Markup {
    let (sign, tone) = sign(state);
    badge_of(tone, sign, &state.replace('_', " "))
}

/// A state with words of its own.
pub(super) fn badge_of(tone: Tone, sign: &str, word: &str) -> Markup {
    html! { span class={ "badge " (tone.class()) } { span aria-hidden="true" { (sign) } " " (safe(word)) } }
}

/// A convoy's own state: open is on its way, not idle.
pub(super) fn convoy_badge(status: &str, outcome: Option<&str>) -> Markup {
    match (outcome, status) {
        (Some(outcome), _) => badge(outcome),
        (None, "open") => badge_of(Tone::Busy, "●", "open"),
        (None, status) => badge(status),
    }
}

/// Money, exact.
pub(super) fn money(amount: &MoneyView) -> Markup {
    html! { data.num value=(amount.micros) { (text::money(amount)) } }
}

/// Money, and the limit on it if there is one, with how much of it that is.
pub(super) fn spend(spent: &MoneyView, limit: Option<&MoneyView>) -> Markup {
    html! {
        span.spend {
            (money(spent))
            @if let Some(limit) = limit {
                span.soft { " of " (money(limit)) }
                (meter(spent.micros, limit.micros, "spent of the budget"))
            }
        }
    }
}

/// How much of something is used up: a bar whose colour turns at four fifths, and at all.
pub(super) fn meter(used: i64, limit: i64, what: &str) -> Markup {
    let share = if limit <= 0 { 100 } else { (used.max(0).saturating_mul(100) / limit).min(999) };
    let tone = tone_of(share);
    html! {
        span class={ "meter " (tone) } {
            svg viewBox="0 0 100 4" preserveAspectRatio="none" width="64" height="5" role="img"
                aria-label={ (share) "% " (what) } {
                rect.rest width="100" height="4" {}
                rect.part width=(share.min(100)) height="4" {}
            }
            span.num { (share) "%" }
        }
    }
}

/// How much of a limit is used up, in per cent, as a colour.
pub(super) fn tone_of(percent: i64) -> &'static str {
    match percent {
        ..80 => "fine",
        80..100 => "near",
        _ => "over",
    }
}

/// How far a convoy is: a wagon for each issue, or one bar for many; and the figures.
pub(super) fn progress(done: usize, at_work: usize, total: usize) -> Markup {
    let working = at_work.min(total.saturating_sub(done));
    let said = if at_work > 0 {
        format!("{done} of {total} done, {at_work} at work")
    } else {
        format!("{done} of {total} done")
    };
    html! {
        span.progress title=(said) {
            @if total > 0 {
                svg.train viewBox="0 0 120 10" preserveAspectRatio="none" width="120" height="10" role="img" aria-label=(said) {
                    @if total <= WAGONS_MAX {
                        @for at in 0..total {
                            @let class = if at < done { "good" } else if at < done + working { "busy" } else { "rest" };
                            @let (x, width) = wagon(at, total);
                            rect class=(class) x=(x) y=(if class == "rest" { "6" } else { "0" }) width=(width)
                                height=(if class == "rest" { "4" } else { "10" }) rx="1" {}
                        }
                    } @else {
                        rect.rest x="0" y="6" width="120" height="4" {}
                        rect.good x="0" y="0" width=(120 * done / total) height="10" {}
                        rect.busy x=(120 * done / total) y="0" width=((120 * working).div_ceil(total)) height="10" {}
                    }
                }
            }
            span.num { (done) "/" (total) }
        }
    }
}

/// Where a wagon is drawn, and how wide, in the 120 of the train, in tenths.
fn wagon(at: usize, total: usize) -> (String, String) {
    let tenths = 1200 / total.max(1);
    let gap = if tenths > 60 { 16 } else { 10 };
    let text = |n: usize| format!("{}.{}", n / 10, n % 10);
    (text(at * tenths), text(tenths.saturating_sub(gap).max(10)))
}

/// How long ago something was: the moment itself for programs and the tooltip. A script of ours keeps it true.
pub(super) fn age(at: Time) -> Markup {
    let ago = Span::from_secs(clock::now().since(at).as_secs().max(0));
    html! { time.num datetime=(at) title=(text::time(at)) data-age { (ago) } }
}

/// A moment that is to come, or was: the day and the time.
pub(super) fn moment(at: Time) -> Markup {
    let shown = at.timestamp().to_zoned(jiff::tz::TimeZone::system()).strftime("%b %-d, %H:%M").to_string();
    html! { time.num datetime=(at) title=(text::time(at)) { (shown) } }
}

/// The time of day.
pub(super) fn clock_of(at: Time) -> Markup {
    html! { time.num datetime=(at) title=(text::time(at)) { (text::clock(at)) } }
}

/// A length of time in seconds.
pub(super) fn duration(seconds: i64) -> Markup {
    html! { span.num { (text::age(seconds)) } }
}

/// An id, as a link to its page.
pub(super) fn link(address: &str, id: &str) -> Markup {
    html! { a.id href=(address) { (safe(id)) } }
}

/// A commit: as many digits as people read, all of them in the tooltip.
pub(super) fn commit(id: &str) -> Markup {
    html! { code title=(safe(id)) { (safe(&id.chars().take(COMMIT_CHARS).collect::<String>())) } }
}

/// A command line to copy.
pub(super) fn command(line: &str) -> Markup {
    html! { code.command data-copy=(line) { (safe(line)) } }
}

/// A section with its heading; `count` stands beside it.
pub(super) fn section(id: &str, heading: &str, count: Option<usize>, body: &Markup) -> Markup {
    html! {
        section aria-labelledby=(id) {
            h2 id=(id) { (heading) @if let Some(count) = count { span.count { (count) } } }
            (body)
        }
    }
}

/// That there is nothing, why that is well or what to do, and the command for it.
pub(super) fn empty(what: &str, then: &str, line: Option<&str>) -> Markup {
    html! {
        div.empty {
            p.what { (what) }
            p { (then) }
            @if let Some(line) = line { p { (command(line)) } }
        }
    }
}

/// A table, which scrolls in its own box where it is too wide. Rows are `tr`s; on a phone those of a table of `cards`
/// become cards, for which each cell says by `data-label` what it is.
pub(super) fn table(label: &str, cards: bool, heads: &[&str], rows: &Markup) -> Markup {
    html! {
        div.scroll tabindex="0" role="region" aria-label=(label) {
            table class=(if cards { "cards" } else { "plain" }) {
                thead { tr { @for head in heads { th scope="col" { (head) } } } }
                tbody { (rows) }
            }
        }
    }
}

/// Facts, name by name. What there is nothing of is left out before.
pub(super) fn facts(facts: &[(&str, Markup)]) -> Markup {
    html! {
        dl.facts { @for (name, value) in facts { div { dt { (name) } dd { (value) } } } }
    }
}

/// That a list has more than is shown.
pub(super) fn more(shown: usize, total: usize, address: &str, what: &str) -> Markup {
    html! {
        @if total > shown { p.more { a href=(address) { "All " (total) " " (what) } } }
    }
}
