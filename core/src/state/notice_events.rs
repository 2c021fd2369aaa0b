//! What notices and their deliveries go through.

use super::State;
use crate::event::Event;
use crate::id::{DeliveryId, NoticeId};
use crate::notice::{NewNotice, Notice};
use crate::outbox::{Delivery, NewDelivery, Status};
use crate::time::Time;

pub(super) fn apply(state: &mut State, event: &Event, at: Time) {
    match event {
        Event::NoticeSent { notice, deliveries } => sent(state, notice, deliveries, at),
        Event::NoticeRead { notice } => touch(state, notice, |notice| notice.read_at = Some(at)),
        Event::NoticeArchived { notice } => {
            touch(state, notice, |notice| notice.archived_at = Some(at));
            let deliveries = &state.deliveries;
            state.index.undelivered.retain(|id| deliveries[id].notice != *notice);
        }
        Event::NoticeDelivered { delivery, .. } => change(state, delivery, |delivery| {
            delivery.tries = delivery.attempt();
            delivery.last_error = None;
            delivery.status = Status::Delivered { at };
        }),
        Event::NoticeDeliveryFailed { delivery, why, retry_at, .. } => change(state, delivery, |delivery| {
            delivery.tries = delivery.attempt();
            delivery.failures = delivery.failures.saturating_add(1);
            delivery.last_error = Some(why.clone());
            delivery.status = retry_at.map_or(Status::GivenUp { at }, |due| Status::Pending { due });
        }),
        Event::NoticeDeliveryRetried { delivery, .. } => change(state, delivery, |delivery| {
            delivery.failures = 0;
            delivery.status = Status::Pending { due: at };
        }),
        _ => {}
    }
}

fn sent(state: &mut State, notice: &NewNotice, deliveries: &[NewDelivery], at: Time) {
    let id = &notice.id;
    let content = notice.clone();
    state.notices.insert(id.clone(), Notice { content, created_at: at, read_at: None, archived_at: None });
    state.index.unread += 1;
    for content in deliveries {
        let delivery = Delivery {
            content: content.clone(),
            notice: id.clone(),
            number: state.seq,
            tries: 0,
            failures: 0,
            last_error: None,
            status: Status::Pending { due: at },
        };
        state.deliveries.insert(content.id.clone(), delivery);
        state.index_delivery(&content.id);
    }
}

fn touch(state: &mut State, id: &NoticeId, change: impl FnOnce(&mut Notice)) {
    if let Some(notice) = state.notices.get_mut(id) {
        let before = usize::from(notice.is_unread());
        change(notice);
        state.index.unread = state.index.unread + usize::from(notice.is_unread()) - before;
    }
}

fn change(state: &mut State, id: &DeliveryId, change: impl FnOnce(&mut Delivery)) {
    let Some(delivery) = state.deliveries.get_mut(id) else { return };
    if let Some(due) = delivery.due() {
        let outbox = &mut state.index.outbox;
        if outbox
            .get_mut(&due)
            .is_some_and(|ids| ids.remove(&(delivery.number, id.clone())) && ids.is_empty())
        {
            outbox.remove(&due);
        }
    }
    change(delivery);
    state.index_delivery(id);
}

impl State {
    /// Puts a delivery where its status belongs. What failed about an archived notice is nobody's concern any more.
    pub(super) fn index_delivery(&mut self, id: &DeliveryId) {
        let Some(delivery) = self.deliveries.get(id) else { return };
        self.index.undelivered.remove(id);
        match delivery.status {
            Status::Pending { due } => {
                self.index.outbox.entry(due).or_default().insert((delivery.number, id.clone()));
            }
            Status::GivenUp { .. } => {
                if self.notices.get(&delivery.notice).is_some_and(|notice| notice.archived_at.is_none()) {
                    self.index.undelivered.insert(id.clone());
                }
            }
            Status::Delivered { .. } => {}
        }
    }
}
