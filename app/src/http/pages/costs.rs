//! Costs: today, day by day, by model, epic, convoy and worker; limits and what is used of them. The numbers are those
//! of `convoy cost report --json`; what is reported, estimated or not known is never mixed.

use axum::Extension;
use axum::extract::State;
use convoy_api::query::CostOf;
use convoy_core::cost::{begins, day};
use convoy_core::issue::MoneyView;
use convoy_core::report::Tokens;
use convoy_core::view::{BudgetView, CostLine, CostView};
use convoy_engine::clock;
use maud::{Markup, html};

use super::chart::{self, Bar};
use super::layout::page;
use super::parts::{Tone, badge_of, command, empty, facts, moment, money, safe, section, table, title};
use crate::ask;
use crate::http::{Error, Site, Visitor};
use crate::text;

/// How many days the chart shows at most, and at least.
const DAYS: i32 = 30;
const DAYS_MIN: i32 = 14;
/// How many lines of a breakdown are shown; the command line has all.
const LINES_MAX: usize = 12;

/// How many budgets are shown; a workspace may have had a limit for each of its convoys.
const BUDGETS_MAX: usize = 50;

/// Costs of the workspace.
pub(super) async fn show(
    State(site): State<Site>,
    Extension(visitor): Extension<Visitor>,
) -> Result<Markup, Error> {
    let (seq, cost, budgets) = site
        .ask(|service| {
            let seq = ask::engine(service)?.seq;
            Ok((seq, ask::cost(service, CostOf::Workspace, None)?, ask::budgets(service, None)?))
        })
        .await?;
    let main = html! {
        div.head { div { h1 { "Costs" } p.soft { "Days are those of UTC. " (sessions(cost.sessions)) " in all." } } }
        (figures(&cost, &budgets))
        @if cost.sessions == 0 && cost.total.micros == 0 {
            (empty("Nothing was spent.", "No session has begun.", None))
        } @else {
            (by_day(&cost))
        }
        (limits(&budgets))
        div.columns.even {
            div {
                (breakdown("models", "By model", &cost.by_model, None, "no model named"))
                (breakdown("convoys", "By convoy", &cost.by_convoy, Some("/convoys/"), "no convoy"))
            }
            div {
                (breakdown("epics", "By epic", &cost.by_epic, None, "no epic"))
                (breakdown("workers", "By worker", &cost.by_worker, Some("/work/"), "no worker"))
            }
        }
        (known(&cost))
    };
    Ok(page(&visitor, "Costs", "/costs", Some(seq), &main))
}

fn sessions(n: u32) -> String {
    text::count(n as usize, "session")
}

/// What of a breakdown by day is of today.
fn today(cost: &CostView) -> Option<&CostLine> {
    let today = date(0);
    cost.by_day.iter().find(|line| line.id.as_deref() == Some(today.as_str()))
}

/// The date of so many days ago.
fn date(ago: i32) -> String {
    begins(day(clock::now()) - ago).timestamp().strftime("%Y-%m-%d").to_string()
}

fn figures(cost: &CostView, budgets: &[BudgetView]) -> Markup {
    let nothing = MoneyView { usd: "0.00".to_owned(), micros: 0 };
    let of_today = today(cost).map_or(&nothing, |line| &line.cost);
    let limit = budgets.iter().find(|budget| budget.level == "day");
    html! {
        div.figures.still {
            div {
                span.label { "Today" }
                span.big { (money(of_today)) }
                div.sub {
                    @if let Some(limit) = limit { (of_limit(limit)) } @else { "no limit for a day" }
                }
            }
            div {
                span.label { "In all" }
                span.big { (money(&cost.total)) }
                div.sub { (sessions(cost.sessions)) }
            }
            div {
                span.label { "Reported" }
                span.big { (money(&cost.reported)) }
                div.sub { "by agents themselves" }
            }
            div {
                span.label { "Estimated" }
                span.big { (money(&cost.estimated)) }
                div.sub { "from tokens and prices" }
            }
        }
    }
}

fn of_limit(limit: &BudgetView) -> Markup {
    html! {
        span {
            @if let Some(amount) = &limit.limit { "of " (money(amount)) }
            @if let Some(at) = limit.begins_anew_at { ", anew at " (moment(at)) }
        }
    }
}

/// How the figures are known, each sort apart, and what is not known.
fn known(cost: &CostView) -> Markup {
    let mut facts_of: Vec<(&str, Markup)> = vec![
        ("Reported", money(&cost.reported)),
        ("Estimated", money(&cost.estimated)),
        ("Self-reported", money(&cost.self_reported)),
        ("Carried from elsewhere", money(&cost.carried)),
        ("Tokens", html! { @if cost.usage == Tokens::default() { "none" } (tokens(cost.usage)) }),
    ];
    if cost.unpriced != Tokens::default() {
        facts_of.push(("Unpriced tokens", tokens(cost.unpriced)));
    }
    facts_of.push(("Unmetered", html! { (sessions(cost.unmetered)) ", of which nothing is known" }));
    section("known", "How it is known", None, &html! { div.panel { (facts(&facts_of)) } })
}

fn tokens(tokens: Tokens) -> Markup {
    let parts = [
        (tokens.input, "in"),
        (tokens.output, "out"),
        (tokens.cache_read, "cache read"),
        (tokens.cache_write, "written"),
    ];
    html! {
        @if tokens != Tokens::default() {
            span.sub { @for (n, what) in parts { @if n > 0 { span.num { (text::grouped(n)) " " (what) } } } }
        }
    }
}

