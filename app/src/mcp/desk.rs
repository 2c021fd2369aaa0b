//! What a call has at hand: the workspace, and the way to tell how far it is.

use serde_json::{Value, json};

use super::protocol::{self, Id};
use super::wire::{Out, Pending};
use crate::context::Context;
use crate::follow::Follow;

/// A call, while it is worked on.
pub(super) struct Desk<'a> {
    /// The way to the engine, and who asks.
    pub(super) ctx: &'a mut Context,
    /// Things may be changed.
    pub(super) writes: bool,
    /// The request.
    pub(super) id: &'a Id,
    /// What the client knows its progress by, if it wants to be told.
    pub(super) token: Option<Value>,
    pub(super) out: &'a Out,
    pub(super) pending: &'a Pending,
}

/// Tells how far a call is.
pub(super) struct Teller<'a> {
    out: &'a Out,
    token: Option<Value>,
    told: u64,
}

impl Teller<'_> {
    /// Says it, if somebody wants to know.
    pub(super) fn tell(&mut self, message: &str) {
        let Some(token) = &self.token else { return };
        self.told += 1;
        let params = json!({ "progressToken": token, "progress": self.told, "message": message });
        // When nobody reads any more, stdin ends as well.
        let _ = self.out.send(&protocol::notification("notifications/progress", params));
    }
}

impl<'a> Desk<'a> {
    /// Tells how far the call is.
    pub(super) fn teller(&self) -> Teller<'a> {
        Teller { out: self.out, token: self.token.clone(), told: 0 }
    }

    /// The following ends when the call is wanted no more.
    pub(super) fn waits(&self, follow: &Follow) {
        self.pending.waits(self.id, follow.interrupter());
    }

    /// It has ended.
    pub(super) fn goes_on(&self) {
        self.pending.goes_on();
    }
}
