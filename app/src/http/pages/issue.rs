//! One issue: what it is, why it is as it is, who worked on it and what came of that; and what can be done with it.

use axum::Extension;
use axum::extract::{Path, Query, State};
use axum::response::Response;
use convoy_api::query::{CostOf, WhyView};
use convoy_api::{Code, Failure};
use convoy_core::command::Request;
use convoy_core::issue::{CloseReason, DependencyType, Evidence};
use convoy_core::time::Time;
use convoy_core::view::{CostView, IssueView, NeighbourView, StoryView};
use maud::{Markup, html};
use serde::Deserialize;

use super::actions::{Deed, act};
use super::attempts::{attempts, took};
use super::forms::{Action, Fields, action, flash, marked};
use super::layout::page;
use super::parts::{
    Tone, age, badge, block, command, commit, facts, link, moment, money, safe, section, table, title,
};
use crate::ask;
use crate::http::{Error, Site, Visitor};

/// Why a person closes an issue: what is sent, and how it reads.
const REASONS: [(&str, CloseReason, &str); 4] = [
    ("completed", CloseReason::Completed, "completed: the work is done"),
    ("merged", CloseReason::Merged, "merged: its branch has landed"),
    ("dropped", CloseReason::Dropped, "dropped: it will not be done"),
    ("duplicate", CloseReason::Duplicate, "duplicate: another issue stands for it"),
];

/// What stands behind the `?`.
#[derive(Deserialize)]
pub(super) struct After {
    pub(super) did: Option<String>,
}

/// One issue.
pub(super) async fn show(
    State(site): State<Site>,
    Extension(visitor): Extension<Visitor>,
    Path(id): Path<String>,
    Query(after): Query<After>,
) -> Result<Markup, Error> {
    let (story, why, cost) = site
        .ask(move |service| {
            let story = ask::story(service, &id)?;
            let id = story.issue.id.to_string();
            Ok((story, ask::why(service, &id)?, ask::cost(service, CostOf::Issue { id }, None)?))
        })
        .await?;
    let issue = &story.issue;
    let back = format!("/issues/{}", issue.id);
    let main = html! {
        (flash(after.did.as_deref()))
        div.head {
            div {
                p.eyebrow {
                    span.id { (issue.id) } " · " (issue.issue_type.name()) " · priority " (issue.priority)
                }
                h1 { (safe(&issue.title)) }
                p { (badge(&issue.status)) @if issue.blocked { " " (badge("blocked")) } }
            }
            div.actions { (deeds(&visitor, &story, &back)) }
        }
        @if let Some(why) = &issue.needs_human { p.note { strong { "Needs a person: " } (safe(why)) } }
        div.columns {
            div {
                @if !issue.description.trim().is_empty() {
                    (section("story", "What is to be done", None, &html! { pre { (block(&issue.description)) } }))
                }
                @if !issue.acceptance.is_empty() {
                    (section("acceptance", "It is done when", None, &html! {
                        ul.list { @for one in &issue.acceptance { li { (safe(one)) } } }
                    }))
                }
                (attempts(&story.workers))
                @if let Some(evidence) = &issue.evidence { (proof(evidence)) }
                (timeline(&story))
            }
            div {
                (about(issue, &story, &cost))
                (reasons(&visitor, &why, &back))
                (neighbours(&visitor, &story, &back))
                (convoys(&story))
            }
        }
    };
    Ok(page(&visitor, &format!("{} {}", issue.id, issue.title), "/issues", Some(story.seq), &main))
}

