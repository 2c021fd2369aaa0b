//! Why something is not running, or has not landed: every reason, and what would change it.

use schemars::JsonSchema;
use serde::Serialize;

use crate::convoy::{Convoy, Staged, Status as ConvoyStatus};
use crate::decide::{Refused, affords, convoy_affords, over_text, room};
use crate::health::Health;
use crate::id::{IssueId, RigName};
use crate::issue::{Issue, Status};
use crate::ledger::{Level, next_day};
use crate::policy::{Policy, RigHold};
use crate::queue;
use crate::session::{Session, SessionState};
use crate::state::State;
use crate::time::Time;
use crate::tracker::{self, Standing};
use crate::worker::{MergePause, NewWorker, Submission, Worker, WorkerState};

/// One reason.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, JsonSchema)]
pub struct Reason {
    /// What scripts read: `blocked`, `not_started`, `at_capacity`, `waiting`, `needs_human`, ….
    pub code: &'static str,
    /// What people read.
    pub text: String,
    /// What would change it, if a command would.
    pub command: Option<String>,
}

/// Why nothing is begun in a rig, if nothing is.
pub fn hold(policy: &Policy, rig: &RigName) -> Option<Reason> {
    Some(match policy.hold(rig)? {
        RigHold::Unknown => {
            reason("rig_unknown", format!("its rig {rig} is not in the configuration any more"))
                .run(format!("convoy rig add {rig} <path>"))
        }
        RigHold::Unreadable { why } => {
            reason("rig_unreadable", format!("the repository of its rig {rig} cannot be used: {why}"))
                .run(format!("convoy rig status {rig}"))
        }
        RigHold::Parked => {
            reason("rig_parked", format!("its rig {rig} is parked")).run(format!("convoy rig unpark {rig}"))
        }
    })
}

/// Why a worker does not begin, if its rig is the reason.
pub fn hold_of(policy: &Policy, worker: &NewWorker) -> Option<Reason> {
    policy.holds(worker).and_then(|_| hold(policy, &worker.rig))
}

/// Why what is under way in a rig cannot go on, if it cannot.
fn out_of_reach(policy: &Policy, rig: &RigName) -> Option<Reason> {
    if policy.reaches(rig) { None } else { hold(policy, rig) }
}

/// Why a worker does not begin, if money is the reason.
pub fn over_budget(state: &State, policy: &Policy, worker: &NewWorker, now: Time) -> Option<Reason> {
    affords(state, policy, worker, now).err().map(|refused| of_money(&refused, now))
}

fn of_money(refused: &Refused, now: Time) -> Reason {
    match refused {
        Refused::Over { level, limit, account } => {
            let mut text = over_text(level, *limit, *account);
            if *level == Level::Day {
                text = format!("{text}; it begins anew at {}", next_day(now));
            }
            reason("over_budget", text).run(format!("convoy cost budget <usd> {}", level.flag()))
        }
        Refused::Unmetered { level, agent } => reason(
            "unmetered",
            format!("{level} has a budget, and agent {agent} reports nothing by which what it spends could be counted"),
        )
        .run("convoy config set budget.on_unmetered allow"),
    }
}

fn reason(code: &'static str, text: impl Into<String>) -> Reason {
    Reason { code, text: text.into(), command: None }
}

impl Reason {
    fn run(mut self, command: impl Into<String>) -> Self {
        self.command = Some(command.into());
        self
    }
}

/// Why an issue is not being worked on, or is not closed.
pub fn issue(state: &State, policy: &Policy, issue: &Issue, now: Time) -> Vec<Reason> {
    let current = issue.worker.as_ref().and_then(|worker| state.workers.get(worker));
    let mut reasons = of_tracker(state, issue);
    if issue.is_unknown() {
        return reasons;
    }
    reasons.splice(0..0, of_issue(state, policy, issue, current, now));
    reasons
}

/// Why nothing is known of an issue, if its tracker does not say.
pub fn unknown(state: &State, issue: &Issue) -> Option<Reason> {
    let mirror = issue.mirror.as_deref()?;
    let rig = &issue.content.rig;
    if let Some((why, since)) = state.trackers.get(rig).and_then(|tracker| tracker.lost.as_ref()) {
        let text = format!("the tracker of {rig} cannot be read since {since}: {why}");
        return Some(reason("unknown", text).run("convoy tracker status"));
    }
    mirror.missing.then(|| reason("unknown", format!("the tracker of {rig} does not list it any more")))
}

