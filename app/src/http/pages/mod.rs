//! The pages: HTML made here, readable without any script, each from one look at the service.
//!
//! `layout` is around each page, `parts` and `forms` are what they are put together from. What changes something is a
//! form that is sent to its own address in `actions` (`POST /convoys/{id}/…`, `POST /work/{issue}/{retry,stop,release}`,
//! `POST /mq/{issue}/retry`), and leads back to the page it was on.

mod actions;
mod attempts;
mod chart;
mod convoy;
mod convoys;
mod costs;
mod diff;
mod forms;
mod graph;
mod health;
mod issue;
mod issues;
mod layout;
mod mail;
mod overview;
mod parts;
mod preview;
mod prose;
mod report;
mod start;
mod tail;
mod timeline;
mod transcript;
mod work;
mod worker;

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
        .route("/issues", get(issues::list).post(issues::create))
        .route("/issues/{id}", get(issue::show))
        .route("/issues/{id}/close", post(issue::close))
        .route("/issues/{id}/reopen", post(issue::reopen))
        .route("/issues/{id}/needs", post(issue::need))
        .route("/issues/{id}/sling", post(issue::sling))
        .route("/work", get(work::list))
        .route("/work/{id}", get(worker::show))
        .route("/work/{id}/nudge", post(worker::nudge))
        .route("/costs", get(costs::show))
        .route("/mail", get(mail::list).post(mail::send))
        .route("/mail/{id}", get(mail::show))
        .route("/mail/{id}/read", post(mail::read))
        .route("/mail/{id}/archive", post(mail::archive))
        .route("/mail/{id}/retry", post(mail::retry))
        .route("/doctor", get(health::show))
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
