//! Configuration: layers of TOML, each value with its origin, and the typed whole.

mod budget;
mod daemon;
mod edit;
mod gates;
mod hooks;
mod keys;
mod layers;
mod reviews;
mod routes;
mod typed;
mod witness;

pub use edit::Edit;
pub(crate) use edit::replace;
pub use gates::{Gate, GateTime};
pub use hooks::{Hook, When};
pub use keys::{KEYS, Key};
pub(crate) use layers::user_dir;
pub use layers::{Entry, Origin, Sources, parse as value};
pub use reviews::Reviews;
pub(crate) use routes::host;
pub use routes::{Route, Routes, Way};
pub(crate) use typed::duration;
pub use typed::{Config, Rig};
pub use witness::WITNESS_KEYS;
