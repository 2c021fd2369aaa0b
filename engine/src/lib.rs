//! Everything of Convoy that touches the world.
//!
//! The loop is in `dispatcher`; what it decides is carried out by `executor`; each other module owns one kind
//! of contact with the outside. See `ARCHITECTURE.md`.

pub mod agent;
pub mod clock;
pub mod config;
pub mod entropy;
pub mod git;
pub mod lock;
pub mod log;
pub mod os;
pub mod supervisor;
pub mod tasks;
pub mod workspace;
