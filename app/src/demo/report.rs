//! What happened in the demo, and what each step took: all of it read from the events.

use std::collections::BTreeMap;

use convoy_core::event::{Envelope, Event};
use convoy_core::time::Time;
use schemars::JsonSchema;
use serde::Serialize;

/// What became of one issue, with what its steps took in milliseconds, all attempts together.
#[derive(Clone, Debug, Default, Serialize, JsonSchema)]
pub(crate) struct IssueReport {
    /// Its id.
    pub(crate) issue: String,
    /// How many attempts it took.
    pub(crate) attempts: u32,
    /// How often its branch was merged, the last one included.
    pub(crate) merges: u32,
    /// Making its workdirs.
    pub(crate) workdir_ms: i64,
    /// Starting its agents, supervisor included.
    pub(crate) start_ms: i64,
    /// Its agents' own work.
    pub(crate) agent_ms: i64,
    /// Saving what they left.
    pub(crate) save_ms: i64,
    /// Gates and merge, waiting for its turn included.
    pub(crate) merge_ms: i64,
}

/// What became of the convoy.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub(crate) struct Report {
    /// The convoy.
    pub(crate) convoy: String,
    /// Whether it landed.
    pub(crate) landed: bool,
    /// Attempts that failed and were made again.
    pub(crate) retries: u32,
    /// Branches that were merged again because the base branch had moved.
    pub(crate) remerges: u32,
    /// From the start to the landing, in milliseconds.
    pub(crate) total_ms: i64,
    /// Each issue, in the order in which they were closed.
    pub(crate) issues: Vec<IssueReport>,
    /// The repository, if it is kept.
    pub(crate) repository: Option<String>,
}

#[derive(Default)]
struct Clock {
    workers: BTreeMap<String, String>,
    sessions: BTreeMap<String, String>,
    since: BTreeMap<String, Time>,
    issues: BTreeMap<String, IssueReport>,
    closed: Vec<String>,
}

impl Clock {
    /// The time since the last step of this subject, which now begins its next.
    fn lap(&mut self, subject: &str, at: Time) -> i64 {
        let before = self.since.insert(subject.to_owned(), at);
        before.map_or(0, |before| at.since(before).as_millis())
    }

    fn of_session(&mut self, session: &str) -> Option<&mut IssueReport> {
        let issue = self.workers.get(self.sessions.get(session)?)?;
        Some(self.issues.entry(issue.clone()).or_default())
    }
}

/// Reads the report out of the events of one convoy.
pub(crate) fn report(convoy: &str, events: &[Envelope]) -> Report {
    let mut clock = Clock::default();
    let (mut began, mut ended) = (None, None);
    let (mut retries, mut remerges) = (0, 0);
    for Envelope { at, event, subject, .. } in events {
        match event {
            Event::ConvoyStarted { .. } => began = Some(*at),
            Event::ConvoyLanded { .. } => ended = Some(*at),
            Event::WorkerAssigned { worker } => {
                clock.workers.insert(subject.clone(), worker.issue.to_string());
            }
            Event::WorkerLearned { .. } => retries += 1,
            Event::SessionWanted { session } => {
                clock.sessions.insert(subject.clone(), session.worker.to_string());
                clock.lap(subject, *at);
                if let Some(issue) = clock.of_session(subject) {
                    issue.attempts += 1;
                }
            }
            Event::SessionPrepared { .. }
            | Event::SessionStarted { .. }
            | Event::SessionEnded { .. }
            | Event::SessionOver { .. } => {
                let took = clock.lap(subject, *at);
                if let Some(issue) = clock.of_session(subject) {
                    *match event {
                        Event::SessionPrepared { .. } => &mut issue.workdir_ms,
                        Event::SessionStarted { .. } => &mut issue.start_ms,
                        Event::SessionEnded { .. } => &mut issue.agent_ms,
                        _ => &mut issue.save_ms,
                    } += took;
                }
            }
            Event::WorkerSubmitted { .. } => {
                clock.lap(subject, *at);
            }
            Event::MergeMoved { .. } => {
                remerges += 1;
                if let Some(issue) = clock.workers.get(subject) {
                    clock.issues.entry(issue.clone()).or_default().merges += 1;
                }
            }
            Event::IssueClosed { .. } => {
                clock.closed.push(subject.clone());
                let worker = clock.workers.iter().find(|(_, issue)| *issue == subject);
                if let Some(worker) = worker.map(|(worker, _)| worker.clone()) {
                    let took = clock.lap(&worker, *at);
                    let issue = clock.issues.entry(subject.clone()).or_default();
                    issue.merge_ms += took;
                    issue.merges += 1;
                }
            }
            _ => {}
        }
    }
    let issues = clock
        .closed
        .iter()
        .filter_map(|id| Some(IssueReport { issue: id.clone(), ..clock.issues.get(id)?.clone() }))
        .collect();
    let total_ms = match (began, ended) {
        (Some(began), Some(ended)) => ended.since(began).as_millis(),
        _ => 0,
    };
    Report {
        convoy: convoy.to_owned(),
        landed: ended.is_some(),
        retries,
        remerges,
        total_ms,
        issues,
        repository: None,
    }
}
