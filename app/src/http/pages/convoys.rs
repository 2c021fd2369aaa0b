//! Convoys, fifty a page; and a new one of issues.

use axum::Extension;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Redirect, Response};
use convoy_api::query::{ConvoyFilter, IssueFilter};
use convoy_core::command::Request;
use convoy_core::view::{ConvoyLineView, IssueView};
use maud::{Markup, html};
use serde::Deserialize;

use super::actions::checked;
use super::forms::{Fields, PAGE, flash, marked, pager};
use super::layout::page;
use super::overview::state;
use super::parts::{age, badge, command, empty, link, moment, progress, safe, spend, table, title};
use super::start::dollars;
use crate::ask;
use crate::http::{Error, Site, Visitor};

/// The most issues that a new convoy is offered.
const OFFERED_MAX: usize = 200;
/// What convoys are chosen by: the value in the address, and its name.
const CHOICES: [(&str, &str); 7] = [
    ("", "Active"),
    ("all", "All"),
    ("open", "Open"),
    ("staged", "Staged"),
    ("landed", "Landed"),
    ("abandoned", "Abandoned"),
    ("overdue", "Overdue"),
];

/// Which of them.
#[derive(Deserialize)]
pub(super) struct Which {
    status: Option<String>,
    #[serde(default)]
    skip: usize,
    did: Option<String>,
}

/// The list.
pub(super) async fn list(
    State(site): State<Site>,
    Extension(visitor): Extension<Visitor>,
    Query(which): Query<Which>,
) -> Result<Markup, Error> {
    let chosen = which.status.unwrap_or_default();
    let status = Some(chosen.clone()).filter(|status| !["", "all", "overdue"].contains(&status.as_str()));
    let filter = ConvoyFilter {
        all: chosen == "all" || status.is_some(),
        overdue: chosen == "overdue",
        status,
        limit: Some(PAGE),
        skip: which.skip,
        ..ConvoyFilter::default()
    };
    // The number is asked for first: what happens between the two is told once more, and does no harm.
    let (seq, (convoys, total)) =
        site.ask(move |service| Ok((ask::engine(service)?.seq, ask::convoy_lines(service, filter)?))).await?;
    let address = if chosen.is_empty() { "/convoys".to_owned() } else { format!("/convoys?status={chosen}") };
    let main = html! {
        div.head {
            div { h1 { "Convoys" span.count { (total) } } }
            div.actions { a.button.busy href="/start" { "Start a template" } a.button href="/convoys/new" { "New of issues" } }
        }
        (flash(which.did.as_deref()))
        nav.filter aria-label="Which convoys" {
            @for (value, name) in CHOICES {
                a href=(if value.is_empty() { "/convoys".to_owned() } else { format!("/convoys?status={value}") })
                    aria-current=[(value == chosen).then_some("true")] { (name) }
            }
        }
        @if convoys.is_empty() {
            (empty("No convoy fits", "Choose others above, or begin one.", Some("convoy start code-review")))
        } @else { div { (rows(&convoys)) (pager(&address, which.skip, convoys.len(), total)) } }
    };
    Ok(page(&visitor, "Convoys", "/convoys", Some(seq), &main))
}

fn rows(convoys: &[ConvoyLineView]) -> Markup {
    let rows = html! {
        @for convoy in convoys {
            tr {
                td.wide { a.name href={ "/convoys/" (convoy.id) } { (title(&convoy.title)) } }
                td { (state(convoy)) }
                td data-label="Progress" { (progress(convoy.completed, convoy.at_work, convoy.total)) }
                td data-label="Spent" { (spend(&convoy.spent, convoy.budget.as_ref())) }
                td data-label="Due" { @if let Some(at) = convoy.due_at { (moment(at)) } }
                td data-label="Template" { @if let Some(template) = &convoy.template { (safe(template)) } }
                td data-label="Age" { (age(convoy.closed_at.or(convoy.started_at).unwrap_or(convoy.created_at))) }
                td data-label="Id" { (link(&format!("/convoys/{}", convoy.id), convoy.id.as_str())) }
            }
        }
    };
    table("Convoys", true, &["Convoy", "State", "Progress", "Spent", "Due", "Template", "Age", "Id"], &rows)
}

/// The form for a new one.
pub(super) async fn new(
    State(site): State<Site>,
    Extension(visitor): Extension<Visitor>,
) -> Result<Markup, Error> {
    let filter = IssueFilter { no_steps: true, limit: Some(OFFERED_MAX), ..IssueFilter::default() };
    let (issues, total) = site.ask(move |service| ask::issues(service, filter)).await?;
    let main = html! {
        div.head { div { h1 { "A convoy of issues" } p.soft { "Agents work on what you choose; each lands when its gates pass." } } }
        @if issues.is_empty() {
            (empty("There is no open issue", "Write one first.", Some("convoy issue create \"What is to be done\"")))
        } @else { (form(&visitor, &issues, total)) }
    };
    Ok(page(&visitor, "New convoy", "/start", None, &main))
}

fn form(visitor: &Visitor, issues: &[IssueView], total: usize) -> Markup {
    html! {
        form.fields method="post" action="/convoys" {
            (marked(visitor, "/convoys/new"))
            label { "Name" input name="name" required maxlength="200" autocomplete="off"; }
            fieldset {
                legend { "Issues" }
                @for issue in issues {
                    label.check {
                        input type="checkbox" name="issue" value=(issue.id);
                        span { code { (issue.id) } " " (title(&issue.title)) " " (badge(&issue.status)) }
                    }
                }
                @if total > issues.len() {
                    p.hint { "The first " (issues.len()) " of " (total) "; others: " (command("convoy create <name> <issue>…")) }
                }
            }
            div.two {
                label { "Budget " span.soft { "in US dollars; none if empty" } input name="budget" inputmode="decimal"; }
                label { "At once " span.soft { "agents; as configured if empty" } input name="max_parallel" type="number" min="1"; }
            }
            label.check { input type="checkbox" name="start" value="1" checked; "Start it now" }
            div.actions { button.button.busy type="submit" { "Make it" } }
        }
    }
}

/// Makes one of issues.
pub(super) async fn create(State(site): State<Site>, fields: Fields) -> Result<Response, Error> {
    let request = Request::ConvoyCreate {
        name: fields.one("name").unwrap_or_default(),
        issues: fields.all("issue"),
        owner: None,
        notify: Vec::new(),
        merge: None,
        base: None,
        max_parallel: super::start::count(&fields, "max_parallel")?,
        start: fields.one("start").is_some(),
        from_epic: None,
        epic: None,
        owned: false,
        due: None,
        budget: dollars(&fields)?,
    };
    let outcome = checked(site.order(request, None).await?)?;
    let to = outcome
        .items
        .first()
        .map_or("/convoys".to_owned(), |item| format!("/convoys/{}?did=created", item.id));
    Ok(Redirect::to(&to).into_response())
}
