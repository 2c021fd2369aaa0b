//! Tests of the dashboard without a terminal: the model under keys and news, and pictures of it. This file only wires.

mod keys;
mod pictures;
mod workspace;
