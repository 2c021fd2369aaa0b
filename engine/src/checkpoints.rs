//! Checkpoints as git has them: found, restored and removed in the repositories of a workspace, and brought to and from
//! other repositories.
//!
//! Only git is read, not the log: what came from another machine is there like what was made here. What stands in the
//! files may have been written by anybody, and by another version: what is not understood is kept as it is.

use std::path::{Path, PathBuf};

use convoy_api::{Code, Failure};
use convoy_core::id::RigName;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::config::{Config, Sources};
use crate::explain;
use crate::git::state::{self, Change, Entry, Put, Restore, StateRef};
use crate::git::{self, Branch, Git, Message, Oid, Repo};
use crate::os::spawn::Environment;
use crate::workspace::Workspace;

/// How many that fit are named when a reference fits several.
const NAMED_MAX: usize = 5;

/// A checkpoint, as its file has it.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Stored {
    /// Its id; the name of its file.
    pub id: String,
    /// Its epic; if it has none, what its folder is called after.
    pub epic_id: Option<String>,
    /// Of which session.
    pub session_id: Option<String>,
    /// That session's number within the epic.
    pub session_number: Option<u64>,
    /// Its place among those of its folder.
    pub sequence: u64,
    /// When it was made.
    pub timestamp: Option<String>,
    /// The commit that was checked out; none before the first.
    pub git_commit: Option<String>,
    /// The commit of all files as they were; none if nothing differs from `git_commit`.
    pub wip_commit: Option<String>,
    /// What was known of the work.
    pub context: Value,
    /// The work in a few words.
    pub summary: Option<String>,
    /// Why it was made.
    pub reason: Value,
    /// What else is in the file.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

/// A checkpoint, and where it was found.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Found {
    /// What its file says.
    #[serde(flatten)]
    pub stored: Stored,
    /// The rig whose repository has it.
    pub rig: RigName,
    /// The folder of its epic.
    pub folder: String,
    /// Its file on the reference.
    #[serde(skip)]
    entry: Entry,
}

/// Which checkpoints there are.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Listing {
    /// Those of each folder together, the newest first.
    pub found: Vec<Found>,
    /// Files that are no checkpoints, and repositories that cannot be read.
    pub troubles: Vec<String>,
}

/// What was restored.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Restored {
    /// Which.
    pub id: String,
    /// In which rig.
    pub rig: RigName,
    /// Where it is checked out.
    pub path: PathBuf,
    /// On which branch.
    pub branch: String,
    /// The commit that is checked out.
    pub git_commit: Option<String>,
    /// The commit whose files it has, as changes that are not committed.
    pub wip_commit: Option<String>,
}

/// What came of bringing one repository's reference to a remote and back.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Synced {
    /// Which rig's.
    pub rig: RigName,
    /// With which remote.
    pub remote: String,
    /// Whether both have the same now.
    pub ok: bool,
    /// Whether anything was changed, here or there.
    pub changed: bool,
    /// Where the reference is.
    pub commit: Option<String>,
    /// Files that are new or other here.
    pub received: usize,
    /// Files that are new or other there.
    pub sent: usize,
    /// Why not.
    pub error: Option<String>,
}

/// The repositories of a workspace.
pub struct Checkpoints {
    repositories: Vec<(RigName, Repo)>,
    /// Those that cannot be used, and why.
    closed: Vec<String>,
}

fn failed(error: &git::Error) -> Failure {
    let code = match error {
        git::Error::NoSuchCommit { .. } => Code::NotFound,
        git::Error::Exists { .. } | git::Error::BranchExists { .. } | git::Error::Unborn { .. } => {
            Code::Refused
        }
        git::Error::StateBusy { .. } | git::Error::StateLocked { .. } => Code::Conflict,
        _ => Code::Unavailable,
    };
    Failure::new(code, explain(error))
}

