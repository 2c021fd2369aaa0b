//! The contract of Convoy: one trait, `Service`, behind every surface.
//!
//! The command line, and later HTTP, pages, the terminal dashboard and MCP, are short translations into these
//! calls. The engine implements them in process; [`client::Client`] speaks to a running engine over its socket.

pub mod client;
pub mod failure;
pub mod order;
pub mod query;
pub mod wire;

pub use convoy_core as core;

use convoy_core::event::Envelope;
use convoy_core::id::Seq;
pub use failure::{Code, Failure};
pub use order::{Control, ItemView, Order, Outcome};
pub use query::{Answer, Query};

/// Events as they are committed, in order, without gaps. Ends when the engine does.
pub type Watch = Box<dyn Iterator<Item = Result<Envelope, Failure>> + Send>;

/// Everything that can be asked of Convoy.
pub trait Service {
    /// Does what is ordered: whole and durable when it returns, or not at all.
    ///
    /// # Errors
    /// When nothing of it was done; or, with [`Code::Unknown`], when that cannot be told.
    fn order(&self, order: Order) -> Result<Outcome, Failure>;

    /// Answers a question about the state.
    ///
    /// # Errors
    /// When a reference leads nowhere.
    fn ask(&self, query: Query) -> Result<Answer, Failure>;

    /// Follows the events after `after`.
    ///
    /// # Errors
    /// When the engine is gone.
    fn watch(&self, after: Seq) -> Result<Watch, Failure>;

    /// Controls the engine itself.
    ///
    /// # Errors
    /// When the engine is gone.
    fn control(&self, control: Control) -> Result<(), Failure>;
}
