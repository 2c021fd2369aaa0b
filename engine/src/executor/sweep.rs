//! Session directories that the log does not know: the log's tail was lost, or an engine died between making
//! one and being told. Before anything is planned, nothing of them may run, nor of gates and hooks that an earlier
//! engine ran.

use std::cell::LazyCell;
use std::path::Path;

use convoy_core::id::SessionId;
use convoy_core::session::SessionState;
use convoy_core::state::State;
use rustix::process::Signal;

use super::prove::GATE_PREFIX;
use crate::explain;
use crate::git::workdir::{self, Workdir};
use crate::git::{self, Identity, Key, Message, Oid, Repo, Salvage};
use crate::rig::Repositories;
use crate::supervisor::files::SessionDir;
use crate::supervisor::launch::{Fenced, Probe, fence, probe, reap_leftovers};
use crate::workspace::Workspace;
use crate::world::{World, note};

/// How long an unknown session's supervisor may take to end its agent.
const END_WAIT: std::time::Duration = std::time::Duration::from_secs(30);

/// What is said of a session that runs and nobody knows.
const UNKNOWN: &str = "it is not in the log; it is stopped, its work is kept";

/// Ends whatever runs for unknown sessions, and what is left of gates of an earlier engine.
pub(crate) fn sweep(workspace: &Workspace, state: &State, world: &World) {
    // Mostly there is nothing to look for, and then no git runs.
    let repositories =
        Opened::new(Box::new(|| Repositories::open(&world.git, &world.settings().config, &world.workdirs)));
    for id in folders(&workspace.sessions_dir()) {
        let known = state.sessions.get(&id).is_some_and(|session| match session.state {
            // One that still wants its workdir was never launched by anybody who is in the log.
            SessionState::Wanted => false,
            SessionState::Starting { .. }
            | SessionState::Running { .. }
            | SessionState::Ended { .. }
            | SessionState::Over { .. } => true,
        });
        if !known {
            end(&workspace.sessions_dir(), &id, UNKNOWN);
            // Nothing else will ever look at its workdir, or one is made again in its place.
            match keep(world, &repositories, &id) {
                Ok(Salvage::Saved { reference, .. }) => {
                    note(&format!("session {id} is not in the log; its work is kept in {reference}"));
                }
                Ok(Salvage::Nothing) => {}
                Err(why) => note(&format!("work of session {id}: {why}")),
            }
        }
    }
    end_all(&workspace.gates_dir(), UNKNOWN);
    if let Err(error) = clear_gates(world, &repositories) {
        note(&format!("workdirs of gates: {}", explain(&error)));
    }
}

/// The repositories, opened when the first is needed.
type Opened<'a> = LazyCell<Repositories, Box<dyn FnOnce() -> Repositories + 'a>>;

/// Brings what a dead session did into the repository.
fn keep(world: &World, repositories: &Opened<'_>, id: &SessionId) -> Result<Salvage, String> {
    let key = Key::new(id.as_str()).map_err(|error| explain(&error))?;
    if !world.workdirs.workdir(&key).is_dir() {
        return Ok(Salvage::Nothing);
    }
    let (repo, base) = repositories.of(&key)?;
    save(world, repo, key, base.clone(), id).map_err(|error| explain(&error))
}

/// Brings what is in a workdir that the log knows nothing of into its repository.
pub(super) fn save(world: &World, repo: &Repo, key: Key, base: Oid, id: &SessionId) -> git::Result<Salvage> {
    let workdir = Workdir::at(&world.workdirs, key, None, base);
    let who = Identity::new("Convoy", "convoy@convoy.invalid")?;
    let message = Message::new(&format!("What session {id} did, which is not in the log"));
    git::salvage(repo, &world.workdirs, &workdir, &who, &message)
}

/// Removes workdirs in which gates ran: nothing that runs is in them now, and nothing in them is anybody's work.
fn clear_gates(world: &World, repositories: &Opened<'_>) -> git::Result<()> {
    for key in world.workdirs.keys()? {
        if key.as_str().starts_with(GATE_PREFIX)
            && let Ok((repo, base)) = repositories.of(&key)
        {
            let workdir = Workdir::at(&world.workdirs, key, None, base.clone());
            workdir::remove(repo, &world.workdirs, &workdir)?;
        }
    }
    Ok(())
}

fn folders(dir: &Path) -> Vec<SessionId> {
    let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
    entries.filter_map(|entry| SessionId::new(entry.file_name().to_str()?).ok()).collect()
}

/// Ends what runs in the workdir of a session before its agent does.
pub(super) fn end_commands(workspace: &Workspace, session: &SessionId) {
    let of_it = format!("{session}-");
    for id in folders(&workspace.gates_dir()).iter().filter(|id| id.as_str().starts_with(&of_it)) {
        end(&workspace.gates_dir(), id, UNKNOWN);
    }
}

/// Ends everything whose folders are in `parent`. The remark is for the engine's log if any of it lives.
pub(crate) fn end_all(parent: &Path, remark: &str) {
    for id in folders(parent) {
        end(parent, &id, remark);
    }
}

fn end(parent: &Path, id: &SessionId, remark: &str) {
    let dir = SessionDir::new(parent.join(id.as_str()));
    let epoch = dir.spec().map(|spec| spec.epoch);
    loop {
        match probe(&dir) {
            Ok(Probe::Ended(_)) => return,
            Ok(Probe::Live(mut client)) => {
                note(&format!("session {id}: {remark}"));
                let Ok(epoch) = epoch else { return };
                let _ = client.stop(epoch);
                let Ok(Some(record)) = dir.run_record() else { return };
                if !matches!(record.process.wait_end(END_WAIT), Ok(true)) {
                    let _ = record.process.signal(Signal::KILL);
                }
            }
            Ok(Probe::Dead(_)) => {
                let workdir = dir.spec().map(|spec| spec.workdir).unwrap_or_else(|_| dir.path().to_owned());
                if let Err(error) = reap_leftovers(id, &workdir) {
                    note(&format!("session {id}: {}", explain(&error)));
                }
                return;
            }
            Ok(Probe::NeverStarted) => match fence(&dir) {
                Ok(Fenced::Fenced) => return,
                Ok(Fenced::AlreadyStarted) => {}
                Err(error) => return note(&format!("session {id}: {}", explain(&error))),
            },
            Err(error) => return note(&format!("session {id}: {}", explain(&error))),
        }
    }
}