/// What can be done with it as it is.
fn deeds(visitor: &Visitor, story: &StoryView, back: &str) -> Markup {
    let issue = &story.issue;
    let id = &issue.id;
    let closed = issue.status == "closed";
    let at_work = issue.worker.is_some();
    html! {
        @if closed {
            (action(visitor, &Action {
                path: format!("/issues/{id}/reopen"), label: "Open again", tone: Tone::Idle,
                ask: Some("Others may wait for it again, and its convoys are open again."), fields: None, back,
            }))
        } @else {
            @if at_work {
                (action(visitor, &Action {
                    path: format!("/work/{id}/stop"), label: "Stop", tone: Tone::Bad,
                    ask: Some("Its agent is ended, and what it did is kept. Nothing goes on before you say so."),
                    fields: None, back,
                }))
            } @else {
                (action(visitor, &Action {
                    path: format!("/issues/{id}/sling"), label: "Set an agent to it", tone: Tone::Good,
                    ask: Some("An agent begins as soon as there is room. Without a convoy it gets one of its own."),
                    fields: Some(html! {
                        label { "Agent " span.soft { "(the default, if empty)" } input type="text" name="agent" autocomplete="off"; }
                        label { "Model " span.soft { "(the default, if empty)" } input type="text" name="model" autocomplete="off"; }
                    }), back,
                }))
            }
            (action(visitor, &Action {
                path: format!("/issues/{id}/close"), label: "Close", tone: Tone::Idle,
                ask: Some("What waits for it goes on."),
                fields: Some(html! {
                    label { "Why"
                        select name="reason" { @for (name, _, words) in REASONS { option value=(name) { (words) } } }
                    }
                    label { "Which issue stands for it " span.soft { "(of a duplicate)" }
                        input type="text" name="duplicate_of" autocomplete="off";
                    }
                    label { "Note" input type="text" name="note" autocomplete="off"; }
                }), back,
            }))
        }
    }
}

fn about(issue: &IssueView, story: &StoryView, cost: &CostView) -> Markup {
    let mut known: Vec<(&str, Markup)> = Vec::new();
    let mut add = |name, value: Option<Markup>| known.extend(value.map(|value| (name, value)));
    let issue_link = |id: &convoy_core::id::IssueId| link(&format!("/issues/{id}"), id.as_str());
    add("Rig", Some(html! { (safe(&issue.rig)) @if !issue.rig_known { " (not in the configuration)" } }));
    let labels = html! { @for label in &issue.labels { span.tag { (safe(label)) } " " } };
    add("Labels", (!issue.labels.is_empty()).then_some(labels));
    add("Part of", issue.parent.as_ref().map(issue_link));
    add(
        "Worker",
        issue.worker.as_ref().map(|worker| {
            let name = issue.assignee.clone().unwrap_or_else(|| worker.to_string());
            html! { a href={ "/work/" (worker) } { (safe(&name)) } }
        }),
    );
    let elsewhere = issue.assignee.as_ref().filter(|_| issue.worker.is_none());
    add("Assigned to", elsewhere.map(|name| html! { (safe(name)) }));
    add("Held", issue.held.as_ref().map(|hold| html! { (safe(hold.as_str())) }));
    add(
        "Cost",
        Some(
            html! { (money(&cost.total)) @if cost.unmetered > 0 { span.soft { ", " (cost.unmetered) " sessions unmetered" } } },
        ),
    );
    let merging = |item: &convoy_core::view::QueueItemView| {
        html! {
            (badge(&item.state))
            @if let Some(position) = item.position { " place " (position) }
            @if let Some(detail) = &item.detail { div.sub { (safe(detail)) } }
        }
    };
    add("Merge queue", story.queued.as_ref().map(merging));
    add("Made", Some(html! { (moment(issue.created_at)) " by " (safe(&issue.created_by)) }));
    add("Changed", Some(html! { (age(issue.updated_at)) " ago" }));
    add("Closed", issue.closed_at.map(|at| html! { (moment(at)) ", " (reason(issue)) }));
    add("Note", issue.close_note.as_ref().map(|note| html! { (safe(note)) }));
    add("Stands for it", issue.duplicate_of.as_ref().map(issue_link));
    html! { section aria-label="Facts" { div.panel { (facts(&known)) } } }
}

/// Why it was closed, by the name that scripts see.
fn reason(issue: &IssueView) -> String {
    let value = issue.close_reason.and_then(|reason| serde_json::to_value(reason).ok());
    value.as_ref().and_then(|value| value.as_str()).unwrap_or_default().to_owned()
}

