//! How events and answers are written in the scripts: short, with ids in the order in which they appear.

use std::collections::BTreeMap;

use convoy_core::decide::Item;
use convoy_core::effect::Effect;
use convoy_core::event::Event;
use convoy_core::id::WorkerId;
use convoy_core::refusal::Refusal;
use convoy_core::worker::Member;

/// Random ids by the names that the scripts have for them: `cv1`, `w1`, `s1`, `n1`.
#[derive(Default)]
pub(crate) struct Names {
    names: BTreeMap<String, String>,
    counts: BTreeMap<&'static str, usize>,
}

impl Names {
    fn learn(&mut self, kind: &'static str, id: &str) {
        if !self.names.contains_key(id) {
            let count = self.counts.entry(kind).or_default();
            *count += 1;
            self.names.insert(id.to_owned(), format!("{kind}{count}"));
        }
    }
    /// Learns the ids that an event makes.
    pub(crate) fn meet(&mut self, event: &Event) {
        match event {
            Event::ConvoyCreated { convoy } | Event::ConvoyStaged { convoy, .. } => {
                self.learn("cv", convoy.id.as_str());
            }
            Event::WorkerAssigned { worker } => self.learn("w", worker.id.as_str()),
            Event::CheckpointWanted { checkpoint } => self.learn("c", checkpoint.id.as_str()),
            Event::SessionOpened { session } => {
                self.learn("s", session.id.as_str());
                if session.epic.as_str().starts_with("epic-") {
                    self.learn("e", session.epic.as_str());
                }
            }
            Event::SessionWanted { session } => self.learn("s", session.id.as_str()),
            Event::NoticeSent { notice, deliveries } => {
                self.learn("n", notice.id.as_str());
                deliveries.iter().for_each(|delivery| self.learn("d", delivery.id.as_str()));
            }
            Event::IssueCreated { issue } if issue.step.is_some() => {
                let role = issue.step.as_ref().map(|step| step.role.to_string()).unwrap_or_default();
                self.names.insert(issue.id.to_string(), format!("#{role}"));
            }
            Event::IssueCreated { issue } if issue.title == "generated" => self.learn("i", issue.id.as_str()),
            _ => {}
        }
    }
    /// The id behind a name, or the text itself.
    pub(crate) fn id(&self, name: &str) -> String {
        let found = self.names.iter().find(|(_, n)| *n == name);
        found.map_or_else(|| name.to_owned(), |(id, _)| id.clone())
    }
    /// A text with names for ids.
    pub(crate) fn hide(&self, text: &str) -> String {
        self.names.iter().fold(text.to_owned(), |text, (id, name)| text.replace(id, name))
    }
}

fn or_none<T: ToString>(value: Option<T>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| value.to_string())
}

fn staged(event: &Event) -> String {
    let Event::ConvoyStaged { staged, .. } = event else { return String::new() };
    let found: Vec<&str> = staged.findings.iter().map(|finding| finding.category.name()).collect();
    format!(" epic {} found {found:?}", or_none(staged.epic.clone()))
}

