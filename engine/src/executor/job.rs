//! What an effect needs to know of the state, read when it is started.

use std::path::PathBuf;

use convoy_core::checkpoint::CheckpointState;
use convoy_core::convoy::MergeStrategy;
use convoy_core::effect::Effect;
use convoy_core::id::{
    AgentName, CheckpointId, ConvoyId, DeliveryId, Epoch, IssueId, RigName, RouteName, SessionId, WorkerId,
};
use convoy_core::money::Money;
use convoy_core::policy::Policy;
use convoy_core::session::{Session, SessionState, Workdir};
use convoy_core::state::State;
use convoy_core::tracker;
use convoy_core::view::{self, NoticeView, StoredCheckpoint};
use convoy_core::worker::{Lesson, Member, Worker, WorkerState};

use super::ceiling::Ceiling;
use super::examine::Examine;
use super::nudge::Nudge;
use super::prepare;
use super::review::{Review, Reviewed};
use super::role::{self, Role, Synthesize};
use crate::config::Config;

/// An effect with its details.
pub(super) enum Job {
    Prepare(Prepare),
    Supervise(Box<Supervise>),
    Stop(Stop),
    Ceiling(Ceiling),
    Inspect(Inspect),
    Merge(Box<Merge>),
    Deliver(Box<Deliver>),
    MergeBatch(Vec<Merge>),
    FollowRequest(FollowRequest),
    WatchCheckout(WatchCheckout),
    Examine(Box<Examine>),
    Nudge(Nudge),
    Push(Push),
    Review(Box<Review>),
    Checkpoint(Box<Checkpoint>),
    Compare(Box<Compare>),
    Synthesize(Box<Synthesize>),
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
    /// The role that it is, of a template convoy.
    pub(super) role: Option<Box<Role>>,
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
    /// What the last attempt had come to, in git: its folder and id.
    pub(super) kept: Option<(PathBuf, String, CheckpointId)>,
    pub(super) resumed: bool,
    /// The conversation that it goes on with, if its agent still has it.
    pub(super) conversation: Option<Earlier>,
    pub(super) workdir: Workdir,
    /// What it may spend, if any limit applies.
    pub(super) ceiling: Option<Money>,
    /// The role that it is, of a template convoy.
    pub(super) role: Option<Box<Role>>,
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
    /// The role that it is, of a template convoy.
    pub(super) role: Option<Box<Role>>,
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

/// A checkpoint that is to be made.
pub(super) struct Checkpoint {
    pub(super) place: Place,
    pub(super) files: Files,
    /// What the state knows of the session.
    pub(super) stored: StoredCheckpoint,
    /// What the files are compared with, to say which the session has changed.
    pub(super) begun_at: Option<String>,
}

/// A session that may have changed something since its last checkpoint.
pub(super) struct Compare {
    pub(super) session: SessionId,
    pub(super) last: u64,
    pub(super) place: Place,
    pub(super) files: Files,
    /// What was remembered since then.
    pub(super) noted: bool,
    /// The tree of that checkpoint.
    pub(super) tree: Option<String>,
}

/// Where the files of a session are.
pub(super) enum Files {
    /// In a person's checkout.
    Checkout(PathBuf),
    /// In the workdir of an agent.
    Workdir(SessionId, Workdir),
    /// What an agent left was saved on its branch: what was done since in its workdir is not its.
    Branch(Workdir),
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
                resume: worker.resume_from.clone().map(|tip| (tip, prepare::base_of(state, worker))),
                predecessors: prepare::predecessors(state, worker),
                role: role::of_worker(state, worker),
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
                model: session.content.model.clone().or_else(|| worker.content.model.clone()),
                number: session.content.number,
                lessons: worker.lessons.clone(),
                kept: kept(state, worker, config),
                resumed: worker.resume_from.is_some(),
                conversation: earlier(state, session),
                workdir: session.workdir()?.clone(),
                ceiling: session.ceiling,
                role: role::starting(state, policy, worker),
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
                role: role::of_worker(state, worker),
            })
        }
        Effect::Merge { worker, epoch, round } => {
            let member = Member { worker: worker.clone(), epoch: *epoch, round: *round };
            Job::Merge(Box::new(merge(&member, state, config)?))
        }
        Effect::StartReview { worker, epoch, round } => {
            let member = Member { worker: worker.clone(), epoch: *epoch, round: *round };
            Job::Review(Box::new(review_of_branch(member, state, config)?))
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
        Effect::ReviewCheckpoint { checkpoint } => {
            Job::Review(Box::new(review_of_checkpoint(checkpoint, state, config)?))
        }
        Effect::Nudge { session: id, epoch, round } => {
            let (_, text) = of_session(id)?.0.witness.nudge.clone()?;
            Job::Nudge(Nudge { session: id.clone(), epoch: *epoch, round: *round, text })
        }
        Effect::Examine { session: id, epoch, round, spent } => {
            let (session, _) = of_session(id)?;
            Job::Examine(Box::new(Examine {
                session: id.clone(),
                epoch: *epoch,
                round: *round,
                burning: *spent > 0,
                workdir: session.workdir()?.path.clone().into(),
                standing: session.witness.clone(),
                thresholds: policy.witness.clone(),
                spent: session.priced(),
            }))
        }
        Effect::Checkpoint { checkpoint } => checkpoint_job(checkpoint, state, config)?,
        Effect::Compare { session, last, .. } => {
            let rig = match state.own_sessions.get(session) {
                Some(own) => &own.content.rig,
                None => &of_session(session)?.1.content.rig,
            };
            let made = state.latest_made(session);
            let notes = state.sessions.get(session).map_or(0, |session| session.notes.len());
            let known = state.checkpoints_of(session).next_back().map_or(0, |one| one.notes as usize);
            Job::Compare(Box::new(Compare {
                session: session.clone(),
                last: *last,
                place: place_of(rig, None, config)?,
                files: files(state, session)?,
                noted: notes > known,
                tree: made.and_then(tree_of),
            }))
        }
        Effect::Ceiling { session, epoch, ceiling } => {
            Job::Ceiling(Ceiling { session: session.clone(), epoch: *epoch, ceiling: *ceiling })
        }
        Effect::Synthesize { convoy, round } => {
            let convoy = state.convoys.get(convoy)?;
            let rig = &convoy.content.run.as_ref()?.rig;
            let repository = &config.rigs().get(rig)?.path;
            Job::Synthesize(Box::new(role::synthesize(state, convoy, *round, repository)?))
        }
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

fn review_of_checkpoint(id: &CheckpointId, state: &State, config: &Config) -> Option<Review> {
    let checkpoint = state.checkpoints.get(id)?;
    let CheckpointState::Made(made) = &checkpoint.state else { return None };
    let session = state.sessions.get(&checkpoint.content.session)?;
    let base = session.workdir()?.base.clone();
    let of = Reviewed::Checkpoint { id: id.clone(), number: checkpoint.content.sequence, base };
    review(of, state.workers.get(&session.content.worker)?, made.files()?, state, config)
}

fn review_of_branch(member: Member, state: &State, config: &Config) -> Option<Review> {
    let worker = state.workers.get(&member.worker)?;
    let WorkerState::Submitted(submission) = &worker.state else { return None };
    review(Reviewed::Branch(member), worker, &submission.tip, state, config)
}

fn review(of: Reviewed, worker: &Worker, commit: &str, state: &State, config: &Config) -> Option<Review> {
    let issue = &state.issues.get(&worker.content.issue)?.content;
    Some(Review {
        of,
        worker: worker.content.id.clone(),
        issue: issue.id.clone(),
        title: issue.title.clone(),
        place: place(worker, config)?,
        commit: commit.to_owned(),
    })
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
        tip: submission.tip.clone(),
        // The configuration was read whole, and its strategy checked, before anything began.
        strategy: convoy.map_or_else(|| config.strategy().unwrap_or_default(), |c| c.content.merge),
    })
}

