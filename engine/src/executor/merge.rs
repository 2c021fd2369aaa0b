//! The merger: gates on the merged tree, then the merge itself.
//!
//! What is tested is what lands: the merge commit is made first, the gates run on it, and the base branch moves
//! to it by compare-and-swap. A base that moved meanwhile is a new round with new gates.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use convoy_core::command::Observed;
use convoy_core::convoy::MergeStrategy;
use convoy_core::effect::Effect;
use convoy_core::issue::GateResult;
use convoy_core::worker::{MergeBlock, MergeOutcome};

use super::job::Merge as Job;
use super::prepare::base_branch;
use super::prove::{self, For, Proof};
use super::request;
use crate::crash;
use crate::explain;
use crate::forge;
use crate::gates;
use crate::git::{self, Advance, Identity, Merge, Message, Obstacle, Oid, Repo};
use crate::world::World;

/// Nothing is seen of a merge that was not wanted any more before its branch moved: it did not take place.
pub(super) fn run(world: &Arc<World>, effect: &Effect, job: &Job) -> Option<Observed> {
    let outcome = match merge(world, effect, job) {
        Ok(outcome) => outcome?,
        Err(error) => error.outcome(),
    };
    Some(Observed::Merge { worker: job.worker.clone(), epoch: job.epoch, round: job.round, outcome })
}

/// How many conflicting files are named.
const FILES_MAX: usize = 50;
/// How many commits are named that changed them.
const THEIRS_MAX: usize = 20;

