//! Streams: what happens and what agents print, as it does. Each can be resumed from a number, and says what it left out.

mod concerns;
mod events;
mod hub;
mod outputs;
mod sse;
mod ws;

use std::sync::Arc;

use aide::axum::ApiRouter;
use aide::axum::routing::get_with;
use axum::http::StatusCode;
use convoy_engine::face::Watching;
use convoy_engine::tails::Tails;
use convoy_engine::workspace::Workspace;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

pub(super) use outputs::OutputView;

use super::error::Error;
use super::site::Site;
use concerns::Concerns;
use hub::Hub;
use outputs::Outputs;

/// How many streams there are at once: each holds a descriptor.
const STREAMS_MAX: usize = 4096;

/// What all streams share.
pub(super) struct Streams {
    hub: Arc<Hub>,
    outputs: Outputs,
    concerns: Concerns,
    places: Arc<Semaphore>,
}

impl Streams {
    /// Of this engine.
    pub(super) fn new(watching: Watching, workspace: &Workspace) -> Self {
        Self {
            hub: Arc::new(Hub::new(watching)),
            outputs: Outputs::new(Tails::new(workspace)),
            concerns: Concerns::default(),
            places: Arc::new(Semaphore::new(STREAMS_MAX)),
        }
    }

    /// Outputs that can be read.
    pub(super) fn tails(&self) -> Tails {
        self.outputs.tails()
    }

    /// How many there are.
    pub(super) fn count(&self) -> usize {
        STREAMS_MAX - self.places.available_permits()
    }

    /// A place for one more.
    fn place(&self) -> Result<OwnedSemaphorePermit, Error> {
        Arc::clone(&self.places).try_acquire_owned().map_err(|_| {
            Error::new(StatusCode::SERVICE_UNAVAILABLE, "busy", "too many streams are open")
                .hint(format!("there may be {STREAMS_MAX} at once"))
        })
    }
}

/// Every stream.
pub(super) fn router() -> ApiRouter<Site> {
    ApiRouter::new()
        .api_route(
            "/api/events",
            get_with(sse::events, |op| {
                op.tag("streams").id("watchEvents").summary("What happens, as it does: server-sent events").description(
                    "The id of each is its number, its name the dotted type, its data an event. `start` says from where \
                     on; `missed` that numbers were left out because the reader was too slow.",
                )
            }),
        )
        .api_route(
            "/api/work/{id}/output/stream",
            get_with(sse::output, |op| {
                op.tag("streams").id("watchOutput").summary("What an agent prints, as it does: server-sent events").description(
                    "`output` has lines; its id says where to go on. `end`: that is all.",
                )
            }),
        )
        .api_route(
            "/api/convoys/{id}/stream",
            get_with(ws::convoy, |op| {
                op.tag("streams").id("watchConvoy").summary("What happens in a convoy and what its agents print: a WebSocket")
            }),
        )
        .api_route(
            "/api/work/{id}/stream",
            get_with(ws::work, |op| {
                op.tag("streams").id("watchWork").summary("What happens to a worker and what its agent prints: a WebSocket")
            }),
        )
}
