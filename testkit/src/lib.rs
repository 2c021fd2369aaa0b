//! What the tests of Convoy need and the product does not contain.
//!
//! Other people's programs are real where they can be installed (`real_agents`, against `model_server`) and
//! small real programs otherwise (`bin/fake-agent.rs`). `env` is the room that a test lives in.

pub mod model_server;
