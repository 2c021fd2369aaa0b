//! One convoy: how it does, what waits for what, who works and what they print, what came of it, what it costs, what
//! happened, and what can be done.

use std::collections::BTreeMap;

use axum::Extension;
use axum::extract::{Path, Query, State};
use convoy_core::id::SessionId;
use convoy_core::view::{ConvoyView, DetailsView, RoleView, TrackedView, WorkerView};
use maud::{Markup, html};

use super::actions::Deed;
use super::forms::{Action, action, flash};
use super::graph::{self, NODES_MAX, Node};
use super::layout::page;
use super::overview::After;
use super::parts::{
    Tone, age, badge, badge_of, block, command, commit, convoy_badge, duration, empty, facts, link, moment,
    money, progress, safe, section, sign, spend, table, title,
};
use super::report::Report;
use super::{tail, timeline};
use crate::ask;
use crate::http::{Error, Site, Visitor};
use crate::text;

/// The most issues that the list shows.
const LISTED_MAX: usize = 500;

/// Of how many of those at work it is shown what they printed last.
const PRINTED_MAX: usize = 20;

/// What agents printed last, by session.
type Printed = BTreeMap<SessionId, String>;

/// The page.
pub(super) async fn show(
    State(site): State<Site>,
    Extension(visitor): Extension<Visitor>,
    Path(id): Path<String>,
    Query(after): Query<After>,
) -> Result<Markup, Error> {
    let workspace = site.workspace().clone();
    let (details, told, report, printed) = site
        .ask(move |service| {
            let details = ask::details(service, &id)?;
            let told = timeline::read(service, &details)?;
            let report = Report::read(&workspace, &details.convoy);
            let live = details.workers.iter().filter(|worker| worker.state == "running").take(PRINTED_MAX);
            let printed: Printed = live
                .filter_map(|worker| worker.session_id.as_ref())
                .map(|id| (id.clone(), tail::lines(&workspace, id).join("\n")))
                .collect();
            Ok((details, told, report, printed))
        })
        .await?;
    let convoy = &details.convoy;
    let is_template = convoy.template.is_some();
    let work = if is_template { "Roles" } else { "Issues" };
    let main = html! {
        (head(&visitor, &details))
        (flash(after.did.as_deref()))
        (in_the_way(&visitor, &details))
        (facts(&facts_of(convoy)))
        @if let Some(report) = &report { (report.show(convoy)) }
        (section("work", work, Some(convoy.total), &html! {
            (graph::graph(work, &nodes(&details)))
            (list(&details))
        }))
        div.columns {
            div {
                (section("workers", "Workers", Some(details.workers_total), &workers(&visitor, &details, &printed)))
                @if !is_template && !details.landed.is_empty() { (section("evidence", "Evidence", None, &evidence(&details))) }
            }
            div { (section("timeline", "What happened", None, &timeline::show(&told))) }
        }
    };
    Ok(page(&visitor, &convoy.title, "/convoys", Some(details.seq), &main))
}

fn head(visitor: &Visitor, details: &DetailsView) -> Markup {
    let convoy = &details.convoy;
    // Of one that is over nothing is printed any more: only what concerns it may still happen.
    let stream = convoy.closed_at.is_none().then(|| format!("/api/convoys/{}/stream", convoy.id));
    html! {
        div.head data-convoy=(convoy.id) data-stream=[stream] {
            div {
                p.eyebrow {
                    @if let Some(template) = &convoy.template { (safe(template)) " · " }
                    span.id { (convoy.id) }
                }
                h1 { (safe(&convoy.title)) }
                p.sub {
                    (convoy_badge(&convoy.status, convoy.outcome.as_deref()))
                    @if convoy.overdue { (badge_of(Tone::Alert, "!", "overdue")) }
                    @if convoy.held { (badge_of(Tone::Wait, "→", "held open")) }
                    (progress(convoy.completed, details.at_work, convoy.total))
                    (spend(&convoy.spent, convoy.budget.as_ref()))
                }
            }
            div.actions { (actions(visitor, convoy)) }
        }
    }
}

