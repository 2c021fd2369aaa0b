//! Who is at work, and who gave up.

use axum::Extension;
use axum::extract::{Query, State};
use convoy_api::query::WorkerFilter;
use convoy_core::view::WorkerFactsView;
use maud::{Markup, html};
use serde::Deserialize;

use super::actions::Deed;
use super::forms::{PAGE, flash, pager};
use super::layout::page;
use super::parts::{Tone, age, badge, badge_of, command, empty, link, money, safe, section, table, title};
use crate::ask;
use crate::http::{Error, Site, Visitor};

/// Which workers, as the address says.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Which {
    all: String,
    skip: String,
    did: Option<String>,
}

/// Who is at work and who gave up; or everybody who ever was.
pub(super) async fn list(
    State(site): State<Site>,
    Extension(visitor): Extension<Visitor>,
    Query(which): Query<Which>,
) -> Result<Markup, Error> {
    if !which.all.is_empty() {
        return everybody(&site, &visitor, &which).await;
    }
    let (seq, (workers, left_out)) =
        site.ask(|service| Ok((ask::engine(service)?.seq, ask::worker_facts(service)?))).await?;
    let (gave_up, at_work): (Vec<_>, Vec<_>) = workers.iter().partition(|worker| worker.gave_up);
    let main = html! {
        (flash(which.did.as_deref()))
        div.head { div { h1 { "Work" } (views(false)) } }
        @if workers.is_empty() {
            (empty("Nobody is at work.", "Set an agent to an issue, or start a convoy.", Some("convoy sling <issue>")))
        }
        @if !gave_up.is_empty() {
            (section("gave-up", "Gave up, or were stopped", Some(gave_up.len()), &html! {
                ul.list.needs { @for worker in &gave_up { (left(&visitor, worker)) } }
            }))
        }
        @if !at_work.is_empty() {
            (section("at-work", "At work", Some(at_work.len()), &busy(&at_work)))
        }
        @if left_out > 0 {
            p.more { "and " (left_out) " more: " a href="/work?all=1" { "everybody" } }
        }
    };
    Ok(page(&visitor, "Work", "/work", Some(seq), &main))
}

fn views(all: bool) -> Markup {
    html! {
        nav.filter aria-label="Who" {
            a href="/work" aria-current=[(!all).then_some("page")] { "Now" }
            a href="/work?all=1" aria-current=[all.then_some("page")] { "Everybody" }
        }
    }
}

/// One that does nothing before a person says so.
fn left(visitor: &Visitor, worker: &WorkerFactsView) -> Markup {
    html! {
        li {
            div.row {
                a.grow.name href={ "/work/" (worker.worker_id) } { (title(&worker.title)) }
                (badge(&worker.state))
            }
            div.sub {
                (link(&format!("/issues/{}", worker.issue_id), worker.issue_id.as_str()))
                span { (safe(&worker.name)) } span { "attempt " (worker.attempt) " of " (worker.max_attempts) }
                span { (money(&worker.spent)) }
            }
            @if let Some(why) = &worker.why { p { (safe(why)) } }
            @if let Some(lesson) = &worker.last_lesson {
                @if worker.why.as_deref().is_none_or(|why| !why.contains(lesson.as_str())) { p.soft { (safe(lesson)) } }
            }
            @if let Some(line) = &worker.command {
                div.row {
                    (command(line))
                    @if let Some(deed) = Deed::of(line) { (deed.button(visitor, "/work")) }
                }
            }
        }
    }
}

fn busy(workers: &[&WorkerFactsView]) -> Markup {
    let heads = ["Issue", "State", "Health", "Worker", "Attempt", "Since", "Heard", "Spent"];
    table(
        "At work",
        true,
        &heads,
        &html! {
            @for worker in workers {
                tr {
                    td.wide {
                        a.name href={ "/work/" (worker.worker_id) } { (title(&worker.title)) }
                        div.sub {
                            (link(&format!("/issues/{}", worker.issue_id), worker.issue_id.as_str()))
                            @if let Some(convoy) = &worker.convoy_id { (link(&format!("/convoys/{convoy}"), convoy.as_str())) }
                        }
                        @if let Some(why) = &worker.why { div.sub { (safe(why)) } }
                    }
                    td { (badge(&worker.state)) }
                    td data-label="Health" { @if let Some(health) = &worker.health { (health_badge(&health.health)) } }
                    td data-label="Worker" {
                        (safe(&worker.name)) div.sub { (safe(&worker.agent)) @if let Some(model) = &worker.model { ", " (safe(model)) } }
                    }
                    td data-label="Attempt" { span.num { (worker.attempt) "/" (worker.max_attempts) } }
                    td data-label="Since" { (age(worker.started_at)) }
                    td data-label="Heard" { (age(worker.last_activity_at)) span.soft { " ago" } }
                    td data-label="Spent" { (money(&worker.spent)) }
                }
            }
        },
    )
}

/// How a live session does.
pub(super) fn health_badge(health: &str) -> Markup {
    match health {
        "healthy" => badge(health),
        "quiet" | "rate_limited" => badge_of(Tone::Wait, "…", &health.replace('_', " ")),
        "dead" => badge_of(Tone::Bad, "✗", health),
        _ => badge_of(Tone::Alert, "!", &health.replace('_', " ")),
    }
}

async fn everybody(site: &Site, visitor: &Visitor, which: &Which) -> Result<Markup, Error> {
    let skip = which.skip.parse().unwrap_or(0);
    let filter = WorkerFilter { all: true, latest: true, limit: Some(PAGE), skip };
    let (seq, (shown, total)) =
        site.ask(move |service| Ok((ask::engine(service)?.seq, ask::worker_page(service, filter)?))).await?;
    let heads = ["Worker", "State", "Issue", "Convoy", "Agent", "Attempt", "Since", "Spent"];
    let main = html! {
        div.head { div { h1 { "Work" } (views(true)) } }
        @if shown.is_empty() {
            (empty("Nobody was ever at work.", "Set an agent to an issue, or start a convoy.", Some("convoy sling <issue>")))
        } @else {
            (table("Everybody who ever worked, the latest first", true, &heads, &html! {
                @for worker in &shown {
                    tr {
                        td { a.name href={ "/work/" (worker.id) } { (safe(&worker.name)) } }
                        td { (badge(&worker.state)) }
                        td data-label="Issue" { (link(&format!("/issues/{}", worker.issue_id), worker.issue_id.as_str())) }
                        td data-label="Convoy" { @if let Some(id) = &worker.convoy_id { (link(&format!("/convoys/{id}"), id.as_str())) } }
                        td data-label="Agent" { (safe(&worker.agent)) @if let Some(model) = &worker.model { span.soft { ", " (safe(model)) } } }
                        td data-label="Attempt" { span.num { (worker.attempt) "/" (worker.max_attempts) } }
                        td data-label="Since" { (age(worker.started_at)) span.soft { " ago" } }
                        td data-label="Spent" { (money(&worker.spent)) }
                    }
                }
            }))
            (pager("/work?all=1", skip, shown.len(), total))
        }
    };
    Ok(page(visitor, "Work", "/work", Some(seq), &main))
}
