//! How staging and launching a convoy change the state.

use std::collections::{BTreeMap, BTreeSet};

use super::convoy_events::{fresh, track, untrack};
use crate::convoy::Status;
use crate::event::Event;
use crate::id::IssueId;
use crate::state::State;
use crate::time::Time;

pub(super) fn apply(state: &mut State, event: &Event, at: Time, actor: &str) {
    match event {
        Event::ConvoyStaged { convoy: new, staged } => {
            let id = new.id.clone();
            let mut content = new.clone();
            let wanted = std::mem::take(&mut content.tracked);
            let mut dropped = Vec::new();
            if let Some(convoy) = state.convoys.get_mut(&id) {
                let keep: BTreeSet<&IssueId> = wanted.iter().collect();
                content.tracked = std::mem::take(&mut convoy.content.tracked);
                dropped.extend(content.tracked.iter().filter(|issue| !keep.contains(issue)).cloned());
                convoy.content = content;
                convoy.status = Status::Staged(staged.clone());
            } else {
                let convoy = fresh(state, content, Status::Staged(staged.clone()), at, actor);
                state.index.staged.insert((convoy.number, id.clone()));
                state.convoys.insert(id.clone(), convoy);
            }
            untrack(state, &id, &dropped);
            track(state, &id, &wanted);
            // In the order of this staging, or staging it so again would be another change.
            let place: BTreeMap<&IssueId, usize> = wanted.iter().zip(0..).collect();
            if let Some(convoy) = state.convoys.get_mut(&id) {
                convoy.content.tracked.sort_by_key(|issue| place.get(issue).copied());
            }
        }
        Event::ConvoyLaunched { convoy: id } => {
            if let Some(convoy) = state.convoys.get_mut(id) {
                convoy.status = Status::Open;
                convoy.started_at = Some(at);
                state.index.staged.remove(&(convoy.number, id.clone()));
                state.index.open.insert((convoy.number, id.clone()));
            }
            // Its issues may have been closed since it was staged.
            state.index.touched.insert(id.clone());
            state.refresh_convoy(id);
        }
        _ => {}
    }
}