impl Checkpoints {
    /// Opens those that can be opened.
    ///
    /// # Errors
    /// When the configuration is wrong or git is missing.
    pub fn open(workspace: &Workspace, env: &Environment) -> Result<Self, Failure> {
        let config = Config::load(workspace, env, &Sources::default())?;
        let git = Git::new(env).map_err(|error| failed(&error))?;
        let mut all = Self { repositories: Vec::new(), closed: Vec::new() };
        for (name, rig) in config.rigs() {
            match Repo::open_at(&git, &rig.path) {
                Ok(repo) => {
                    // Two rigs may be checkouts of one repository, which has one reference.
                    if all.repositories.iter().all(|(_, other)| other.common_dir != repo.common_dir) {
                        all.repositories.push((name.clone(), repo));
                    }
                }
                Err(error) => all.closed.push(format!("rig {name}: {}", explain(&error))),
            }
        }
        Ok(all)
    }

    /// All of them, or those of one epic.
    ///
    /// # Errors
    /// When git cannot be run.
    pub fn list(&self, epic: Option<&str>) -> Result<Listing, Failure> {
        let mut listing = Listing { troubles: self.closed.clone(), ..Listing::default() };
        for (rig, repo) in &self.repositories {
            let state = StateRef::new(repo);
            let mut entries = state.list().map_err(|error| failed(&error))?;
            entries.retain(|entry| {
                entry.path.is_checkpoint() && epic.is_none_or(|epic| entry.path.epic() == epic)
            });
            let contents = state.read(&entries).map_err(|error| failed(&error))?;
            for (entry, content) in entries.into_iter().zip(contents) {
                match serde_json::from_slice::<Stored>(&content) {
                    Ok(mut stored) => {
                        // The name is what it was looked up by.
                        stored.id = entry.path.id().to_owned();
                        let (rig, folder) = (rig.clone(), entry.path.epic().to_owned());
                        listing.found.push(Found { stored, rig, folder, entry });
                    }
                    Err(error) => {
                        listing.troubles.push(format!("rig {rig}: {} is no checkpoint: {error}", entry.path));
                    }
                }
            }
        }
        listing.found.sort_by(|one, other| {
            let order = |found: &Found| (found.stored.sequence, found.stored.timestamp.clone());
            (&one.folder, order(other), &one.stored.id).cmp(&(&other.folder, order(one), &other.stored.id))
        });
        Ok(listing)
    }

    /// The one with this id, or the only one whose id begins so.
    ///
    /// # Errors
    /// `NotFound`, `Ambiguous`, or when git cannot be run.
    pub fn find(&self, id: &str) -> Result<Found, Failure> {
        let mut fits = self.list(None)?.found;
        fits.retain(|found| found.stored.id.starts_with(id));
        if let Some(exact) = fits.iter().position(|found| found.stored.id == id) {
            return Ok(fits.swap_remove(exact));
        }
        match fits.as_slice() {
            [_] => Ok(fits.swap_remove(0)),
            [] => Err(Failure::new(Code::NotFound, format!("there is no checkpoint {id:?}"))
                .hint("see which there are: convoy checkpoint list; those of others come with: convoy sync")),
            several => {
                let names: Vec<&str> = several.iter().take(NAMED_MAX).map(|f| f.stored.id.as_str()).collect();
                let text = format!("{id:?} fits {} checkpoints: {}", several.len(), names.join(", "));
                Err(Failure::new(Code::Ambiguous, text).hint("give more of the id"))
            }
        }
    }

    /// Checks a checkpoint out, in a place of its own and on a new branch.
    ///
    /// # Errors
    /// When something is there already, its commits are not here, or git cannot be run.
    pub fn restore(&self, id: &str, into: Option<&Path>, branch: Option<&str>) -> Result<Restored, Failure> {
        let found = self.find(id)?;
        let repo = self.repo(&found.rig)?;
        let Stored { id, git_commit, wip_commit, .. } = found.stored;
        let commit = |text: &Option<String>| text.as_deref().map(Oid::new).transpose();
        let damaged = |error| Failure::new(Code::Corrupt, format!("checkpoint {id}: {}", explain(&error)));
        let (head, wip) = (commit(&git_commit).map_err(damaged)?, commit(&wip_commit).map_err(damaged)?);
        let branch = branch.map_or_else(|| format!("restore/{id}"), str::to_owned);
        let branch = Branch::new(branch)
            .map_err(|error| Failure::new(Code::Invalid, format!("--branch: {}", explain(&error))))?;
        let into = std::path::absolute(into.map_or_else(|| beside(repo, &id), Path::to_owned))
            .map_err(|error| Failure::new(Code::Invalid, format!("the folder is none: {error}")))?;
        let wanted = Restore { head: head.as_ref(), wip: wip.as_ref(), into: &into, branch: &branch };
        state::restore(repo, &wanted).map_err(|error| {
            let failure = failed(&error);
            match error {
                git::Error::Exists { .. } => {
                    failure.hint(format!("name a new folder: convoy checkpoint restore {id} DIR"))
                }
                git::Error::BranchExists { .. } => failure.hint("name a new one: --branch NAME"),
                git::Error::NoSuchCommit { .. } => {
                    failure.hint("what it needs may be on another machine: run convoy sync there, then here")
                }
                _ => failure,
            }
        })?;
        let branch = branch.as_str().to_owned();
        Ok(Restored { id, rig: found.rig, path: into, branch, git_commit, wip_commit })
    }