/// An event in a line.
pub(crate) fn event(event: &Event) -> String {
    let kind = event.name();
    let more = match event {
        Event::IssueCreated { issue } => {
            format!("{} in {} p{} {:?}", issue.issue_type.name(), issue.rig, issue.priority, issue.needs)
        }
        Event::IssueImported { issue } => {
            format!("{} {:?} p{} {:?}", issue.issue.rig, issue.state, issue.issue.priority, issue.issue.needs)
        }
        Event::ConvoyImported { convoy } => {
            format!("{:?} {:?} tracks {:?}", convoy.convoy.title, convoy.state, convoy.convoy.tracked)
        }
        Event::RecordImported { record } => format!("{:?} {}", record.of, record.text),
        Event::IssueUpdated { change, .. } => serde_json::to_string(change).unwrap(),
        Event::DependencyAdded { needs, kind, .. } => format!("on {needs} {kind:?}"),
        Event::DependencyRemoved { needs, .. } => format!("on {needs}"),
        Event::IssueClosed { closed, .. } => {
            let evidence = closed.evidence.as_deref();
            let no_change = evidence.is_some_and(|e| e.no_change);
            format!(
                "{:?} attempt {} commit {} no_change {no_change} cost {} duplicate_of {} note {}",
                closed.reason,
                or_none(evidence.map(|e| e.attempt)),
                or_none(evidence.and_then(|e| e.commit.clone())),
                or_none(evidence.and_then(|e| e.cost.clone()).map(|cost| cost.usd)),
                or_none(closed.duplicate_of.clone()),
                or_none(closed.note.clone())
            )
        }
        Event::IssueMirrored { issue, standing, assignee, ours, .. } => {
            let labels: Vec<_> = issue.labels.iter().map(String::as_str).collect();
            let needs = &issue.needs;
            let ours =
                ours.as_ref().map(|ours| format!("{:?} {:?} {:?}", ours.title, ours.labels, ours.needs));
            format!(
                "{:?} {standing:?} {} {labels:?} {needs:?} ours {}",
                issue.title,
                or_none(assignee.clone()),
                or_none(ours)
            )
        }
        Event::TrackerTold { rig, steps, .. } => format!("{rig} {}", serde_json::to_string(steps).unwrap()),
        Event::TrackerRefused { error, failures, until, .. } => format!("{error} ({failures}) until {until}"),
        Event::TrackerLost { why, .. }
        | Event::IssueNeedsHuman { why, .. }
        | Event::WorkerReleaseRequested { why, .. }
        | Event::WorkerReleased { why, .. }
        | Event::WorkerFailed { why, .. }
        | Event::SessionLost { why, .. } => why.clone(),
        Event::ConvoyCreated { convoy } | Event::ConvoyStaged { convoy, .. } => {
            format!(
                "{:?} tracks {:?} owner {} notify {:?} merge {:?} base {} max {}",
                convoy.title,
                convoy.tracked,
                convoy.owner,
                convoy.notify.iter().map(ToString::to_string).collect::<Vec<_>>(),
                convoy.merge,
                or_none(convoy.base.clone()),
                or_none(convoy.max_parallel)
            ) + &staged(event)
        }
        Event::ConvoyIssuesAdded { issues, .. } | Event::ConvoyIssuesRemoved { issues, .. } => {
            format!("{issues:?}")
        }
        Event::ConvoyWatched { address, .. } | Event::ConvoyUnwatched { address, .. } => address.to_string(),
        Event::ConvoyReopened { held: true, .. } => "held".into(),
        Event::ConvoyTimedOut { .. } => String::new(),
        Event::ConvoyStopped { by, .. } => format!("by {by}"),
        Event::ConvoyReportWanted { apply, .. } => format!("apply {apply}"),
        Event::ConvoySynthesized { report, .. } => {
            let applied = report.applied.as_ref().map(|applied| {
                let issues: Vec<&str> = applied.issues.iter().map(|id| id.as_str()).collect();
                let refused =
                    applied.refused.iter().map(|r| format!("; {} of {}: {}", r.role, r.issue, r.why));
                format!(" applied [{}]{}", issues.join(", "), refused.collect::<String>())
            });
            format!("round {} {:?}{}", report.round, report.files, applied.unwrap_or_default())
        }
        Event::ConvoyLanded { landing_epoch, observer, .. } => {
            format!("epoch {landing_epoch} by {}", observer.name())
        }
        Event::ConvoyAbandoned { landing_epoch, reason, open, .. } => {
            format!("epoch {landing_epoch} reason {} open {open:?}", or_none(reason.clone()))
        }
        Event::WorkerAssigned { worker } => {
            format!(
                "{} on {} for {} agent {} model {} ({}) base {} after {}",
                worker.rig,
                worker.issue,
                or_none(worker.convoy.clone()),
                worker.agent,
                or_none(worker.model.clone()),
                worker.model_rationale,
                or_none(worker.base.clone()),
                or_none(worker.takes_over.clone())
            ) + &worker.name.as_ref().map(|name| format!(" called {name}")).unwrap_or_default()
                + if worker.although_parked { " although parked" } else { "" }
        }
        Event::WorkerWaiting { until, why, .. } => format!("until {until}: {why}"),
        Event::WorkerSubmitted { submission, .. } => format!("{} {}", submission.branch, submission.tip),
        Event::WorkerStopRequested { by, .. } | Event::WorkerStopped { by, .. } => format!("by {by}"),
        Event::WorkerLearned { lesson, count, resume_from, .. } => format!(
            "{count:?} {:?} {:?} branch {} resume {}",
            lesson.what,
            if lesson.detail.len() > 100 {
                format!("{} bytes", lesson.detail.len())
            } else {
                lesson.detail.clone()
            },
            or_none(lesson.branch.clone()),
            or_none(resume_from.clone())
        ),
        Event::MergeMoved { round, now, .. } => format!("round {round} now {now}"),
        Event::MergeBlocked { block, .. } => format!("{} {:?}", block.why, block.files),
        Event::MergeUnblocked { round, .. } => format!("round {round}"),
        Event::MergeBatched { base, workers, because, .. } => {
            let workers: Vec<&str> = workers.iter().map(WorkerId::as_str).collect();
            format!("base {} [{}] {because:?}", or_none(base.clone()), workers.join(" "))
        }
        Event::MergeSetAside { files, .. } => format!("{files:?}"),
        Event::MergePaused { round, pause, .. } => {
            format!("round {round} until {}: {}", pause.until, pause.error)
        }
        Event::ReviewStarted { convoy, .. } => convoy.to_string(),
        Event::ReviewMade { review, .. } => format!("{} {}", review.tip, review.summary()),
        Event::MergeRequested { request, .. } => format!("#{} {}", request.number, request.url),
        Event::SessionWanted { session } => {
            let why = session.model_rationale.as_deref().unwrap_or_default();
            let model = session.model.as_ref().map(|model| format!(" with {model} ({why})"));
            let resume = session.resume.as_ref().map(|resume| format!(" goes on with {resume}"));
            let ceiling = session.ceiling.map(|ceiling| format!(" ceiling {ceiling}"));
            let more = [ceiling, model, resume].map(Option::unwrap_or_default).concat();
            format!("{} number {} epoch {}{more}", session.worker, session.number, session.epoch)
        }
        Event::SessionPrepared { workdir, .. } => workdir.branch.clone(),
        Event::SessionStarted { n, pid, .. } => format!("#{n} pid {pid}"),
        Event::SessionUsage { n, message_id, tokens, cost, .. } => {
            let cost = cost.map(|cost| format!(" cost {cost}")).unwrap_or_default();
            format!("#{n} {message_id} output {}{cost}", tokens.output)
        }
        Event::SessionCost { n, cost, .. } => format!("#{n} {}", or_none(*cost)),
        Event::SessionNudged { n, by, text, .. } => {
            format!("#{n} by {}: {text}", by.as_deref().unwrap_or("somebody"))
        }
        Event::SessionSelfReported { n, cost, .. } => format!("#{n} {cost}"),
        Event::SessionConversation { n, conversation, model, .. } => {
            format!("#{n} {conversation} {}", or_none(model.clone()))
        }
        Event::WitnessStepped { .. } => crate::witnessed::shown(event),
        Event::SessionExtended { ceiling, .. } => format!("to {ceiling}"),
        Event::SessionOpened { session } => {
            format!(
                "number {} of {} in {} parent {} from {} carried {}",
                session.number,
                session.epic,
                session.path,
                or_none(session.parent.clone()),
                or_none(session.from.clone()),
                session.carried
            )
        }
        Event::SessionPaused { reason, .. } => or_none(reason.clone()),
        Event::SessionCompleted { outcome, .. } => format!("{outcome:?}"),
        Event::CheckpointWanted { checkpoint } => {
            format!(
                "{} in {} #{} {:?}",
                checkpoint.session, checkpoint.folder, checkpoint.sequence, checkpoint.reason
            )
        }
        Event::CheckpointMade { made, .. } => made.commit.clone(),
        Event::CheckpointFailed { why, .. } => why.clone(),
        Event::BudgetSet { limit, .. } => or_none(*limit),
        Event::BudgetWarned { limit, spent, .. } | Event::BudgetExceeded { limit, spent, .. } => {
            format!("{spent} of {limit}")
        }
        Event::SessionSaid { n, said, .. } => format!("#{n} {said:?}").chars().take(100).collect(),
        Event::SessionEnded { exit, .. } => format!("{:?} {}", exit.kind, or_none(exit.code)),
        Event::SessionOver { outcome, .. } => format!("{outcome:?}"),
        Event::NoticeSent { notice, deliveries } => {
            let from = notice.from.as_ref().map(|from| format!(" from {from}")).unwrap_or_default();
            let by: Vec<String> = deliveries.iter().map(|d| format!(" {} by {}", d.id, d.route)).collect();
            format!("to {}{from} {:?}: {}{}", notice.to, notice.kind, notice.subject, by.concat())
        }
        Event::NoticeDelivered { delivery, attempt, .. } => format!("{delivery} try {attempt}"),
        Event::NoticeDeliveryFailed { delivery, attempt, why, retry_at, .. } => {
            let next = retry_at.map_or("given up".to_owned(), |at| format!("again at {at}"));
            let why = if why.len() > 100 { format!("{} bytes", why.len()) } else { why.clone() };
            format!("{delivery} try {attempt} {next}: {why}")
        }
        Event::NoticeDeliveryRetried { delivery, .. } => delivery.to_string(),
        Event::IssueReopened { .. }
        | Event::IssueMissing { .. }
        | Event::TrackerFound { .. }
        | Event::ConvoyStarted { .. }
        | Event::ConvoyLaunched { .. }
        | Event::ConvoyReopened { .. }
        | Event::WorkerReady { .. }
        | Event::WorkerDone { .. }
        | Event::SessionStopRequested { .. }
        | Event::NoticeRead { .. }
        | Event::NoticeArchived { .. } => String::new(),
    };
    format!("  {kind} {} {more}", event.subject()).trim_end().to_owned()
}

