//! What happens, as one line for people; and which of it belongs to a convoy.

use std::collections::{BTreeMap, BTreeSet};

use convoy_core::event::{Batched, Envelope, Event};
use convoy_core::health::{Health, Step};
use convoy_core::id::{IssueId, SessionId, WorkerId};
use convoy_core::session::Said;
use convoy_core::view::{ConvoyView, WorkerView};

use crate::follow::See;
use crate::text;

/// The longest reason in a progress line, in characters.
const WHY_CHARS: usize = 200;

/// What is followed: one convoy with its issues, workers and sessions, or everything.
#[derive(Debug, Default)]
pub(crate) struct Scope {
    convoy: Option<String>,
    issues: BTreeSet<IssueId>,
    workers: BTreeMap<WorkerId, IssueId>,
    sessions: BTreeMap<SessionId, WorkerId>,
    /// Issues that are roles of the convoy, by which people know them.
    roles: BTreeMap<IssueId, String>,
}

impl Scope {
    /// This convoy, or everything, with the workers that are known.
    pub(crate) fn new(convoy: Option<&ConvoyView>, workers: &[WorkerView]) -> Self {
        let mut scope = Self { convoy: convoy.map(|convoy| convoy.id.to_string()), ..Self::default() };
        scope.issues.extend(convoy.iter().flat_map(|convoy| &convoy.tracked).map(|issue| issue.id.clone()));
        let roles = convoy.iter().flat_map(|convoy| &convoy.roles);
        scope.roles.extend(roles.map(|role| (role.issue_id.clone(), role.role.clone())));
        for worker in workers {
            scope.workers.insert(worker.id.clone(), worker.issue_id.clone());
            let sessions = worker.sessions.iter().map(|session| (session.id.clone(), worker.id.clone()));
            scope.sessions.extend(sessions);
        }
        scope
    }

    /// The line of an event, if it has one and belongs to what is followed.
    pub(crate) fn line(&mut self, event: &Envelope) -> Option<String> {
        let (subject, what) = self.told(event)?;
        Some(format!("{}  {}  {what}\n", text::clock(event.at), text::line(&subject)))
    }

    /// What people call an issue: the role that it is, else its id.
    pub(crate) fn name(&self, issue: &IssueId) -> String {
        self.roles.get(issue).cloned().unwrap_or_else(|| issue.to_string())
    }

    fn learn(&mut self, event: &Event) {
        match event {
            Event::WorkerAssigned { worker } => {
                self.workers.insert(worker.id.clone(), worker.issue.clone());
            }
            Event::SessionWanted { session } => {
                self.sessions.insert(session.id.clone(), session.worker.clone());
            }
            Event::ConvoyIssuesAdded { convoy, issues }
                if Some(convoy.as_str()) == self.convoy.as_deref() =>
            {
                self.issues.extend(issues.iter().cloned());
            }
            _ => {}
        }
    }

    fn issue_of(&self, event: &Envelope) -> Option<IssueId> {
        let subject = event.subject.as_str();
        let worker = self.sessions.get(subject).map_or(subject, WorkerId::as_str);
        match self.workers.get(worker) {
            Some(issue) => Some(issue.clone()),
            None if event.event.is_about_an_issue() => IssueId::new(subject).ok(),
            None => None,
        }
    }

    /// What an event is about, as people know it, and what happened; nothing if it has no line or does not belong to what
    /// is followed.
    pub(crate) fn told(&mut self, event: &Envelope) -> Option<(String, String)> {
        self.learn(&event.event);
        let issue = self.issue_of(event);
        let ours = match (&self.convoy, &issue) {
            (None, _) => true,
            (Some(_), Some(issue)) => self.issues.contains(issue),
            (Some(convoy), None) => event.subject == *convoy,
        };
        let what = if ours { sentence(&event.event)? } else { return None };
        Some((issue.map_or_else(|| event.subject.clone(), |issue| self.name(&issue)), what))
    }
}

/// Which events are about issues themselves.
trait AboutAnIssue {
    fn is_about_an_issue(&self) -> bool;
}