/// What can be done with it, as it is.
fn actions(visitor: &Visitor, convoy: &ConvoyView) -> Markup {
    let back = format!("/convoys/{}", convoy.id);
    let button = |verb: &str, label: &str, tone, ask: Option<&str>, fields| {
        let path = format!("/convoys/{}/{verb}", convoy.id);
        action(visitor, &Action { path, label, tone, ask, fields, back: &back })
    };
    let reason = || html! { label { "Reason" input name="reason" autocomplete="off" maxlength="500"; } };
    let force = html! {
        @if !convoy.findings.is_empty() { label.check { input type="checkbox" name="force" value="1"; "Past the warnings" } }
    };
    let (is_open, is_staged) = (convoy.status == "open", convoy.status == "staged");
    let is_template = convoy.template.is_some();
    html! {
        @if is_staged {
            (button("launch", "Launch", Tone::Busy, Some("Agents begin with everything that is ready."), Some(force)))
        }
        @if is_open && convoy.started_at.is_none() && !is_template {
            (button("start", "Start", Tone::Busy, Some("Agents begin with everything that is ready, and go on until it lands."), None))
        }
        @if is_open && convoy.owned && convoy.completed == convoy.total {
            (button("land", "Land", Tone::Busy, None, None))
        }
        @if is_open && !is_template { (button("check", "Check", Tone::Idle, None, None)) }
        @if is_template && convoy.roles.iter().any(|role| !role.files.is_empty()) {
            (button("synthesize", "Make the report again", Tone::Idle, None, None))
        }
        @if is_open && (convoy.started_at.is_some() || convoy.in_progress > 0) {
            (button("stop", "Stop", Tone::Bad, Some(if is_template {
                "Its roles are stopped, and it is over with what they have written by then."
            } else { "Its agents are stopped. Their work is kept, and nothing new begins until it is started again." }), None))
        }
        @if is_open || is_staged {
            (button("close", "Close", Tone::Bad, Some("What is not closed stays open and is worked on no more in this convoy; \
                it is landed if all is closed, else abandoned."), Some(reason())))
        } @else if !is_template {
            (button("reopen", "Reopen", Tone::Idle, Some("It is open again, until it lands or is closed."), None))
        }
    }
}

/// Why it does not go on, and what would help.
fn in_the_way(visitor: &Visitor, details: &DetailsView) -> Markup {
    let Some(stranded) = &details.stranded else { return html! {} };
    let back = format!("/convoys/{}", details.convoy.id);
    html! {
        div.note role="status" {
            div.row {
                strong.grow { (safe(&stranded.detail)) }
                (badge_of(if stranded.category.is_stuck() { Tone::Alert } else { Tone::Wait }, "!", stranded.category.name()))
            }
            div.actions {
                @if let Some(deed) = Deed::of(&stranded.command) { (deed.button(visitor, &back)) }
                (command(&stranded.command))
            }
        }
    }
}

fn facts_of(convoy: &ConvoyView) -> Vec<(&'static str, Markup)> {
    let text = |text: &str| html! { (safe(text)) };
    let mut facts = vec![("Owner", text(&convoy.owner)), ("Created", html! { (moment(convoy.created_at)) })];
    facts.extend(convoy.started_at.map(|at| ("Started", html! { (moment(at)) })));
    facts.extend(convoy.closed_at.map(|at| ("Closed", html! { (moment(at)) })));
    facts.extend(convoy.duration_s.map(|seconds| ("Took", duration(seconds))));
    facts.extend(convoy.due_at.map(|at| ("Due", html! { (moment(at)) })));
    if convoy.reserved.micros > 0 {
        facts.push(("Promised", money(&convoy.reserved)));
    }
    if convoy.overrun.micros > 0 {
        facts.push(("Over its budget by", money(&convoy.overrun)));
    }
    if convoy.template.is_none() {
        let onto = convoy.base_branch.as_deref().map(|base| format!(" onto {}", safe(base)));
        facts.push(("Merge", html! { (convoy.merge.name()) (onto.unwrap_or_default()) }));
    }
    facts.extend(convoy.max_parallel.map(|n| ("At once", html! { (n) })));
    facts.extend(convoy.epic_id.as_deref().map(|epic| ("Epic", text(epic))));
    facts.extend(convoy.close_reason.as_deref().map(|why| ("Reason", text(why))));
    if let Some(run) = &convoy.context {
        facts.extend(run.commit.as_deref().map(|id| ("Commit", commit(id))));
        facts.extend(run.base.as_deref().map(|id| ("Compared with", commit(id))));
        if !run.files.is_empty() {
            facts.push((
                "Files",
                html! { span title=(safe(&run.files.join(", "))) { (text::count(run.files.len(), "file")) } },
            ));
        }
        for issue in &run.issues {
            facts.push(("About", link(&format!("/issues/{issue}"), issue.as_str())));
        }
    }
    facts
}

