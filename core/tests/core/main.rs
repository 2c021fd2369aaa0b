//! The tests of the core. Most are scripts: files of commands with what came of each, read by [`script`].

mod door;
mod golden;
mod perform;
mod properties;
mod script;
mod show;
