//! Baseline gates: whether a repository's own checks pass before anything is changed.
//!
//! The gates are those of the configuration whose `when` names `baseline`, else those that are detected (`detect`).
//! They run in a workdir of their own at the files as they are in the checkout (`run`), each once for the same files
//! (`kept`). What fails is filed as an issue, at most one open at a time for each gate (`issues`).

mod detect;
mod gate;
mod issues;
mod kept;
mod report;
mod run;
#[cfg(test)]
mod tests;

pub use gate::{Kind, Origin};
pub use issues::file_issues;
pub use report::{GateReport, Report, Verdict};
pub use run::{Baseline, Options, Progress, Stops};

pub(crate) use run::gates_of_merge;
