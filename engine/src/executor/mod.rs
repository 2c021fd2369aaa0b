//! The executor: carries effects out, each in a thread of its own, and reports what it saw.
//!
//! It decides nothing. Every effect looks at the world first, so that doing it again after a crash is safe, and
//! ends in an observation that names its epoch.

mod batch;
mod ceiling;
mod checkout;
mod checkpoint;
mod deliver;
mod examine;
mod follow;
mod inspect;
mod job;
mod merge;
mod nudge;
mod prepare;
mod pricing;
mod prompt;
mod prove;
mod reach;
mod request;
mod review;
mod role;
mod step;
mod stop;
mod sweep;
mod synthesize;
mod transcript;

use std::collections::BTreeSet;
use std::sync::Arc;

use convoy_core::command::Observed;
use convoy_core::effect::Effect;
use convoy_core::id::RigName;
use convoy_core::policy::Policy;
use convoy_core::session::Findings;
use convoy_core::state::State;
use convoy_core::template::ReportMade;
use convoy_core::worker::{Member, MergeOutcome};

use crate::inbox::Handle;
use crate::settings::Settings;
use crate::tasks::{self, Kind};
use crate::world::{World, note};

use job::Job;
pub(crate) use sweep::{end_all, sweep};

/// See the module.
pub(crate) struct Executor {
    world: Arc<World>,
    handle: Handle,
}

impl Executor {
    pub(crate) fn new(world: World, handle: Handle) -> Self {
        Self { world: Arc::new(world), handle }
    }

    /// Whether there is room on the disk for what another agent will write.
    pub(crate) fn has_room(&self) -> bool {
        let free = |path: &std::path::Path| {
            rustix::fs::statvfs(path).map_or(u64::MAX, |stat| stat.f_bavail.saturating_mul(stat.f_frsize))
        };
        let reserve = self.world.settings().disk_reserve;
        free(&self.world.workspace.state_dir()) >= reserve && free(self.world.workdirs.path()) >= reserve
    }

    /// Goes by another configuration from now on. What is under way goes on by the one that it began with.
    pub(crate) fn adopt(&self, settings: Settings) {
        self.world.adopt(settings);
    }

    /// Has somebody say when a repository that is away is back; whether there was a thread for it.
    pub(crate) fn watch_rig(&self, name: &RigName) -> bool {
        let settings = self.world.settings();
        let rig = settings.config.rigs().get(name);
        rig.is_some_and(|rig| reach::watch(&self.world, &self.handle, name, &rig.path))
    }

    /// Says which effects are wanted from now on. A merge that is not any more stops before its branch moves.
    pub(crate) fn want(&self, effects: &BTreeSet<Effect>) {
        self.world.wanted.set(effects.iter().filter(|effect| may_be_unwanted(effect)).cloned().collect());
    }

    /// Starts an effect; whether there was a thread for it. The details are read from the state now, and the effect
    /// itself sees only the world.
    pub(crate) fn start(&self, effect: &Effect, state: &State, policy: &Policy) -> bool {
        let (world, handle) = (Arc::clone(&self.world), self.handle.clone());
        let kind = match effect {
            Effect::Supervise { .. } => Kind::Session,
            Effect::WatchCheckout { .. }
            | Effect::FollowRequest { .. }
            | Effect::Examine { .. }
            | Effect::Nudge { .. } => Kind::Watch,
            Effect::Prepare { .. }
            | Effect::Stop { .. }
            | Effect::Inspect { .. }
            | Effect::Merge { .. }
            | Effect::Checkpoint { .. }
            | Effect::Compare { .. }
            | Effect::ReviewCheckpoint { .. }
            | Effect::StartReview { .. }
            | Effect::Synthesize { .. }
            | Effect::Ceiling { .. }
            | Effect::Push { .. }
            | Effect::MergeBatch { .. }
            | Effect::Deliver { .. } => Kind::Effect,
        };
        let job = job::job(effect, state, policy, &world.settings().config).ok_or_else(|| impossible(effect));
        let effect_too = effect.clone();
        let started = tasks::start(kind, move || match job {
            Err(seen) => seen.into_iter().for_each(|seen| handle.observed(seen)),
            Ok(job) => carry_out(&world, &handle, &effect_too, job),
        });
        if let Err(error) = &started {
            note(&format!("cannot start a thread: {error}"));
        }
        started.is_ok()
    }
}

/// Effects that look whether they are still wanted before they change anything.
fn may_be_unwanted(effect: &Effect) -> bool {
    match effect {
        Effect::Merge { .. }
        | Effect::MergeBatch { .. }
        | Effect::FollowRequest { .. }
        | Effect::Examine { .. }
        | Effect::Nudge { .. } => true,
        Effect::Prepare { .. }
        | Effect::Supervise { .. }
        | Effect::Stop { .. }
        | Effect::Inspect { .. }
        | Effect::Push { .. }
        | Effect::Checkpoint { .. }
        | Effect::Compare { .. }
        | Effect::ReviewCheckpoint { .. }
        | Effect::StartReview { .. }
        | Effect::Synthesize { .. }
        | Effect::Ceiling { .. }
        | Effect::Deliver { .. }
        | Effect::WatchCheckout { .. } => false,
    }
}

/// Whether an outcome may be for no other reason than that the repository cannot be used.
fn is_failure(outcome: &MergeOutcome) -> bool {
    matches!(outcome, MergeOutcome::Broken { .. } | MergeOutcome::GateFailed { .. })
}