    /// Removes a checkpoint's file. Earlier commits of the reference still have it.
    ///
    /// # Errors
    /// `NotFound`, `Ambiguous`, or when git cannot be run.
    pub fn delete(&self, id: &str) -> Result<Found, Failure> {
        let found = self.find(id)?;
        let change = Change { path: found.entry.path.clone(), put: Put::Gone };
        let message = Message::new(&format!("Checkpoint {} is deleted", found.stored.id));
        let state = StateRef::new(self.repo(&found.rig)?);
        // That somebody else was first comes to the same.
        let _ = state.write(&[change], &[], &message).map_err(|error| failed(&error))?;
        Ok(found)
    }

    /// Brings the reference of every repository that has this remote there and back. Instead of a remote's name an
    /// address may be given, if there is one repository.
    ///
    /// # Errors
    /// When none has it, or git cannot be run. What goes wrong with one repository does not keep the others.
    pub fn sync(&self, env: &Environment, remote: &str) -> Result<Vec<Synced>, Failure> {
        let mut having = Vec::new();
        for (rig, repo) in &self.repositories {
            if state::has_remote(repo, remote).map_err(|error| failed(&error))? {
                having.push((rig, repo));
            }
        }
        let address = remote.contains(['/', ':']);
        if having.is_empty() && address {
            match self.repositories.as_slice() {
                [(rig, repo)] => having.push((rig, repo)),
                _ => {
                    let text = format!("{remote:?} is an address, and there are several repositories");
                    return Err(Failure::new(Code::Invalid, text).hint("name a remote that they have"));
                }
            }
        }
        if having.is_empty() {
            let text = format!("no repository of this workspace has a remote called {remote:?}");
            return Err(Failure::new(Code::NotFound, text).hint(format!(
                "in the repository: git remote add {remote} URL; or give a path or an address"
            )));
        }
        Ok(having.into_iter().map(|(rig, repo)| synced(rig, repo, env, remote)).collect())
    }

    /// Repositories that cannot be used, and why.
    pub fn closed(&self) -> &[String] {
        &self.closed
    }

    fn repo(&self, rig: &RigName) -> Result<&Repo, Failure> {
        let repo = self.repositories.iter().find(|(name, _)| name == rig);
        let gone = || Failure::new(Code::NotFound, format!("there is no rig {rig}"));
        repo.map(|(_, repo)| repo).ok_or_else(gone)
    }
}

/// Where a checkpoint is restored if nobody says where: beside the repository.
fn beside(repo: &Repo, id: &str) -> PathBuf {
    let top = repo.work_tree.as_ref().unwrap_or(&repo.common_dir);
    let mut name = top.file_name().unwrap_or_default().to_owned();
    name.push(format!("-{id}"));
    top.with_file_name(name)
}

fn synced(rig: &RigName, repo: &Repo, env: &Environment, remote: &str) -> Synced {
    let mut row = Synced {
        rig: rig.clone(),
        remote: remote.to_owned(),
        ok: false,
        changed: false,
        commit: None,
        received: 0,
        sent: 0,
        error: None,
    };
    match state::sync(repo, env, remote) {
        Ok(done) => {
            row.ok = true;
            row.changed = done.pushed || done.received > 0;
            row.commit = done.tip.map(|tip| tip.to_string());
            (row.received, row.sent) = (done.received, done.sent);
        }
        Err(error) => row.error = Some(explain(&error)),
    }
    row
}
