//! Waiting until what is in the way of a merge is gone from the checkout.
//!
//! The obstacle is looked at again after the watch has begun, so that nothing falls between: a person may have
//! committed while the merge was refused, or while no engine ran.

use convoy_core::command::Observed;

use super::job::WatchCheckout;
use super::prepare::base_branch;
use crate::explain;
use crate::git::{self, Repo};
use crate::os::watch::Watcher;
use crate::world::{World, note};

pub(super) fn run(world: &World, job: &WatchCheckout) -> Observed {
    if let Err(error) = wait(world, job) {
        // Without a watch the merge is tried once more, and then waits for the next engine.
        note(&format!("cannot watch {}: {error}", job.place.repository.display()));
    }
    Observed::CheckoutChanged { worker: job.worker.clone(), round: job.round }
}

fn wait(world: &World, job: &WatchCheckout) -> Result<(), String> {
    let repo = Repo::open_at(&world.git, &job.place.repository).map_err(|error| explain(&error))?;
    let branch = base_branch(&repo, &job.place).map_err(|error| explain(&error))?;
    let look = || git::look_again(&repo, &branch, &job.files).map_err(|error| explain(&error));
    let mut changed = false;
    loop {
        let watcher = Watcher::new(&look()?.folders).map_err(|error| error.to_string())?;
        match look()?.in_the_way {
            Some(true) => {}
            // Where a look does not tell, or tells the wrong thing, only a change leads to another try: each one
            // has the gates run again.
            Some(false) | None if changed || world.may_try_at_once(&job.session) => return Ok(()),
            Some(false) | None => {}
        }
        watcher.wait().map_err(|error| error.to_string())?;
        changed = true;
    }
}
