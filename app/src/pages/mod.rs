//! The pages: HTML made here, readable without any script, each from one look at the service.

mod layout;
mod overview;

use axum::Router;
use axum::routing::get;

pub(crate) use layout::{error, welcome};

use crate::http::Site;

/// Every page.
pub(crate) fn router() -> Router<Site> {
    Router::new().route("/", get(overview::show))
}
