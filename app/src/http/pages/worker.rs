//! One worker: how it does and on what evidence, its attempts, what its agent said, what it changed, its checkpoints,
//! and what it was told.

use axum::Extension;
use axum::extract::{Path, Query, State};
use axum::response::Response;
use convoy_api::query::WhyView;
use convoy_api::{Code, Failure, Service};
use convoy_core::id::Seq;
use convoy_core::view::{IssueView, SessionView, WitnessView, WorkerView};
use maud::{Markup, html};
use serde::Deserialize;

use super::attempts::sessions;
use super::forms::{Action, Done, Fields, action, flash};
use super::issue::reasons;
use super::layout::page;
use super::parts::{Tone, age, badge, facts, link, moment, money, safe, section};
use super::transcript;
use super::work::health_badge;
use crate::ask;
use crate::http::{Error, Site, Visitor, blocking};
use crate::text;

/// What of a worker is shown: the value in the address, and its name. The first is shown if none is named.
pub(super) const VIEWS: [(&str, &str); 5] = [
    ("conversation", "Conversation"),
    ("raw", "Raw output"),
    ("changes", "Changes"),
    ("checkpoints", "Checkpoints"),
    ("prompt", "What it was told"),
];

/// What is to be shown, as the address says.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Which {
    view: String,
    raw: String,
    session: String,
    from: String,
    did: Option<String>,
}

impl Which {
    fn view(&self) -> &'static str {
        let wanted = if self.raw.is_empty() { self.view.as_str() } else { "raw" };
        VIEWS.iter().map(|(view, _)| *view).find(|view| *view == wanted).unwrap_or("conversation")
    }
}

/// A worker, and which of its attempts is shown.
pub(super) struct Of {
    pub(super) worker: WorkerView,
    pub(super) session: Option<SessionView>,
    /// From which byte of its output on; its end if nothing is said.
    pub(super) from: Option<u64>,
}

impl Of {
    /// The address of a view of it.
    pub(super) fn address(&self, view: &str) -> String {
        let id = &self.worker.id;
        let session = self.session.as_ref().map(|session| format!("&session={}", session.id));
        format!("/work/{id}?view={view}{}", session.unwrap_or_default())
    }
}

/// One worker.
pub(super) async fn show(
    State(site): State<Site>,
    Extension(visitor): Extension<Visitor>,
    Path(id): Path<String>,
    Query(which): Query<Which>,
) -> Result<Markup, Error> {
    let view = which.view();
    let (seq, of, issue, why) = site.ask(move |service| look(service, &id, &which)).await?;
    let Looked { of, flash: did } = of;
    let body = transcript::body(&site, view, &of).await;
    let (worker, id) = (&of.worker, &of.worker.id);
    let back = format!("/work/{id}");
    let live = worker.health.is_some();
    let main = html! {
        (flash(did.as_deref()))
        div.head data-stream=[live.then(|| format!("/api/work/{id}/stream"))] {
            div {
                p.eyebrow {
                    "Worker " span.id { (safe(&worker.name)) } " on "
                    (link(&format!("/issues/{}", issue.id), issue.id.as_str()))
                    @if let Some(convoy) = &worker.convoy_id {
                        " in " (link(&format!("/convoys/{convoy}"), convoy.as_str()))
                    }
                }
                h1 { (safe(&issue.title)) }
                p { (badge(&worker.state)) @if let Some(health) = &worker.health { " " (health_badge(&health.health)) } }
            }
            div.actions { (deeds(&visitor, worker, &issue, live, &back)) }
        }
        div.columns {
            div {
                nav.filter aria-label="What of it" {
                    @for (one, name) in VIEWS {
                        a href=(of.address(one)) aria-current=[(one == view).then_some("page")] { (name) }
                    }
                }
                div.stack { (body) }
            }
            div {
                (about(worker))
                @if let Some(health) = &worker.health { (witness(health)) }
                (reasons(&visitor, &why, &back))
                @if !worker.sessions.is_empty() {
                    (section("attempts", "Attempts", Some(worker.sessions.len()),
                        &sessions(worker, of.session.as_ref().map(|session| session.id.as_str()))))
                }
                (lessons(worker))
            }
        }
    };
    // What is read of files and git does not change with events: only what an agent says is looked at again.
    let follows = matches!(view, "conversation") && of.from.is_none();
    Ok(page(&visitor, &worker.name, "/work", follows.then_some(seq), &main))
}

