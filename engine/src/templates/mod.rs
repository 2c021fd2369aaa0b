//! Templates: runs of roles as files describe them, and the prompts of those roles.
//!
//! A *template* lists roles, each made of a *subagent*; an *agent file* describes a subagent: who does the work, and the
//! prompt. Both are built in (`built_in`), or lie in the user's or the workspace's folder (`folders`); `library` has them
//! by name. `inherit` and `check` put a template together; `start` makes of it what a convoy is started with, at one
//! commit. Nothing is read again after that, but prompts are rendered (`render`) when their step begins.
//!
//! It runs nothing, and decides nothing about what runs when: that is the core's.

mod agent_file;
mod built_in;
mod check;
mod context;
mod file;
mod folders;
mod graph;
mod inherit;
mod library;
mod node;
mod place;
mod problem;
mod read;
mod render;
pub mod shape;
mod start;
#[cfg(test)]
mod tests;
mod trial;

pub use agent_file::AgentFile;
pub use check::{Lane, Plan};
pub use context::{IssueText, PromptContext, VARIABLES};
pub use file::{Config, Role, Who};
pub use graph::Graph;
pub use inherit::{EXTENDS_MAX, Template};
pub use library::{Library, Looked};
pub use place::is_unchanged;
pub use problem::{At, Error, Layer, Problem, ProblemView, Source, Spot};
pub use read::is_variable;
pub use render::{PROMPT_BYTES_MAX, RenderError, render, variables};
pub use start::{Resolved, Start, resolve};
