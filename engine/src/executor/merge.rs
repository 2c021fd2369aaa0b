//! The merger: gates on the merged tree, then the merge itself.
//!
//! What is tested is what lands: the merge commit is made first, the gates run on it, and the base branch moves
//! to it by compare-and-swap. A base that moved meanwhile is a new round with new gates.

use std::sync::PoisonError;

use convoy_core::command::Observed;
use convoy_core::convoy::MergeStrategy;
use convoy_core::effect::Effect;
use convoy_core::issue::GateResult;
use convoy_core::worker::{MergeBlock, MergeOutcome};

use super::job::Merge as Job;
use super::prepare::base_branch;
use crate::crash;
use crate::explain;
use crate::gates;
use crate::git::workdir::{self, Base, Request};
use crate::git::{self, Advance, Branch, Identity, Key, Merge, Message, Obstacle, Oid, Repo};
use crate::world::World;

/// Nothing is seen of a merge that was not wanted any more before its branch moved: it did not take place.
pub(super) fn run(world: &World, job: &Job) -> Option<Observed> {
    let outcome = match merge(world, job) {
        Ok(outcome) => outcome?,
        Err(error) => MergeOutcome::Broken { error: explain(&error) },
    };
    Some(Observed::Merge { worker: job.worker.clone(), epoch: job.epoch, round: job.round, outcome })
}

/// How many conflicting files are named.
const FILES_MAX: usize = 50;
/// What the keys of workdirs begin with in which gates run.
pub(super) const GATE_PREFIX: &str = "g-";

/// What can go wrong that has nothing to do with the work.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error(transparent)]
    Git(#[from] git::Error),
    #[error(transparent)]
    Gate(#[from] gates::Error),
    #[error("{0}")]
    Config(String),
}

fn merge(world: &World, job: &Job) -> Result<Option<MergeOutcome>, Error> {
    let repo = Repo::open_at(&world.git, &job.place.repository)?;
    let tip = Oid::new(&job.tip)?;
    match job.strategy {
        MergeStrategy::Local => Ok(Some(match run_gates(world, job, &repo, &tip)? {
            Ok(gates) => MergeOutcome::Landed { merge_commit: None, gates },
            Err(failed) => failed,
        })),
        MergeStrategy::Direct => direct(world, job, &repo, &tip),
    }
}

fn direct(world: &World, job: &Job, repo: &Repo, tip: &Oid) -> Result<Option<MergeOutcome>, Error> {
    let branch = base_branch(repo, &job.place)?;
    let who = Identity::new("Convoy", "convoy@convoy.invalid")?;
    let mut message = Message::new(&format!("Merge {}: {}", job.issue, job.title))
        .trailer("Convoy-Issue", job.issue.as_str())?
        .trailer("Convoy-Session", job.session.as_str())?;
    if let Some(convoy) = &job.convoy {
        message = message.trailer("Convoy-Convoy", convoy.as_str())?;
    }
    let (base, commit) = match world.git_permits.with(|| git::prepare(repo, &branch, tip, &who, &message))? {
        Merge::Prepared { base, commit } => (base, commit),
        // An engine that died after the merge and before it was in the log: its gates had passed.
        Merge::AlreadyMerged { commit } => {
            let merge_commit = Some(commit.to_string());
            return Ok(Some(MergeOutcome::Landed { merge_commit, gates: Vec::new() }));
        }
        Merge::Conflict { files, .. } => {
            let files = files.iter().take(FILES_MAX).map(|file| file.display().to_string()).collect();
            return Ok(Some(MergeOutcome::Conflict { files }));
        }
    };
    let gates = match run_gates(world, job, repo, &commit)? {
        Ok(gates) => gates,
        Err(failed) => return Ok(Some(failed)),
    };
    if !still_wanted(world, job) {
        return Ok(None);
    }
    crash::point("merge:before");
    let advanced = git::advance(repo, &branch, base.as_ref(), &commit)?;
    crash::point("merge:after");
    Ok(Some(match advanced {
        Advance::Advanced | Advance::AlreadyMerged => {
            MergeOutcome::Landed { merge_commit: Some(commit.to_string()), gates }
        }
        Advance::Moved { now } => {
            MergeOutcome::Moved { now: now.map_or_else(|| "nothing".to_owned(), |oid| oid.to_string()) }
        }
        Advance::Blocked { why, checkout } => MergeOutcome::Blocked(block(why, checkout.as_deref())),
    }))
}

/// Whether nobody stopped the worker or closed its issue while the gates ran, and no other merge comes first now.
fn still_wanted(world: &World, job: &Job) -> bool {
    let effect = Effect::Merge { worker: job.worker.clone(), epoch: job.epoch, round: job.round };
    world.merges.lock().unwrap_or_else(PoisonError::into_inner).contains(&effect)
}

fn block(why: Obstacle, checkout: Option<&std::path::Path>) -> MergeBlock {
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

/// Runs the gates on a commit, in a workdir of its own. The inner error is a gate that did not pass.
fn run_gates(
    world: &World,
    job: &Job,
    repo: &Repo,
    commit: &Oid,
) -> Result<Result<Vec<GateResult>, MergeOutcome>, Error> {
    let mut gates = world.settings().config.gates().map_err(|failure| Error::Config(failure.message))?;
    gates.retain(|gate| gate.is_for(&job.place.rig));
    if gates.is_empty() {
        return Ok(Ok(Vec::new()));
    }
    let key = format!("{GATE_PREFIX}{}-{}", job.session.as_str().trim_start_matches("s-"), commit.short());
    let request = Request {
        key: Key::new(key.clone())?,
        base: Base::Commit(commit.clone()),
        base_branch: None::<Branch>,
        branch: None,
        continue_from: None,
        identity: Identity::new("Convoy", "convoy@convoy.invalid")?,
    };
    let workdir = world.git_permits.with(|| workdir::create(repo, &world.workdirs, &request))?;
    let mut results = Vec::new();
    let mut failed = None;
    for gate in gates {
        let (result, output) =
            gates::run(world, &gate, &key, job.epoch, (&job.worker, &job.issue), &workdir.path)?;
        let passed = result.passed;
        results.push(result);
        if !passed {
            failed = Some(output);
            break;
        }
    }
    if let Err(error) = workdir::remove(repo, &world.workdirs, &workdir) {
        crate::world::note(&format!("gates of {}: {}", job.session, explain(&error)));
    }
    Ok(match failed {
        None => Ok(results),
        Some(output) => Err(MergeOutcome::GateFailed { gates: results, output }),
    })
}
