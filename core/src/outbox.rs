//! The outbox: notices on their way to places outside of the workspace.
//!
//! A mailbox has its notice in the same batch as what the notice is about. A route leads further, to a desktop, a
//! webhook or a command, and may fail: a delivery is tried until it succeeds or is given up.

use serde::{Deserialize, Serialize};

use crate::id::{DeliveryId, NoticeId, RouteName, Seq};
use crate::policy::Routes;
use crate::time::{Span, Time};

/// The longest reason of a failure that is kept, in bytes: it is for a person to read, not a record of an answer.
pub const WHY_BYTES_MAX: usize = 500;

/// A delivery as it is put into the outbox with its notice.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct NewDelivery {
    /// Its id.
    pub id: DeliveryId,
    /// The route by the name that it had when the notice was sent.
    pub route: RouteName,
}

/// How far a delivery is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Status {
    /// To be tried.
    Pending {
        /// From when on.
        due: Time,
    },
    /// Whoever is at the end of the route has taken it.
    Delivered {
        /// When.
        at: Time,
    },
    /// It is not tried any more, unless a person asks for it.
    GivenUp {
        /// Since when.
        at: Time,
    },
}

/// A delivery in the outbox.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Delivery {
    /// What was put into the outbox.
    pub content: NewDelivery,
    /// What is delivered.
    pub notice: NoticeId,
    /// The event that put it in: of those that are due at the same time the oldest goes first.
    pub number: Seq,
    /// How often it was tried; the next try is one more.
    pub tries: u32,
    /// Failures since it was put in, or since a person asked for it again: these use up the limit.
    pub failures: u32,
    /// Why the last try failed.
    pub last_error: Option<String>,
    /// How far it is.
    pub status: Status,
}

impl Delivery {
    /// The number of the try that is due or under way. An answer about another one changes nothing.
    pub fn attempt(&self) -> u32 {
        self.tries.saturating_add(1)
    }

    /// When it is due, if it is still to be tried.
    pub fn due(&self) -> Option<Time> {
        match self.status {
            Status::Pending { due } => Some(due),
            Status::Delivered { .. } | Status::GivenUp { .. } => None,
        }
    }
}

/// The pause after so many failures; none when there were enough.
pub(crate) fn pause(routes: &Routes, failures: u32) -> Option<Span> {
    if failures >= routes.tries_max {
        return None;
    }
    let doubled = 2_i64.saturating_pow(failures.saturating_sub(1));
    Some(Span::from_millis(routes.backoff.as_millis().saturating_mul(doubled)).min(routes.backoff_max))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_a_limit_and_end() {
        let routes = Routes { tries_max: 9, ..Routes::default() };
        let pauses: Vec<i64> =
            (1..20).map_while(|failures| pause(&routes, failures)).map(Span::as_secs).collect();
        assert_eq!(pauses, [10, 20, 40, 80, 160, 320, 600, 600]);
        let many = Routes { tries_max: u32::MAX, ..Routes::default() };
        assert_eq!(pause(&many, 4_000_000_000), Some(many.backoff_max));
    }
}
