//! The durable step of a turn, and what happens when the log does not take it.

use convoy_api::{Code, Failure};
use convoy_core::command::Observed;
use convoy_core::event::{Batch, Envelope};
use convoy_core::id::Seq;

use super::turn::Turn;
use super::{Dispatcher, Replies, fold};
use crate::crash;
use crate::log::{AppendError, Record};

/// After how many events a running engine saves a snapshot.
const SNAPSHOT_EVERY: u64 = 50_000;
/// After how many it does when it closes: reading so many again costs milliseconds.
pub(super) const SNAPSHOT_AT_CLOSE: u64 = 500;

impl Dispatcher {
    /// Commits, then replies and publishes. False if nothing was committed and the state was folded again.
    pub(super) fn commit(&mut self, batches: Vec<Batch>, replies: Replies, observed: Vec<Observed>) -> bool {
        if !batches.is_empty()
            && let Err(failure) = self.append(&batches)
        {
            self.take_back(&failure, replies, observed);
            return false;
        }
        if let Some(mirror) = &mut self.mirror {
            mirror.saw(batches.iter().flat_map(|batch| &batch.events));
        }
        if let Some(snapshots) = &mut self.snapshots {
            snapshots.saw(&batches, &self.state);
        }
        for (reply, outcome) in replies {
            // Whoever asked may be gone; what was done is done.
            let _ = reply.send(outcome);
        }
        if !self.watchers.is_empty() {
            let count: u64 = batches.iter().map(|batch| batch.events.len() as u64).sum();
            let mut first = Seq(self.state.seq.0 - count + 1);
            let mut envelopes: Vec<Envelope> = Vec::new();
            for batch in batches {
                let next = Seq(first.0 + batch.events.len() as u64);
                envelopes.extend(batch.envelopes(first));
                first = next;
            }
            self.publish(&envelopes);
        }
        self.save_snapshot(SNAPSHOT_EVERY);
        true
    }

    fn append(&mut self, batches: &[Batch]) -> Result<(), Failure> {
        let records: Vec<Record> = batches
            .iter()
            .map(|batch| Record {
                count: batch.events.len() as u32,
                body: serde_json::to_vec(batch).expect("events are plain data"),
            })
            .collect();
        let count: u64 = records.iter().map(|record| u64::from(record.count)).sum();
        crash::point("append:before");
        let expected = self.log.tail().seq;
        let answer = self.log.append(expected, &records);
        crash::point("append:after");
        match answer {
            Ok(_) => {
                self.unsaved += count;
                Ok(())
            }
            Err(AppendError::Full) => Err(Failure::new(Code::DiskFull, "disk full, nothing recorded")
                .hint("free some space; what is running goes on")),
            Err(AppendError::ReadOnly) => {
                Err(Failure::new(Code::Unavailable, "the workspace is read-only, nothing recorded"))
            }
            Err(AppendError::Invalid { what, is }) => {
                Err(Failure::new(Code::Invalid, format!("too large to be recorded at once: {what} is {is}")))
            }
            // Another writer, an answer that is unknown, or a disk that did not confirm: what is in memory can
            // no longer be trusted. The next engine starts from what is really there.
            Err(error @ (AppendError::Conflict { .. } | AppendError::Unknown(_) | AppendError::Fatal(_))) => {
                fatal(&error)
            }
        }
    }

    /// Nothing was recorded: the state goes back to what the log says, and everybody is told.
    fn take_back(&mut self, failure: &Failure, replies: Replies, observed: Vec<Observed>) {
        match fold(self.log.as_mut()) {
            Ok((state, unsaved)) => {
                self.state = state;
                self.unsaved = unsaved;
            }
            Err(error) => fatal(&error),
        }
        let answered = replies.len();
        for (reply, _) in replies {
            let _ = reply.send(Err(failure.clone()));
        }
        let proposed = |seen: &Observed| {
            matches!(seen, Observed::Dispatch { .. } | Observed::Begin { .. } | Observed::Due { .. })
        };
        let mut seen: Vec<Observed> = observed.into_iter().filter(|seen| !proposed(seen)).collect();
        if failure.code == Code::Invalid {
            // Room will not help. The one that is too large must not take the others with it, nor any later turn.
            match (seen.len(), answered) {
                (1, 0) => {
                    self.say(&format!(
                        "{} was seen and is not taken up: {}",
                        name(&seen[0]),
                        failure.message
                    ));
                }
                _ => seen.drain(..).for_each(|seen| self.take_alone(seen)),
            }
        } else {
            // What was seen is still so; it is tried again when there is room.
            self.stalled.append(&mut seen);
        }
        self.replan();
        // Nothing was started by this turn; the next one does so, and comes by itself.
        self.starved = true;
    }

    /// Records what came of one observation by itself.
    fn take_alone(&mut self, seen: Observed) {
        let mut turn = Turn::default();
        self.observe(seen, &mut turn);
        self.commit(turn.batches, turn.replies, turn.observed);
    }

    pub(super) fn save_snapshot(&mut self, every: u64) {
        if self.unsaved < every {
            return;
        }
        // It is only a cache: what cannot be saved is folded from the log next time.
        if let Some(snapshot) = fold::to_snapshot(&self.state, self.log.tail())
            && self.log.snapshot_put(&snapshot).is_ok()
        {
            self.unsaved = 0;
        }
    }
}

/// What an observation is called in the engine's log; all of it may be what is too large.
fn name(seen: &Observed) -> String {
    let text = format!("{seen:?}");
    text.chars().take_while(|c| c.is_alphanumeric()).collect()
}

/// Ends the process at once. No destructor may write anything any more.
#[expect(clippy::print_stderr, reason = "the last words of a process; its stderr is the engine's log")]
fn fatal(error: &dyn std::error::Error) -> ! {
    let detail = error.source().map(|source| format!(": {source}")).unwrap_or_default();
    eprintln!("convoy: the engine ends itself: {error}{detail}");
    std::process::exit(70)
}
