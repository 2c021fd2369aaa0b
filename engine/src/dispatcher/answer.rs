//! Answers to questions, from the committed state.

use std::collections::BTreeSet;
use std::ops::Bound;

use convoy_api::query::{ConvoyFilter, EngineView, IssueFilter, ReasonView, WhyView, tracked_by};
use convoy_api::{Answer, Code, Failure, Query};
use convoy_core::convoy::Convoy;
use convoy_core::decide::{
    check_level, resolve_convoy, resolve_epic, resolve_issue, resolve_notice, resolve_session,
    resolve_worker, staging,
};
use convoy_core::event::{Batch, Envelope};
use convoy_core::id::{IssueId, RigName, Seq};
use convoy_core::issue::{Issue, IssueType};
use convoy_core::notice::Notice;
use convoy_core::outbox::Delivery;
use convoy_core::refusal::Refusal;
use convoy_core::template::RunOutcome;
use convoy_core::view;
use convoy_core::why::{self, Reason};
use convoy_core::worker::{Worker, WorkerState};

use super::Dispatcher;
use crate::{clock, interchange};

/// How many records are read at a time for events.
const EVENT_RECORDS: usize = 1000;
/// What convoys can be chosen by: their states, and the outcomes of template convoys.
const CONVOY_STATUSES: [&str; 10] = [
    "open",
    "staged",
    "closed",
    "landed",
    "abandoned",
    "running",
    "completed",
    "failed",
    "partial",
    "stopped",
];
/// The most events in one answer.
const EVENTS_MAX: usize = 10_000;
/// About how many bytes of issues are exported in one answer; others get their turn between two of these.
const EXPORT_BYTES: usize = 1024 * 1024;

