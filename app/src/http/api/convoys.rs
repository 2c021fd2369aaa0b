//! Convoys.

use axum::Json;
use axum::extract::{Path, Query, State};
use convoy_api::query::ConvoyFilter;
use convoy_core::view::ConvoyView;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::ask;
use crate::http::{Error, Site};

/// Which convoys.
#[derive(Deserialize, JsonSchema)]
pub(super) struct Which {
    /// A status, `closed` for both that end one, or the outcome of a template convoy.
    status: Option<String>,
    /// Also closed ones.
    #[serde(default)]
    all: bool,
    /// Of this epic.
    epic: Option<String>,
    /// Only those that should have landed before now.
    #[serde(default)]
    overdue: bool,
    /// At most so many.
    limit: Option<usize>,
    /// Without the first so many.
    #[serde(default)]
    skip: usize,
}

pub(super) async fn list(
    State(site): State<Site>,
    Query(which): Query<Which>,
) -> Result<Json<Vec<ConvoyView>>, Error> {
    let Which { status, all, epic, overdue, limit, skip } = which;
    let filter = ConvoyFilter { status, all, epic, overdue, limit, skip };
    Ok(Json(site.ask(move |service| ask::convoys(service, filter)).await?))
}

pub(super) async fn show(
    State(site): State<Site>,
    Path(id): Path<String>,
) -> Result<Json<ConvoyView>, Error> {
    let (convoy, _) = site.ask(move |service| ask::convoy(service, &id)).await?;
    Ok(Json(convoy))
}
