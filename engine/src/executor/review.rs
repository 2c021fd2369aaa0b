//! The review of a checkpoint while its session works, where the configuration asks for it.
//!
//! Who reviews, and how, is in `crate::review`. A branch is reviewed before it lands by a template convoy; see `gate`.

use std::sync::Arc;

use convoy_core::command::Observed;
use convoy_core::effect::Effect;

use super::job::Review as OfCheckpoint;
use super::merge::Error;
use crate::explain;
use crate::git::{Oid, Repo};
use crate::review::{self, Subject};
use crate::world::{World, note};

/// Reviews a checkpoint of a live session. What goes wrong with it is no reason to hold anything up: the next checkpoint
/// is looked at again, and so is the branch before it lands.
pub(super) fn checkpoint(world: &Arc<World>, effect: &Effect, job: &OfCheckpoint) -> Option<Observed> {
    let made = || -> Result<Option<convoy_core::review::Review>, Error> {
        let reviews =
            world.settings().config.reviewers().map_err(|failure| Error::Config(failure.message))?;
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
