//! The first page: what needs you, who is at work, what it costs, what landed.

use std::collections::BTreeMap;

use axum::Extension;
use axum::extract::{Query, State};
use convoy_core::id::SessionId;
use convoy_core::view::{AtWorkView, ConvoyLineView, NeedKind, NeedView, OverviewView};
use maud::{Markup, html};
use serde::Deserialize;

use super::actions::Deed;
use super::forms::flash;
use super::layout::page;
use super::parts::{
    Tone, age, badge, badge_of, command, convoy_badge, empty, link, meter, money, more, progress, safe,
    section, spend, title,
};
use super::tail;
use crate::ask;
use crate::http::{Error, Site, Visitor};

/// How many entries each list shows.
const SHOWN: usize = 10;

/// What agents printed last, by session.
type Last = BTreeMap<SessionId, String>;

/// What came before.
#[derive(Deserialize)]
pub(super) struct After {
    pub(super) did: Option<String>,
}

/// The first page.
pub(super) async fn show(
    State(site): State<Site>,
    Extension(visitor): Extension<Visitor>,
    Query(after): Query<After>,
) -> Result<Markup, Error> {
    let workspace = site.workspace().clone();
    let (overview, last) = site
        .ask(move |service| {
            let overview = ask::overview(service)?;
            let sessions = overview.at_work.iter().take(SHOWN).filter_map(|one| one.session_id.as_ref());
            let last: Last =
                sessions.filter_map(|id| Some((id.clone(), tail::last(&workspace, id)?))).collect();
            Ok((overview, last))
        })
        .await?;
    let fresh = overview.open + overview.staged + overview.landed_today_total == 0
        && overview.needs.is_empty()
        && overview.at_work.is_empty();
    let main = html! {
        h1.hidden { "Overview" }
        (flash(after.did.as_deref()))
        (figures(&overview))
        @if fresh { (first()) } @else {
            div.columns {
                div {
                    (section("needs", "Needs you", Some(overview.needs_total), &needs(&visitor, &overview)))
                    (section("running", "Running", Some(overview.at_work_total), &at_work(&overview, &last)))
                }
                div {
                    (section("convoys", "Convoys", Some(overview.open + overview.staged), &convoys(&overview)))
                    (section("landed", "Landed today", Some(overview.landed_today_total), &landed(&overview)))
                }
            }
        }
    };
    Ok(page(&visitor, "Overview", "/", Some(overview.seq), &main))
}

/// As much of a list as is seen at once: the page has to be light, and what has more leads to all.
fn shown<T>(all: &[T]) -> &[T] {
    all.get(..SHOWN).unwrap_or(all)
}

/// The four answers that everybody comes for.
fn figures(overview: &OverviewView) -> Markup {
    let figure = |to: &str, number: Markup, label: &str, some: bool, sub: Markup| {
        html! {
            a href=(to) {
                span class={ "big" @if some { " some" } } { (number) }
                span.label { (label) }
                span.sub { (sub) }
            }
        }
    };
    let needs = overview.needs_total;
    let (verb, calm) = match needs {
        0 => ("need you", "nothing waits for you"),
        1 => ("needs you", "it waits for a person"),
        _ => ("need you", "they wait for a person"),
    };
    html! {
        div.figures {
            (figure("/#needs", html! { (needs) }, verb, needs > 0, html! { (calm) }))
            (figure("/#running", html! { (overview.at_work_total) }, "running", false, html! {
                span {
                    (overview.open) " open, " (overview.staged) " staged"
                    @if overview.startable > 0 { ", " (overview.startable) " ready to start" }
                }
            }))
            (figure("/costs", money(&overview.spent_today), "spent today", false, html! {
                @if let Some(limit) = &overview.day_limit {
                    span { "of " (money(limit)) } (meter(overview.spent_today.micros, limit.micros, "of today's limit"))
                } @else if overview.reserved.micros > 0 {
                    span { (money(&overview.reserved)) " more promised" }
                } @else { "no limit for the day" }
            }))
            (figure("/#landed", html! { (overview.landed_today_total) }, "landed today", false, html! {
                span {
                    @if overview.unread > 0 { (overview.unread) " unread in the mail" } @else { "no unread mail" }
                    @if overview.undelivered > 0 { ", " (overview.undelivered) " not delivered" }
                }
            }))
        }
    }
}

/// What to do where nothing was done yet.
fn first() -> Markup {
    html! {
        section aria-labelledby="first" {
            h2 #first { "Nothing is under way. Here is how to begin" }
            div.choices {
                a href="/start?template=code-review" {
                    strong { "Have the code reviewed" }
                    "Three reviewers read your files side by side, and one report comes of it."
                }
                a href="/start" { strong { "Start a template" } "Planning, triage of issues, or one of your own." }
                a href="/convoys/new" {
                    strong { "Have issues worked on" } "Choose some; agents do them, and what passes its gates lands."
                }
            }
            p.more { "Or from the command line: " (command("convoy issue create \"What is to be done\"")) }
        }
    }
}