/// Does the work of an effect, and tells what was seen. What failed because its repository cannot be used is nobody's
/// failure: it waits until the repository is back.
fn carry_out(world: &Arc<World>, handle: &Handle, effect: &Effect, job: Job) {
    match job {
        Job::Prepare(job) => {
            let seen = prepare::run(world, &job);
            if matches!(seen, Observed::PrepareFailed { .. }) {
                reach::tell(world, handle, effect, &job.place);
            }
            handle.observed(seen);
        }
        Job::Supervise(job) => follow::run(world, handle, &job),
        Job::Push(job) => {
            if let Some(desk) = handle.trackers().get(&job.rig) {
                desk.push(handle, job.round, &job.pushes);
            }
        }
        Job::Stop(job) => stop::run(world, handle, &job),
        Job::Ceiling(job) => ceiling::run(world, &job),
        Job::Inspect(job) => {
            // Before it is judged: its judgement may need what it cost.
            transcript::look(world, &job).into_iter().for_each(|seen| handle.observed(seen));
            let seen = inspect::run(world, &job);
            let unsaved = matches!(&seen, Observed::Found { findings: Findings::Unsaved { .. }, .. });
            if !(unsaved && reach::tell(world, handle, effect, &job.place)) {
                handle.observed(seen);
            }
        }
        Job::Merge(job) => {
            let Some(seen) = merge::run(world, effect, &job) else { return };
            let failed = matches!(&seen, Observed::Merge { outcome, .. } if is_failure(outcome));
            if !(failed && reach::tell(world, handle, effect, &job.place)) {
                handle.observed(seen);
            }
        }
        Job::Deliver(job) => handle.observed(deliver::run(world, &job)),
        Job::MergeBatch(jobs) => {
            let Some(tried) = batch::run(world, effect, &jobs) else { return };
            let failed = tried.iter().any(|(_, outcome)| is_failure(outcome));
            let place = jobs.first().map(|job| &job.place);
            if !(failed && place.is_some_and(|place| reach::tell(world, handle, effect, place))) {
                handle.observed(Observed::Batch { tried });
            }
        }
        Job::Checkpoint(job) => {
            let seen = checkpoint::run(world, &job);
            let failed = matches!(&seen, Observed::CheckpointFailed { .. });
            if !(failed && reach::tell(world, handle, effect, &job.place)) {
                handle.observed(seen);
            }
        }
        Job::Compare(job) => {
            checkpoint::compare(world, &job).into_iter().for_each(|seen| handle.observed(seen));
        }
        Job::FollowRequest(job) => {
            request::follow(world, effect, &job).into_iter().for_each(|seen| handle.observed(seen));
        }
        Job::Review(job) => {
            let start = review::resolve(world, &job);
            if !(start.is_err() && reach::tell(world, handle, effect, &job.place)) {
                handle.observed(review::resolved(&job, start));
            }
        }
        Job::Nudge(job) => {
            nudge::run(world, effect, &job).into_iter().for_each(|seen| handle.observed(seen));
        }
        Job::Examine(job) => {
            examine::run(world, effect, &job).into_iter().for_each(|seen| handle.observed(seen));
        }
        Job::Synthesize(job) => handle.observed(synthesize::run(world, &job)),
        Job::WatchCheckout(job) => handle.observed(checkout::run(world, &job)),
    }
}

/// What is seen of an effect that cannot be carried out: its rig is not in the configuration any more.
fn impossible(effect: &Effect) -> Option<Observed> {
    let why = "its rig is not in the configuration any more".to_owned();
    Some(match effect.clone() {
        Effect::Prepare { session, epoch } => {
            Observed::PrepareFailed { session, epoch, error: why, permanent: true }
        }
        Effect::Supervise { session, epoch } => Observed::Lost { session, epoch, why },
        Effect::Inspect { session, epoch } => {
            Observed::Found { session, epoch, findings: Findings::Unsaved { why } }
        }
        Effect::Merge { worker, epoch, round } => {
            Observed::Merge { worker, epoch, round, outcome: MergeOutcome::Broken { error: why } }
        }
        Effect::StartReview { worker, epoch, round } => {
            Observed::ReviewResolved { member: Member { worker, epoch, round }, start: Err(why) }
        }
        Effect::ReviewCheckpoint { checkpoint } => {
            Observed::CheckpointReviewResolved { checkpoint, start: Err(why) }
        }
        Effect::Deliver { delivery, attempt } => {
            let why = "there is no such notice".to_owned();
            Observed::DeliveryFailed { delivery, attempt, why, permanent: true }
        }
        Effect::MergeBatch { members } => {
            let outcome = MergeOutcome::Broken { error: why };
            Observed::Batch { tried: members.into_iter().map(|member| (member, outcome.clone())).collect() }
        }
        Effect::Checkpoint { checkpoint } => Observed::CheckpointFailed { checkpoint, why },
        Effect::Synthesize { convoy, round } => {
            let report = Box::new(ReportMade::failed(round, crate::clock::now(), why));
            Observed::Synthesized { convoy, report, judged: Vec::new() }
        }
        Effect::Stop { .. }
        | Effect::Examine { .. }
        | Effect::Nudge { .. }
        | Effect::Compare { .. }
        | Effect::Ceiling { .. }
        | Effect::WatchCheckout { .. }
        | Effect::FollowRequest { .. }
        | Effect::Push { .. } => return None,
    })
}
