//! Notices: what a mailbox holds.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::address::Address;
use crate::id::{ConvoyId, NoticeId};
use crate::time::Time;

/// The longest subject that a person may give a message, in characters.
pub const SUBJECT_CHARS_MAX: usize = 200;
/// The longest text of a message, in bytes: it is kept for ever, and sent whole by every route.
pub const BODY_BYTES_MAX: usize = 64 * 1024;

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
    /// A session does not do well.
    Witness,
    /// Most of a budget is used up.
    BudgetWarning,
    /// A budget is used up.
    BudgetExceeded,
    /// An agent wants somebody to know something, and works on.
    Escalated,
    /// Somebody wrote it.
    Message,
}

impl NoticeKind {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::ConvoyLanded => "convoy_landed",
            Self::ConvoyAbandoned => "convoy_abandoned",
            Self::NeedsHuman => "needs_human",
            Self::Witness => "witness",
            Self::BudgetWarning => "budget_warning",
            Self::BudgetExceeded => "budget_exceeded",
            Self::Escalated => "escalated",
            Self::Message => "message",
        }
    }
}

/// A notice as it is sent.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct NewNotice {
    /// Its id.
    pub id: NoticeId,
    /// Whose mailbox.
    pub to: Address,
    /// Who wrote it; nobody if Convoy did.
    #[serde(default)]
    pub from: Option<Address>,
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
    /// When it was put away.
    pub archived_at: Option<Time>,
}

impl Notice {
    /// Whether it still waits for a reader.
    pub fn is_unread(&self) -> bool {
        self.read_at.is_none() && self.archived_at.is_none()
    }
}
