//! What an effect needs to know of the state, read when it is started.

use std::path::PathBuf;

use convoy_core::convoy::MergeStrategy;
use convoy_core::effect::Effect;
use convoy_core::id::{
    AgentName, ConvoyId, DeliveryId, Epoch, IssueId, RigName, RouteName, SessionId, WorkerId,
};
use convoy_core::issue::Status;
use convoy_core::session::Workdir;
use convoy_core::state::State;
use convoy_core::view::{self, NoticeView};
use convoy_core::worker::{Lesson, Worker, WorkerState};

use crate::config::Config;

/// An effect with its details.
pub(super) enum Job {
    Prepare(Prepare),
    Supervise(Box<Supervise>),
    Stop(Stop),
    Inspect(Inspect),
    Merge(Box<Merge>),
    Deliver(Box<Deliver>),
    WatchCheckout(WatchCheckout),
}

/// Where a worker works.
pub(super) struct Place {
    pub(super) rig: RigName,
    pub(super) repository: PathBuf,
    /// The branch that the work lands in, if it is not for the repository to say.
    pub(super) base_branch: Option<String>,
}

pub(super) struct Prepare {
    pub(super) session: SessionId,
    pub(super) epoch: Epoch,
    pub(super) issue: IssueId,
    pub(super) worker: WorkerId,
    pub(super) convoy: Option<ConvoyId>,
    pub(super) place: Place,
    /// The tip to go on from, and the base that it is compared with.
    pub(super) resume: Option<(String, Option<String>)>,
    /// Tips of what it depends on, where those are not in the base branch.
    pub(super) predecessors: Vec<String>,
}

pub(super) struct Supervise {
    pub(super) session: SessionId,
    pub(super) epoch: Epoch,
    pub(super) observed: u64,
    pub(super) worker: WorkerId,
    pub(super) issue: IssueId,
    pub(super) title: String,
    pub(super) body: String,
    pub(super) acceptance: Vec<String>,
    pub(super) convoy: Option<ConvoyId>,
    pub(super) agent: AgentName,
    pub(super) model: Option<String>,
    pub(super) number: u32,
    pub(super) lessons: Vec<Lesson>,
    pub(super) resumed: bool,
    pub(super) workdir: Workdir,
}

pub(super) struct Stop {
    pub(super) session: SessionId,
    pub(super) epoch: Epoch,
}

pub(super) struct Inspect {
    pub(super) session: SessionId,
    pub(super) epoch: Epoch,
    pub(super) worker: WorkerId,
    pub(super) issue: IssueId,
    pub(super) title: String,
    pub(super) workdir: Workdir,
    pub(super) place: Place,
}

pub(super) struct Merge {
    pub(super) worker: WorkerId,
    pub(super) session: SessionId,
    pub(super) epoch: Epoch,
    pub(super) round: u32,
    pub(super) issue: IssueId,
    pub(super) title: String,
    pub(super) convoy: Option<ConvoyId>,
    pub(super) place: Place,
    pub(super) tip: String,
    pub(super) strategy: MergeStrategy,
}

pub(super) struct Deliver {
    pub(super) delivery: DeliveryId,
    pub(super) attempt: u32,
    pub(super) route: RouteName,
    pub(super) notice: NoticeView,
}

pub(super) struct WatchCheckout {
    pub(super) worker: WorkerId,
    pub(super) round: u32,
    pub(super) session: SessionId,
    pub(super) place: Place,
    pub(super) files: Vec<String>,
}