/// What an issue's tracker has to do with it.
fn of_tracker(state: &State, issue: &Issue) -> Vec<Reason> {
    let Some(mirror) = issue.mirror.as_deref() else { return Vec::new() };
    let rig = &issue.content.rig;
    if let Some(unknown) = unknown(state, issue) {
        return vec![unknown];
    }
    let mut reasons = Vec::new();
    if let Some(trouble) = mirror.trouble.as_ref().filter(|_| !tracker::steps(state, issue).is_empty()) {
        let text = format!("the tracker of {rig} was not told of it: {}", trouble.error);
        reasons.push(reason("tracker_refused", text).run("convoy tracker status"));
    }
    if matches!(issue.status, Status::Open) && !issue.is_free() && !tracker::has_it(state, mirror) {
        reasons.push(match (mirror.standing, &mirror.assignee) {
            (Standing::InProgress, Some(who)) => reason("taken", format!("{who} has it in its tracker")),
            (Standing::InProgress, None) => reason("taken", "somebody has it in its tracker"),
            (Standing::Held, _) => reason("put_off", "its tracker says that it is put off, or no work"),
            (Standing::Open | Standing::Closed, _) => return reasons,
        });
    }
    reasons
}

fn of_issue(
    state: &State,
    policy: &Policy,
    issue: &Issue,
    current: Option<&Worker>,
    now: Time,
) -> Vec<Reason> {
    let id = &issue.content.id;
    match &issue.status {
        Status::Closed(closed) => vec![reason("closed", format!("it was closed at {}", closed.at))],
        Status::NeedsHuman { why } => {
            vec![
                reason("needs_human", format!("it waits for a person: {why}"))
                    .run(format!("convoy work retry {id}")),
            ]
        }
        Status::InProgress { .. } | Status::Submitted { .. } => {
            current.map(|found| worker(state, policy, found, now)).unwrap_or_default()
        }
        Status::Open => open(state, policy, issue, current, now),
    }
}

fn open(state: &State, policy: &Policy, issue: &Issue, current: Option<&Worker>, now: Time) -> Vec<Reason> {
    let id = &issue.content.id;
    let mut reasons = Vec::new();
    if !issue.is_workable() && issue.content.step.is_none() {
        let kind = issue.content.issue_type.name();
        reasons.push(reason("not_workable", format!("nobody works on an issue of type {kind} itself")));
    }
    if let Some(word) = &issue.held {
        let text = format!("it is held ({word}): no agent is set to it");
        reasons.push(reason("held", text).run(format!("convoy issue reopen {id}")));
    }
    reasons.extend(blockers(state, issue));
    reasons.extend(hold(policy, &issue.content.rig));
    if let Some(worker) = current.filter(|worker| worker.state.is_active()) {
        reasons.push(reason("ending", format!("its earlier worker {} is being stopped", worker.content.id)));
    }
    if let Some(WorkerState::Stopped { by }) = current.map(|worker| &worker.state) {
        reasons.push(reason("stopped", format!("{by} stopped it")).run(format!("convoy work retry {id}")));
    }
    match state.started_convoy(issue) {
        None if issue.convoys.is_empty() => {
            reasons.push(reason("untracked", "no convoy tracks it").run(format!("convoy sling {id}")));
        }
        None => {
            let convoys = || issue.convoys.iter().filter_map(|id| state.convoys.get(id));
            let staged = convoys().find_map(|convoy| Some((convoy, convoy.staged()?)));
            reasons.push(match (convoys().find(|convoy| convoy.is_open()), staged) {
                (Some(convoy), _) => {
                    let convoy = &convoy.content.id;
                    reason("not_started", format!("its convoy {convoy} only tracks; nobody started it"))
                        .run(format!("convoy run {convoy}"))
                }
                (None, Some((convoy, staged))) => waits_to_be_launched(convoy, staged),
                (None, None) => {
                    reason("convoy_closed", "its convoys are closed").run(format!("convoy sling {id}"))
                }
            });
        }
        Some(convoy) if reasons.is_empty() && state.is_ready(issue) => {
            let probe = NewWorker {
                id: crate::id::WorkerId::new("w-probe").expect("a constant that is a valid id"),
                rig: issue.content.rig.clone(),
                issue: id.clone(),
                convoy: Some(convoy.content.id.clone()),
                agent: policy.agent.clone(),
                model: None,
                model_rationale: String::new(),
                model_fixed: false,
                base: None,
                takes_over: None,
                name: None,
                although_parked: false,
                epic: None,
            };
            reasons.push(match (convoy_affords(state, policy, convoy, now), room(state, policy, &probe)) {
                (Err(refused), _) => of_money(&refused, now),
                (Ok(()), Err(limit)) => at_capacity(&limit),
                (Ok(()), Ok(())) => {
                    reason("ready", "it is ready; the engine starts it when it runs").run("convoy up")
                }
            });
        }
        Some(_) => {}
    }
    reasons
}

