//! Template convoys from the command line to their reports, with a fake agent in every role.
//!
//! Tests whose names begin with `a` and a number are the acceptance cases of that number.

mod ends;
mod lanes;
mod linters;
mod order;
mod prompts;
pub(crate) mod room;
mod runs;
mod starts;
mod words;