struct Looked {
    of: Of,
    flash: Option<String>,
}

fn look(
    service: &dyn Service,
    id: &str,
    which: &Which,
) -> Result<(Seq, Looked, IssueView, WhyView), Failure> {
    let seq = ask::engine(service)?.seq;
    let worker = ask::worker(service, id)?;
    let issue = ask::issue(service, worker.issue_id.as_str())?;
    let why = ask::why(service, worker.id.as_str())?;
    let wanted = which.session.as_str();
    let named = worker.sessions.iter().find(|session| session.id.as_str() == wanted);
    if named.is_none() && !wanted.is_empty() {
        let text = format!("{} has no session {wanted:?}", worker.id);
        return Err(Failure::new(Code::NotFound, text));
    }
    let session = named.or(worker.sessions.last()).cloned();
    let of = Of { worker, session, from: which.from.parse().ok() };
    Ok((seq, Looked { of, flash: which.did.clone() }, issue, why))
}

fn deeds(visitor: &Visitor, worker: &WorkerView, issue: &IssueView, live: bool, back: &str) -> Markup {
    let id = &issue.id;
    let current = issue.worker.as_ref() == Some(&worker.id);
    let takes_input = || {
        let evidence = worker.health.as_ref().and_then(|health| health.evidence.as_ref());
        evidence.is_none_or(|evidence| evidence.takes_input)
    };
    html! {
        @if live && takes_input() {
            (action(visitor, &Action {
                path: format!("/work/{}/nudge", worker.id), label: "Say something", tone: Tone::Idle,
                ask: Some("The agent reads it with its next step, and goes on."),
                fields: Some(html! { label { "What" textarea name="text" rows="3" required {} } }), back,
            }))
        }
        @if current {
            (action(visitor, &Action {
                path: format!("/work/{id}/stop"), label: "Stop", tone: Tone::Bad,
                ask: Some("Its agent is ended, and what it did is kept. Nothing goes on before you say so."),
                fields: None, back,
            }))
        }
        @if worker.can_retry {
            (action(visitor, &Action {
                path: format!("/work/{id}/retry"), label: "Try again", tone: Tone::Busy, ask: None, fields: None, back,
            }))
        }
        @if current {
            (action(visitor, &Action {
                path: format!("/work/{id}/release"), label: "Take the issue from it", tone: Tone::Idle,
                ask: Some("What it did is kept; the issue is free for another."), fields: None, back,
            }))
        }
    }
}

fn about(worker: &WorkerView) -> Markup {
    let mut known: Vec<(&str, Markup)> = Vec::new();
    let mut add = |name, value: Option<Markup>| known.extend(value.map(|value| (name, value)));
    add(
        "Agent",
        Some(html! { (safe(&worker.agent)) @if !worker.sandboxed { span.soft { ", unsandboxed" } } }),
    );
    add(
        "Model",
        Some(html! {
            @if let Some(model) = &worker.model { (safe(model)) " " }
            span.soft { (safe(&worker.model_rationale)) }
        }),
    );
    add(
        "Attempt",
        Some(html! {
            (worker.attempt) span.soft { " (" (worker.failures) " of at most " (worker.max_attempts) " failed)" }
        }),
    );
    add("Lost", (worker.lost > 0).then(|| html! { (worker.lost) }));
    add("Conflicts", (worker.conflicts > 0).then(|| html! { (worker.conflicts) }));
    add("Reviews", (worker.reviews > 0).then(|| html! { (worker.reviews) }));
    add("Spent", Some(money(&worker.spent)));
    add("Since", Some(moment(worker.started_at)));
    add("Heard of", Some(html! { (age(worker.last_activity_at)) " ago" }));
    add("Branch", worker.branch.as_ref().map(|branch| html! { code { (safe(branch)) } }));
    add("Workdir", worker.workdir.as_ref().map(|path| html! { code { (safe(path)) } }));
    html! { section aria-label="Facts" { div.panel { (facts(&known)) } } }
}

