//! Everything of Convoy that touches the world.
//!
//! The loop is in `dispatcher`; what it decides is carried out by `executor`; each other module owns one kind
//! of contact with the outside. See `ARCHITECTURE.md`.

pub mod absence;
pub mod agent;
pub mod background;
pub mod baseline;
pub mod changes;
pub mod checkpoints;
pub mod clock;
pub mod config;
mod crash;
pub mod disk;
mod dispatcher;
pub mod doctor;
pub mod door;
pub mod engine;
pub mod entropy;
mod executor;
pub mod face;
pub mod facts;
pub mod findings;
pub mod foreign;
pub mod forge;
mod gates;
pub mod git;
mod hooks;
pub mod housekeeping;
mod inbox;
pub mod interchange;
pub mod lock;
pub mod log;
mod mirror;
mod notify;
pub mod os;
pub mod output;
pub mod own;
mod permits;
pub mod prices;
pub mod pull;
pub mod reach;
pub mod reports;
pub mod rig;
pub mod runtime;
mod server;
mod settings;
pub mod skills;
mod snapshots;
pub mod supervisor;
pub mod tails;
pub mod tasks;
pub mod templates;
pub mod text;
pub mod tracker;
pub mod workspace;
mod world;

/// An error with everything that it rests on, on one line.
pub fn explain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(next) = source {
        text = format!("{text}: {next}");
        source = next.source();
    }
    text
}