impl AboutAnIssue for Event {
    fn is_about_an_issue(&self) -> bool {
        matches!(
            self,
            Self::IssueCreated { .. }
                | Self::IssueImported { .. }
                | Self::IssueUpdated { .. }
                | Self::DependencyAdded { .. }
                | Self::DependencyRemoved { .. }
                | Self::IssueClosed { .. }
                | Self::IssueReopened { .. }
                | Self::IssueNeedsHuman { .. }
                | Self::IssueMirrored { .. }
                | Self::IssueMissing { .. }
                | Self::TrackerTold { .. }
                | Self::TrackerRefused { .. }
        )
    }
}

/// What happened, for people who follow work; nothing for what is of no interest to them.
fn sentence(event: &Event) -> Option<String> {
    let why = |why: &str| text::cut(why, WHY_CHARS);
    let sentence = match event {
        Event::IssueClosed { closed, .. } => format!("✓ closed ({:?})", closed.reason).to_lowercase(),
        Event::IssueReopened { .. } => "open again".to_owned(),
        Event::IssueNeedsHuman { why: reason, .. } => format!("! needs a human: {}", why(reason)),
        Event::IssueMissing { .. } => "? its tracker does not list it any more".to_owned(),
        Event::TrackerLost { why: reason, .. } => {
            format!("? its tracker cannot be read: {}", why(reason))
        }
        Event::TrackerFound { .. } => "its tracker can be read".to_owned(),
        Event::TrackerRefused { error, .. } => format!("! its tracker was not told: {}", why(error)),
        Event::ConvoyCreated { convoy } => format!("made: {}", text::title(&convoy.title)),
        Event::ConvoyImported { convoy } => {
            format!("taken over from {}: {}", convoy.from.name(), text::title(&convoy.convoy.title))
        }
        Event::IssueImported { .. } => "imported".to_owned(),
        Event::ConvoyIssuesAdded { issues, .. } => format!("{} added", text::count(issues.len(), "issue")),
        Event::ConvoyIssuesRemoved { issues, .. } => {
            format!("{} removed", text::count(issues.len(), "issue"))
        }
        Event::ConvoyStaged { convoy, .. } => {
            format!(
                "→ staged: {} ({})",
                text::title(&convoy.title),
                text::count(convoy.tracked.len(), "issue")
            )
        }
        Event::ConvoyLaunched { .. } => "launched".to_owned(),
        Event::ConvoyStarted { .. } => "started".to_owned(),
        Event::ConvoyTimedOut { .. } => "its time is up".to_owned(),
        Event::ConvoyStopped { by, .. } => format!("stopped by {}", text::line(by)),
        Event::ConvoyReportWanted { .. } => return None,
        Event::ConvoySynthesized { report, .. } => match &report.error {
            Some(error) => format!("its report could not be made: {}", text::line(error)),
            None => {
                let (done, left) =
                    report.applied.as_ref().map_or((0, 0), |did| (did.issues.len(), did.refused.len()));
                let applied = match (done, left) {
                    (0, 0) => String::new(),
                    (_, 0) => format!("; {} changed by it", text::count(done, "issue")),
                    _ => format!("; {} changed by it, {left} left as they are", text::count(done, "issue")),
                };
                format!("its report is made: {}{applied}", text::line(&report.files.join(", ")))
            }
        },
        Event::ConvoyLanded { observer, .. } => format!("✓ landed, noticed by {}", observer.name()),
        Event::ConvoyAbandoned { reason, open, .. } => {
            let reason = reason.as_deref().map(|reason| format!(": {}", why(reason))).unwrap_or_default();
            format!("✗ abandoned with {}{reason}", text::count(open.len(), "open issue"))
        }
        Event::ConvoyReopened { .. } => "open again".to_owned(),
        Event::WorkerAssigned { worker } => {
            let model = worker.model.as_deref().map(|model| format!(", model {}", why(model)));
            format!("assigned to {} (agent {}{})", worker.id, worker.agent, model.unwrap_or_default())
        }
        Event::WorkerWaiting { until, why: reason, .. } => {
            format!("tries again at {} after: {}", text::clock(*until), why(reason))
        }
        Event::WorkerSubmitted { submission, .. } => {
            let diff = &submission.diff;
            let files = text::count(diff.files as usize, "file");
            format!("◐ submitted: {files} +{} -{}", diff.insertions, diff.deletions)
        }
        Event::WorkerStopped { by, .. } => format!("stopped by {}", why(by)),
        Event::WorkerReleased { why: reason, .. } => format!("taken from its worker: {}", why(reason)),
        Event::WorkerFailed { why: reason, .. } => format!("✗ failed: {}", why(reason)),
        Event::WorkerLearned { lesson, .. } => format!("attempt came to nothing: {}", why(&lesson.what)),
        Event::MergeMoved { .. } => "the base branch moved; it is merged anew".to_owned(),
        Event::MergeBlocked { block, .. } => format!(
            "! the checkout is in the way of the merge ({}): {}",
            why(&block.why),
            why(&block.files.join(", "))
        ),
        Event::MergeBatched { workers, because, .. } => match because {
            Batched::Gathered => {
                format!("{} merged and tested together", text::count(workers.len(), "branch"))
            }
            Batched::Split { why: reason } => {
                format!(
                    "{} tested apart from the others: {}",
                    text::count(workers.len(), "branch"),
                    why(reason)
                )
            }
        },
        Event::MergeSetAside { files, .. } => {
            format!("it conflicts with what lands before it, and waits for that: {}", why(&files.join(", ")))
        }
        Event::MergePaused { pause, .. } => {
            format!(
                "! its merge broke; it is tried again at {}: {}",
                text::clock(pause.until),
                why(&pause.error)
            )
        }
        Event::ReviewStarted { convoy, checkpoint, .. } => {
            let what = checkpoint.as_ref().map_or_else(|| "its branch".to_owned(), ToString::to_string);
            format!("◐ {what} is being reviewed by {convoy}")
        }
        Event::ReviewMade { review, .. } => why(&review.summary()),
        Event::MergeRequested { request, .. } => format!("its merge is asked for: {}", why(&request.url)),
        Event::MergeUnblocked { .. } => "the checkout is out of the way of the merge".to_owned(),
        Event::SessionStarted { session, .. } => format!("▶ agent started ({session})"),
        Event::SessionStopRequested { .. } => "agent is being stopped".to_owned(),
        Event::WitnessStepped { health, step, unable, .. } => stepped(health, *step, unable.as_deref()),
        Event::SessionSaid { said, .. } => match said {
            Said::Done { note, .. } => {
                let note = note.as_deref().map(|note| format!(": {}", why(note)));
                format!("agent says that it is done{}", note.unwrap_or_default())
            }
            Said::Blocked { reason } => format!("agent says that it is blocked: {}", why(reason)),
            Said::Escalated { reason } => format!("agent wants a person to know: {}", why(reason)),
            Said::Note { text } => format!("agent notes: {}", why(text)),
        },
        Event::SessionNudged { by, text, .. } => {
            let by = by.as_deref().map(|by| format!(" by {}", why(by)));
            format!("agent was told{}: {}", by.unwrap_or_default(), why(text))
        }
        Event::SessionOpened { session } => {
            format!("session {} of epic {} began", session.number, session.epic)
        }
        Event::SessionPaused { .. } => "session paused".to_owned(),
        Event::SessionCompleted { .. } => "session completed".to_owned(),
        Event::CheckpointMade { .. } => "checkpoint made".to_owned(),
        Event::CheckpointFailed { why: reason, .. } => format!("no checkpoint: {}", why(reason)),
        Event::BudgetSet { limit: Some(limit), .. } => format!("budget is ${limit} now"),
        Event::BudgetSet { limit: None, .. } => "has no budget any more".to_owned(),
        Event::BudgetWarned { limit, spent, .. } => format!("⚡ ${spent} of a budget of ${limit} are spent"),
        Event::BudgetExceeded { limit, spent, .. } => {
            format!("its budget of ${limit} is used up: ${spent} are spent")
        }
        Event::SessionLost { why: reason, .. } => format!("agent was lost: {}", why(reason)),
        Event::IssueCreated { .. }
        | Event::IssueUpdated { .. }
        | Event::DependencyAdded { .. }
        | Event::DependencyRemoved { .. }
        | Event::IssueMirrored { .. }
        | Event::TrackerTold { .. }
        | Event::ConvoyWatched { .. }
        | Event::ConvoyUnwatched { .. }
        | Event::WorkerReady { .. }
        | Event::WorkerStopRequested { .. }
        | Event::WorkerReleaseRequested { .. }
        | Event::WorkerDone { .. }
        | Event::SessionWanted { .. }
        | Event::SessionPrepared { .. }
        | Event::SessionUsage { .. }
        | Event::SessionSelfReported { .. }
        | Event::SessionConversation { .. }
        | Event::SessionExtended { .. }
        | Event::CheckpointWanted { .. }
        | Event::SessionCost { .. }
        | Event::SessionEnded { .. }
        | Event::SessionOver { .. }
        | Event::RecordImported { .. }
        | Event::NoticeSent { .. }
        | Event::NoticeRead { .. }
        | Event::NoticeArchived { .. }
        | Event::NoticeDelivered { .. }
        | Event::NoticeDeliveryFailed { .. }
        | Event::NoticeDeliveryRetried { .. } => return None,
    };
    Some(sentence)
}

