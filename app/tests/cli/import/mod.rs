//! Taking over from other tools, and issues in beads' JSONL.

#![expect(clippy::unwrap_used, reason = "clippy counts only functions marked as tests; all of this is one")]

mod jsonl;
mod mirror;
mod tools;
mod trees;
