//! What a template would run, before it is started: roles in their phases, what they are given, what it may cost.

use convoy_api::{Failure, Service};
use convoy_core::command::BudgetScope;
use convoy_core::issue::MoneyView;
use convoy_core::money::Money;
use convoy_core::template::{NewStep, Runner};
use convoy_core::view::{BudgetView, ReserveView};
use convoy_engine::templates::Resolved;
use maud::{Markup, html};

use super::forms::Fields;
use super::graph::{Node, graph};
use super::parts::{Tone, commit, duration, facts, money, safe, section, table};
use crate::ask;
use crate::http::Visitor;
use crate::text;

/// The most files that are named.
const FILES_SHOWN: usize = 100;

/// What may be spent today, if that is limited.
pub(super) fn day(service: &dyn Service) -> Result<Option<BudgetView>, Failure> {
    Ok(ask::budgets(service, Some(BudgetScope::Day))?.into_iter().find(|day| day.limit.is_some()))
}

/// The page, with what the form had, to be sent once more or changed.
pub(super) fn show(
    visitor: &Visitor,
    fields: &Fields,
    key: &str,
    resolved: &Resolved,
    budget: (Option<Money>, Option<ReserveView>),
    day: Option<&BudgetView>,
) -> Markup {
    let template = resolved.run.template.to_string();
    html! {
        div.head {
            div { p.eyebrow { (safe(&template)) " · nothing is started yet" } h1 { (safe(&resolved.name)) } }
            div.actions {
                form method="post" action="/start" {
                    @for (name, value) in fields.given() { input type="hidden" name=(name) value=(value); }
                    input type="hidden" name="_form" value=(visitor.mark);
                    input type="hidden" name="_key" value=(key);
                    button.button.busy type="submit" { "Start" }
                }
                a.button href={ "/start?template=" (template) } { "Change" }
            }
        }
        @for note in &resolved.notes { p.note { (safe(note)) } }
        (facts(&about(resolved, budget, day)))
        (section("roles", "Roles", Some(resolved.steps.len()), &html! {
            (graph("Roles", &nodes(&resolved.steps)))
            (roles(&resolved.steps))
        }))
        @if !resolved.run.files.is_empty() {
            (section("files", "Files that they are given", Some(resolved.run.files.len()), &html! {
                ul.panel { @for file in resolved.run.files.iter().take(FILES_SHOWN) { li { code { (safe(file)) } } }
                    @if resolved.run.files.len() > FILES_SHOWN { li.soft { "and " (resolved.run.files.len() - FILES_SHOWN) " more" } } }
            }))
        }
    }
}

fn about(
    resolved: &Resolved,
    (budget, reserve): (Option<Money>, Option<ReserveView>),
    day: Option<&BudgetView>,
) -> Vec<(&'static str, Markup)> {
    let run = &resolved.run;
    let mut facts = vec![("Rig", html! { (run.rig) })];
    facts.extend(run.commit.as_deref().map(|id| ("Commit", commit(id))));
    facts.extend(run.diff_base.as_deref().map(|id| ("Compared with", commit(id))));
    facts.extend(resolved.max_parallel.map(|n| ("At once", html! { (text::count(n as usize, "role")) })));
    facts.extend(run.timeout.map(|limit| ("At most", duration(limit.as_secs()))));
    for issue in &run.issues {
        facts.push(("About", html! { a.id href={ "/issues/" (issue) } { (issue) } }));
    }
    for (name, value) in &run.vars {
        facts.push(("Variable", html! { code { (safe(name)) } " = " (safe(value)) }));
    }
    facts.push(match budget {
        Some(budget) => ("May cost", html! { "at most " (money(&MoneyView::from(budget))) }),
        None => ("May cost", html! { "it has no budget of its own" }),
    });
    facts.extend(reserve.map(|ReserveView { roles, each, total }| {
        let shown = html! {
            (money(&total)) " as it begins, " (money(&each)) " for each of " (text::count(roles, "role")) "; the others as they begin"
        };
        ("Reserved", shown)
    }));
    if let Some(BudgetView { limit: Some(limit), free: Some(free), .. }) = day {
        facts.push(("Today", html! { (money(free)) " of " (money(limit)) " are free" }));
    }
    facts
}

fn nodes(steps: &[NewStep]) -> Vec<Node> {
    let place = |name: &convoy_core::id::RoleName| steps.iter().position(|step| step.step.role == *name);
    let node = |step: &NewStep| Node {
        label: step.step.role.to_string(),
        of: who(&step.step.runner),
        to: format!("#role-{}", step.step.role),
        sign: "○",
        tone: Tone::Idle,
        state: "not started".to_owned(),
        needs: step.needs.iter().filter_map(place).collect(),
    };
    steps.iter().map(node).collect()
}

fn roles(steps: &[NewStep]) -> Markup {
    let rows = html! {
        @for step in steps {
            @let needs: Vec<&str> = step.needs.iter().map(|need| need.as_str()).collect();
            tr id={ "role-" (step.step.role) } {
                td { span.name { (step.step.role) } p.soft { (safe(&step.title)) } }
                td data-label="Agent" { (safe(&who(&step.step.runner))) }
                td data-label="After" { (needs.join(", ")) }
                td data-label="At most" { @if let Some(limit) = step.step.timeout { (duration(limit.as_secs())) } }
            }
        }
    };
    table("Roles", true, &["Role", "Agent", "After", "At most"], &rows)
}

fn who(runner: &Runner) -> String {
    match runner {
        Runner::Agent { agent, model, .. } => {
            let agent = agent.as_ref().map_or("the workspace's agent", |agent| agent.as_str());
            model.as_deref().map_or_else(|| agent.to_owned(), |model| format!("{agent} {model}"))
        }
        Runner::Program { command, .. } => command.first().cloned().unwrap_or_default(),
        Runner::Nobody => "nobody: its prompt is its report".to_owned(),
    }
}