/// The details of an effect; nothing if the state no longer has what it is about.
pub(super) fn job(effect: &Effect, state: &State, config: &Config) -> Option<Job> {
    let of_session = |id: &SessionId| {
        let session = state.sessions.get(id)?;
        Some((session, state.workers.get(&session.content.worker)?))
    };
    Some(match effect {
        Effect::Prepare { session: id, epoch } => {
            let (_, worker) = of_session(id)?;
            Job::Prepare(Prepare {
                session: id.clone(),
                epoch: *epoch,
                issue: worker.content.issue.clone(),
                worker: worker.content.id.clone(),
                convoy: worker.content.convoy.clone(),
                place: place(worker, config)?,
                resume: worker.resume_from.clone().map(|tip| (tip, base_of(state, worker))),
                predecessors: predecessors(state, worker),
            })
        }
        Effect::Supervise { session: id, epoch } => {
            let (session, worker) = of_session(id)?;
            let issue = state.issues.get(&worker.content.issue)?;
            Job::Supervise(Box::new(Supervise {
                session: id.clone(),
                epoch: *epoch,
                observed: session.observed,
                worker: worker.content.id.clone(),
                issue: worker.content.issue.clone(),
                title: issue.content.title.clone(),
                body: issue.content.body.clone(),
                acceptance: issue.content.acceptance.clone(),
                convoy: worker.content.convoy.clone(),
                agent: worker.content.agent.clone(),
                model: worker.content.model.clone(),
                number: session.content.number,
                lessons: worker.lessons.clone(),
                resumed: worker.resume_from.is_some(),
                workdir: session.workdir()?.clone(),
            }))
        }
        Effect::Stop { session, epoch } => Job::Stop(Stop { session: session.clone(), epoch: *epoch }),
        Effect::Inspect { session: id, epoch } => {
            let (session, worker) = of_session(id)?;
            Job::Inspect(Inspect {
                session: id.clone(),
                epoch: *epoch,
                worker: worker.content.id.clone(),
                issue: worker.content.issue.clone(),
                title: state.issues.get(&worker.content.issue)?.content.title.clone(),
                workdir: session.workdir()?.clone(),
                place: place(worker, config)?,
            })
        }
        Effect::Merge { worker: id, epoch, round } => {
            let worker = state.workers.get(id)?;
            let WorkerState::Submitted(submission) = &worker.state else { return None };
            let convoy = worker.content.convoy.as_ref().and_then(|id| state.convoys.get(id));
            Job::Merge(Box::new(Merge {
                worker: id.clone(),
                session: submission.session.clone(),
                epoch: *epoch,
                round: *round,
                issue: worker.content.issue.clone(),
                title: state.issues.get(&worker.content.issue)?.content.title.clone(),
                convoy: worker.content.convoy.clone(),
                place: place(worker, config)?,
                tip: submission.tip.clone(),
                strategy: convoy.map_or_else(|| default_strategy(config), |convoy| convoy.content.merge),
            }))
        }
        Effect::Deliver { delivery: id, attempt } => {
            let delivery = state.deliveries.get(id)?;
            Job::Deliver(Box::new(Deliver {
                delivery: id.clone(),
                attempt: *attempt,
                route: delivery.content.route.clone(),
                notice: view::notice(state.notices.get(&delivery.notice)?),
            }))
        }
        Effect::WatchCheckout { worker: id, round } => {
            let worker = state.workers.get(id)?;
            let WorkerState::Submitted(submission) = &worker.state else { return None };
            Job::WatchCheckout(WatchCheckout {
                worker: id.clone(),
                round: *round,
                session: submission.session.clone(),
                place: place(worker, config)?,
                files: submission.blocked.as_ref().map(|block| block.files.clone()).unwrap_or_default(),
            })
        }
    })
}

/// How branches land of workers that belong to no convoy.
fn default_strategy(config: &Config) -> MergeStrategy {
    match config.text("defaults.merge") {
        Ok(Some("local")) => MergeStrategy::Local,
        _ => MergeStrategy::Direct,
    }
}

fn place(worker: &Worker, config: &Config) -> Option<Place> {
    let rig = config.rigs().get(&worker.content.rig)?;
    Some(Place {
        rig: worker.content.rig.clone(),
        repository: rig.path.clone(),
        base_branch: worker.content.base.clone().or_else(|| rig.default_branch.clone()),
    })
}

/// The base of the attempt that left the tip which the next one goes on from.
fn base_of(state: &State, worker: &Worker) -> Option<String> {
    let session = worker.lessons.iter().rev().find(|lesson| lesson.branch.is_some())?;
    Some(state.sessions.get(&session.session)?.workdir()?.base.clone())
}

/// Tips of closed issues that the worker's issue depends on and that were left on their branches.
fn predecessors(state: &State, worker: &Worker) -> Vec<String> {
    let Some(issue) = state.issues.get(&worker.content.issue) else { return Vec::new() };
    issue
        .blockers()
        .filter_map(|id| match &state.issues.get(id)?.status {
            Status::Closed(closed) => closed.evidence.as_ref(),
            _ => None,
        })
        .filter(|evidence| evidence.merge_commit.is_none())
        .filter_map(|evidence| evidence.commit.clone())
        .collect()
}
