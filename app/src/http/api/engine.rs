//! The engine itself, and the overview.

use axum::Json;
use axum::extract::State;
use convoy_core::view::OverviewView;
use schemars::JsonSchema;
use serde::Serialize;

use crate::ask;
use crate::http::{Error, Site};

/// That the engine serves.
#[derive(Serialize, JsonSchema)]
pub(super) struct Health {
    /// `ok`.
    status: &'static str,
}

pub(super) async fn health() -> Json<Health> {
    Json(Health { status: "ok" })
}

pub(super) async fn overview(State(site): State<Site>) -> Result<Json<OverviewView>, Error> {
    Ok(Json(site.ask(ask::overview).await?))
}