/// Every reason why it is as it is, each with the command that would change it, and the button for that.
pub(super) fn reasons(visitor: &Visitor, why: &WhyView, back: &str) -> Markup {
    let body = html! {
        ul.list {
            @for reason in &why.reasons {
                li {
                    p { (safe(&reason.text)) }
                    @if let Some(line) = &reason.command {
                        div.row {
                            (command(line))
                            @if let Some(deed) = Deed::of(line) { (deed.button(visitor, back)) }
                        }
                    }
                }
            }
        }
    };
    html! { @if !why.reasons.is_empty() { (section("why", "Why", None, &body)) } }
}

fn neighbours(visitor: &Visitor, story: &StoryView, back: &str) -> Markup {
    let open = story.issue.status != "closed";
    let list = |id: &str, heading: &str, total: usize, all: &[NeighbourView]| {
        html! {
            @if !all.is_empty() {
                (section(id, heading, Some(total), &html! {
                    ul.list { @for one in all { li { (neighbour(one)) } } }
                    @if total > all.len() { p.more.soft { "and " (total - all.len()) " more" } }
                }))
            }
        }
    };
    html! {
        (list("needs", "Waits for", story.needs.len(), &story.needs))
        (list("needed", "Waited for by", story.needed_by.len(), &story.needed_by))
        (list("parts", "Its parts", story.parts_total, &story.parts))
        @if open {
            details.more-of {
                summary { "Have it wait for another issue" }
                form.fields.panel method="post" action={ "/issues/" (story.issue.id) "/needs" } {
                    (marked(visitor, back))
                    label { "The id of the other" input type="text" name="needs" required autocomplete="off"; }
                    div { button.button type="submit" { "Add" } }
                }
            }
        }
    }
}

fn neighbour(one: &NeighbourView) -> Markup {
    html! {
        div.row {
            (link(&format!("/issues/{}", one.id), one.id.as_str()))
            span.grow { @if let Some(name) = &one.title { (title(name)) } @else { span.soft { "not known here" } } }
            @if one.kind != DependencyType::Blocks { span.soft { (kind(one.kind)) } }
            @if let Some(status) = &one.status { (badge(status)) }
        }
    }
}

fn kind(kind: DependencyType) -> &'static str {
    match kind {
        DependencyType::Blocks => "blocks",
        DependencyType::Tracks => "tracks",
        DependencyType::Related => "related",
        DependencyType::ParentChild => "part",
    }
}

fn convoys(story: &StoryView) -> Markup {
    html! {
        @if !story.convoys.is_empty() {
            (section("convoys", "Convoys", Some(story.convoys.len()), &html! {
                ul.list {
                    @for convoy in &story.convoys {
                        li.row {
                            a.grow.name href={ "/convoys/" (convoy.id) } { (title(&convoy.title)) }
                            (super::parts::progress(convoy.completed, convoy.at_work, convoy.total))
                            (super::parts::convoy_badge(&convoy.status, convoy.outcome.as_deref()))
                        }
                    }
                }
            }))
        }
    }
}

fn proof(evidence: &Evidence) -> Markup {
    let mut known: Vec<(&str, Markup)> = Vec::new();
    let mut add = |name, value: Option<Markup>| known.extend(value.map(|value| (name, value)));
    add("Branch", evidence.branch.as_ref().map(|branch| html! { code { (safe(branch)) } }));
    add("Commit", evidence.commit.as_deref().map(commit));
    add("Landed as", evidence.merge_commit.as_deref().map(commit));
    // An address of others: shown, and no link, since it may lead anywhere.
    add("Request", evidence.request.as_ref().map(|url| html! { code { (safe(url)) } }));
    add("Change", evidence.diff.as_ref().map(|diff| html! {
        span.num { (crate::text::count(diff.files as usize, "file")) " " span.plus { "+" (diff.insertions) } " " span.minus { "−" (diff.deletions) } }
    }));
    add("Change", evidence.no_change.then(|| html! { "none was needed" }));
    add("Cost", evidence.cost.as_ref().map(money));
    add("Attempt", Some(html! { (evidence.attempt) }));
    let body = html! {
        div.panel { (facts(&known)) }
        @if !evidence.gates.is_empty() {
            (table("Gates", true, &["Gate", "Result", "Exit", "Took"], &html! {
                @for gate in &evidence.gates {
                    tr {
                        td { (safe(&gate.name)) }
                        td { (badge(if gate.passed { "passed" } else { "failed" })) }
                        td data-label="Exit" { @if let Some(code) = gate.code { (code) } }
                        td data-label="Took" { (took(gate.duration.as_millis())) }
                    }
                }
            }))
        }
    };
    section("evidence", "What shows that it is done", None, &body)
}