/// How it does, and on what evidence.
fn witness(health: &WitnessView) -> Markup {
    let mut known: Vec<(&str, Markup)> = vec![("Heard", html! { (age(health.heard_at)) " ago" })];
    if let Some(seen) = &health.evidence {
        let seconds = |ms: u64| text::age(i64::try_from(ms / 1000).unwrap_or(i64::MAX));
        let mut add = |name, value: Option<Markup>| known.extend(value.map(|value| (name, value)));
        add("Looked at", Some(html! { (age(seen.at)) " ago" }));
        add("Silent for", Some(html! { (seconds(seen.silent_ms)) }));
        add(
            "Tool",
            seen.tool.as_ref().map(|tool| {
                html! {
                    (safe(tool)) @if let Some(ms) = seen.tool_ms { span.soft { " for " (seconds(ms)) } }
                }
            }),
        );
        add("Processes", Some(html! { (seen.processes) }));
        add(
            "Processor",
            Some(html! {
                (seconds(seen.window_cpu_ms)) span.soft { " in " (seconds(seen.window_ms)) "; " (seconds(seen.cpu_ms)) " in all" }
            }),
        );
        add("Repeats", seen.repeated.as_ref().map(|what| html! {
            (safe(what)) @if let Some(times) = seen.repeated_count { span.soft { " " (times) " times" } }
        }));
        add("Waits for a person", seen.waiting.as_ref().map(|what| html! { (safe(what)) }));
        add("Tries again", seen.retry_at.map(moment));
        add("Files changed", seen.changed_at.map(|at| html! { (age(at)) " ago" }));
    }
    let body = html! {
        div.panel.stack {
            p { (health_badge(&health.health)) " " (safe(&health.why)) }
            (facts(&known))
            @for step in &health.steps {
                p.soft {
                    (moment(step.at)) " " (safe(&step.step))
                    @if let Some(unable) = &step.unable { ": not possible, " (safe(unable)) }
                }
            }
            @if let (Some(step), Some(at)) = (&health.next_step, health.next_at) {
                p.soft { "Next: " (safe(step)) " at " (moment(at)) ", if nothing is heard before" }
            }
        }
    };
    section("health", "Health", None, &body)
}

fn lessons(worker: &WorkerView) -> Markup {
    html! {
        @if !worker.lessons.is_empty() {
            (section("lessons", "What did not land", Some(worker.lessons.len()), &html! {
                ul.list {
                    @for lesson in &worker.lessons {
                        li {
                            p { (safe(&lesson.what)) }
                            @if !lesson.detail.trim().is_empty() {
                                details.more-of {
                                    summary { "What was seen" }
                                    pre { (super::parts::block(&lesson.detail)) }
                                }
                            }
                        }
                    }
                }
            }))
        }
    }
}

/// Says something to its agent.
pub(super) async fn nudge(
    State(site): State<Site>,
    Path(id): Path<String>,
    fields: Fields,
) -> Result<Response, Error> {
    let named = id.clone();
    let worker = site.ask(move |service| ask::worker(service, &named)).await?;
    let session = ask::session_of(&worker, &id)?.clone();
    let text = fields.one("text").unwrap_or_default();
    let workspace = site.workspace().clone();
    let by = convoy_core::address::Address::overseer();
    let of = worker.issue_id.to_string();
    // A refusal is an answer of the call, which itself cannot fail.
    let told = blocking(move || Ok(crate::tell::tell(&workspace, &session, &of, &text, by.as_str()))).await?;
    told?;
    Ok(fields.back(Done::Did("nudged")))
}
