//! What an attempt has changed: in its workdir while that is there, else as its branch, or what landed of it, has it.

use convoy_api::{Code, Failure};
use convoy_core::id::RigName;
use convoy_core::issue::Evidence;
use convoy_core::view::SessionView;

use crate::config::{Config, Sources};
use crate::engine::workdirs_root;
use crate::explain;
use crate::git::workdir::{Root, Workdir};
use crate::git::{self, Branch, Git, Key, Oid, Repo, SoFar, so_far};
use crate::os::spawn::Environment;
use crate::workspace::Workspace;

/// Where a change was read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Place {
    /// In the workdir, committed or not.
    Workdir,
    /// On its branch.
    Branch,
    /// In the commit by which it landed.
    Landed,
}

/// What an attempt has changed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ChangesView {
    /// Where that was read.
    pub place: Place,
    /// Since which commit.
    pub base: String,
    /// What.
    pub change: SoFar,
}

/// What an attempt has changed; nothing if it has not begun, or nothing is left to compare.
///
/// # Errors
/// When the configuration is wrong, or git cannot be run.
pub fn changes(
    workspace: &Workspace,
    env: &Environment,
    rig: &str,
    session: &SessionView,
    evidence: Option<&Evidence>,
) -> Result<Option<ChangesView>, Failure> {
    let config = Config::load(workspace, env, &Sources::default())?;
    let rig = RigName::new(rig).ok().and_then(|name| config.rigs().get(&name));
    let Some(rig) = rig else { return Ok(None) };
    let wrong = |error: git::Error| {
        Failure::new(
            Code::Unavailable,
            format!("what {} changed cannot be read: {}", session.id, explain(&error)),
        )
    };
    let root = workdirs_root(workspace, &config, env)?;
    find(env, &root, &rig.path, session, evidence).map_err(wrong)
}

fn find(
    env: &Environment,
    root: &std::path::Path,
    repository: &std::path::Path,
    session: &SessionView,
    evidence: Option<&Evidence>,
) -> git::Result<Option<ChangesView>> {
    let git = Git::new(env)?;
    let repo = Repo::open_at(&git, repository)?;
    let (root, key) = (Root::open(root)?, Key::new(session.id.as_str())?);
    let branch = session.branch.clone().map(Branch::new).transpose()?;
    let pinned = repo.pinned(&key)?;
    if let (Some(base), true) = (&pinned, root.workdir(&key).is_dir()) {
        let workdir = Workdir::at(&root, key, branch.clone(), base.clone());
        match so_far(&repo, &root, &workdir) {
            Ok(change) => {
                return Ok(Some(ChangesView { place: Place::Workdir, base: base.to_string(), change }));
            }
            // It went while it was looked at, or is no repository any more: what was saved of it is left.
            Err(error) if error.is_workdir_gone() => {}
            Err(error) => return Err(error),
        }
    }
    let landed = evidence.and_then(|evidence| evidence.merge_commit.as_deref()).map(Oid::new).transpose()?;
    if let Some(landed) = landed
        && let Some(base) = repo.parent(&landed)?
    {
        let change = repo.so_far(&base, &landed)?;
        return Ok(Some(ChangesView { place: Place::Landed, base: base.to_string(), change }));
    }
    let tip = branch.as_ref().map(|branch| repo.resolve(branch)).transpose()?.flatten();
    let (Some(base), Some(tip)) = (pinned, tip) else { return Ok(None) };
    let change = repo.so_far(&base, &tip)?;
    Ok(Some(ChangesView { place: Place::Branch, base: base.to_string(), change }))
}
