//! Starting a template: choosing one, saying what it is about, seeing what would run, and starting it.

use std::collections::{BTreeMap, BTreeSet};

use axum::Extension;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Redirect, Response};
use convoy_api::query::IssueFilter;
use convoy_api::{Code, Failure, Order, Service};
use convoy_core::address::Address;
use convoy_core::id::AgentName;
use convoy_core::money::Money;
use convoy_core::view::IssueView;
use convoy_engine::clock;
use convoy_engine::config::{Config, Sources};
use convoy_engine::engine::presets;
use convoy_engine::os::spawn::Environment;
use convoy_engine::templates::{self, Library, Plan};
use convoy_engine::workspace::Workspace;
use maud::{Markup, html};
use serde::Deserialize;

use super::actions::checked;
use super::forms::{Fields, marked};
use super::layout::page;
use super::parts::{command, empty, safe, title};
use super::preview;
use crate::ask;
use crate::http::{Error, Site, Visitor};
use crate::text;
use crate::values;

/// The most open issues that a form offers.
const OFFERED_MAX: usize = 50;

/// What is chosen.
#[derive(Deserialize)]
pub(super) struct Chosen {
    template: Option<String>,
}

/// A template in the selector.
struct Offer {
    name: String,
    description: String,
    roles: usize,
    /// What is wrong with it, if it cannot be started.
    wrong: Option<String>,
}

/// Everything that the form is made of.
struct Form {
    offers: Vec<Offer>,
    plan: Option<Plan>,
    issues: Vec<IssueView>,
}

/// The selector, and the form of what is chosen.
pub(super) async fn show(
    State(site): State<Site>,
    Extension(visitor): Extension<Visitor>,
    Query(chosen): Query<Chosen>,
) -> Result<Markup, Error> {
    let (workspace, env) = (site.workspace().clone(), site.env().clone());
    let name = chosen.template.clone();
    let form = site.ask(move |service| read(service, &workspace, &env, name.as_deref())).await?;
    let main = html! {
        div.head { div { h1 { "Start a template" } p.soft { "Roles read one commit of the repository, and write reports." } } }
        nav.choices aria-label="Templates" {
            @for offer in &form.offers {
                @let current = chosen.template.as_deref() == Some(&offer.name);
                a href={ "/start?template=" (offer.name) } aria-current=[current.then_some("true")] {
                    strong { (safe(&offer.name)) }
                    @match &offer.wrong {
                        Some(wrong) => { "✗ " (safe(wrong)) }
                        None => { (safe(&offer.description)) " " span.num { (text::count(offer.roles, "role")) "." } }
                    }
                }
            }
        }
        @match &form.plan {
            Some(plan) => { (fields(&visitor, plan, &form.issues)) }
            None => { (empty("Choose a template above", "Or have issues worked on.", None)) p { a href="/convoys/new" { "A convoy of issues" } } }
        }
    };
    Ok(page(&visitor, "Start", "/start", None, &main))
}

fn read(
    service: &dyn Service,
    workspace: &Workspace,
    env: &Environment,
    name: Option<&str>,
) -> Result<Form, Failure> {
    let library = library(workspace, env)?;
    let offer = |name: &str| {
        let (template, plan) = (library.template(name).ok(), library.plan(name));
        Offer {
            name: name.to_owned(),
            description: template.as_ref().map(|template| template.description.clone()).unwrap_or_default(),
            roles: template.map_or(0, |template| template.roles.len()),
            wrong: plan.err().map(|wrong| Failure::from(wrong).message),
        }
    };
    let offers = library.templates().iter().map(|source| offer(&source.name)).collect();
    let plan = name.map(|name| library.plan(name)).transpose()?;
    let filter = IssueFilter { no_steps: true, limit: Some(OFFERED_MAX), ..IssueFilter::default() };
    let issues = if plan.is_some() { ask::issues(service, filter)?.0 } else { Vec::new() };
    Ok(Form { offers, plan, issues })
}

fn library(workspace: &Workspace, env: &Environment) -> Result<Library, Failure> {
    let config = Config::load(workspace, env, &Sources::default())?;
    let agents = presets(&config)?.iter().map(|preset| preset.name.clone()).collect();
    Ok(Library::open(Some(workspace), env).with_agents(agents))
}

/// The variables that a template's prompts look up, as people give them.
fn variables(plan: &Plan) -> BTreeSet<String> {
    let of = |lane: &templates::Lane| templates::variables(&lane.file.body).unwrap_or_default();
    let names = plan.lanes.iter().flat_map(of);
    names.filter_map(|name| Some(name.strip_prefix("vars.")?.to_owned())).collect()
}

