//! What work costs, and what may be spent.

use axum::Json;
use axum::extract::{OriginalUri, State};
use axum::http::StatusCode;
use convoy_api::query::CostOf;
use convoy_core::command::{BudgetScope, Request};
use convoy_core::view::{BudgetView, CostView};
use schemars::JsonSchema;
use serde::Deserialize;

use super::values;
use crate::ask;
use crate::http::give::{Cut, Did, Page};
use crate::http::take::{Body, Caller, Query};
use crate::http::{Error, Site};
use crate::values::since;

/// Whose costs: of one thing, or of the workspace.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Of {
    /// Those of an epic.
    epic: Option<String>,
    /// Those of a convoy.
    convoy: Option<String>,
    /// Those of a worker.
    worker: Option<String>,
    /// Those of all workers of an issue.
    issue: Option<String>,
    /// Only what was used on this day or later: a date, or how long ago, such as 7d.
    since: Option<String>,
}

impl Of {
    fn scope(self) -> Result<CostOf, Error> {
        let Self { epic, convoy, worker, issue, .. } = self;
        let mut all = [
            epic.map(|id| CostOf::Epic { id }),
            convoy.map(|id| CostOf::Convoy { id }),
            worker.map(|id| CostOf::Worker { id }),
            issue.map(|id| CostOf::Issue { id }),
        ]
        .into_iter()
        .flatten();
        match (all.next(), all.next()) {
            (one, None) => Ok(one.unwrap_or(CostOf::Workspace)),
            (_, Some(_)) => Err(one_of("epic, convoy, worker and issue")),
        }
    }
}

fn one_of(names: &str) -> Error {
    Error::new(StatusCode::BAD_REQUEST, "invalid", format!("{names} exclude each other"))
}

pub(super) async fn report(State(site): State<Site>, Query(of): Query<Of>) -> Result<Json<CostView>, Error> {
    let wrong = |why: String| Error::new(StatusCode::BAD_REQUEST, "invalid", format!("since: {why}"));
    let day = of.since.as_deref().map(since).transpose().map_err(wrong)?;
    let scope = of.scope()?;
    Ok(Json(site.ask(move |service| ask::cost(service, scope, day)).await?))
}

/// Which budgets.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Which {
    /// Also those of what is done with.
    #[serde(default)]
    all: bool,
    /// At most so many: 1 to 1000, 100 if not given.
    limit: Option<usize>,
    /// Without the first so many.
    #[serde(default)]
    skip: usize,
}

pub(super) async fn budgets(
    State(site): State<Site>,
    uri: OriginalUri,
    Query(Which { all, limit, skip }): Query<Which>,
) -> Result<Page<BudgetView>, Error> {
    let cut = Cut::new(limit, skip, uri)?;
    let mut budgets = site.ask(move |service| ask::budgets(service, None)).await?;
    budgets.retain(|budget| all || budget.active);
    Ok(cut.of(budgets))
}

/// What may be spent on one thing.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Limit {
    /// On all convoys and sessions of an epic.
    epic: Option<String>,
    /// On all workers of a convoy.
    convoy: Option<String>,
    /// On all attempts of a worker, or of an issue's worker.
    worker: Option<String>,
    /// On one attempt.
    session: Option<String>,
    /// On the whole workspace, each day (UTC).
    #[serde(default)]
    day: bool,
    /// How much, in US dollars: "2.50"; null is no limit any more.
    budget_usd: Option<String>,
}

pub(super) async fn limit(
    State(site): State<Site>,
    caller: Caller,
    Body(limit): Body<Limit>,
) -> Result<Did, Error> {
    let Limit { epic, convoy, worker, session, day, budget_usd } = limit;
    let mut all = [
        epic.map(BudgetScope::Epic),
        convoy.map(BudgetScope::Convoy),
        worker.map(BudgetScope::Worker),
        session.map(BudgetScope::Session),
        day.then_some(BudgetScope::Day),
    ]
    .into_iter()
    .flatten();
    let scope = match (all.next(), all.next()) {
        (one, None) => one.unwrap_or(BudgetScope::Only),
        (_, Some(_)) => return Err(one_of("epic, convoy, worker, session and day")),
    };
    let amount = budget_usd.map(values::dollars).transpose()?;
    Did::of(site.act(Request::BudgetSet { scope, amount }, caller).await?)
}
