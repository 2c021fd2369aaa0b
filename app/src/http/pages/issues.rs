//! Issues: those that fit, and making one.

use axum::Extension;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Redirect, Response};
use convoy_api::query::IssueFilter;
use convoy_api::{Code, Failure};
use convoy_core::command::Request;
use convoy_core::issue::{IssueType, PRIORITY, TITLE_CHARS_MAX};
use convoy_core::view::{IssueView, RigView};
use maud::{Markup, html};
use serde::Deserialize;

use super::forms::{Fields, PAGE, flash, marked, pager};
use super::layout::page;
use super::parts::{age, badge, empty, link, safe, table, title};
use crate::ask;
use crate::http::{Error, Site, Visitor};

/// What issues can be chosen by: the value, and how people read it. Nothing means those that are not closed.
const STATUSES: [(&str, &str); 8] = [
    ("", "not closed"),
    ("open", "open"),
    ("in_progress", "in progress"),
    ("submitted", "submitted"),
    ("needs_human", "needs human"),
    ("closed", "closed"),
    ("unknown", "unknown"),
    ("all", "all"),
];
/// The types that a person makes.
const TYPES: [IssueType; 5] =
    [IssueType::Task, IssueType::Bug, IssueType::Feature, IssueType::Chore, IssueType::Epic];
/// What a priority means.
const PRIORITIES: [&str; 5] = ["0, most urgent", "1", "2", "3", "4, least"];

/// Which issues, as the address says. What is empty is not asked for: a form sends every field.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Which {
    status: String,
    rig: String,
    label: String,
    #[serde(rename = "type")]
    kind: String,
    ready: String,
    convoy: String,
    skip: String,
    did: Option<String>,
}

impl Which {
    fn filter(&self) -> Result<IssueFilter, Failure> {
        let given = |text: &str| Some(text.trim()).filter(|text| !text.is_empty()).map(str::to_owned);
        let issue_type = given(&self.kind).map(|name| kind(&name)).transpose()?;
        let status = given(&self.status);
        Ok(IssueFilter {
            all: status.as_deref() == Some("all"),
            status: status.filter(|status| status != "all"),
            label: given(&self.label),
            rig: given(&self.rig),
            convoy: given(&self.convoy),
            issue_type,
            ready: !self.ready.is_empty(),
            limit: Some(PAGE),
            skip: self.skip.parse().unwrap_or(0),
            ..IssueFilter::default()
        }
        .as_listed())
    }

    /// The address of these issues, without the page.
    fn address(&self) -> String {
        let pairs = [
            ("status", &self.status),
            ("rig", &self.rig),
            ("label", &self.label),
            ("type", &self.kind),
            ("ready", &self.ready),
            ("convoy", &self.convoy),
        ];
        let given: Vec<_> = pairs.into_iter().filter(|(_, value)| !value.is_empty()).collect();
        let query = serde_urlencoded::to_string(given).unwrap_or_default();
        if query.is_empty() { "/issues".to_owned() } else { format!("/issues?{query}") }
    }

    fn chosen(&self) -> bool {
        !self.address().ends_with("/issues")
    }
}

/// A type by its name.
fn kind(name: &str) -> Result<IssueType, Failure> {
    let found = IssueType::NAMES.iter().find(|(known, _)| *known == name).map(|(_, kind)| *kind);
    found.ok_or_else(|| {
        let names: Vec<&str> = IssueType::NAMES.iter().map(|(name, _)| *name).collect();
        Failure::new(Code::Invalid, format!("{name:?} is no type of issues"))
            .hint(format!("known are: {}", names.join(", ")))
    })
}

/// The issues that fit.
pub(super) async fn list(
    State(site): State<Site>,
    Extension(visitor): Extension<Visitor>,
    Query(which): Query<Which>,
) -> Result<Markup, Error> {
    let filter = which.filter()?;
    let (skip, no_steps) = (filter.skip, filter.no_steps);
    let (seq, rigs, (issues, total)) = site
        .ask(move |service| {
            let seq = ask::engine(service)?.seq;
            Ok((seq, ask::rigs(service)?, ask::issues(service, filter)?))
        })
        .await?;
    let main = html! {
        (flash(which.did.as_deref()))
        div.head { div { h1 { "Issues" } p.soft { (total) " " (which.words()) } } }
        (chooser(&which, &rigs, no_steps))
        @if issues.is_empty() {
            @if which.chosen() || skip > 0 {
                (empty("No issue fits.", "Ask for less, or see those that are not closed.", None))
                p { a href="/issues" { "Those that are not closed" } }
            } @else {
                (empty("Nothing is open.", "Make an issue below, or from the command line:",
                    Some("convoy issue create 'What is to be done'")))
            }
        } @else {
            (table("Issues", true, &["Issue", "Status", "Title", "Type", "Rig", "Changed"], &html! {
                @for issue in &issues { (row(issue)) }
            }))
            (pager(&which.address(), skip, issues.len(), total))
        }
        (new(&visitor, &rigs))
    };
    Ok(page(&visitor, "Issues", "/issues", Some(seq), &main))
}

impl Which {
    fn words(&self) -> &str {
        match (self.status.as_str(), self.ready.is_empty()) {
            (_, false) => "could be worked on now",
            ("", true) if self.convoy.is_empty() => "not closed",
            ("" | "all", true) => "in all",
            (status, true) => {
                STATUSES.iter().find(|(value, _)| *value == status).map_or("", |(_, word)| *word)
            }
        }
    }
}