/// What the witness found, and what it does about it.
fn stepped(health: &Health, step: Option<Step>, unable: Option<&str>) -> String {
    let why = |text: &str| text::cut(text, 160);
    let found = why(&health.to_string());
    match (step, unable) {
        (None, _) if *health == Health::Healthy => "agent is at work again".to_owned(),
        (None, _) => format!("witness: {found}"),
        (Some(Step::Nudge), Some(unable)) => format!("! witness: {found} (no nudge: {})", why(unable)),
        (Some(Step::Nudge), None) => format!("! witness: {found}; the agent is reminded"),
        (Some(Step::Escalate), _) => format!("! witness: {found}; its owner is told"),
        (Some(Step::Stop), _) => format!("✗ witness: {found}; the agent is stopped"),
    }
}

/// What an event calls for. Whoever waits for an end looks again when it can have come; whoever is shown how work does, also
/// when somebody begins, and a moment later when anything else has changed: cost and tokens come by the dozen.
pub(crate) fn see(event: &Event, is_shown: bool) -> See {
    let begins = matches!(event, Event::SessionStarted { .. } | Event::WitnessStepped { .. });
    match is_shown {
        _ if moves(event) => See::Look,
        true if begins => See::Look,
        true => See::Soon,
        false => See::Nothing,
    }
}

