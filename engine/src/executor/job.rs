//! What an effect needs to know of the state, read when it is started.

use std::path::PathBuf;

use convoy_core::convoy::MergeStrategy;
use convoy_core::effect::Effect;
use convoy_core::id::{
    AgentName, ConvoyId, DeliveryId, Epoch, IssueId, RigName, RouteName, SessionId, WorkerId,
};
use convoy_core::issue::Status;
use convoy_core::policy::Policy;
use convoy_core::session::{Session, Workdir};
use convoy_core::state::State;
use convoy_core::tracker;
use convoy_core::view::{self, NoticeView};
use convoy_core::worker::{Lesson, Member, Worker, WorkerState};

use crate::config::Config;

/// An effect with its details.
pub(super) enum Job {
    Prepare(Prepare),
    Supervise(Box<Supervise>),
    Stop(Stop),
    Inspect(Inspect),
    Merge(Box<Merge>),
    Deliver(Box<Deliver>),
    MergeBatch(Vec<Merge>),
    FollowRequest(FollowRequest),
    WatchCheckout(WatchCheckout),
    Push(Push),
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
    /// What it depends on, where that may not be in the base branch.
    pub(super) predecessors: Vec<Predecessor>,
}

/// Work that another builds on.
pub(super) struct Predecessor {
    pub(super) tip: String,
    /// The commit by which it was merged elsewhere; it may have been squashed there.
    pub(super) landed: Option<String>,
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
    /// What another tracker says besides: heading and text.
    pub(super) besides: Vec<(&'static str, String)>,
    pub(super) convoy: Option<ConvoyId>,
    pub(super) agent: AgentName,
    pub(super) model: Option<String>,
    pub(super) number: u32,
    pub(super) lessons: Vec<Lesson>,
    pub(super) resumed: bool,
    /// The conversation that it goes on with, if its agent still has it.
    pub(super) conversation: Option<Earlier>,
    pub(super) workdir: Workdir,
}

/// A conversation of an earlier session.
pub(super) struct Earlier {
    /// The agent's own id of it.
    pub(super) id: String,
    /// Where that session worked.
    pub(super) workdir: Option<String>,
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
    pub(super) convoy: Option<ConvoyId>,
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
    pub(super) body: String,
    pub(super) convoy: Option<ConvoyId>,
    pub(super) place: Place,
    pub(super) branch: String,
    pub(super) tip: String,
    pub(super) strategy: MergeStrategy,
    /// A review found nothing in this tip that blocks it.
    pub(super) reviewed: bool,
}

pub(super) struct FollowRequest {
    pub(super) worker: WorkerId,
    pub(super) epoch: Epoch,
    pub(super) round: u32,
    pub(super) place: Place,
    pub(super) number: u64,
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

pub(super) struct Push {
    pub(super) rig: RigName,
    pub(super) round: u64,
    pub(super) pushes: Vec<tracker::Push>,
}

/// The details of an effect; nothing if the state no longer has what it is about.
pub(super) fn job(effect: &Effect, state: &State, policy: &Policy, config: &Config) -> Option<Job> {
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
                besides: crate::interchange::for_agents(issue),
                convoy: worker.content.convoy.clone(),
                agent: worker.content.agent.clone(),
                model: worker.content.model.clone(),
                number: session.content.number,
                lessons: worker.lessons.clone(),
                resumed: worker.resume_from.is_some(),
                conversation: earlier(state, session),
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
                convoy: worker.content.convoy.clone(),
                title: state.issues.get(&worker.content.issue)?.content.title.clone(),
                workdir: session.workdir()?.clone(),
                place: place(worker, config)?,
            })
        }
        Effect::Merge { worker, epoch, round } => {
            let member = Member { worker: worker.clone(), epoch: *epoch, round: *round };
            Job::Merge(Box::new(merge(&member, state, config)?))
        }
        Effect::MergeBatch { members } => {
            let jobs = members.iter().map(|member| merge(member, state, config)).collect::<Option<_>>();
            Job::MergeBatch(jobs?)
        }
        Effect::FollowRequest { worker: id, round } => {
            let worker = state.workers.get(id)?;
            let WorkerState::Submitted(submission) = &worker.state else { return None };
            Job::FollowRequest(FollowRequest {
                worker: id.clone(),
                epoch: state.sessions.get(&submission.session)?.content.epoch,
                round: *round,
                place: place(worker, config)?,
                number: submission.request.as_ref()?.number,
            })
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
        Effect::Checkpoint { .. } | Effect::Compare { .. } | Effect::Ceiling { .. } => return None,
        Effect::Push { rig, round } => Job::Push(Push {
            rig: rig.clone(),
            round: *round,
            pushes: tracker::pushes(state, policy, rig, crate::clock::now()),
        }),
    })
}

/// The conversation that a session is to go on with.
fn earlier(state: &State, session: &Session) -> Option<Earlier> {
    let before = state.sessions.get(session.content.resume.as_ref()?)?;
    let workdir = before.workdir().map(|workdir| workdir.path.clone());
    Some(Earlier { id: before.conversation.clone()?, workdir })
}

fn merge(member: &Member, state: &State, config: &Config) -> Option<Merge> {
    let worker = state.workers.get(&member.worker)?;
    let WorkerState::Submitted(submission) = &worker.state else { return None };
    let convoy = worker.content.convoy.as_ref().and_then(|id| state.convoys.get(id));
    let issue = &state.issues.get(&worker.content.issue)?.content;
    Some(Merge {
        worker: member.worker.clone(),
        session: submission.session.clone(),
        epoch: member.epoch,
        round: member.round,
        issue: issue.id.clone(),
        title: issue.title.clone(),
        body: issue.body.clone(),
        convoy: worker.content.convoy.clone(),
        place: place(worker, config)?,
        branch: submission.branch.clone(),
        reviewed: worker.reviewed.as_ref() == Some(&submission.tip),
        tip: submission.tip.clone(),
        // The configuration was read whole, and its strategy checked, before anything began.
        strategy: convoy.map_or_else(|| config.strategy().unwrap_or_default(), |c| c.content.merge),
    })
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

/// Closed issues that the worker's issue depends on and whose work was left on its branch, or was merged on the forge.
fn predecessors(state: &State, worker: &Worker) -> Vec<Predecessor> {
    let Some(issue) = state.issues.get(&worker.content.issue) else { return Vec::new() };
    issue
        .blockers()
        .filter_map(|id| match &state.issues.get(id)?.status {
            Status::Closed(closed) => closed.evidence.as_ref(),
            _ => None,
        })
        .filter(|evidence| evidence.merge_commit.is_none() || evidence.request.is_some())
        .filter_map(|evidence| {
            Some(Predecessor { tip: evidence.commit.clone()?, landed: evidence.merge_commit.clone() })
        })
        .collect()
}
