//! Agents: which program works on an issue, how it is called, and how its output is understood.
//!
//! - **preset**: how to call one program, from TOML; built in or from the configuration.
//! - **translator**: turns the program's own output into reports that are the same for every agent.
//! - **hook**: a command that an agent's own program runs at some moment, by which its supervisor hears of it.
//! - **tools**: what a worker can say, as tools of a server that its program is given for the run.
//!
//! How a process is hosted is the supervisor's business, not an agent's.

mod calls;
mod check;
mod claude;
mod codex;
mod conversation;
pub(crate) mod duplex;
mod gemini;
pub mod hooks;
mod json;
mod last_words;
mod mcp;
mod native;
mod preset;
mod refused;
pub mod transcript;
mod translate;
pub(crate) mod writable;

pub use calls::Call;
pub use check::Check;
pub use conversation::{Conversation, model_of};
pub use duplex::{Aside, Ask};
pub(crate) use last_words::last_words;
pub use mcp::{Given, Mcp};
pub use preset::{Error, Preset, Presets, Reports, Says};
pub use translate::{Asked, LINE_BYTES_MAX, Output, Translation, Translator, translator};