/// What can go wrong that has nothing to do with the work.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    #[error(transparent)]
    Git(#[from] git::Error),
    #[error(transparent)]
    Gate(#[from] gates::Error),
    #[error(transparent)]
    Forge(#[from] forge::Error),
    #[error("{0}")]
    Config(String),
}

impl Error {
    pub(super) fn outcome(&self) -> MergeOutcome {
        match self {
            Self::Forge(error @ forge::Error::Missing) => MergeOutcome::Unable { why: explain(error) },
            other => MergeOutcome::Broken { error: explain(other) },
        }
    }
}

fn merge(world: &Arc<World>, effect: &Effect, job: &Job) -> Result<Option<MergeOutcome>, Error> {
    let repo = Repo::open_at(&world.git, &job.place.repository)?;
    let tip = Oid::new(&job.tip)?;
    match job.strategy {
        MergeStrategy::Local => Ok(match prove(world, effect, job, &repo, &tip)? {
            Proof::Passed(gates) => Some(MergeOutcome::Landed { merge_commit: None, gates }),
            Proof::Failed(gates, output) => Some(MergeOutcome::GateFailed { gates, output }),
            Proof::Unwanted => None,
        }),
        MergeStrategy::Pr => {
            forge::find(&world.env)?;
            candidate(world, effect, job, &repo, |_, _, gates| {
                Ok(MergeOutcome::Requested(request::make(world, job, &repo, &tip, gates)?))
            })
        }
        // A queue's branches land by `batch`.
        MergeStrategy::Direct | MergeStrategy::Queue => {
            candidate(world, effect, job, &repo, |base, commit, gates| {
                let branch = base_branch(&repo, &job.place)?;
                crash::point("merge:before");
                let advanced = git::advance(&repo, &branch, base, commit)?;
                crash::point("merge:after");
                let landed = MergeOutcome::Landed { merge_commit: Some(commit.to_string()), gates };
                Ok(moved_to(advanced).unwrap_or(landed))
            })
        }
    }
}

/// Merges the branch into what the base branch is, has the gates pass on that, and lands it if it is still wanted.
fn candidate(
    world: &Arc<World>,
    effect: &Effect,
    job: &Job,
    repo: &Repo,
    land: impl FnOnce(Option<&Oid>, &Oid, Vec<GateResult>) -> Result<MergeOutcome, Error>,
) -> Result<Option<MergeOutcome>, Error> {
    let (branch, tip) = (base_branch(repo, &job.place)?, Oid::new(&job.tip)?);
    let (who, message) = (identity()?, message(job)?);
    let (base, commit) = match world.git_permits.with(|| git::prepare(repo, &branch, &tip, &who, &message))? {
        Merge::Prepared { base, commit } => (base, commit),
        // An engine that died after the merge and before it was in the log: its gates had passed.
        Merge::AlreadyMerged { commit } => {
            let merge_commit = Some(commit.to_string());
            return Ok(Some(MergeOutcome::Landed { merge_commit, gates: Vec::new() }));
        }
        Merge::Conflict { base, files } => return conflict(repo, &tip, &base, &files).map(Some),
    };
    let gates = match prove(world, effect, job, repo, &commit)? {
        Proof::Passed(gates) => gates,
        Proof::Failed(gates, output) => return Ok(Some(MergeOutcome::GateFailed { gates, output })),
        Proof::Unwanted => return Ok(None),
    };
    // Nobody stopped the worker or closed its issue while the gates ran, and no other merge comes first now.
    if !world.wanted.has(effect) {
        return Ok(None);
    }
    land(base.as_ref(), &commit, gates).map(Some)
}

fn prove(world: &World, effect: &Effect, job: &Job, repo: &Repo, commit: &Oid) -> Result<Proof, Error> {
    let of = For { effect, epoch: job.epoch, rig: &job.place.rig, worker: &job.worker, issue: &job.issue };
    prove::run(world, &of, repo, commit)
}

/// Who makes merge commits.
pub(super) fn identity() -> git::Result<Identity> {
    Identity::new("Convoy", "convoy@convoy.invalid")
}

/// The message of the commit that lands a branch.
pub(super) fn message(job: &Job) -> git::Result<Message> {
    let message = Message::new(&format!("Merge {}: {}", job.issue, job.title))
        .trailer("Convoy-Issue", job.issue.as_str())?
        .trailer("Convoy-Session", job.session.as_str())?;
    match &job.convoy {
        Some(convoy) => message.trailer("Convoy-Convoy", convoy.as_str()),
        None => Ok(message),
    }
}

/// Files as they are named to people and agents.
pub(super) fn named(files: &[PathBuf]) -> Vec<String> {
    files.iter().take(FILES_MAX).map(|file| file.display().to_string()).collect()
}

/// What the worker needs to know of a conflict with the base branch.
pub(super) fn conflict(repo: &Repo, tip: &Oid, base: &Oid, files: &[PathBuf]) -> Result<MergeOutcome, Error> {
    let theirs = git::changes_to(repo, files, tip, base, THEIRS_MAX)?;
    Ok(MergeOutcome::Conflict { files: named(files), theirs })
}

/// What came of moving a branch, unless it moved.
pub(super) fn moved_to(advanced: Advance) -> Option<MergeOutcome> {
    match advanced {
        Advance::Advanced | Advance::AlreadyMerged => None,
        Advance::Moved { now } => {
            Some(MergeOutcome::Moved { now: now.map_or_else(|| "nothing".to_owned(), |oid| oid.to_string()) })
        }
        Advance::Blocked { why, checkout } => Some(MergeOutcome::Blocked(block(why, checkout.as_deref()))),
    }
}

fn block(why: Obstacle, checkout: Option<&Path>) -> MergeBlock {
    let place = checkout.map(|path| format!(" in {}", path.display())).unwrap_or_default();
    match why {
        Obstacle::Files(files) => {
            MergeBlock { why: format!("local changes{place} would be overwritten"), files }
        }
        Obstacle::InProgress(what) => {
            MergeBlock { why: format!("a {what} is under way{place}"), files: Vec::new() }
        }
        Obstacle::Lock(path) => MergeBlock {
            why: format!("another git holds a lock{place}"),
            files: vec![path.display().to_string()],
        },
        Obstacle::Refused(text) => {
            MergeBlock { why: format!("git refused{place}: {text}"), files: Vec::new() }
        }
    }
}