fn needs(visitor: &Visitor, overview: &OverviewView) -> Markup {
    if overview.needs.is_empty() {
        return empty("Nothing needs you", "What goes on, goes on by itself.", None);
    }
    html! {
        ul.list.needs { @for need in shown(&overview.needs) { (need_of(visitor, need)) } }
        @if overview.needs_total > shown(&overview.needs).len() {
            p.more {
                "and " (overview.needs_total - shown(&overview.needs).len()) " more, the first of "
                a href="/convoys" { "the convoys" } " or " a href="/issues?status=needs_human" { "issues that need a person" }
            }
        }
    }
}

fn need_of(visitor: &Visitor, need: &NeedView) -> Markup {
    let place = match need.kind {
        NeedKind::Convoy => format!("/convoys/{}", need.id),
        NeedKind::Issue => format!("/issues/{}", need.id),
    };
    html! {
        li {
            div.row {
                a.name.grow href=(place) { (title(&need.title)) }
                @if let Some(category) = need.category { (badge_of(Tone::Alert, "!", category.name())) }
                (link(&place, &need.id))
            }
            p { (safe(&need.detail)) }
            div.actions {
                @if let Some(deed) = Deed::of(&need.command) { (deed.button(visitor, "/")) }
                (command(&need.command))
            }
        }
    }
}

fn at_work(overview: &OverviewView, last: &Last) -> Markup {
    if overview.at_work.is_empty() {
        return empty("Nobody is at work", "Agents begin by themselves when something is started.", None);
    }
    html! {
        ul.list { @for worker in shown(&overview.at_work) { (worker_of(worker, last)) } }
        (more(shown(&overview.at_work).len(), overview.at_work_total, "/work", "at work"))
    }
}

fn worker_of(worker: &AtWorkView, last: &Last) -> Markup {
    let printed = worker.session_id.as_ref().and_then(|id| last.get(id));
    html! {
        li {
            div.row {
                a.name.grow href={ "/work/" (worker.worker_id) } { (title(&worker.title)) }
                (badge(&worker.state))
                @if let Some(health) = worker.health.as_deref().filter(|health| *health != "healthy") {
                    (badge_of(Tone::Alert, "!", health))
                }
                (age(worker.started_at))
            }
            div.sub {
                span { (safe(&worker.name)) }
                span { (safe(&worker.agent)) @if let Some(model) = &worker.model { " " (safe(model)) } }
                span { "attempt " (worker.attempt) " of " (worker.max_attempts) }
                (money(&worker.spent))
                @if let Some(convoy) = &worker.convoy_id {
                    (link(&format!("/convoys/{convoy}"), convoy.as_str()))
                }
            }
            @if let Some(printed) = printed { p.said { (printed) } }
        }
    }
}

fn convoys(overview: &OverviewView) -> Markup {
    if overview.convoys.is_empty() {
        return empty(
            "No convoy is open",
            "Start a template, or make one of issues.",
            Some("convoy start code-review"),
        );
    }
    let total = overview.open + overview.staged;
    html! {
        ul.list { @for convoy in shown(&overview.convoys) { (line(convoy)) } }
        (more(shown(&overview.convoys).len(), total, "/convoys", "convoys"))
    }
}

fn landed(overview: &OverviewView) -> Markup {
    if overview.landed_today.is_empty() {
        return empty("Nothing landed yet today", "What landed before is under convoys.", None);
    }
    html! {
        ul.list { @for convoy in shown(&overview.landed_today) { (line(convoy)) } }
        (more(shown(&overview.landed_today).len(), overview.landed_today_total, "/convoys?status=landed", "that landed"))
    }
}

/// A convoy in a narrow list.
fn line(convoy: &ConvoyLineView) -> Markup {
    html! {
        li {
            div.row {
                a.name.grow href={ "/convoys/" (convoy.id) } { (title(&convoy.title)) }
                (state(convoy))
            }
            div.sub {
                (progress(convoy.completed, convoy.at_work, convoy.total))
                (spend(&convoy.spent, convoy.budget.as_ref()))
                (age(convoy.closed_at.or(convoy.started_at).unwrap_or(convoy.created_at)))
            }
        }
    }
}

/// How a convoy is, in badges.
pub(super) fn state(convoy: &ConvoyLineView) -> Markup {
    let needs = convoy.stuck || convoy.needs_human;
    html! {
        @if needs { (badge_of(Tone::Alert, "!", "needs you")) }
        @if convoy.overdue { (badge_of(Tone::Alert, "!", "overdue")) }
        @if !needs || convoy.closed_at.is_some() {
            (convoy_badge(&convoy.status, convoy.outcome.as_deref()))
        }
    }
}
