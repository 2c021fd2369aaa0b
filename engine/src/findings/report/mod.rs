//! The reports of a synthesis: Markdown for people, JSON for scripts, SARIF for other tools.
//!
//! Each is made of the synthesis alone, and is the same in every byte whenever it is made again.

mod escape;
mod markdown;
mod sarif;
mod triage;

pub use escape::{code, fenced, inline, paragraphs};
pub use triage::triage;

use super::synthesis::Synthesis;

/// The name of the files of a review, without their endings.
pub const STEM: &str = "synthesis";

/// The files of a review: their names, and what is in them.
pub fn review(synthesis: &Synthesis) -> Vec<(String, String)> {
    vec![
        (format!("{STEM}.md"), markdown::markdown(synthesis)),
        (format!("{STEM}.json"), json(synthesis)),
        (format!("{STEM}.sarif"), json(&sarif::sarif(synthesis))),
    ]
}

/// A value as a file has it.
pub(super) fn json(value: &impl serde::Serialize) -> String {
    let mut text = serde_json::to_string_pretty(value).expect("keys are texts, and nothing in it fails");
    text.push('\n');
    text
}
