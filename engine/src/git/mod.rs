//! Git: isolated workdirs, evidence of what an agent did, and merging.
//!
//! Everything goes through the `git` program, argv only, in an environment of our own. Three rules hold
//! everywhere in this module:
//!
//! - git never runs in a git directory that an agent could configure. References of a workdir are read as
//!   files (`heads`), and its files and objects through a git directory of our own (`shadow`).
//! - the person's repository is only touched by plumbing with no index and no hooks; the one exception is the
//!   fast-forward of a branch that is checked out (`advance`), which git refuses when it is in the way.
//! - names reach git as full references or as hex object names, never as text that could be an option.

mod advance;
mod changes;
mod clone;
mod diff;
mod error;
mod evidence;
mod fetch;
mod heads;
mod include;
mod leftovers;
mod look;
mod merge;
mod names;
pub(crate) mod pipe;
mod push;
mod repo;
mod run;
mod salvage;
mod shadow;
mod so_far;
pub mod state;
mod touched;
mod tree;
mod unchanged;
mod unsupported;
pub mod workdir;

pub use advance::{Advance, Obstacle, Watched, advance, look_again};
pub use clone::{clone, take_branch};
pub use error::{Error, Result, Unsupported};
pub use evidence::{Evidence, Leftovers, collect};
pub use fetch::fetch;
pub use include::include;
pub use leftovers::{Kept, Leftover, list};
pub use merge::{Merge, changes_to, onto, prepare};
pub use names::{Branch, Identity, Key, Message, Oid};
pub use push::push;
pub use repo::{DiffStat, Repo};
pub use run::{Git, VERSION_MIN, Version};
pub use salvage::{Salvage, salvage};
pub use so_far::{DIFF_BYTES_MAX, SoFar, so_far};
pub use touched::touched;
pub use unchanged::changed;

#[cfg(test)]
mod tests;
