//! Findings: reading what roles found, believing it as far as its quotes go, merging it, and reporting it.
//!
//! A *role* gives findings in a file, in a block of its report, or as what a linter prints (`extract`, `program`). They
//! are *grounded* in the files of one commit (`ground`), merged by code alone (`merge`), and written down (`report`). An
//! agent may put them in another order and write a summary (`ranking`); it can neither add nor drop one.
//! Everything here is text in, text out: who reads and writes files is elsewhere.

pub mod extract;
pub mod ground;
mod kind;
pub mod merge;
pub(crate) mod parse;
pub mod program;
pub mod ranking;
pub mod report;
pub mod synthesis;
#[cfg(test)]
mod tests;
pub mod triage;

pub use extract::{FindingsFile, Published, Unreadable, extract};
pub use ground::{Text, ground_all};
pub use merge::{Found, Merged, Source};
pub use ranking::Ranking;
pub use synthesis::{Lane, Missing, Subject, Synthesis};