impl Dispatcher {
    pub(super) fn answer(&self, query: &Query) -> Result<Answer, Failure> {
        let (state, now) = (&self.state, clock::now());
        Ok(match query {
            Query::Issues(filter) => self.issues(filter)?,
            Query::Issue { ids } => {
                let found = ids.iter().map(|id| resolve_issue(state, id)).collect::<Result<Vec<_>, _>>()?;
                let issues: Vec<_> =
                    found.iter().map(|id| view::issue(state, &self.policy, &state.issues[id])).collect();
                let total = issues.len();
                Answer::Issues { issues, total }
            }
            Query::Story { id } => {
                let issue = &state.issues[&resolve_issue(state, id)?];
                Answer::Story { story: Box::new(view::story(state, &self.policy, issue, now)) }
            }
            Query::Export { after } => self.export(after.as_ref()),
            Query::Convoys(filter) => {
                let (convoys, total) = self.convoys(filter)?;
                let view = |convoy| view::convoy(state, &self.policy, convoy, now);
                Answer::Convoys {
                    convoys: part(convoys, false, filter.skip, filter.limit).map(view).collect(),
                    total,
                }
            }
            Query::ConvoyLines(filter) => {
                let (convoys, total) = self.convoys(filter)?;
                let limit = filter.limit.unwrap_or(usize::MAX);
                let convoys = view::lines(state, &self.policy, convoys, filter.skip, limit, now);
                Answer::ConvoyLines { convoys, total }
            }
            Query::ConvoyConcern { id } => {
                let concern = view::Concern::convoy(state, &state.convoys[&resolve_convoy(state, id)?]);
                Answer::Concern { concern: Box::new(concern), seq: state.seq }
            }
            Query::WorkConcern { id } => {
                let concern = view::Concern::worker(state, self.worker(id)?);
                Answer::Concern { concern: Box::new(concern), seq: state.seq }
            }
            Query::Overview => {
                Answer::Overview { overview: Box::new(view::overview(state, &self.policy, now)) }
            }
            Query::Figures => Answer::Figures { figures: view::figures(state, &self.policy, now) },
            Query::Reserve { steps, max_parallel, budget } => {
                let reserve = view::reserve(state, &self.policy, steps, *max_parallel, *budget, now);
                Answer::Reserve { reserve }
            }
            Query::Convoy { id } => {
                let convoy =
                    view::convoy(state, &self.policy, &state.convoys[&resolve_convoy(state, id)?], now);
                Answer::Convoy { convoy: Box::new(convoy), seq: state.seq }
            }
            Query::ConvoyDetails { id } => {
                let convoy = &state.convoys[&resolve_convoy(state, id)?];
                let details = view::details(state, &self.policy, convoy, now);
                Answer::ConvoyDetails { details: Box::new(details) }
            }
            Query::Workers(filter) => {
                let wanted = |worker: &&Worker| {
                    filter.all
                        || worker.state.is_active()
                        || matches!(worker.state, WorkerState::Failed { .. } | WorkerState::Stopped { .. })
                };
                let mut workers: Vec<&Worker> = state.workers.values().filter(wanted).collect();
                workers.sort_by_key(|worker| worker.assigned_at);
                let total = workers.len();
                let workers = part(workers, filter.latest, filter.skip, filter.limit);
                let view = |worker| view::worker(state, &self.policy, worker, now);
                Answer::Workers { workers: workers.map(view).collect(), total }
            }
            Query::WorkerFacts => {
                let (workers, left_out) = view::worker_facts(state, &self.policy, None, now);
                Answer::WorkerFacts { workers, left_out }
            }
            Query::Worker { id } => {
                let worker = view::worker(state, &self.policy, self.worker(id)?, now);
                Answer::Worker { worker: Box::new(worker) }
            }
            Query::Why { id } => Answer::Why(self.why(id)?),
            Query::Stage { ids, max_parallel } => {
                let staging = staging(state, &self.policy, ids, *max_parallel)?;
                Answer::Stage { stage: Box::new(view::stage(state, &staging)) }
            }
            Query::Stranded => Answer::Stranded { stranded: view::stranded(state, &self.policy, now) },
            Query::Standing { ids } => {
                let found = ids.iter().map(|id| resolve_convoy(state, id)).collect::<Result<Vec<_>, _>>()?;
                let view = |id| view::standing(state, &self.policy, &state.convoys[id], now);
                Answer::Standing { standing: found.iter().map(view).collect(), seq: state.seq }
            }
            Query::Rest => Answer::Rest { standing: view::at_rest(state, &self.policy, now) },
            Query::Queue { rig, issue } => {
                Answer::Queue { items: self.queue(rig.as_deref(), issue.as_deref())? }
            }
            Query::Mail(filter) => {
                let wanted = |notice: &&Notice| {
                    notice.content.to.as_str() == filter.address
                        && (!filter.kept || notice.archived_at.is_none())
                };
                let mut notices: Vec<_> = state.notices.values().filter(wanted).collect();
                notices.sort_by_key(|notice| (notice.created_at, &notice.content.id));
                let total = notices.len();
                let notices = part(notices, filter.latest, filter.skip, filter.limit);
                Answer::Mail { notices: notices.map(view::notice).collect(), total }
            }
            Query::Mailboxes => Answer::Mailboxes { mailboxes: view::mailboxes(state) },
            Query::Outbox { all } => {
                let concerns = |d: &&Delivery| {
                    *all || d.due().is_some() || state.index.undelivered.contains(&d.content.id)
                };
                let mut found: Vec<&Delivery> = state.deliveries.values().filter(concerns).collect();
                found.sort_by_key(|delivery| (delivery.number, &delivery.content.id));
                let deliveries = found.into_iter().filter_map(|delivery| view::delivery(state, delivery));
                Answer::Outbox { deliveries: deliveries.collect() }
            }
            Query::Notice { id } => {
                let notice = view::notice(&state.notices[&resolve_notice(state, id)?]);
                Answer::Notice { notice: Box::new(notice) }
            }
            Query::Events { after, limit, kind } => self.events(*after, *limit, kind.as_deref())?,
            Query::Rigs => Answer::Rigs { rigs: view::rigs(state, &self.policy) },
            Query::Rig { name } => Answer::Rig { rig: Box::new(self.rig(name)?) },
            Query::Prefix { prefix } => {
                let has = |issue: &&Issue| issue.content.id.prefix() == prefix;
                let rigs: BTreeSet<_> =
                    state.issues.values().filter(has).map(|issue| issue.content.rig.clone()).collect();
                Answer::Prefix { rigs: rigs.into_iter().collect() }
            }
            Query::Sessions { all } => {
                let sessions =
                    state.sessions.values().filter(|s| *all || state.index.sessions.contains(&s.content.id));
                let mut sessions: Vec<_> = sessions.map(|session| view::session(state, session)).collect();
                sessions.sort_by_key(|session| session.epoch);
                Answer::Sessions { sessions }
            }
            Query::Epics { all } => {
                let names = if *all { view::epics(state) } else { view::active_epics(state) };
                Answer::Epics { epics: names.iter().map(|name| view::epic(state, name)).collect() }
            }
            Query::Checkpoints { ids } => {
                let found = ids.iter().filter_map(|id| state.checkpoints.get(id.as_str()));
                Answer::Checkpoints { checkpoints: found.map(|one| view::checkpoint(state, one)).collect() }
            }
            Query::Epic { epic, path } => {
                let name = resolve_epic(state, epic.as_deref(), path.as_deref())?;
                Answer::Epic { epic: Box::new(view::epic(state, &name)) }
            }
            Query::Trackers => Answer::Trackers { trackers: view::trackers(state) },
            Query::Budgets { scope } => {
                let budgets = match scope {
                    Some(scope) => {
                        vec![view::budget(state, &self.policy, &check_level(state, scope)?, now)]
                    }
                    None => view::budgets(state, &self.policy, now),
                };
                Answer::Budgets { budgets }
            }
            Query::Cost { of, since } => {
                let cost = view::cost(state, &self.cost_scope(of)?, *since);
                Answer::Cost { cost: Box::new(cost) }
            }
            Query::Facts => Answer::Facts { facts: Box::new(view::facts(state, &self.policy, None, now)) },
            Query::Engine => Answer::Engine(self.engine()),
        })
    }

