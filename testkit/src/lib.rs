//! What the tests of Convoy need and the product does not contain.
//!
//! Other people's programs are real where they can be installed (`real_agents`, against `model_server`) and a
//! small real program otherwise (`fake_agent`). `env` is the room that a test lives in. It serves integration
//! tests: the unit tests of the engine see another copy of its types.

pub mod browser;
pub mod conformance;
pub mod env;
pub mod fake_agent;
pub mod fake_bd;
pub mod fake_gh;
pub mod model_server;
pub mod normalise;
pub mod processes;
pub mod real_agents;
pub mod real_linters;
pub mod real_mcp;
pub mod receiver;
pub mod sim;
pub mod terminal;
pub mod wait;