/// What happened, by what is known of it: the newest first.
fn timeline(story: &StoryView) -> Markup {
    let issue = &story.issue;
    let mut all: Vec<(Time, Markup)> =
        vec![(issue.created_at, html! { "Made by " (safe(&issue.created_by)) })];
    for worker in &story.workers {
        let who = || html! { a href={ "/work/" (worker.id) } { (safe(&worker.name)) } };
        all.push((worker.started_at, html! { "Given to " (who()) ", agent " (safe(&worker.agent)) }));
        for session in &worker.sessions {
            let of = || html! { a href={ "/work/" (worker.id) "?session=" (session.id) } { "attempt " (session.number) } };
            all.extend(session.started_at.map(|at| (at, html! { (who()) " began " (of()) })));
            all.extend(session.ended_at.map(|at| {
                let outcome = session.outcome.as_deref().unwrap_or("not looked at yet");
                (
                    at,
                    html! { (of()) " of " (who()) " ended: " (safe(outcome))
                    @if let Some(why) = &session.why { span.soft { " · " (title(why)) } } },
                )
            }));
        }
    }
    all.extend(issue.closed_at.map(|at| (at, html! { "Closed, " (reason(issue)) })));
    all.sort_by_key(|(at, _)| std::cmp::Reverse(*at));
    section(
        "timeline",
        "What happened",
        None,
        &html! {
            ol.timeline.wider { @for (at, what) in &all { li { (moment(*at)) div { (what) } } } }
        },
    )
}

/// Closes it.
pub(super) async fn close(
    State(site): State<Site>,
    Path(id): Path<String>,
    fields: Fields,
) -> Result<Response, Error> {
    let name = fields.one("reason").unwrap_or_else(|| "completed".to_owned());
    let reason = REASONS.iter().find(|(known, ..)| *known == name).map(|(_, reason, _)| *reason);
    let reason = reason.ok_or_else(|| {
        Failure::new(Code::Invalid, format!("{name:?} is no reason to close an issue"))
            .hint("known are: completed, merged, dropped, duplicate")
    })?;
    let (duplicate_of, note) = (fields.one("duplicate_of"), fields.one("note"));
    let request = Request::IssueClose { ids: vec![id], reason, duplicate_of, note };
    act(&site, request, &fields, "closed").await
}

/// Opens it again.
pub(super) async fn reopen(
    State(site): State<Site>,
    Path(id): Path<String>,
    fields: Fields,
) -> Result<Response, Error> {
    act(&site, Request::IssueReopen { ids: vec![id] }, &fields, "reopened").await
}

/// Has it wait for another.
pub(super) async fn need(
    State(site): State<Site>,
    Path(id): Path<String>,
    fields: Fields,
) -> Result<Response, Error> {
    let needs = fields.one("needs").unwrap_or_default();
    let request = Request::DependencyAdd { id, needs, kind: DependencyType::Blocks };
    act(&site, request, &fields, "added").await
}

/// Sets an agent to it.
pub(super) async fn sling(
    State(site): State<Site>,
    Path(id): Path<String>,
    fields: Fields,
) -> Result<Response, Error> {
    let request = Request::Sling {
        issues: vec![id],
        target: None,
        agent: fields.one("agent"),
        model: fields.one("model"),
        base: None,
        no_convoy: false,
        force: false,
        budget: None,
    };
    act(&site, request, &fields, "started").await
}
