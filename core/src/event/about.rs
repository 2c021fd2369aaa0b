//! What an event is called, what it is about, and which attempt it belongs to.

use super::Event;
use crate::id::Epoch;

impl Event {
    /// Its dotted type.
    pub fn name(&self) -> &'static str {
        match self {
            Self::IssueCreated { .. } => "issue.created",
            Self::IssueImported { .. } => "issue.imported",
            Self::IssueUpdated { .. } => "issue.updated",
            Self::DependencyAdded { .. } => "issue.dependency_added",
            Self::DependencyRemoved { .. } => "issue.dependency_removed",
            Self::IssueClosed { .. } => "issue.closed",
            Self::IssueReopened { .. } => "issue.reopened",
            Self::IssueNeedsHuman { .. } => "issue.needs_human",
            Self::IssueMirrored { .. } => "issue.mirrored",
            Self::IssueMissing { .. } => "issue.missing",
            Self::TrackerLost { .. } => "tracker.lost",
            Self::TrackerFound { .. } => "tracker.found",
            Self::TrackerTold { .. } => "tracker.told",
            Self::TrackerRefused { .. } => "tracker.refused",
            Self::ConvoyCreated { .. } => "convoy.created",
            Self::ConvoyImported { .. } => "convoy.imported",
            Self::ConvoyIssuesAdded { .. } => "convoy.issues_added",
            Self::ConvoyIssuesRemoved { .. } => "convoy.issues_removed",
            Self::ConvoyWatched { .. } => "convoy.watched",
            Self::ConvoyUnwatched { .. } => "convoy.unwatched",
            Self::ConvoyStaged { .. } => "convoy.staged",
            Self::ConvoyLaunched { .. } => "convoy.launched",
            Self::ConvoyStarted { .. } => "convoy.started",
            Self::ConvoyTimedOut { .. } => "convoy.timed_out",
            Self::ConvoyStopped { .. } => "convoy.stopped",
            Self::ConvoyReportWanted { .. } => "convoy.report_wanted",
            Self::ConvoySynthesized { .. } => "convoy.synthesized",
            Self::ConvoyLanded { .. } => "convoy.landed",
            Self::ConvoyAbandoned { .. } => "convoy.abandoned",
            Self::ConvoyReopened { .. } => "convoy.reopened",
            Self::WorkerAssigned { .. } => "worker.assigned",
            Self::WorkerWaiting { .. } => "worker.waiting",
            Self::WorkerReady { .. } => "worker.ready",
            Self::WorkerSubmitted { .. } => "worker.submitted",
            Self::WorkerStopRequested { .. } => "worker.stop_requested",
            Self::WorkerReleaseRequested { .. } => "worker.release_requested",
            Self::WorkerStopped { .. } => "worker.stopped",
            Self::WorkerReleased { .. } => "worker.released",
            Self::WorkerFailed { .. } => "worker.failed",
            Self::WorkerDone { .. } => "worker.done",
            Self::WorkerLearned { .. } => "worker.learned",
            Self::MergeMoved { .. } => "merge.moved",
            Self::MergeBlocked { .. } => "merge.blocked",
            Self::MergeUnblocked { .. } => "merge.unblocked",
            Self::MergeBatched { .. } => "merge.batched",
            Self::MergeSetAside { .. } => "merge.set_aside",
            Self::MergePaused { .. } => "merge.paused",
            Self::MergeRequested { .. } => "merge.requested",
            Self::ReviewStarted { .. } => "review.started",
            Self::ReviewMade { .. } => "review.made",
            Self::SessionWanted { .. } => "session.wanted",
            Self::SessionPrepared { .. } => "session.prepared",
            Self::SessionStarted { .. } => "session.started",
            Self::SessionUsage { .. } => "session.usage",
            Self::SessionCost { .. } => "session.cost",
            Self::SessionSelfReported { .. } => "session.self_reported",
            Self::SessionNudged { .. } => "session.nudged",
            Self::SessionConversation { .. } => "session.conversation",
            Self::SessionExtended { .. } => "session.extended",
            Self::WitnessStepped { .. } => "witness.stepped",
            Self::SessionOpened { .. } => "session.opened",
            Self::SessionPaused { .. } => "session.paused",
            Self::SessionCompleted { .. } => "session.completed",
            Self::CheckpointWanted { .. } => "checkpoint.wanted",
            Self::CheckpointMade { .. } => "checkpoint.made",
            Self::CheckpointFailed { .. } => "checkpoint.failed",
            Self::BudgetSet { .. } => "budget.set",
            Self::BudgetWarned { .. } => "budget.warned",
            Self::BudgetExceeded { .. } => "budget.exceeded",
            Self::SessionSaid { .. } => "session.said",
            Self::SessionStopRequested { .. } => "session.stop_requested",
            Self::SessionEnded { .. } => "session.ended",
            Self::SessionLost { .. } => "session.lost",
            Self::SessionOver { .. } => "session.over",
            Self::RecordImported { .. } => "record.imported",
            Self::NoticeSent { .. } => "notice.sent",
            Self::NoticeRead { .. } => "notice.read",
            Self::NoticeArchived { .. } => "notice.archived",
            Self::NoticeDelivered { .. } => "notice.delivered",
            Self::NoticeDeliveryFailed { .. } => "notice.delivery_failed",
            Self::NoticeDeliveryRetried { .. } => "notice.delivery_retried",
        }
    }

    /// What it is about, as text.
    pub fn subject(&self) -> &str {
        match self {
            Self::IssueCreated { issue } => issue.id.as_str(),
            Self::IssueImported { issue } => issue.issue.id.as_str(),
            Self::IssueMirrored { issue, .. } => issue.id.as_str(),
            Self::TrackerLost { rig, .. } | Self::TrackerFound { rig } => rig.as_str(),
            Self::IssueUpdated { issue, .. }
            | Self::DependencyAdded { issue, .. }
            | Self::DependencyRemoved { issue, .. }
            | Self::IssueClosed { issue, .. }
            | Self::IssueReopened { issue }
            | Self::IssueNeedsHuman { issue, .. }
            | Self::IssueMissing { issue }
            | Self::TrackerTold { issue, .. }
            | Self::TrackerRefused { issue, .. } => issue.as_str(),
            Self::ConvoyCreated { convoy } | Self::ConvoyStaged { convoy, .. } => convoy.id.as_str(),
            Self::ConvoyImported { convoy } => convoy.convoy.id.as_str(),
            Self::ConvoyIssuesAdded { convoy, .. }
            | Self::ConvoyIssuesRemoved { convoy, .. }
            | Self::ConvoyWatched { convoy, .. }
            | Self::ConvoyUnwatched { convoy, .. }
            | Self::ConvoyLaunched { convoy }
            | Self::ConvoyStarted { convoy }
            | Self::ConvoyTimedOut { convoy }
            | Self::ConvoyStopped { convoy, .. }
            | Self::ConvoyReportWanted { convoy, .. }
            | Self::ConvoySynthesized { convoy, .. }
            | Self::ConvoyLanded { convoy, .. }
            | Self::ConvoyAbandoned { convoy, .. }
            | Self::ConvoyReopened { convoy, .. } => convoy.as_str(),
            Self::WorkerAssigned { worker } => worker.id.as_str(),
            Self::WorkerWaiting { worker, .. }
            | Self::WorkerReady { worker }
            | Self::WorkerSubmitted { worker, .. }
            | Self::WorkerStopRequested { worker, .. }
            | Self::WorkerReleaseRequested { worker, .. }
            | Self::WorkerStopped { worker, .. }
            | Self::WorkerReleased { worker, .. }
            | Self::WorkerFailed { worker, .. }
            | Self::WorkerDone { worker }
            | Self::WorkerLearned { worker, .. }
            | Self::MergeMoved { worker, .. }
            | Self::MergeBlocked { worker, .. }
            | Self::MergeUnblocked { worker, .. }
            | Self::MergeSetAside { worker, .. }
            | Self::MergePaused { worker, .. }
            | Self::MergeRequested { worker, .. }
            | Self::ReviewStarted { worker, .. }
            | Self::ReviewMade { worker, .. } => worker.as_str(),
            Self::MergeBatched { rig, .. } => rig.as_str(),
            Self::SessionWanted { session } => session.id.as_str(),
            Self::SessionPrepared { session, .. }
            | Self::SessionStarted { session, .. }
            | Self::SessionUsage { session, .. }
            | Self::SessionCost { session, .. }
            | Self::SessionSelfReported { session, .. }
            | Self::SessionNudged { session, .. }
            | Self::SessionConversation { session, .. }
            | Self::SessionExtended { session, .. }
            | Self::SessionPaused { session, .. }
            | Self::SessionCompleted { session, .. }
            | Self::SessionSaid { session, .. }
            | Self::SessionStopRequested { session, .. }
            | Self::SessionEnded { session, .. }
            | Self::SessionLost { session, .. }
            | Self::WitnessStepped { session, .. }
            | Self::SessionOver { session, .. } => session.as_str(),
            Self::SessionOpened { session } => session.id.as_str(),
            Self::CheckpointWanted { checkpoint } => checkpoint.id.as_str(),
            Self::CheckpointMade { checkpoint, .. } | Self::CheckpointFailed { checkpoint, .. } => {
                checkpoint.as_str()
            }
            Self::BudgetSet { level, .. }
            | Self::BudgetWarned { level, .. }
            | Self::BudgetExceeded { level, .. } => level.id(),
            Self::RecordImported { record } => &record.about,
            Self::NoticeSent { notice, .. } => notice.id.as_str(),
            Self::NoticeRead { notice }
            | Self::NoticeArchived { notice }
            | Self::NoticeDelivered { notice, .. }
            | Self::NoticeDeliveryFailed { notice, .. }
            | Self::NoticeDeliveryRetried { notice, .. } => notice.as_str(),
        }
    }

    /// The attempt that it belongs to, if to one.
    pub fn epoch(&self) -> Option<Epoch> {
        match self {
            Self::SessionWanted { session } => Some(session.epoch),
            Self::SessionPrepared { epoch, .. }
            | Self::SessionStarted { epoch, .. }
            | Self::SessionUsage { epoch, .. }
            | Self::SessionCost { epoch, .. }
            | Self::SessionSelfReported { epoch, .. }
            | Self::SessionNudged { epoch, .. }
            | Self::SessionConversation { epoch, .. }
            | Self::SessionExtended { epoch, .. }
            | Self::SessionSaid { epoch, .. }
            | Self::SessionStopRequested { epoch, .. }
            | Self::SessionEnded { epoch, .. }
            | Self::SessionLost { epoch, .. }
            | Self::WitnessStepped { epoch, .. }
            | Self::SessionOver { epoch, .. } => Some(*epoch),
            _ => None,
        }
    }
}