/// The boxes of the picture; none where nothing waits for anything.
fn nodes(details: &DetailsView) -> Vec<Node> {
    let convoy = &details.convoy;
    let tied = |issue: &TrackedView| {
        details.waits.iter().any(|wait| wait.issue_id == issue.id || wait.needs == issue.id)
    };
    if convoy.tracked.len() > NODES_MAX || !convoy.tracked.iter().any(tied) {
        return Vec::new();
    }
    let place = |id: &convoy_core::id::IssueId| convoy.tracked.iter().position(|issue| issue.id == *id);
    let node = |issue: &TrackedView| {
        let role = convoy.roles.iter().find(|role| role.issue_id == issue.id);
        let state = role.map_or(issue.status.as_str(), |role| role.status.as_str());
        let (sign, tone) = sign(state);
        let needs = details.waits.iter().filter(|wait| wait.issue_id == issue.id);
        let id = issue.id.to_string();
        let (label, of, to) = match role {
            Some(role) => (role.role.clone(), who(role), format!("#role-{}", role.role)),
            None => (issue.title.clone(), of_issue(issue), format!("/issues/{id}")),
        };
        Node {
            label,
            of,
            to,
            sign,
            tone: if issue.blocked && state == "open" { Tone::Wait } else { tone },
            state: state.replace('_', " "),
            needs: needs.filter_map(|wait| place(&wait.needs)).collect(),
        }
    };
    convoy.tracked.iter().map(node).collect()
}

fn of_issue(issue: &TrackedView) -> String {
    match &issue.worker {
        Some(worker) => format!("{} · {worker}", issue.id),
        None => issue.id.to_string(),
    }
}

fn who(role: &RoleView) -> String {
    let who = role.model.as_deref().or(role.agent.as_deref()).unwrap_or("no agent");
    format!("{} · {who}", role.status)
}

fn list(details: &DetailsView) -> Markup {
    let convoy = &details.convoy;
    if !convoy.roles.is_empty() {
        let rows = html! { @for role in &convoy.roles { (role_row(role)) } };
        return table("Roles", true, &["Role", "State", "Agent", "Took", "Spent", "Gave"], &rows);
    }
    if convoy.tracked.is_empty() {
        let line = format!("convoy add {} <issue>", convoy.id);
        return empty("It tracks nothing", "Add issues to it.", Some(&line));
    }
    let rows = html! {
        @for issue in convoy.tracked.iter().take(LISTED_MAX) {
            tr {
                td.wide { a.name href={ "/issues/" (issue.id) } { (title(&issue.title)) } }
                td { (badge(&issue.status)) @if issue.blocked { " " (badge_of(Tone::Wait, "→", "waits")) } }
                td data-label="Worker" {
                    @if let Some(worker) = &issue.worker { a href={ "/work/" (issue.id) } { (safe(worker)) } }
                    @if let Some(age) = issue.worker_age_s { " " (duration(age)) }
                }
                td data-label="Type" { (issue.issue_type.name()) }
                td data-label="Id" { (link(&format!("/issues/{}", issue.id), issue.id.as_str())) }
            }
        }
    };
    html! {
        (table("Issues", true, &["Issue", "State", "Worker", "Type", "Id"], &rows))
        @if convoy.tracked.len() > LISTED_MAX {
            p.more { a href={ "/issues?convoy=" (convoy.id) "&status=all" } { "All " (convoy.tracked.len()) " issues" } }
        }
    }
}

fn role_row(role: &RoleView) -> Markup {
    html! {
        tr id={ "role-" (role.role) } {
            td {
                a.name href={ "/work/" (role.issue_id) } { (safe(&role.role)) }
                @if let Some(why) = &role.why { p.soft { (text::cut(why, 200)) } }
            }
            td {
                (badge(&role.status))
                @if role.attempts > 1 { " " span.soft { "attempt " (role.attempts) } }
                @if role.status == "pending" && !role.needs.is_empty() { " " span.soft { "after " (safe(&role.needs.join(", "))) } }
            }
            td data-label="Agent" { (safe(role.agent.as_deref().unwrap_or_default())) " " span.soft { (safe(role.model.as_deref().unwrap_or_default())) } }
            td data-label="Took" {
                @match (role.started_at, role.completed_at) {
                    (Some(from), Some(to)) => { (duration(to.since(from).as_secs())) }
                    (Some(from), None) => { (age(from)) }
                    (None, _) => {}
                }
            }
            td data-label="Spent" { (money(&role.spent)) }
            td data-label="Gave" {
                @if let Some(found) = role.findings { (text::count(found as usize, "finding")) }
                @else if let Some(file) = role.files.first() { code { (safe(file)) } }
            }
        }
    }
}

