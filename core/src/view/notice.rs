//! The shapes of a notice and of a mailbox.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::id::{ConvoyId, NoticeId};
use crate::notice::{Notice, NoticeKind};
use crate::state::State;
use crate::time::Time;

/// A notice.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
#[expect(missing_docs, reason = "the published names; what they mean stands in docs/json.md")]
pub struct NoticeView {
    pub id: NoticeId,
    pub to: String,
    pub from: String,
    pub kind: NoticeKind,
    pub subject: String,
    pub body: String,
    pub convoy_id: Option<ConvoyId>,
    pub landing_epoch: Option<u32>,
    pub created_at: Time,
    pub read_at: Option<Time>,
    pub archived_at: Option<Time>,
}

/// The view of a notice.
pub fn notice(notice: &Notice) -> NoticeView {
    let content = &notice.content;
    NoticeView {
        id: content.id.clone(),
        to: content.to.to_string(),
        from: content.from.as_ref().map_or("convoy", crate::address::Address::as_str).to_owned(),
        kind: content.kind,
        subject: content.subject.clone(),
        body: content.body.clone(),
        convoy_id: content.convoy.clone(),
        landing_epoch: content.landing_epoch,
        created_at: notice.created_at,
        read_at: notice.read_at,
        archived_at: notice.archived_at,
    }
}

/// A mailbox.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[expect(missing_docs, reason = "the published names; what they mean stands in docs/json.md")]
pub struct MailboxView {
    pub address: String,
    pub notices: usize,
    pub unread: usize,
}

/// Every mailbox that anything was ever sent to. What was put away counts in neither number.
pub fn mailboxes(state: &State) -> Vec<MailboxView> {
    let mut all: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    for notice in state.notices.values() {
        let (notices, unread) = all.entry(notice.content.to.as_str()).or_default();
        let there = notice.archived_at.is_none();
        *notices += usize::from(there);
        *unread += usize::from(there && notice.read_at.is_none());
    }
    let view = |(address, (notices, unread)): (&str, (usize, usize))| MailboxView {
        address: address.to_owned(),
        notices,
        unread,
    };
    all.into_iter().map(view).collect()
}
