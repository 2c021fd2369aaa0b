//! Taking over from other tools, and issues in beads' JSONL.

mod jsonl;
mod mirror;
mod tools;
mod trees;