pub(crate) fn item(item: &Item) -> String {
    let what = match (&item.error, item.changed) {
        (Some(error), _) => return format!("  ! {}: {}", item.id, refusal(error)),
        (None, true) => "changed",
        (None, false) => "same",
    };
    let note = item.note.as_ref().map(|note| format!(": {note}")).unwrap_or_default();
    format!("  = {} {what}{note}", item.id)
}

pub(crate) fn refusal(refusal: &Refusal) -> String {
    let hint = refusal.hint().map(|hint| format!(" ({hint})")).unwrap_or_default();
    format!("[{}] {refusal}{hint}", refusal.code())
}

pub(crate) fn effect(effect: &Effect) -> String {
    match effect {
        Effect::Prepare { session, epoch } => format!("  * prepare {session} epoch {epoch}"),
        Effect::Supervise { session, epoch } => format!("  * supervise {session} epoch {epoch}"),
        Effect::Stop { session, epoch } => format!("  * stop {session} epoch {epoch}"),
        Effect::Inspect { session, epoch } => format!("  * inspect {session} epoch {epoch}"),
        Effect::Merge { worker, epoch, round } => format!("  * merge {worker} epoch {epoch} round {round}"),
        Effect::Deliver { delivery, attempt } => format!("  * deliver {delivery} try {attempt}"),
        Effect::MergeBatch { members } => {
            let one = |m: &Member| format!("{} epoch {} round {}", m.worker, m.epoch, m.round);
            format!("  * merge together {}", members.iter().map(one).collect::<Vec<_>>().join(", "))
        }
        Effect::FollowRequest { worker, round } => {
            format!("  * follow the request of {worker} round {round}")
        }
        Effect::Nudge { session, round, .. } => format!("  * nudge {session} round {round}"),
        Effect::Examine { session, round, spent, .. } => {
            format!("  * examine {session} round {round} spent {spent}")
        }
        Effect::WatchCheckout { worker, round } => format!("  * watch {worker} round {round}"),
        Effect::Checkpoint { checkpoint } => format!("  * checkpoint {checkpoint}"),
        Effect::Compare { session, last, look } => {
            format!("  * compare {session} with checkpoint {last} look {look}")
        }
        Effect::StartReview { worker, epoch, round } => {
            format!("  * start the review of {worker} epoch {epoch} round {round}")
        }
        Effect::ReviewCheckpoint { checkpoint } => format!("  * start the review of {checkpoint}"),
        Effect::Ceiling { session, epoch, ceiling } => {
            format!("  * ceiling of {session} epoch {epoch} {ceiling}")
        }
        Effect::Synthesize { convoy, round } => format!("  * synthesize {convoy} round {round}"),
        Effect::Push { rig, round } => format!("  * push {rig} round {round}"),
    }
}
