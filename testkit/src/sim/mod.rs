//! The deterministic simulator: the pure core, driven through a simulated world with faults in every place.
//!
//! One seed is one scenario: requests of people, agents that work over virtual time, a disk, a repository, and
//! the faults of [`Fault`]. The same seed always does the same. After every commit the invariants of
//! `invariants` are checked, and at the end that everything which was started has landed, or says why not.
//!
//! The world keeps no secrets from the checks and all of them from the driver: what the driver knows, it knows
//! from the log, or from looking at session directories as the engine does.

mod agent;
mod batch;
mod bugs;
mod driver;
mod dump;
mod examine;
mod executor;
mod faults;
mod invariants;
mod queue;
mod repo;
mod requests;
mod reviews;
mod rigs;
mod scenario;
mod shrink;
mod templates;
mod world;

pub use bugs::Bug;
pub use faults::Fault;
pub use scenario::{Options, Report, Violation, run, run_many};
pub use shrink::shrink;

use scenario::{Sim, trace};
