//! What a supervisor knows of how its agent does, computed when somebody asks: nothing is sampled.
//!
//! Loops are the exception: the same call or the same error so often in a row is reported when it happens, and again at
//! each doubling, and once more when it is over.

use std::collections::BTreeMap;

use convoy_core::health::{Repeated, Tool, Vitals};
use convoy_core::report::Report;
use convoy_core::time::{Span, Time};

use crate::agent::Call;
use crate::clock::{self, Instant};
use crate::os::load;

/// How many uses of tools at once are told apart.
const RUNNING_MAX: usize = 256;
/// How many agents that work for one another are told apart.
const AGENTS_MAX: usize = 64;

/// The same thing in a row.
#[derive(Debug, Default)]
struct Row {
    print: u64,
    count: u32,
}

impl Row {
    /// Counts it; how often it was in a row.
    fn count(&mut self, print: u64) -> u32 {
        self.count = if self.print == print { self.count.saturating_add(1) } else { 1 };
        self.print = print;
        self.count
    }
}

/// What one agent does again and again.
#[derive(Debug, Default)]
struct Rows {
    calls: Row,
    errors: Row,
    /// A loop of it was reported: of calls, else of errors.
    looping: Option<bool>,
}

/// What is known of the agent.
#[derive(Debug)]
pub(super) struct Watch {
    heard: Instant,
    /// Uses of tools that have not ended, by the vendor's id.
    running: BTreeMap<String, (String, Instant)>,
    rows: BTreeMap<String, Rows>,
    retry_at: Option<Time>,
    waiting: Option<String>,
    looping: Option<Repeated>,
    /// How often in a row is a loop.
    loops: u32,
    pub(super) takes_input: bool,
}

impl Watch {
    pub(super) fn new(loops: u32, takes_input: bool, now: Instant) -> Self {
        Self {
            heard: now,
            running: BTreeMap::new(),
            rows: BTreeMap::new(),
            retry_at: None,
            waiting: None,
            looping: None,
            loops: loops.max(2),
            takes_input,
        }
    }

    /// A sign of life.
    pub(super) fn heard(&mut self, now: Instant) {
        self.heard = now;
    }

    /// Takes note of what is reported; until when the agent will not be heard of, if it says so.
    pub(super) fn reported(&mut self, report: &Report) -> Option<Span> {
        match report {
            Report::Waiting { what } => self.waiting = Some(what.clone()),
            Report::Retrying { delay_ms, .. } => {
                let delay = Span::from_millis(i64::try_from(*delay_ms).unwrap_or(i64::MAX));
                self.retry_at = Some(clock::now().plus(delay));
                return Some(delay);
            }
            Report::Usage { .. } | Report::Tool { .. } | Report::Result(_) | Report::Nudged { .. } => {
                (self.waiting, self.retry_at) = (None, None);
            }
            Report::Started { .. }
            | Report::Conversation { .. }
            | Report::Done { .. }
            | Report::Blocked { .. }
            | Report::Note { .. }
            | Report::CheckpointAsked { .. }
            | Report::Escalated { .. }
            | Report::SelfReported { .. }
            | Report::Looping { .. }
            | Report::Stopping { .. }
            | Report::Unknown => {}
        }
        None
    }

    /// Takes note of the use of a tool; what is to be reported of it.
    pub(super) fn called(&mut self, call: Call, now: Instant) -> Option<Report> {
        match call {
            Call::Began { id, by, name, print } => {
                if self.running.contains_key(&id) {
                    return None;
                }
                if self.running.len() < RUNNING_MAX {
                    self.running.insert(id, (name.clone(), now));
                }
                self.row(by, true, Some((format!("{name}, with the same input"), print)))
            }
            Call::Ended { id, by, error } => {
                self.running.remove(&id);
                self.row(by, false, error.map(|(what, print)| (format!("the error {what:?}"), print)))
            }
        }
    }

