//! Attempts: who worked on something, how often, and what came of each.

use convoy_core::view::{SessionView, WorkerView};
use maud::{Markup, html};

use super::parts::{badge, block, duration, moment, money, safe, section, title};

/// Everybody who ever had it, with every attempt and what it came to.
pub(super) fn attempts(workers: &[WorkerView]) -> Markup {
    let sessions: usize = workers.iter().map(|worker| worker.sessions.len()).sum();
    let body = html! {
        @for worker in workers { (of_worker(worker)) }
        @if workers.is_empty() { p.soft { "Nobody has worked on it." } }
    };
    section("attempts", "Attempts", Some(sessions), &body)
}

fn of_worker(worker: &WorkerView) -> Markup {
    html! {
        div.panel.stack {
            div.row {
                a.name href={ "/work/" (worker.id) } { (safe(&worker.name)) }
                span.grow.soft { (safe(&worker.agent)) @if let Some(model) = &worker.model { ", " (safe(model)) } }
                (badge(&worker.state))
                (money(&worker.spent))
            }
            @if let Some(why) = &worker.why { p.soft { (safe(why)) } }
            @if !worker.sessions.is_empty() { (sessions(worker, None)) }
            @for lesson in &worker.lessons {
                details.more-of {
                    summary { (title(&lesson.what)) }
                    pre { (block(&lesson.detail)) }
                }
            }
        }
    }
}

/// The attempts of a worker; that which is shown is marked.
pub(super) fn sessions(worker: &WorkerView, shown: Option<&str>) -> Markup {
    html! {
        ul.list { @for session in &worker.sessions { (attempt(worker, session, shown == Some(session.id.as_str()))) } }
    }
}

fn attempt(worker: &WorkerView, session: &SessionView, shown: bool) -> Markup {
    let ran = session.started_at.zip(session.ended_at).map(|(from, to)| to.since(from).as_millis());
    html! {
        li aria-current=[shown.then_some("true")] {
            div.row {
                a.id href={ "/work/" (worker.id) "?session=" (session.id) } { (session.number) ". " (session.id) }
                span.grow { @if let Some(outcome) = &session.outcome { (safe(outcome)) } }
                (badge(&session.state))
            }
            @if let Some(why) = &session.why { p { (safe(why)) } }
            div.sub {
                @if let Some(at) = session.started_at { span { "began " (moment(at)) } }
                @if let Some(ms) = ran { span { "took " (took(ms)) } }
                @if let Some(model) = &session.model { span { (safe(model)) } }
                @if let Some(cost) = &session.cost { span { (money(cost)) } }
                @if let Some(source) = &session.cost_source { span { (safe(source).replace('_', "-")) } }
                @if let Some(exit) = &session.exit {
                    @if let Some(code) = exit.code { span { "exit " (code) } }
                    @if let Some(signal) = exit.signal { span { "signal " (signal) } }
                    @if exit.kind != "exited" { span { (safe(&exit.kind).replace('_', " ")) } }
                    @if exit.leaked > 0 { span { (exit.leaked) " left over processes ended" } }
                }
            }
        }
    }
}

/// How long something took: in seconds if it was short.
pub(super) fn took(ms: i64) -> Markup {
    let ms = ms.max(0);
    html! {
        @match ms {
            ..10_000 => span.num { (ms / 1000) "." (ms % 1000 / 100) " s" },
            10_000..60_000 => span.num { (ms / 1000) " s" },
            _ => (duration(ms / 1000)),
        }
    }
}
