//! Issues as beads writes them: one JSON object a line, beads' own field names.
//!
//! Reading and writing lose nothing either way. Of what a file says, our fields are taken; the rest of the object, and
//! everything that we would say in other words, is kept with the issue as text (`kept`) and said again as it was for
//! as long as it is still so. What only we know goes below the one key `convoy`, which beads leaves alone.

mod kept;
mod read;
mod words;
mod write;

#[cfg(test)]
mod tests;

pub(crate) use kept::for_agents;
pub use read::{FILE_ISSUES_MAX, LINE_BYTES_MAX, Lines, read};
pub use write::line;

/// An object whose values stand as they were written.
type Object = std::collections::BTreeMap<String, Box<serde_json::value::RawValue>>;

/// A value as text.
fn raw(value: &impl serde::Serialize) -> Box<serde_json::value::RawValue> {
    serde_json::value::to_raw_value(value).expect("plain data")
}