    /// A page of lines; the last id of it is where the next one begins, none after the last page.
    fn export(&self, after: Option<&IssueId>) -> Answer {
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let (mut lines, mut bytes, mut last) = (Vec::new(), 0, None);
        for issue in self.state.issues.range::<IssueId, _>((from, Bound::Unbounded)).map(|(_, issue)| issue) {
            if bytes >= EXPORT_BYTES {
                return Answer::Export { lines, last };
            }
            let assignee = view::assignee(&self.state, issue);
            lines.push(interchange::line(issue, assignee.as_deref()));
            bytes += lines.last().map_or(0, String::len);
            last = Some(issue.content.id.clone());
        }
        Answer::Export { lines, last: None }
    }

    fn engine(&self) -> EngineView {
        let state = &self.state;
        let open = state.index.open.iter().filter(|(_, id)| state.convoys[id].started_at.is_some());
        EngineView {
            seq: state.seq,
            live_sessions: state
                .index
                .sessions
                .iter()
                .filter(|id| state.sessions.get(*id).is_some_and(convoy_core::session::Session::is_live))
                .count(),
            idle: self.plan.is_idle() && !self.plan.waits && !self.may_start(),
            open_convoys: open.map(|(_, id)| id.clone()).collect(),
            unread: state.index.unread,
            undelivered: state.index.undelivered.len(),
            checkpoints: state.index.checkpoints.len(),
            ..self.view.clone()
        }
    }

    /// Whether there is something that waits for nothing but an engine, or for room.
    fn may_start(&self) -> bool {
        self.state.index.startable.rigs().any(|(rig, _)| self.policy.hold(rig).is_none())
    }

    fn rig(&self, name: &str) -> Result<view::RigStatusView, Failure> {
        let (state, policy) = (&self.state, &self.policy);
        let found = RigName::new(name).ok().filter(|name| view::is_rig(state, policy, name));
        match found {
            Some(name) => Ok(view::rig_status(state, policy, &name, clock::now())),
            None => {
                let known: Vec<&str> = policy.rigs.keys().map(RigName::as_str).collect();
                let failure: Failure = Refusal::NoSuch { kind: "rig", ids: vec![name.to_owned()] }.into();
                Err(failure.hint(format!("known are: {}", known.join(", "))))
            }
        }
    }