fn row(issue: &IssueView) -> Markup {
    html! {
        tr {
            td { (link(&format!("/issues/{}", issue.id), issue.id.as_str())) }
            td { (badge(&issue.status)) }
            td.wide {
                (title(&issue.title))
                div.sub {
                    @for label in &issue.labels { span.tag { (safe(label)) } }
                    @if let Some(assignee) = &issue.assignee { span { "with " (safe(assignee)) } }
                    @if let [first, rest @ ..] = issue.blocked_by.as_slice() {
                        span {
                            "waits for " (link(&format!("/issues/{first}"), first.as_str()))
                            @if !rest.is_empty() { " and " (rest.len()) " more" }
                        }
                    }
                    @if let Some(hold) = &issue.held { span { "held: " (safe(hold.as_str())) } }
                    @if let Some(why) = &issue.needs_human { span { (safe(why)) } }
                }
            }
            td data-label="Type" { (issue.issue_type.name()) span.soft { ", P" (issue.priority) } }
            td data-label="Rig" { (safe(&issue.rig)) @if !issue.rig_known { " (unknown)" } }
            td data-label="Changed" { (age(issue.updated_at)) span.soft { " ago" } }
        }
    }
}

fn chooser(which: &Which, rigs: &[RigView], no_steps: bool) -> Markup {
    html! {
        form.chooser method="get" role="search" aria-label="Which issues" {
            label { "Status"
                select name="status" {
                    @for (value, word) in STATUSES {
                        option value=(value) selected[which.status == value] { (word) }
                    }
                }
            }
            label { "Type"
                select name="type" {
                    option value="" { (if no_steps { "any but roles" } else { "any" }) }
                    @for (name, _) in IssueType::NAMES {
                        option value=(name) selected[which.kind == name] { (name) }
                    }
                }
            }
            label { "Rig"
                select name="rig" {
                    option value="" { "any" }
                    @for rig in rigs {
                        option value=(rig.name) selected[which.rig == rig.name.as_str()] { (rig.name) }
                    }
                }
            }
            @if !which.convoy.is_empty() { label { "Convoy" input type="text" name="convoy" value=(which.convoy); } }
            label { "Label" input type="text" name="label" value=(which.label) placeholder="any"; }
            label.check { input type="checkbox" name="ready" value="1" checked[!which.ready.is_empty()]; "Ready now" }
            button.button type="submit" { "Show" }
            @if which.chosen() { a href="/issues" { "Reset" } }
        }
    }
}

fn new(visitor: &Visitor, rigs: &[RigView]) -> Markup {
    html! {
        section aria-labelledby="new" {
            h2 #new { "New issue" }
            form.fields.panel method="post" action="/issues" {
                (marked(visitor, "/issues"))
                label { "Title" input type="text" name="title" required maxlength=(TITLE_CHARS_MAX) autocomplete="off"; }
                label { "What is to be done " span.soft { "(the whole story, for whoever does it)" }
                    textarea name="body" rows="6" {}
                }
                div.two {
                    label { "Type"
                        select name="type" { @for kind in TYPES { option value=(kind.name()) { (kind.name()) } } }
                    }
                    label { "Priority"
                        select name="priority" {
                            @for (n, word) in PRIORITIES.iter().enumerate() {
                                option value=(n) selected[n == usize::from(PRIORITY)] { (word) }
                            }
                        }
                    }
                    label { "Rig"
                        select name="rig" {
                            option value="" { "by its id, else the home rig" }
                            @for rig in rigs { option value=(rig.name) { (rig.name) } }
                        }
                    }
                }
                details.more-of {
                    summary { "More: acceptance, labels, what it waits for" }
                    div.fields {
                        label { "It is done when " span.soft { "(one line each)" }
                            textarea name="acceptance" rows="3" {}
                        }
                        div.two {
                            label { "Labels " span.soft { "(apart by commas)" } input type="text" name="labels"; }
                            label { "Waits for " span.soft { "(ids, apart by commas)" } input type="text" name="needs"; }
                            label { "Part of " span.soft { "(an id)" } input type="text" name="parent"; }
                        }
                    }
                }
                div { button.button.good type="submit" { "Make the issue" } }
            }
        }
    }
}

/// Makes one, and leads to it.
pub(super) async fn create(State(site): State<Site>, fields: Fields) -> Result<Response, Error> {
    let words = |name: &str| -> Vec<String> {
        let text = fields.one(name).unwrap_or_default();
        text.split([',', ' ']).filter(|word| !word.is_empty()).map(str::to_owned).collect()
    };
    let priority = fields.one("priority").map(|text| text.parse::<u8>()).transpose();
    let priority = priority.map_err(|_| {
        Failure::new(Code::Invalid, "the priority is no number").hint("from 0, most urgent, to 4")
    })?;
    let request = Request::IssueCreate {
        id: None,
        rig: fields.one("rig"),
        title: fields.one("title").unwrap_or_default(),
        body: fields.one("body").unwrap_or_default().replace("\r\n", "\n"),
        issue_type: fields.one("type").map_or(Ok(IssueType::Task), |name| kind(&name))?,
        priority: priority.unwrap_or(PRIORITY),
        labels: words("labels"),
        parent: fields.one("parent"),
        needs: words("needs"),
        acceptance: fields.lines("acceptance"),
    };
    let outcome = site.order(request, None).await?;
    let id = outcome.items.first().map(|item| item.id.clone()).unwrap_or_default();
    Ok(Redirect::to(&format!("/issues/{id}?did=created")).into_response())
}
