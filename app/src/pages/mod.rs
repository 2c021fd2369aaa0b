//! The pages: HTML made here, readable without any script, each from one look at the service.
//!
//! `layout` is around each page, `parts` and `forms` are what they are put together from. What changes something is a
//! form that is sent to its own address in `actions` (`POST /convoys/{id}/…`, `POST /work/{issue}/{retry,stop,release}`,
//! `POST /mq/{issue}/retry`), and leads back to the page it was on.

mod actions;
mod convoy;
mod convoys;
mod forms;
mod graph;
mod layout;
mod overview;
mod parts;
mod preview;
mod prose;
mod report;
mod start;
mod timeline;

use axum::response::Response;
use axum::routing::{get, post};
use axum::{Router, middleware};

pub(crate) use layout::{error, welcome};

use crate::http::{Error, Site};

/// Every page.
pub(crate) fn router() -> Router<Site> {
    Router::new()
        .route("/", get(overview::show))
        .route("/convoys", get(convoys::list).post(convoys::create))
        .route("/convoys/new", get(convoys::new))
        .route("/convoys/{id}", get(convoy::show))
        .route("/start", get(start::show).post(start::start))
        .route("/start/preview", post(start::before))
        .merge(actions::routes())
        .layer(middleware::map_response(told))
}

/// What went wrong on the way to a page is told on one.
async fn told(response: Response) -> Response {
    match response.extensions().get::<Error>().cloned() {
        Some(error) => error.page(),
        None => response,
    }
}
