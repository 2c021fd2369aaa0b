//! The shape of a delivery in the outbox.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::id::{ConvoyId, DeliveryId, NoticeId, RouteName};
use crate::outbox::{Delivery, Status};
use crate::state::State;
use crate::time::Time;

/// How far a delivery is, by the name that scripts see.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryStatus {
    /// It is tried, or will be at `next_at`.
    Pending,
    /// It has arrived.
    Delivered,
    /// It was given up.
    Failed,
}

impl DeliveryStatus {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Delivered => "delivered",
            Self::Failed => "failed",
        }
    }
}

/// A delivery.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
#[expect(missing_docs, reason = "the published names; what they mean stands in docs/json.md")]
pub struct DeliveryView {
    pub id: DeliveryId,
    pub notice_id: NoticeId,
    pub to: String,
    pub route: RouteName,
    pub subject: String,
    pub convoy_id: Option<ConvoyId>,
    pub status: DeliveryStatus,
    pub tries: u32,
    pub last_error: Option<String>,
    pub created_at: Time,
    pub next_at: Option<Time>,
    pub delivered_at: Option<Time>,
    pub failed_at: Option<Time>,
}

/// The view of a delivery; none when its notice is not there, which does not happen.
pub fn delivery(state: &State, delivery: &Delivery) -> Option<DeliveryView> {
    let notice = state.notices.get(&delivery.notice)?;
    let (mut next_at, mut delivered_at, mut failed_at) = (None, None, None);
    let status = match delivery.status {
        Status::Pending { due } => {
            next_at = Some(due);
            DeliveryStatus::Pending
        }
        Status::Delivered { at } => {
            delivered_at = Some(at);
            DeliveryStatus::Delivered
        }
        Status::GivenUp { at } => {
            failed_at = Some(at);
            DeliveryStatus::Failed
        }
    };
    Some(DeliveryView {
        id: delivery.content.id.clone(),
        notice_id: delivery.notice.clone(),
        to: notice.content.to.to_string(),
        route: delivery.content.route.clone(),
        subject: notice.content.subject.clone(),
        convoy_id: notice.content.convoy.clone(),
        status,
        tries: delivery.tries,
        last_error: delivery.last_error.clone(),
        created_at: notice.created_at,
        next_at,
        delivered_at,
        failed_at,
    })
}