/// The newest checkpoint of the attempt before.
fn kept(state: &State, worker: &Worker, config: &Config) -> Option<(PathBuf, String, CheckpointId)> {
    let last = &worker.lessons.last()?.session;
    let content = &state.latest_made(last)?.content;
    let repository = config.rigs().get(&content.rig)?.path.clone();
    Some((repository, content.folder.clone(), content.id.clone()))
}

fn checkpoint_job(id: &CheckpointId, state: &State, config: &Config) -> Option<Job> {
    let checkpoint = state.checkpoints.get(id)?;
    let session = &checkpoint.content.session;
    let worked_from = state.sessions.get(session).and_then(|session| session.workdir());
    // What persons did counts from the first checkpoint of their epic: that of a session which goes on has nothing new.
    let first = || {
        let own = state.own_sessions.get(session)?;
        let sessions = state.own_sessions_of(&own.content.epic);
        sessions.iter().flat_map(|own| state.checkpoints_of(&own.content.id)).find_map(tree_of)
    };
    Some(Job::Checkpoint(Box::new(Checkpoint {
        place: place_of(&checkpoint.content.rig, None, config)?,
        files: files(state, session)?,
        stored: view::stored(state, checkpoint),
        begun_at: worked_from.map(|workdir| workdir.base.clone()).or_else(first),
    })))
}

fn tree_of(checkpoint: &convoy_core::checkpoint::Checkpoint) -> Option<String> {
    match &checkpoint.state {
        CheckpointState::Made(made) => made.tree.clone(),
        CheckpointState::Wanted | CheckpointState::Failed { .. } => None,
    }
}

fn files(state: &State, session: &SessionId) -> Option<Files> {
    if let Some(own) = state.own_sessions.get(session) {
        return Some(Files::Checkout(PathBuf::from(&own.content.path)));
    }
    let found = state.sessions.get(session)?;
    let workdir = found.workdir()?.clone();
    Some(match &found.state {
        SessionState::Over { .. } => Files::Branch(workdir),
        SessionState::Wanted
        | SessionState::Starting { .. }
        | SessionState::Running { .. }
        | SessionState::Ended { .. } => Files::Workdir(session.clone(), workdir),
    })
}

fn place(worker: &Worker, config: &Config) -> Option<Place> {
    place_of(&worker.content.rig, worker.content.base.as_ref(), config)
}

fn place_of(rig: &RigName, base: Option<&String>, config: &Config) -> Option<Place> {
    let found = config.rigs().get(rig)?;
    Some(Place {
        rig: rig.clone(),
        repository: found.path.clone(),
        base_branch: base.cloned().or_else(|| found.default_branch.clone()),
    })
}