/// Whether it can change what a convoy, or all of them, have come to; usage and mail cannot.
fn moves(event: &Event) -> bool {
    !matches!(
        event,
        Event::SessionUsage { .. }
            | Event::SessionSelfReported { .. }
            | Event::SessionConversation { .. }
            | Event::SessionExtended { .. }
            | Event::CheckpointWanted { .. }
            | Event::CheckpointMade { .. }
            | Event::CheckpointFailed { .. }
            | Event::BudgetWarned { .. }
            | Event::SessionCost { .. }
            | Event::SessionPrepared { .. }
            | Event::SessionStarted { .. }
            | Event::WitnessStepped { .. }
            | Event::SessionSaid { .. }
            | Event::SessionNudged { .. }
            | Event::NoticeSent { .. }
            | Event::NoticeRead { .. }
            | Event::NoticeArchived { .. }
            | Event::NoticeDelivered { .. }
            | Event::NoticeDeliveryFailed { .. }
            | Event::NoticeDeliveryRetried { .. }
    )
}

#[cfg(test)]
mod tests {
    use convoy_core::id::Epoch;
    use convoy_core::time::Time;

    use super::*;

    #[test]
    fn what_only_changes_numbers_is_looked_at_soon_and_by_those_who_show_them() {
        let session = || SessionId::new("s-1").unwrap();
        let (epoch, at) = (Epoch(1), Time::from_millis(0));
        for (event, shown, waits) in [
            (Event::SessionStopRequested { session: session(), epoch }, See::Look, See::Look),
            (Event::SessionStarted { session: session(), epoch, n: 1, pid: 1, at }, See::Look, See::Nothing),
            (Event::NoticeRead { notice: "n-1".parse().unwrap() }, See::Soon, See::Nothing),
        ] {
            assert_eq!((see(&event, true), see(&event, false)), (shown, waits), "{event:?}");
        }
    }
}