/// A bar for each of the last days.
fn by_day(cost: &CostView) -> Markup {
    let first = cost.by_day.iter().filter_map(|line| line.id.as_deref()).min().unwrap_or_default().to_owned();
    let days: Vec<Bar> = (0..DAYS)
        .rev()
        .map(|ago| (ago, date(ago)))
        .filter(|(ago, date)| *ago < DAYS_MIN || *date >= first)
        .map(|(_, date)| {
            let line = cost.by_day.iter().find(|line| line.id.as_deref() == Some(date.as_str()));
            let said = line.map_or_else(|| "$0.00".to_owned(), |line| text::money(&line.cost));
            let parts = line.map(parts).unwrap_or_default();
            Bar { parts, said: format!("{date}: {said}"), label: date }
        })
        .collect();
    let lines: Vec<&CostLine> = cost.by_day.iter().rev().collect();
    let body = html! {
        div.panel.stack {
            (chart::columns("Costs by day", &days))
            (legend(cost))
        }
        details.more-of {
            summary { "The same as a table" }
            (rows("Costs by day", "Day", &lines, None, "no day known"))
        }
    };
    section("days", "By day", None, &body)
}

/// How much of a line is known in which way.
fn parts(line: &CostLine) -> [i64; 4] {
    [&line.reported, &line.estimated, &line.self_reported, &line.carried].map(|money| money.micros.max(0))
}

fn legend(cost: &CostView) -> Markup {
    let amounts = [&cost.reported, &cost.estimated, &cost.self_reported, &cost.carried];
    html! {
        ul.legend {
            @for ((class, name), amount) in chart::PARTS.iter().zip(amounts) {
                @if amount.micros != 0 { li { (chart::key(class)) " " (name) " " (money(amount)) } }
            }
        }
    }
}

fn breakdown(id: &str, heading: &str, lines: &[CostLine], to: Option<&str>, none: &str) -> Markup {
    let shown: Vec<&CostLine> = lines.iter().take(LINES_MAX).collect();
    html! {
        @if !lines.is_empty() {
            (section(id, heading, Some(lines.len()), &html! {
                (rows(heading, "Of", &shown, to, none))
                @if lines.len() > LINES_MAX {
                    p.more.soft { "and " (lines.len() - LINES_MAX) " more: " code { "convoy cost report" } }
                }
            }))
        }
    }
}

fn rows(label: &str, of: &str, lines: &[&CostLine], to: Option<&str>, none: &str) -> Markup {
    let most = lines.iter().map(|line| line.cost.micros).max().unwrap_or(0);
    table(
        label,
        true,
        &[of, "Cost", "Share"],
        &html! {
            @for line in lines {
                tr {
                    td.wide {
                        @match (&line.id, to) {
                            (Some(id), Some(to)) => a.name href={ (to) (id) } { (title(line.name.as_deref().unwrap_or(id))) },
                            (Some(id), None) => span.name { (safe(id)) },
                            (None, _) => span.soft { (none) },
                        }
                        div.sub { span { (line.known()) } (tokens(line.usage)) }
                    }
                    td data-label="Cost" { (amount(line)) }
                    td data-label="Share" { (chart::share(parts(line), most, line.share)) }

                }
            }
        },
    )
}

/// What it costs; that nothing is known of it is no zero.
fn amount(line: &CostLine) -> Markup {
    html! { @match line.unknown() { Some(why) => span.soft { (why) }, None => (money(&line.cost)) } }
}

fn limits(budgets: &[BudgetView]) -> Markup {
    let mut shown: Vec<&BudgetView> = budgets.iter().collect();
    // Where nothing can be spent any more there is nothing to be done.
    shown.sort_by_key(|budget| !budget.active);
    shown.truncate(BUDGETS_MAX);
    let body = html! {
        @if budgets.is_empty() {
            (empty("No limits are set.", "A limit keeps agents from starting, and stops those that reach it.",
                Some("convoy cost budget 20 --day")))
        } @else {
            (table("Budgets", true, &["Of", "Used", "Spent", "Promised", "Limit", "Free"], &html! {
                @for budget in &shown { (limit(budget)) }
            }))
            @if budgets.len() > shown.len() {
                p.more.soft { "and " (budgets.len() - shown.len()) " more: " (command("convoy cost budget --all")) }
            }
        }
    };
    section("budgets", "Budgets", Some(budgets.len()), &body)
}

fn limit(budget: &BudgetView) -> Markup {
    let to = match budget.level.as_str() {
        "convoy" => Some("/convoys/"),
        "worker" | "session" => Some("/work/"),
        _ => None,
    };
    html! {
        tr {
            td.wide {
                span.soft { (safe(&budget.level)) " " }
                @match (&budget.id, to) {
                    (Some(id), Some(to)) => a.name href={ (to) (id) } { (title(budget.title.as_deref().unwrap_or(id))) },
                    (Some(id), None) => span.name { (safe(id)) },
                    (None, _) => {},
                }
                @if budget.exceeded { " " (badge_of(Tone::Bad, "✗", "used up")) }
                @else if budget.warned { " " (badge_of(Tone::Alert, "!", "nearly used up")) }
                @if !budget.active { " " span.soft { "(over)" } }
                @if budget.configured { div.sub { "from the configuration" } }
                @if budget.overrun.micros > 0 { div.sub { "overrun by " (money(&budget.overrun)) } }
            }
            td data-label="Used" {
                @if let Some(limit) = &budget.limit {
                    (chart::used(budget.spent.micros, budget.reserved.micros, limit.micros, budget.percent))
                }
            }
            td data-label="Spent" { (money(&budget.spent)) }
            td data-label="Promised" { (money(&budget.reserved)) }
            td data-label="Limit" { @if let Some(limit) = &budget.limit { (money(limit)) } }
            td data-label="Free" { @if let Some(free) = &budget.free { (money(free)) } }
        }
    }
}
