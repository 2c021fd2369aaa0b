//! The merge queue: several branches, merged one upon the other, tested once, and landed by one compare-and-swap.
//!
//! What does not merge is told before any gate runs, and the rest is tried again without it. So what is tested is
//! always a whole batch as the state knows it, and it lands as that or not at all.

use std::sync::Arc;

use convoy_core::effect::Effect;
use convoy_core::issue::GateResult;
use convoy_core::worker::{Member, MergeOutcome};

use super::job::Merge as Job;
use super::merge::{self, Error};
use super::prepare::base_branch;
use super::prove::{self, For, Proof};
use crate::crash;
use crate::explain;
use crate::git::{self, Merge, Oid, Repo};
use crate::world::World;

/// Nothing is seen of a batch that was not wanted any more before its branch moved: it did not take place.
pub(super) fn run(world: &Arc<World>, effect: &Effect, jobs: &[Job]) -> Option<Tried> {
    match batch(world, effect, jobs) {
        Ok(tried) => tried,
        Err(error) => Some(all(jobs, &MergeOutcome::Broken { error: explain(&error) })),
    }
}

/// What came of each.
pub(super) type Tried = Vec<(Member, MergeOutcome)>;

fn member(job: &Job) -> Member {
    Member { worker: job.worker.clone(), epoch: job.epoch, round: job.round }
}

fn all(jobs: &[Job], outcome: &MergeOutcome) -> Tried {
    jobs.iter().map(|job| (member(job), outcome.clone())).collect()
}

fn batch(world: &Arc<World>, effect: &Effect, jobs: &[Job]) -> Result<Option<Tried>, Error> {
    let Some(first) = jobs.first() else { return Ok(None) };
    let repo = Repo::open_at(&world.git, &first.place.repository)?;
    let branch = base_branch(&repo, &first.place)?;
    let base = repo.resolve(&branch)?;
    let commits = match world.git_permits.with(|| chain(&repo, base.as_ref(), jobs))? {
        Chain::Whole(commits) => commits,
        Chain::Unfit(tried) => return Ok(Some(tried)),
    };
    let Some(candidate) = commits.last() else { return Ok(None) };
    let of =
        For { effect, epoch: first.epoch, rig: &first.place.rig, worker: &first.worker, issue: &first.issue };
    let gates = match prove::run(world, &of, &repo, candidate)? {
        Proof::Passed(gates) => gates,
        Proof::Failed(gates, output) => {
            return Ok(Some(all(jobs, &MergeOutcome::GateFailed { gates, output })));
        }
        Proof::Unwanted => return Ok(None),
    };
    if !world.wanted.has(effect) {
        return Ok(None);
    }
    crash::point("batch:before");
    let advanced = git::advance(&repo, &branch, base.as_ref(), candidate)?;
    crash::point("batch:after");
    Ok(Some(match merge::moved_to(advanced) {
        None => {
            jobs.iter().zip(&commits).map(|(job, commit)| (member(job), landed(commit, &gates))).collect()
        }
        Some(outcome) => all(jobs, &outcome),
    }))
}

fn landed(commit: &Oid, gates: &[GateResult]) -> MergeOutcome {
    MergeOutcome::Landed { merge_commit: Some(commit.to_string()), gates: gates.to_vec() }
}

enum Chain {
    /// The merge commit of each, one upon the other.
    Whole(Vec<Oid>),
    /// Those that cannot be part of it, and why.
    Unfit(Tried),
}

/// Merges one branch upon the other. Only objects are written.
fn chain(repo: &Repo, base: Option<&Oid>, jobs: &[Job]) -> Result<Chain, Error> {
    let (who, mut at) = (merge::identity()?, base.cloned());
    let (mut commits, mut unfit) = (Vec::new(), Vec::new());
    for job in jobs {
        let tip = Oid::new(&job.tip)?;
        let message = merge::message(job)?;
        match git::onto(repo, at.as_ref(), &tip, &who, &message)? {
            Merge::Prepared { commit, .. } => {
                at = Some(commit.clone());
                commits.push(commit);
            }
            Merge::AlreadyMerged { commit } => match base {
                // An engine that died after the merge and before it was in the log: its gates had passed.
                Some(base) if repo.is_ancestor(&tip, base)? => {
                    unfit.push((member(job), landed(&commit, &[])));
                }
                _ => commits.push(commit),
            },
            Merge::Conflict { base: upon, files } => {
                let alone = match base {
                    Some(base) if *base != upon => git::onto(repo, Some(base), &tip, &who, &message)?,
                    _ => Merge::Conflict { base: upon, files: files.clone() },
                };
                let outcome = match alone {
                    Merge::Conflict { base, files } => merge::conflict(repo, &tip, &base, &files)?,
                    Merge::Prepared { .. } | Merge::AlreadyMerged { .. } => {
                        MergeOutcome::SetAside { files: merge::named(&files) }
                    }
                };
                unfit.push((member(job), outcome));
            }
        }
    }
    Ok(if unfit.is_empty() { Chain::Whole(commits) } else { Chain::Unfit(unfit) })
}
