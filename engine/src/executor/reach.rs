//! Repositories that cannot be used: told when an effect meets one, and when it is back.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use convoy_core::effect::Effect;
use convoy_core::id::RigName;

use super::job::Place;
use crate::explain;
use crate::git::Repo;
use crate::inbox::{Handle, RigSeen};
use crate::os::watch::Watcher;
use crate::tasks::{self, Kind};
use crate::world::{World, note};

/// How long a repository that is away is not looked for: the system does not tell of everything, a mount above all.
const LOOK_PAUSE: Duration = Duration::from_secs(60);

/// Tells the dispatcher if an effect failed because its repository cannot be used; whether that is so.
pub(super) fn tell(world: &World, handle: &Handle, effect: &Effect, place: &Place) -> bool {
    let Err(error) = Repo::open_at(&world.git, &place.repository) else { return false };
    let trouble = Some(explain(&error));
    let (rig, path) = (place.rig.clone(), place.repository.clone());
    handle.rig_seen(RigSeen { rig, path, trouble, effect: Some(effect.clone()) });
    true
}

/// Looks after a repository that is away, in a thread of its own, until it is back or not of this workspace any more.
pub(super) fn watch(world: &Arc<World>, handle: &Handle, rig: &RigName, path: &Path) -> bool {
    let (world, handle, rig, path) = (Arc::clone(world), handle.clone(), rig.clone(), path.to_owned());
    let started = tasks::start(Kind::Watch, move || look_out(&world, &handle, rig, path));
    if let Err(error) = &started {
        note(&format!("nobody looks out for repositories that are away: {error}"));
    }
    started.is_ok()
}

fn look_out(world: &World, handle: &Handle, rig: RigName, path: PathBuf) {
    loop {
        // Before the look, so that nothing falls between.
        let watcher = Watcher::new(watchable(&path));
        let listed = world.settings().config.rigs().get(&rig).is_some_and(|rig| rig.path == path);
        let trouble = Repo::open_at(&world.git, &path).err().map(|error| explain(&error));
        if !listed || trouble.is_none() {
            return handle.rig_seen(RigSeen { rig, path, trouble, effect: None });
        }
        match watcher.and_then(|watcher| watcher.wait_for(LOOK_PAUSE)) {
            Ok(_) => {}
            Err(_) => std::thread::park_timeout(LOOK_PAUSE),
        }
    }
}

/// The folders in which it shows that a repository comes back: itself, and what is left of the way to it.
fn watchable(path: &Path) -> Vec<PathBuf> {
    let there = path.ancestors().find(|dir| dir.is_dir());
    let candidates = [Some(path.join(".git")), Some(path.to_owned()), there.map(Path::to_owned)];
    let above = there.and_then(Path::parent).map(Path::to_owned);
    let mut dirs: Vec<PathBuf> = candidates.into_iter().flatten().chain(above).collect();
    dirs.retain(|dir| dir.read_dir().is_ok());
    dirs.dedup();
    dirs
}
