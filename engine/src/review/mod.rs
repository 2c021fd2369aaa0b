//! Reviews: agents that look at a commit, each in a role, and what they find.
//!
//! Reviewers run under supervisors, side by side, in a workdir of their own at the commit (`run`). What they print or
//! write is read leniently, and believed only as far as its quotes are in the files (`findings`). What follows
//! from it, the core decides.

mod prompt;
mod role;
mod run;
#[cfg(test)]
mod tests;

pub(crate) use role::check;
pub(crate) use run::{Error, Subject, review};