fn blockers(state: &State, issue: &Issue) -> Vec<Reason> {
    let reason_of = |blocker| {
        let status = state.issues.get(blocker).map_or("unknown", |issue| issue.status_name());
        reason("blocked", format!("it is blocked by {blocker}, which is {status}"))
            .run(format!("convoy why {blocker}"))
    };
    state.open_blockers(issue).map(reason_of).collect()
}

fn at_capacity(limit: &crate::decide::Limit) -> Reason {
    reason("at_capacity", format!("{} has all {} of its agents at work", limit.scope, limit.max))
        .run("convoy config set defaults.max_parallel <n>")
}

/// What a worker is at, or why it is at nothing.
pub fn worker(state: &State, policy: &Policy, worker: &Worker, now: Time) -> Vec<Reason> {
    let (id, issue) = (&worker.content.id, &worker.content.issue);
    match &worker.state {
        WorkerState::Assigned => {
            let mut blocked: Vec<Reason> =
                state.issues.get(issue).map(|issue| blockers(state, issue)).unwrap_or_default();
            blocked.extend(hold_of(policy, &worker.content));
            blocked.extend(over_budget(state, policy, &worker.content, now));
            match room(state, policy, &worker.content) {
                _ if !blocked.is_empty() => blocked,
                Err(limit) => vec![at_capacity(&limit)],
                Ok(()) => vec![reason("ready", format!("{id} starts when the engine runs")).run("convoy up")],
            }
        }
        WorkerState::Waiting { until, why } => {
            let mut reasons = vec![
                reason(
                    "waiting",
                    format!(
                        "{id} tries again in {}s after: {why}",
                        (until.since(now).as_millis() + 999) / 1000
                    ),
                )
                .run(format!("convoy work retry {issue}")),
            ];
            reasons.extend(hold_of(policy, &worker.content));
            reasons
        }
        WorkerState::Running { session } => {
            let at = state.sessions.get(session).map(|session| match &session.state {
                SessionState::Wanted => "its workdir is being made",
                SessionState::Starting { .. } => "its agent is being started",
                SessionState::Running { .. } if session.stopping => "its agent is being stopped",
                SessionState::Running { .. } => "its agent is at work",
                SessionState::Ended { .. } | SessionState::Over { .. } => {
                    "what its agent left is being looked at"
                }
            });
            let ended = state.sessions.get(session).is_some_and(|session| !session.is_live());
            if let Some(held) = out_of_reach(policy, &worker.content.rig).filter(|_| ended) {
                return vec![held];
            }
            let live = state.sessions.get(session);
            let model = live.and_then(|session| {
                let new = &session.content;
                Some(format!(" (model {}: {})", new.model.as_ref()?, new.model_rationale.as_ref()?))
            });
            let text = format!("{id}: {}{}", at.unwrap_or("unknown"), model.unwrap_or_default());
            let mut reasons: Vec<Reason> =
                live.and_then(|session| unwell(session, issue)).into_iter().collect();
            reasons.push(reason("running", text).run(format!("convoy logs {issue} -f")));
            reasons
        }
        WorkerState::Submitted(_) if !policy.reaches(&worker.content.rig) => {
            out_of_reach(policy, &worker.content.rig).into_iter().collect()
        }
        WorkerState::Submitted(submission) => match queue::block_of(state, submission) {
            Some(block) => vec![reason(
                "checkout_in_the_way",
                format!(
                    "the checkout of the base branch is in the way ({}): {}",
                    block.why,
                    block.files.join(", ")
                ),
            )],
            None if queue::awaits_review(policy, worker, submission) => vec![in_review(submission, issue)],
            None => vec![merging(submission, issue)],
        },
        WorkerState::Stopped { by } => {
            vec![retried(state, worker, reason("stopped", format!("{by} stopped it")))]
        }
        WorkerState::Failed { why } => vec![retried(state, worker, reason("failed", why.clone()))],
        WorkerState::Released => {
            vec![reason("released", "its issue was taken from it").run(format!("convoy sling {issue}"))]
        }
        WorkerState::Done => vec![reason("done", "its issue is closed by its work")],
    }
}

