//! Making a checkpoint in git, and seeing whether anything changed since the last one.
//!
//! Nothing here waits for the agent, or makes it wait. What is there already, by the checkpoint's id, was made before a
//! crash, and is announced as it stands: so a checkpoint is in git if and only if it is announced, sooner or later.

use std::path::PathBuf;

use convoy_core::brief::for_next_attempt;
use convoy_core::checkpoint::Made;
use convoy_core::command::Observed;
use convoy_core::id::CheckpointId;
use convoy_core::view::{FileModified, StoredCheckpoint};

use super::job::{Checkpoint, Compare, Files, Supervise};
use crate::git::state::{self, Change, Put, StatePath, StateRef, Wip, Written};
use crate::git::workdir::Workdir;
use crate::git::{self, Branch, Key, Message, Oid, Repo};
use crate::world::{World, note};
use crate::{crash, explain};

/// How often it is tried when git fails for reasons of its own.
const TRIES_MAX: u32 = 3;
/// How many files a checkpoint names; it says how many there are.
const FILES_MAX: usize = 200;
/// How much of its prompt an attempt is told of what the last one had come to, in bytes.
const BRIEF_BYTES_MAX: usize = 4 * 1024;
/// The folder in the git directory of a checkout where a copy of its index is worked on.
const SCRATCH: &str = "convoy";

pub(super) fn run(world: &World, job: &Checkpoint) -> Observed {
    let checkpoint = job.stored.id.clone();
    let mut why = String::new();
    for _ in 0..TRIES_MAX {
        match world.git_permits.with(|| make(world, job)) {
            Ok(made) => return Observed::CheckpointMade { checkpoint, made },
            Err(error) => {
                why = explain(&error);
                note(&format!("checkpoint {checkpoint} of session {}: {why}", job.stored.session_id));
                if error.is_workdir_gone() {
                    break;
                }
            }
        }
    }
    Observed::CheckpointFailed { checkpoint, why }
}

fn make(world: &World, job: &Checkpoint) -> git::Result<Made> {
    let repo = Repo::open_at(&world.git, &job.place.repository)?;
    let on = StateRef::new(&repo);
    let path = StatePath::checkpoint(&job.stored.epic_id, job.stored.id.as_str())?;
    if let Some(made) = found(&on, &path, &job.stored)? {
        return Ok(made);
    }
    let message = Message::new(&format!("{} {}", job.stored.epic_id, job.stored.summary))
        .trailer("Convoy-Checkpoint", job.stored.id.as_str())?
        .trailer("Convoy-Session", job.stored.session_id.as_str())?;
    let wip = files(world, &repo, &job.files, &message)?;
    let stored = with_files(&repo, job, &wip)?;
    let mut content = serde_json::to_vec_pretty(&stored).unwrap_or_default();
    content.push(b'\n');
    let carries: Vec<Oid> = wip.carried().cloned().into_iter().collect();
    crash::point("checkpoint:before");
    let written = on.write(&[Change { path: path.clone(), put: Put::Once(content) }], &carries, &message)?;
    crash::point("checkpoint:after");
    match written {
        Written::Commit(commit) => Ok(made(&stored, &commit)),
        // Somebody else made it meanwhile: what is there is what is announced.
        Written::Already => match found(&on, &path, &stored)? {
            Some(made) => Ok(made),
            None => Err(git::Error::StateBusy { path: repo.common_dir.clone(), rounds: 1 }),
        },
    }
}

/// The checkpoint that is in git already.
fn found(on: &StateRef<'_>, path: &StatePath, wanted: &StoredCheckpoint) -> git::Result<Option<Made>> {
    let Some(content) = on.read_one(path)? else { return Ok(None) };
    let Some(tip) = on.tip()? else { return Ok(None) };
    // One that somebody changed into something else is there nevertheless.
    let stored = serde_json::from_slice::<StoredCheckpoint>(&content).ok();
    Ok(Some(made(stored.as_ref().unwrap_or(wanted), &tip)))
}

fn made(stored: &StoredCheckpoint, commit: &Oid) -> Made {
    Made {
        commit: commit.to_string(),
        git_commit: stored.git_commit.clone(),
        wip_commit: stored.wip_commit.clone(),
        files_changed: stored.context.files_modified_total,
        tree: stored.tree.clone(),
    }
}

