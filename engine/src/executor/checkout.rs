//! Waiting until the checkout changes that is in the way of a merge.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use convoy_core::command::Observed;

use super::job::WatchCheckout;
use super::{World, note};
use crate::git::Repo;
use crate::os::watch;

pub(super) fn run(world: &World, job: &WatchCheckout) -> Observed {
    let mut dirs = BTreeSet::new();
    if let Ok(repo) = Repo::open(&world.git, &job.repository) {
        dirs.insert(repo.git_dir.clone());
        let tree = repo.work_tree.clone().unwrap_or_else(|| job.repository.clone());
        dirs.insert(tree.clone());
        dirs.extend(job.files.iter().map(|file| parent(&tree, Path::new(file))));
    }
    let dirs: Vec<PathBuf> = dirs.into_iter().filter(|dir| dir.is_dir()).collect();
    if let Err(error) = watch::changed(&dirs) {
        // Without a watch the merge is tried once more, and then waits for the next engine.
        note(&format!("cannot watch {}: {error}", job.repository.display()));
    }
    Observed::CheckoutChanged { worker: job.worker.clone(), round: job.round }
}

fn parent(tree: &Path, file: &Path) -> PathBuf {
    tree.join(file).parent().unwrap_or(tree).to_owned()
}