    /// Counts a call, or an error; what did not fail ends the row of errors.
    fn row(&mut self, by: String, is_call: bool, of: Option<(String, u64)>) -> Option<Report> {
        if !self.rows.contains_key(&by) && self.rows.len() >= AGENTS_MAX {
            // A sub-agent has long ended; whoever works now is counted anew.
            self.rows.clear();
        }
        let rows = self.rows.entry(by).or_default();
        let row = if is_call { &mut rows.calls } else { &mut rows.errors };
        let count = match &of {
            Some((_, print)) => row.count(*print),
            None => {
                row.count = 0;
                0
            }
        };
        let was = rows.looping == Some(is_call);
        let due =
            count >= self.loops && (count / self.loops).is_power_of_two() && count.is_multiple_of(self.loops);
        match of {
            Some((what, _)) if due && (rows.looping.is_none() || was) => {
                rows.looping = Some(is_call);
                self.looping = Some(Repeated { what: what.clone(), count });
                Some(Report::Looping { what, count, takes_input: self.takes_input })
            }
            Some(_) if was && count > 1 => {
                if let Some(looping) = &mut self.looping {
                    looping.count = looping.count.max(count);
                }
                None
            }
            Some(_) | None if was => {
                rows.looping = None;
                let what = self.looping.take().map(|looping| looping.what).unwrap_or_default();
                Some(Report::Looping { what, count: 0, takes_input: self.takes_input })
            }
            Some(_) | None => None,
        }
    }

    /// How the agent does now.
    pub(super) fn vitals(&self, now: Instant) -> Vitals {
        let load = load::below(std::process::id());
        let ms = |since: Instant| u64::try_from(since.until(now).as_millis()).unwrap_or(u64::MAX);
        let oldest = self.running.values().min_by_key(|(_, since)| *since);
        Vitals {
            at: clock::now(),
            silent_ms: ms(self.heard),
            tool: oldest.map(|(name, since)| Tool { name: name.clone(), for_ms: ms(*since) }),
            processes: load.processes,
            cpu_ms: load.cpu_ms,
            retry_at: self.retry_at,
            waiting: self.waiting.clone(),
            looping: self.looping.clone(),
            takes_input: self.takes_input,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn began(id: usize, print: u64) -> Call {
        Call::Began { id: format!("t{id}"), by: String::new(), name: "Bash".into(), print }
    }
    fn ended(id: usize, error: Option<u64>) -> Call {
        Call::Ended {
            id: format!("t{id}"),
            by: String::new(),
            error: error.map(|print| ("no".into(), print)),
        }
    }
    fn counts(watch: &mut Watch, calls: impl IntoIterator<Item = Call>) -> Vec<u32> {
        let reports = calls.into_iter().filter_map(|call| watch.called(call, Instant::now()));
        reports.map(|report| if let Report::Looping { count, .. } = report { count } else { 99 }).collect()
    }

    #[test]
    fn a_loop_is_reported_at_its_threshold_at_each_doubling_and_at_its_end() {
        let mut watch = Watch::new(5, false, Instant::now());
        let same = (0..45).flat_map(|id| [began(id, 7), ended(id, None)]);
        assert_eq!(counts(&mut watch, same), [5, 10, 20, 40]);
        assert_eq!(watch.vitals(Instant::now()).looping.map(|looping| looping.count), Some(45));
        assert_eq!(counts(&mut watch, [began(50, 8)]), [0]);
        assert_eq!(watch.vitals(Instant::now()).looping, None);
        assert_eq!(counts(&mut watch, (60..64).map(|id| began(id, 8))), [5]);
    }

    #[test]
    fn the_same_error_of_different_calls_is_a_loop_and_a_success_ends_it() {
        let mut watch = Watch::new(3, false, Instant::now());
        let failing = (0..3).flat_map(|id| [began(id, id as u64), ended(id, Some(1))]);
        assert_eq!(counts(&mut watch, failing), [3]);
        assert_eq!(counts(&mut watch, [began(9, 9), ended(9, None)]), [0]);
        let mixed = (10..20).flat_map(|id| [began(id, id as u64), ended(id, Some(id as u64 % 2))]);
        assert_eq!(counts(&mut watch, mixed), [0_u32; 0]);
    }

    #[test]
    fn a_tool_is_at_work_until_it_ends() {
        let mut watch = Watch::new(5, false, Instant::now());
        let begun = Instant::now();
        watch.called(began(1, 1), begun);
        watch.called(began(2, 2), begun.plus(Span::from_secs(5)));
        let vitals = watch.vitals(begun.plus(Span::from_secs(9)));
        assert_eq!(vitals.tool, Some(Tool { name: "Bash".into(), for_ms: 9_000 }));
        watch.called(ended(1, None), begun);
        watch.called(ended(2, None), begun);
        assert_eq!(watch.vitals(begun).tool, None);
    }
}