    fn issues(&self, filter: &IssueFilter) -> Result<Answer, Failure> {
        let state = &self.state;
        let tracked = filter.label.as_deref().and_then(tracked_by);
        let convoy = filter.convoy.as_deref().or(tracked).map(|id| resolve_convoy(state, id)).transpose()?;
        let label = filter.label.as_deref().filter(|_| tracked.is_none());
        if let Some(status) = &filter.status {
            known(
                "status",
                status,
                &["open", "in_progress", "submitted", "needs_human", "closed", "unknown"],
            )?;
        }
        let fits = |issue: &&Issue| {
            let status = issue.status_name();
            filter
                .status
                .as_deref()
                .map_or(filter.all || convoy.is_some() || !issue.is_closed(), |s| s == status)
                && label.is_none_or(|label| issue.content.labels.contains(label))
                && filter.rig.as_deref().is_none_or(|rig| issue.content.rig.as_str() == rig)
                && filter.issue_type.is_none_or(|kind| issue.content.issue_type == kind)
                && convoy.as_ref().is_none_or(|convoy| issue.convoys.contains(convoy))
                && (!filter.ready || state.is_ready(issue))
                && (!filter.no_steps || issue.content.issue_type != IssueType::Step)
        };
        let mut issues: Vec<&Issue> = match &convoy {
            // A convoy knows its issues; the workspace may have many more.
            Some(id) => {
                state.convoys[id].content.tracked.iter().filter_map(|id| state.issues.get(id)).collect()
            }
            None => state.issues.values().collect(),
        };
        issues.retain(fits);
        issues.sort_by_key(|issue| (issue.content.priority, issue.number));
        let total = issues.len();
        let shown = part(issues, false, filter.skip, filter.limit);
        Ok(Answer::Issues {
            issues: shown.map(|issue| view::issue(state, &self.policy, issue)).collect(),
            total,
        })
    }

    /// Those that fit, oldest first, and how many.
    fn convoys(&self, filter: &ConvoyFilter) -> Result<(Vec<&Convoy>, usize), Failure> {
        let (state, now) = (&self.state, clock::now());
        let fits = |convoy: &&Convoy| match filter.status.as_deref() {
            Some("closed") => convoy.is_closed(),
            Some("running") => convoy.content.run.is_some() && convoy.is_open(),
            Some(status) => {
                let outcome = || view::run_outcome(state, convoy).map(RunOutcome::name);
                convoy.status.name() == status || outcome() == Some(status)
            }
            None => filter.all || !convoy.is_closed(),
        };
        if let Some(status) = &filter.status {
            known("status", status, &CONVOY_STATUSES)?;
        }
        let mut convoys: Vec<&Convoy> = if filter.status.is_none() && !filter.all {
            let active = state.index.open.iter().chain(&state.index.staged);
            active.filter_map(|(_, id)| state.convoys.get(id)).collect()
        } else {
            state.convoys.values().filter(fits).collect()
        };
        convoys.retain(|convoy| {
            (!filter.overdue || convoy.is_overdue(now))
                && filter
                    .epic
                    .as_deref()
                    .is_none_or(|epic| convoy.content.epic.as_ref().is_some_and(|name| name.as_str() == epic))
        });
        convoys.sort_by_key(|convoy| convoy.number);
        let total = convoys.len();
        Ok((convoys, total))
    }

    /// The worker that is meant: by its id, its session or its issue.
    pub(super) fn worker(&self, text: &str) -> Result<&Worker, Failure> {
        let state = &self.state;
        if let Ok(id) = resolve_worker(state, text) {
            return Ok(&state.workers[&id]);
        }
        if let Ok(id) = resolve_session(state, text)
            && let Some(worker) = state.workers.get(&state.sessions[&id].content.worker)
        {
            return Ok(worker);
        }
        let id = resolve_issue(state, text)
            .map_err(|_| Refusal::NoSuch { kind: "worker, session or issue", ids: vec![text.to_owned()] })?;
        let worker = state.issues[&id].worker.as_ref().and_then(|id| state.workers.get(id));
        worker.ok_or_else(|| {
            Failure::new(Code::NotFound, format!("no worker was ever assigned to {id}"))
                .hint(format!("assign one: convoy sling {id}"))
        })
    }