/// One that gave up is tried again, unless its issue does not wait for it any more.
fn retried(state: &State, worker: &Worker, reason: Reason) -> Reason {
    if state.is_current(worker) {
        return reason.run(format!("convoy work retry {}", worker.content.issue));
    }
    reason
}

/// What the witness found wrong with a session that runs.
fn unwell(session: &Session, issue: &IssueId) -> Option<Reason> {
    let health = &session.witness.health;
    let runs = matches!(session.state, SessionState::Running { .. });
    (runs && *health != Health::Healthy)
        .then(|| reason(health.name(), health.to_string()).run(format!("convoy work status {issue}")))
}

/// A staged convoy does nothing until a person launches it.
fn waits_to_be_launched(convoy: &Convoy, staged: &Staged) -> Reason {
    let (id, count) = (&convoy.content.id, staged.findings.len());
    match count {
        0 => reason("staged", format!("{id} is staged")).run(format!("convoy launch {id}")),
        1 => reason("staged", format!("{id} is staged, with a warning"))
            .run(format!("convoy launch {id} --force")),
        _ => reason("staged", format!("{id} is staged, with {count} warnings"))
            .run(format!("convoy launch {id} --force")),
    }
}

/// Why a submitted branch is not being merged yet.
fn in_review(submission: &Submission, issue: &IssueId) -> Reason {
    match (&submission.review, &submission.pause) {
        (Some(convoy), _) => reason("in_review", format!("its branch is being reviewed by convoy {convoy}"))
            .run(format!("convoy why {convoy}")),
        (None, Some(_)) => merging(submission, issue),
        (None, None) => reason("in_review", "the review of its branch is about to begin"),
    }
}

/// Why a submitted branch that nothing is in the way of has not landed.
fn merging(submission: &Submission, issue: &IssueId) -> Reason {
    if let Some(MergePause { until, error }) = &submission.pause {
        let text = format!("its merge broke, and is tried again at {until}: {error}");
        return reason("merge_paused", text).run(format!("convoy mq retry {issue}"));
    }
    if let Some(request) = &submission.request {
        let text = format!("it waits until its request is merged: {}", request.url);
        return reason("requested", text).run(format!("convoy mq status {issue}"));
    }
    let (branch, round) = (&submission.branch, submission.round);
    reason("merging", format!("branch {branch} waits for its gates and its merge (round {round})"))
}

/// Why a convoy has not landed.
pub fn convoy(state: &State, policy: &Policy, convoy: &Convoy, now: Time) -> Vec<Reason> {
    match &convoy.status {
        ConvoyStatus::Landed { observer, at } => {
            return vec![reason("landed", format!("it landed at {at}, noticed by {}", observer.name()))];
        }
        ConvoyStatus::Abandoned { reason: why, at, .. } => {
            let why = why.as_deref().unwrap_or("no reason given");
            return vec![reason("abandoned", format!("it was abandoned at {at}: {why}"))];
        }
        ConvoyStatus::Staged(staged) => return vec![waits_to_be_launched(convoy, staged)],
        ConvoyStatus::Open => {}
    }
    let id = &convoy.content.id;
    if convoy.content.tracked.is_empty() {
        return vec![
            reason("empty", "it tracks nothing; an empty convoy never lands")
                .run(format!("convoy add {id} <issue>")),
        ];
    }
    if convoy.is_complete() && convoy.content.owned {
        return vec![
            reason("owned", "every issue is closed, and its owner lands it").run(format!("convoy land {id}")),
        ];
    }
    if convoy.held && convoy.is_complete() {
        let text =
            "it was reopened with every issue closed, and is held open until something about it changes";
        return vec![reason("held", text).run(format!("convoy check {id}"))];
    }
    if convoy.is_complete() && convoy.lacks_report() {
        return vec![reason("waiting", "every role has ended, and its report is being made")];
    }
    if convoy.is_complete() {
        return vec![reason("complete", "every issue is closed").run(format!("convoy check {id}"))];
    }
    let mut reasons = Vec::new();
    for issue_id in &convoy.content.tracked {
        let Some(found) = state.issues.get(issue_id).filter(|issue| !issue.is_closed()) else { continue };
        for mut reason in issue(state, policy, found, now) {
            reason.text = format!("{issue_id}: {}", reason.text);
            reasons.push(reason);
        }
    }
    reasons
}
