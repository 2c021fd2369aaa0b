//! The interface for programs: one file for each noun, each handler a translation into one call of the service. The
//! OpenAPI document is made from the handlers' own types.

mod convoys;
mod costs;
mod engine;
mod issues;
mod mail;
mod metrics;
mod routes;
mod templates;
mod values;
mod work;

pub(super) use metrics::{Counters, counted};
pub(super) use routes::{describe, router};
