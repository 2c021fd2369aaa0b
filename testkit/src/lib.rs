//! What the tests of Convoy need.
//!
//! For integration tests: the unit tests of the engine see another copy of its types.

pub mod conformance;
pub mod sim;
