//! What a person's own session needs of the world: the checkout that it is in, what git has of its epic, and briefs.

use std::path::{Path, PathBuf};

use convoy_api::{Code, Failure};
use convoy_core::brief::{BRIEF_BYTES_MAX, Now, brief};
use convoy_core::command::Carried;
use convoy_core::id::{EpicName, RigName, SessionId, WorkerId};
use convoy_core::money::Money;
use convoy_core::view::{EpicView, StoredCheckpoint};

use crate::checkpoints::{Checkpoints, Found};
use crate::config::{Config, Sources};
use crate::explain;
use crate::git::{Git, Repo};
use crate::os::spawn::Environment;
use crate::workspace::Workspace;

/// Where a person works.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Checkout {
    /// The rig whose repository it is of.
    pub rig: RigName,
    /// Its top folder; of a bare repository, its git directory.
    pub path: String,
}

/// The checkout that a folder is in: a rig's own, or a linked worktree of a rig's repository.
///
/// # Errors
/// When the folder is in no repository of the workspace.
pub fn checkout(workspace: &Workspace, env: &Environment, dir: &Path) -> Result<Checkout, Failure> {
    let config = Config::load(workspace, env, &Sources::default())?;
    let git = Git::new(env).map_err(|error| Failure::new(Code::Unavailable, explain(&error)))?;
    let names = || config.rigs().keys().map(RigName::as_str).collect::<Vec<_>>().join(", ");
    let here = Repo::open(&git, dir).map_err(|error| {
        Failure::new(Code::Refused, format!("no repository is here: {}", explain(&error)))
            .hint(format!("go to a checkout of one of the rigs: {}", names()))
    })?;
    let real = |path: &Path| std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let common = real(&here.common_dir);
    let of = |path: &Path| Repo::open_at(&git, path).is_ok_and(|repo| real(&repo.common_dir) == common);
    let rig = config.rigs().iter().find(|(_, rig)| of(&rig.path)).map(|(name, _)| name.clone());
    let Some(rig) = rig else {
        let text = format!("the repository {} is no rig of this workspace", here.git_dir.display());
        return Err(Failure::new(Code::Refused, text).hint(format!("its rigs are: {}", names())));
    };
    let top = here.work_tree.as_ref().unwrap_or(&here.git_dir);
    let path = real(top).into_os_string().into_string().map_err(|_| {
        Failure::new(Code::Refused, "the path of this checkout is not Unicode, and cannot be recorded")
    })?;
    Ok(Checkout { rig, path })
}

/// What git has of an epic's checkpoints: those that could be read, the newest first.
///
/// # Errors
/// When git cannot be run.
pub fn stored(
    workspace: &Workspace,
    env: &Environment,
    epic: Option<&str>,
) -> Result<Vec<StoredCheckpoint>, Failure> {
    Ok(read(&Checkpoints::open(workspace, env)?.list(epic)?.found))
}

/// Those that are written as this version writes them, the newest first; anybody may have put anything there.
pub fn read(found: &[Found]) -> Vec<StoredCheckpoint> {
    let one = |found: &Found| {
        let mut value = serde_json::to_value(&found.stored).ok()?;
        // Its folder is its epic, whatever it says of itself.
        value["epic_id"] = found.folder.clone().into();
        serde_json::from_value(value).ok()
    };
    let mut stored: Vec<StoredCheckpoint> = found.iter().filter_map(one).collect();
    stored.sort_by_key(|stored| std::cmp::Reverse((stored.sequence, stored.timestamp)));
    stored
}

/// What a session that goes on is to take over, and the number that its checkpoints come after.
pub fn carried(stored: &[StoredCheckpoint]) -> (Option<Carried>, u64) {
    let sequence = stored.iter().map(|one| one.sequence).max().unwrap_or(0);
    // Of agents in the background nobody goes on here.
    let last = stored.iter().find(|one| one.context.worker_id.is_none());
    let number = stored.iter().filter(|one| one.context.worker_id.is_none()).map(|one| one.session_number);
    let number = number.max().unwrap_or(0);
    let amount = |money: &convoy_core::issue::MoneyView| Money::from_micros(money.micros.max(0));
    let spent = stored.iter().filter_map(|one| one.context.cumulative_cost.as_ref()).map(amount).max();
    let carried = last.map(|last| Carried {
        checkpoint: last.id.clone(),
        session: last.session_id.clone(),
        number,
        sequence: last.sequence,
        cumulative: spent.unwrap_or_default(),
        budget: last.context.budget.as_ref().map(amount).filter(|budget| budget.as_micros() > 0),
    });
    (carried, sequence)
}

/// The checkpoint that a brief for a person is made of: the newest of a person's session, other than this one.
pub fn latest<'a>(stored: &'a [StoredCheckpoint], not: Option<&SessionId>) -> Option<&'a StoredCheckpoint> {
    let mut own = stored.iter().filter(|one| Some(&one.session_id) != not);
    let person = own.clone().find(|one| one.context.worker_id.is_none());
    person.or_else(|| own.next())
}

/// The newest checkpoint of a worker's sessions.
pub fn latest_of<'a>(stored: &'a [StoredCheckpoint], worker: &WorkerId) -> Option<&'a StoredCheckpoint> {
    stored.iter().find(|one| one.context.worker_id.as_ref() == Some(worker))
}

/// The brief of a checkpoint, with what holds of its epic now.
pub fn brief_of(stored: &StoredCheckpoint, epic: Option<&EpicView>, number: Option<u32>) -> String {
    let now = Now {
        cumulative: epic.map(|epic| epic.cost.clone()),
        budget: epic.and_then(|epic| epic.budget.clone()),
        remaining: epic.and_then(|epic| epic.budget_remaining.clone()),
        number,
    };
    brief(stored, &now, BRIEF_BYTES_MAX)
}

/// Keeps the brief of a session in the workspace's state folder; where.
///
/// # Errors
/// When it cannot be written.
pub fn keep_brief(workspace: &Workspace, session: &SessionId, text: &str) -> Result<PathBuf, Failure> {
    let dir = workspace.state_dir().join("briefs");
    let path = dir.join(format!("{session}.md"));
    std::fs::create_dir_all(&dir).and_then(|()| std::fs::write(&path, text)).map_err(|error| {
        Failure::new(Code::Unavailable, format!("cannot write {}: {error}", path.display()))
    })?;
    Ok(path)
}

/// An epic's name, checked.
///
/// # Errors
/// When it is none.
pub fn epic_name(text: &str) -> Result<EpicName, Failure> {
    EpicName::new(text).map_err(|error| Failure::new(Code::Invalid, format!("--epic: {error}")))
}
