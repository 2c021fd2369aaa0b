//! The interface for programs: one file for each noun, each handler a translation into one call of the service. The
//! OpenAPI document is made from the handlers' own types.

mod convoys;
mod engine;

use aide::axum::ApiRouter;
use aide::axum::routing::get_with;
use aide::openapi::OpenApi;
use aide::transform::TransformOpenApi;
use axum::routing::get;
use axum::{Extension, Json};
use std::sync::Arc;

use super::site::Site;

/// Every route for programs.
pub(super) fn router() -> ApiRouter<Site> {
    ApiRouter::new()
        .api_route(
            "/health",
            get_with(engine::health, |op| op.id("health").summary("Whether the engine serves")),
        )
        .api_route(
            "/api/overview",
            get_with(engine::overview, |op| {
                op.id("overview").summary("What needs a person, who is at work, what landed, what it costs")
            }),
        )
        .api_route(
            "/api/convoys",
            get_with(convoys::list, |op| op.id("listConvoys").summary("Convoys that fit")),
        )
        .api_route(
            "/api/convoys/{id}",
            get_with(convoys::show, |op| op.id("showConvoy").summary("One convoy")),
        )
        .route("/api/openapi.json", get(document))
}

/// What the document says of itself.
pub(super) fn describe(api: TransformOpenApi<'_>) -> TransformOpenApi<'_> {
    api.title("Convoy")
        .version(env!("CARGO_PKG_VERSION"))
        .summary("Drives batches of coding-agent work to completion")
}

async fn document(Extension(document): Extension<Arc<OpenApi>>) -> Json<OpenApi> {
    Json(OpenApi::clone(&document))
}
