//! The pages: HTML made here, readable without any script, each from one look at the service.
//!
//! `layout` is around each page, `parts` and `forms` are what they are put together from. What changes something is a
//! form that is sent to its own address in `actions` (`POST /convoys/{id}/…`, `POST /work/{issue}/{retry,stop,release}`,
//! `POST /mq/{issue}/retry`), and leads back to the page it was on.

mod forms;
mod layout;
mod overview;
mod parts;

use axum::Router;
use axum::routing::get;

pub(crate) use layout::{error, welcome};

use crate::http::Site;

/// Every page.
pub(crate) fn router() -> Router<Site> {
    Router::new().route("/", get(overview::show))
}
