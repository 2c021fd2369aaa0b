//! The checkout that a role reads: detached at the commit of its run, pinned while it is there, and closed to everybody.

use convoy_core::id::SessionId;
use convoy_core::session::Workdir;

use super::super::job::Prepare;
use super::super::role::Role;
use crate::git::workdir::{self, Base, Request};
use crate::git::{Identity, Key, Oid, Repo, Result};
use crate::world::World;

/// Makes it. One that is there was never worked in, or is that of an attempt to make it that was cut short.
pub(in crate::executor) fn prepare(world: &World, job: &Prepare, role: &Role) -> Result<Workdir> {
    let repo = Repo::open_at(&world.git, &job.place.repository)?;
    let key = Key::new(job.session.as_str())?;
    let base = match &role.run.commit {
        Some(commit) => Base::Commit(Oid::new(commit)?),
        None => Base::Unborn,
    };
    if let Base::Commit(commit) = &base
        && world.workdirs.workdir(&key).exists()
    {
        workdir::remove_closed(&repo, &world.workdirs, key.clone(), commit.clone())?;
    }
    let request = Request {
        key,
        base,
        base_branch: None,
        branch: None,
        onto: None,
        continue_from: None,
        wip: None,
        identity: Identity::new("Convoy", "convoy@convoy.invalid")?,
    };
    let made = workdir::create(&repo, &world.workdirs, &request)?;
    Ok(Workdir {
        path: made.path.to_string_lossy().into_owned(),
        // There is none: nothing of it lands.
        branch: String::new(),
        base: made.base.to_string(),
        onto: None,
    })
}

/// Takes the right to write in it from everybody, when all that a person wants there is there.
pub(in crate::executor) fn close(world: &World, session: &SessionId, made: &Workdir) -> Result<()> {
    let base = Oid::new(&made.base)?;
    workdir::close(&workdir::Workdir::at(&world.workdirs, Key::new(session.as_str())?, None, base))
}
