//! The review of a change before it lands, and of a checkpoint while its session works, where the configuration asks for
//! them.
//!
//! That of a change is of a tip: one that reviewers found nothing grave in is not looked at again because the base branch moved or
//! its batch was split. Who reviews, and how, is in `crate::review`.

use std::sync::Arc;

use convoy_core::command::Observed;
use convoy_core::effect::Effect;
use convoy_core::worker::{Member, MergeOutcome};

use super::job::{Merge as Job, Review as OfCheckpoint};
use super::merge::Error;
use crate::config::OnFailure;
use crate::explain;
use crate::git::{Oid, Repo};
use crate::review::{self, Subject};
use crate::world::{World, note};

/// Tells what was seen before the merge has ended.
pub(super) type Tell<'a> = &'a mut dyn FnMut(Observed);

/// What follows from a review.
pub(super) enum Verdict {
    /// The merge goes on.
    GoOn,
    /// It goes back to its worker.
    Back(MergeOutcome),
    /// Nobody wants to know any more.
    Unwanted,
}

pub(super) fn run(
    world: &Arc<World>,
    effect: &Effect,
    job: &Job,
    repo: &Repo,
    base: Option<&Oid>,
    commit: &Oid,
    tell: Tell<'_>,
) -> Result<Verdict, Error> {
    let reviews = world.settings().config.reviews().map_err(|failure| Error::Config(failure.message))?;
    if !reviews.before_merge || job.reviewed {
        return Ok(Verdict::GoOn);
    }
    if !world.wanted.has(effect) {
        return Ok(Verdict::Unwanted);
    }
    let tip = Oid::new(&job.tip)?;
    let subject = Subject {
        worker: &job.worker,
        issue: &job.issue,
        epoch: job.epoch,
        title: &job.title,
        body: &job.body,
        base,
        commit,
        tip: &tip,
    };
    let Some(review) = review::review(world, effect, repo, &reviews, &subject)? else {
        return Ok(Verdict::Unwanted);
    };
    if review.blocking().next().is_some() {
        return Ok(Verdict::Back(MergeOutcome::Reviewed { review: Box::new(review) }));
    }
    if reviews.on_failure == OnFailure::Hold
        && let Some((role, why)) = review.missing().next()
    {
        return Err(review::Error::Failed { role: role.clone(), why: why.to_owned() }.into());
    }
    let member = Member { worker: job.worker.clone(), epoch: job.epoch, round: job.round };
    tell(Observed::Reviewed { member, review: Box::new(review) });
    Ok(Verdict::GoOn)
}

/// Reviews a checkpoint of a live session. What goes wrong with it is no reason to hold anything up: the next checkpoint
/// is looked at again, and so is the branch before it lands.
pub(super) fn checkpoint(world: &Arc<World>, effect: &Effect, job: &OfCheckpoint) -> Option<Observed> {
    let made = || -> Result<Option<convoy_core::review::Review>, Error> {
        let reviews = world.settings().config.reviews().map_err(|failure| Error::Config(failure.message))?;
        let repo = Repo::open_at(&world.git, &job.place.repository)?;
        let (base, commit) = (Oid::new(&job.base)?, Oid::new(&job.commit)?);
        let subject = Subject {
            worker: &job.worker,
            issue: &job.issue,
            epoch: job.epoch,
            title: &job.title,
            body: &job.body,
            base: Some(&base),
            commit: &commit,
            tip: &commit,
        };
        Ok(review::review(world, effect, &repo, &reviews, &subject)?)
    };
    match made() {
        Ok(review) => {
            let checkpoint = job.checkpoint.clone();
            review.map(|review| Observed::CheckpointReviewed { checkpoint, review: Box::new(review) })
        }
        Err(error) => {
            note(&format!("review of checkpoint {}: {}", job.checkpoint, explain(&error)));
            None
        }
    }
}
