//! What goes over the engine's Unix socket: one JSON value a line, one reply for each call.
//!
//! A `watch` is answered with one line for each event until either side closes.

use serde::{Deserialize, Serialize};

use convoy_core::event::Envelope;
use convoy_core::id::Seq;

use crate::{Answer, Control, Failure, Order, Outcome, Query};

/// The version of this protocol. An engine of another version is told to make way.
pub const PROTOCOL: u32 = 1;

/// The longest line that is accepted, in bytes: a body of 1 MiB, escaped, with room.
pub const LINE_BYTES_MAX: usize = 16 * 1024 * 1024;

/// A call.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Call {
    /// [`PROTOCOL`] of the caller.
    pub protocol: u32,
    /// What is called.
    #[serde(flatten)]
    pub body: CallBody,
}

/// What is called.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CallBody {
    /// [`crate::Service::order`].
    Order(Order),
    /// [`crate::Service::ask`].
    Ask(Query),
    /// [`crate::Service::watch`].
    Watch {
        /// Follow what comes after this.
        after: Seq,
    },
    /// [`crate::Service::control`].
    Control(Control),
}

/// A reply.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reply {
    /// To an order.
    Outcome(Outcome),
    /// To a question.
    Answer(Answer),
    /// To a watch, again and again.
    Event(Box<Envelope>),
    /// To a control.
    Done,
    /// To any of them.
    Error(Failure),
}
