//! Notices: what a mailbox holds.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::address::Address;
use crate::id::{ConvoyId, NoticeId};
use crate::time::Time;

/// What a notice is about.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum NoticeKind {
    /// A convoy landed.
    ConvoyLanded,
    /// A convoy was closed with open issues.
    ConvoyAbandoned,
    /// An issue waits for a person.
    NeedsHuman,
}

/// A notice as it is sent.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct NewNotice {
    /// Its id.
    pub id: NoticeId,
    /// Whose mailbox.
    pub to: Address,
    /// What about.
    pub kind: NoticeKind,
    /// One line.
    pub subject: String,
    /// The text.
    pub body: String,
    /// The convoy that it is about.
    pub convoy: Option<ConvoyId>,
    /// The landing that it is about; with the address it makes the notice unique.
    pub landing_epoch: Option<u32>,
}

/// A notice in its mailbox.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Notice {
    /// What was sent.
    pub content: NewNotice,
    /// When.
    pub created_at: Time,
    /// When it was read.
    pub read_at: Option<Time>,
}
