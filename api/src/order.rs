//! Orders: a request with who asks and how to recognise it again, and what came of it.

use serde::{Deserialize, Serialize};

use convoy_core::command::Request;
use convoy_core::decide::Item;
use convoy_core::event::Event;
use convoy_core::id::Seq;

use crate::Failure;

/// A request with its circumstances.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Order {
    /// What is asked for.
    pub request: Request,
    /// Who asks: an address.
    pub actor: String,
    /// Makes a repeated order the same order.
    #[serde(default)]
    pub key: Option<String>,
    /// Say what would happen, and do nothing.
    #[serde(default)]
    pub dry_run: bool,
}

/// What came of an order.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Outcome {
    /// One item for each thing that was asked for.
    pub items: Vec<ItemView>,
    /// The last event of the log when it was done.
    pub seq: Seq,
    /// What would happen, of a dry run; else empty.
    pub would: Vec<Event>,
}

/// What came of one thing that was asked for.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ItemView {
    /// Its id.
    pub id: String,
    /// Whether it is as asked for now.
    pub ok: bool,
    /// Whether this order changed it.
    pub changed: bool,
    /// What a person should know about it.
    pub note: Option<String>,
    /// Why not.
    pub error: Option<Failure>,
}

impl From<Item> for ItemView {
    fn from(item: Item) -> Self {
        let error = item.error.map(Failure::from);
        Self { id: item.id, ok: error.is_none(), changed: item.changed, note: item.note, error }
    }
}

/// Orders to the engine itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Control {
    /// Leave. Agents go on under their supervisors, unless they are to be stopped first.
    Down {
        /// Stop them, and keep their work.
        stop_agents: bool,
    },
    /// Read the configuration again. One that is not accepted leaves everything as it is.
    Reload,
}
