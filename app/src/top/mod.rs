//! `convoy top`: the dashboard in a terminal. This file only wires.
//!
//! `model` is what is on the screen, `act` what keys do to it, `view` the pictures of it; all three are pure. `run` feeds the
//! model from threads: `keyboard` (keys, signals), `link` (the engine), `tail` (the output of one session). `screen` takes
//! the terminal over and gives it back, `tty` draws on it.

mod act;
mod data;
mod key;
mod keyboard;
mod link;
mod model;
mod run;
mod screen;
mod tail;
#[cfg(test)]
mod tests;
mod tty;
mod view;

pub(crate) use data::{Data, Wanted};
pub(crate) use run::{Start, check_terminal, run};