fn fields(visitor: &Visitor, plan: &Plan, issues: &[IssueView]) -> Markup {
    let name = plan.template.name.to_string();
    let per_issue = plan.lanes.iter().any(|lane| lane.role.per_issue);
    html! {
        form.fields method="post" action="/start/preview" {
            (marked(visitor, "/start"))
            input type="hidden" name="template" value=(name);
            h2 { (safe(&name)) }
            label { "Files " span.soft { "patterns such as src/**/*.rs, one a line; all that it can look at if empty" }
                textarea name="files" rows="3" spellcheck="false" {} }
            div.two {
                label { "Compare with " span.soft { "a branch or commit" }
                    input name="base" autocomplete="off" spellcheck="false"; }
                label { "Request " span.soft { "its address on the forge" } input name="pr_url" type="url" autocomplete="off"; }
            }
            fieldset {
                legend { "Issues " @if per_issue { "(each gets a role of its own)" } @else { "that it is about" } }
                @if issues.is_empty() { p.hint { "There is no open one: " (command("convoy issue create \"…\"")) } }
                @if issues.len() > 6 {
                    details.more-of { summary { "Choose among " (issues.len()) } (boxes(issues)) }
                } @else { (boxes(issues)) }
            }
            @for variable in variables(plan) {
                label { (safe(&variable)) " " span.soft { "a variable of its prompts" }
                    input name={ "var." (variable) } autocomplete="off"; }
            }
            div.two {
                label { "Budget " span.soft { "in US dollars; none of its own if empty" } input name="budget" inputmode="decimal" autocomplete="off"; }
                label { "At once " span.soft { "roles" }
                    input name="max_parallel" type="number" min="1" placeholder=[plan.template.config.max_parallel]; }
            }
            div.two {
                label { "Agent " span.soft { "of every role; as the template says if empty" } input name="agent" autocomplete="off" spellcheck="false"; }
                label { "Model " span.soft { "of every role" } input name="model" autocomplete="off" spellcheck="false"; }
            }
            div.actions {
                button.button.busy type="submit" { "Preview" }
                button.button type="submit" formaction="/start" { "Start at once" }
            }
        }
    }
}

fn boxes(issues: &[IssueView]) -> Markup {
    html! {
        @for issue in issues {
            label.check { input type="checkbox" name="issue" value=(issue.id); span { code { (issue.id) } " " (title(&issue.title)) } }
        }
    }
}

/// An amount of dollars in a field, if there is one.
pub(super) fn dollars(fields: &Fields) -> Result<Option<Money>, Failure> {
    let parse = |text: String| values::dollars(&text).map_err(|wrong| invalid("budget", &wrong));
    fields.one("budget").map(parse).transpose()
}

/// A number in a field, if there is one: one at least.
pub(super) fn count(fields: &Fields, name: &str) -> Result<Option<u32>, Failure> {
    let parse = |text: String| {
        let number = text.parse().ok().filter(|number| *number > 0);
        number.ok_or_else(|| invalid(name, "expected a whole number, 1 or more"))
    };
    fields.one(name).map(parse).transpose()
}

fn invalid(field: &str, wrong: &str) -> Failure {
    Failure::new(Code::Invalid, format!("{field}: {wrong}"))
}

/// What the form asks for, in the engine's words, and its budget.
fn wanted(service: &dyn Service, fields: &Fields) -> Result<(templates::Start, Option<Money>), Failure> {
    let issues = match fields.all("issue") {
        ids if ids.is_empty() => Vec::new(),
        ids => ask::issues_by_id(service, ids)?,
    };
    let agent = fields.one("agent").map(AgentName::new).transpose();
    let vars = fields.beginning("var.").filter(|(_, value)| !value.is_empty());
    let vars: BTreeMap<String, String> =
        vars.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    let start = templates::Start {
        template: fields.one("template").unwrap_or_default(),
        base: fields.one("base"),
        files: fields.lines("files"),
        pr_url: fields.one("pr_url"),
        issues: issues.into_iter().map(|issue| issue.id).collect(),
        vars,
        max_parallel: count(fields, "max_parallel")?,
        agent: agent.map_err(|wrong| invalid("agent", &wrong.to_string()))?,
        model: fields.one("model"),
        ..templates::Start::default()
    };
    Ok((start, dollars(fields)?))
}

/// The order that the form comes to, with what it was resolved to.
fn order(
    service: &dyn Service,
    workspace: &Workspace,
    env: &Environment,
    fields: &Fields,
    dry_run: bool,
) -> Result<(templates::Resolved, Option<Money>, convoy_api::Outcome), Failure> {
    let (start, budget) = wanted(service, fields)?;
    let resolved = templates::resolve(workspace, env, &start)?;
    let request = resolved.clone().request(None, Vec::new(), None, budget);
    let (actor, key) = (Address::overseer().as_str().to_owned(), fields.one("_key").filter(|_| !dry_run));
    let outcome = service.order(Order { request, actor, key, dry_run })?;
    Ok((resolved, budget, outcome))
}

/// What would run, and nothing is started: the engine is asked whether it would take it.
pub(super) async fn before(
    State(site): State<Site>,
    Extension(visitor): Extension<Visitor>,
    fields: Fields,
) -> Result<Markup, Error> {
    let (workspace, env) = (site.workspace().clone(), site.env().clone());
    let (resolved, budget, day, fields) = site
        .ask(move |service| {
            let (resolved, budget, _) = order(service, &workspace, &env, &fields, true)?;
            let reserve = ask::reserve(service, &resolved, budget)?;
            Ok((resolved, (budget, reserve), preview::day(service)?, fields))
        })
        .await?;
    // Sent twice, it starts one convoy: the order is known by its key.
    let key = format!("page-{}", clock::now().as_millis());
    let main = preview::show(&visitor, &fields, &key, &resolved, budget, day.as_ref());
    Ok(page(&visitor, "Start", "/start", None, &main))
}

/// Starts it, and shows it.
pub(super) async fn start(State(site): State<Site>, fields: Fields) -> Result<Response, Error> {
    let (workspace, env) = (site.workspace().clone(), site.env().clone());
    let started = move |service: &dyn Service| order(service, &workspace, &env, &fields, false);
    let outcome = checked(site.ask(started).await?.2)?;
    let id = outcome.items.first().map(|item| item.id.clone()).unwrap_or_default();
    Ok(Redirect::to(&format!("/convoys/{id}?did=started")).into_response())
}