/// The files of a session as they are.
fn files(world: &World, repo: &Repo, files: &Files, message: &Message) -> git::Result<Wip> {
    match files {
        Files::Checkout(path) => {
            let checkout = Repo::open_at(&world.git, path)?;
            let scratch = checkout.git_dir.join(SCRATCH);
            state::of_checkout(&checkout, &scratch, message, state::Dated::Now)
        }
        Files::Workdir(session, workdir) => {
            let mut at = Workdir::at(
                &world.workdirs,
                Key::new(session.as_str())?,
                Some(Branch::new(workdir.branch.clone())?),
                Oid::new(&workdir.base)?,
            );
            at.onto = workdir.onto.as_deref().map(Oid::new).transpose()?;
            state::of_workdir(repo, &world.workdirs, &at, message)
        }
        Files::Branch(workdir) => {
            let tip = repo.resolve(&Branch::new(workdir.branch.clone())?)?;
            let head = match tip {
                Some(tip) => tip,
                // It left nothing that had to be saved.
                None => Oid::new(&workdir.base)?,
            };
            let tree = Some(state::tree_of(repo, Some(&head))?);
            Ok(Wip { head: Some(head), commit: None, tree, nested: Vec::new(), unreadable: Vec::new() })
        }
    }
}

/// What the state says, with what git knows.
fn with_files(repo: &Repo, job: &Checkpoint, wip: &Wip) -> git::Result<StoredCheckpoint> {
    let mut stored = job.stored.clone();
    stored.git_commit = wip.head.as_ref().map(ToString::to_string);
    stored.wip_commit = wip.commit.as_ref().map(ToString::to_string);
    stored.tree = wip.tree.as_ref().map(ToString::to_string);
    let Some(tree) = &wip.tree else { return Ok(stored) };
    let begun = job.begun_at.as_deref().and_then(|text| Oid::new(text).ok());
    let since = |from: &Oid| state::differing(repo, from, tree, FILES_MAX);
    let (files, total) = match begun.as_ref().map(since) {
        Some(Ok(found)) => found,
        // What a session began with may not be here any more; what is checked out is.
        None | Some(Err(git::Error::Failed { .. })) => since(&state::tree_of(repo, wip.head.as_ref())?)?,
        Some(Err(error)) => return Err(error),
    };
    stored.context.files_modified_total = u32::try_from(total).unwrap_or(u32::MAX);
    let one = |file: state::Differing| FileModified {
        path: file.path,
        change: file.change.to_owned(),
        lines_added: file.lines.map(|(added, _)| added),
        lines_removed: file.lines.map(|(_, removed)| removed),
    };
    stored.context.files_modified = files.into_iter().map(one).collect();
    Ok(stored)
}

/// What the next attempt is to know of what the last one had come to; nothing if that cannot be read.
pub(super) fn brief(world: &World, job: &Supervise) -> String {
    let read = |(repository, folder, id): &(PathBuf, String, CheckpointId)| -> git::Result<Option<Vec<u8>>> {
        let repo = Repo::open_at(&world.git, repository)?;
        StateRef::new(&repo).read_one(&StatePath::checkpoint(folder, id.as_str())?)
    };
    let content = job.kept.as_ref().and_then(|kept| read(kept).ok().flatten());
    let stored = content.and_then(|content| serde_json::from_slice::<StoredCheckpoint>(&content).ok());
    stored.map(|stored| for_next_attempt(&stored, BRIEF_BYTES_MAX)).unwrap_or_default()
}

/// Whether anything of a session changed since its last checkpoint. Nothing is said if not, or if that cannot be seen:
/// the next look comes.
pub(super) fn compare(world: &World, job: &Compare) -> Option<Observed> {
    let changed = || Some(Observed::Changed { session: job.session.clone(), last: job.last });
    let Some(before) = job.tree.as_deref().filter(|_| !job.noted) else { return changed() };
    let look = || -> git::Result<Option<Oid>> {
        let repo = Repo::open_at(&world.git, &job.place.repository)?;
        Ok(files(world, &repo, &job.files, &Message::new("A look at a session"))?.tree)
    };
    match world.git_permits.with(look) {
        Ok(Some(tree)) if tree.as_str() == before => None,
        // A bare repository has no files that could change.
        Ok(None) => None,
        Ok(Some(_)) => changed(),
        Err(error) => {
            note(&format!("session {} cannot be looked at: {}", job.session, explain(&error)));
            None
        }
    }
}