fn workers(visitor: &Visitor, details: &DetailsView, printed: &Printed) -> Markup {
    if details.workers.is_empty() {
        return empty("Nobody has worked on it yet", "Each issue gets a worker when it is ready.", None);
    }
    html! {
        ul.list { @for worker in &details.workers { (worker_of(visitor, details, worker, printed)) } }
        @if details.workers_total > details.workers.len() {
            p.more { "The first " (details.workers.len()) " of " (details.workers_total) }
        }
    }
}

fn worker_of(visitor: &Visitor, details: &DetailsView, worker: &WorkerView, printed: &Printed) -> Markup {
    let printed = worker.session_id.as_ref().and_then(|id| printed.get(id)).map_or("", String::as_str);
    let tracked = details.convoy.tracked.iter().find(|issue| issue.id == worker.issue_id);
    let role = details.convoy.roles.iter().find(|role| role.issue_id == worker.issue_id);
    let name =
        role.map_or_else(|| tracked.map_or("", |issue| issue.title.as_str()), |role| role.role.as_str());
    let (is_live, back) = (worker.state == "running", format!("/convoys/{}", details.convoy.id));
    html! {
        li {
            div.row {
                a.name.grow href={ "/work/" (worker.id) } { (title(name)) }
                (badge(&worker.state))
                (age(worker.started_at))
            }
            div.sub {
                span { (safe(&worker.name)) }
                span { (safe(&worker.agent)) @if let Some(model) = &worker.model { " " (safe(model)) } }
                @if worker.attempt > 1 { span { "attempt " (worker.attempt) " of " (worker.max_attempts) } }
                (money(&worker.spent))
            }
            @if let Some(why) = worker.why.as_deref().filter(|_| !is_live && worker.state != "done") {
                p { (safe(why)) }
            }
            @if worker.can_retry && role.is_none() && details.convoy.closed_at.is_none() {
                div.actions {
                    (action(visitor, &Action {
                        path: format!("/work/{}/retry", worker.issue_id), label: "Try again", tone: Tone::Busy,
                        ask: None, fields: None, back: &back,
                    }))
                }
            }
            @if is_live {
                pre.live data-output=(worker.id) data-session=[worker.session_id.as_ref()] tabindex="0" role="log" aria-label={ "Output of " (safe(name)) } { (printed) }
            }
            @if let Some(lesson) = worker.lessons.last() {
                details.more-of id={ "lesson-" (worker.id) } {
                    summary { "What came to nothing: " (text::cut(&lesson.what, 120)) }
                    @if !lesson.detail.is_empty() { pre { (block(&lesson.detail)) } }
                }
            }
        }
    }
}

fn evidence(details: &DetailsView) -> Markup {
    let rows = html! {
        @for landed in &details.landed {
            @let shown = &landed.evidence;
            tr {
                td { a href={ "/issues/" (landed.issue_id) } { (title(&landed.title)) } }
                td data-label="Commit" {
                    @if let Some(id) = shown.merge_commit.as_ref().or(shown.commit.as_ref()) { (commit(id)) }
                    @if shown.no_change { span.soft { "nothing had to be changed" } }
                }
                td data-label="Change" {
                    @if let Some(diff) = &shown.diff {
                        span.num { (text::count(diff.files as usize, "file")) " +" (diff.insertions) " −" (diff.deletions) }
                    }
                }
                td data-label="Gates" {
                    @for gate in &shown.gates {
                        (badge_of(if gate.passed { Tone::Good } else { Tone::Bad }, if gate.passed { "✓" } else { "✗" }, &gate.name)) " "
                    }
                }
                td data-label="Cost" { @if let Some(cost) = &shown.cost { (money(cost)) } }
            }
        }
    };
    table("What shows that it is done", true, &["Issue", "Commit", "Change", "Gates", "Cost"], &rows)
}