    fn queue(&self, rig: Option<&str>, issue: Option<&str>) -> Result<Vec<view::QueueItemView>, Failure> {
        if let Some(rig) = rig {
            let names: Vec<&str> = self.policy.rigs.keys().map(convoy_core::id::RigName::as_str).collect();
            known("rig", rig, &names)?;
        }
        let worker = issue.map(|issue| self.worker(issue)).transpose()?;
        let mut items = view::queue(&self.state, &self.policy, clock::now());
        items.retain(|item| {
            rig.is_none_or(|rig| item.rig == rig)
                && worker.is_none_or(|worker| item.worker_id == worker.content.id)
        });
        match worker {
            Some(worker) if items.is_empty() => {
                let (issue, at) = (&worker.content.issue, worker.state.name());
                let message = format!("{issue} is not in the merge queue: its worker is {at}");
                Err(Failure::new(Code::Refused, message).hint(format!("see why: convoy why {issue}")))
            }
            _ => Ok(items),
        }
    }

    fn why(&self, text: &str) -> Result<WhyView, Failure> {
        let (state, policy, now) = (&self.state, &self.policy, clock::now());
        let (id, kind, status, reasons) = if let Ok(id) = resolve_issue(state, text) {
            let issue = &state.issues[&id];
            (id.to_string(), "issue", issue.status_name(), why::issue(state, policy, issue, now))
        } else if let Ok(id) = resolve_convoy(state, text) {
            let convoy = &state.convoys[&id];
            (id.to_string(), "convoy", convoy.status.name(), why::convoy(state, policy, convoy, now))
        } else if let Ok(id) = resolve_worker(state, text) {
            let worker = &state.workers[&id];
            (id.to_string(), "worker", worker.state.name(), why::worker(state, policy, worker, now))
        } else {
            let kind = "issue, convoy or worker";
            return Err(Refusal::NoSuch { kind, ids: vec![text.to_owned()] }.into());
        };
        let view = |reason: Reason| ReasonView {
            code: reason.code.to_owned(),
            text: reason.text,
            command: reason.command,
        };
        Ok(WhyView {
            id,
            kind: kind.to_owned(),
            status: status.to_owned(),
            reasons: reasons.into_iter().map(view).collect(),
        })
    }

    fn events(&self, after: Seq, limit: usize, kind: Option<&str>) -> Result<Answer, Failure> {
        let limit = limit.min(EVENTS_MAX);
        let mut events: Vec<Envelope> = Vec::new();
        let mut at = after;
        // Of one kind there may be few among many: then it is said how far was read, and others have their turn. Of all
        // kinds no more is read than is wanted.
        let records = if kind.is_some() { EVENT_RECORDS } else { EVENT_RECORDS.min(limit) };
        while events.len() < limit {
            let records = self
                .log
                .read(at, records)
                .map_err(|error| Failure::new(Code::Corrupt, error.to_string()).hint("see: convoy doctor"))?;
            let is_last = records.is_empty() || kind.is_some();
            for record in records {
                let (first, last) = (record.first, record.last());
                let batch: Batch = serde_json::from_slice(&record.body)
                    .map_err(|error| Failure::new(Code::Corrupt, error.to_string()))?;
                let fits = |envelope: &Envelope| {
                    envelope.seq > after && kind.is_none_or(|kind| envelope.event.name().starts_with(kind))
                };
                events.extend(batch.envelopes(first).filter(fits));
                at = last;
                if events.len() >= limit {
                    break;
                }
            }
            if is_last {
                break;
            }
        }
        if events.len() > limit {
            events.truncate(limit);
            at = events.last().map_or(at, |event| event.seq);
        }
        Ok(Answer::Events { events, seq: at })
    }
}

fn known(field: &'static str, value: &str, names: &[&str]) -> Result<(), Failure> {
    if names.contains(&value) {
        return Ok(());
    }
    let problem = format!("{value:?} is not known; known are: {}", names.join(", "));
    Err(Refusal::Invalid { field, problem }.into())
}

/// The part of a list that was asked for, from its end if the latest come first.
fn part<T>(mut all: Vec<T>, latest: bool, skip: usize, limit: Option<usize>) -> impl Iterator<Item = T> {
    if latest {
        all.reverse();
    }
    all.into_iter().skip(skip).take(limit.unwrap_or(usize::MAX))
}
