//! Workdirs and outputs of ended work: what there is, and what may go.
//!
//! Nothing is removed that is not kept elsewhere: what a workdir has beyond its branch is saved to
//! `refs/convoy/salvage/<session>` first, and git refuses the removal otherwise.

use std::cell::LazyCell;
use std::collections::BTreeMap;

use convoy_api::query::ConvoyFilter;
use convoy_api::{Answer, Code, Failure, Query, Service};
use convoy_core::id::{Epoch, IssueId, SessionId, WorkerId};
use convoy_core::time::{Span, Time};
use convoy_core::view::SessionView;
use serde::{Deserialize, Serialize};

use crate::clock;
use crate::config::{Config, Sources, When};
use crate::engine::{presets, workdirs_root};
use crate::explain;
use crate::git::workdir::{self, Root, Workdir};
use crate::git::{self, Branch, Git, Identity, Key, Message, Salvage};
use crate::hooks::{self, Host, Of};
use crate::os::spawn::Environment;
use crate::rig::Repositories;
use crate::supervisor::files::SessionDir;
use crate::workspace::Workspace;

/// A workdir on disk.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
pub struct WorkdirView {
    /// The session that it belongs to; for a gate's workdir, its key.
    pub session_id: String,
    /// What was worked on.
    pub issue_id: Option<IssueId>,
    /// By whom.
    pub worker_id: Option<WorkerId>,
    /// Where it is.
    pub path: String,
    /// Its branch.
    pub branch: Option<String>,
    /// Whether its session is over, so that it may go.
    pub ended: bool,
    /// Since when.
    pub ended_at: Option<Time>,
    /// The session is not in the log.
    pub unknown: bool,
}

/// What became of one workdir.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Cleaned {
    /// Whose.
    pub id: String,
    /// Whether it is gone.
    pub ok: bool,
    /// Whether this made it go.
    pub changed: bool,
    /// Where what was only there is kept now.
    pub salvaged: Option<String>,
    /// Why not.
    pub error: Option<String>,
}

/// The means to look after workdirs.
pub struct Housekeeper {
    workspace: Workspace,
    config: Config,
    git: Git,
    root: Root,
    /// What programs that are no agents may see.
    plain: BTreeMap<String, String>,
}

impl Housekeeper {
    /// Opens the workspace's folders.
    ///
    /// # Errors
    /// When the configuration is wrong, git is missing, or a folder cannot be read.
    pub fn new(workspace: &Workspace, env: &Environment) -> Result<Self, Failure> {
        let wrong = |error: git::Error| Failure::new(Code::Unavailable, explain(&error));
        let config = Config::load(workspace, env, &Sources::default())?;
        let root = Root::open(&workdirs_root(workspace, &config, env)?).map_err(wrong)?;
        let plain = hooks::plain(&presets(&config)?, env);
        Ok(Self { workspace: workspace.clone(), config, git: Git::new(env).map_err(wrong)?, root, plain })
    }

    /// All workdirs, oldest end first.
    ///
    /// # Errors
    /// When the folder cannot be read or the engine does not answer.
    pub fn list(&self, service: &dyn Service) -> Result<Vec<WorkdirView>, Failure> {
        let sessions = sessions(service)?;
        let keys = self.root.keys().map_err(|error| Failure::new(Code::Unavailable, explain(&error)))?;
        let mut views: Vec<WorkdirView> = keys
            .iter()
            .map(|key| {
                let session = sessions.get(key.as_str());
                WorkdirView {
                    session_id: key.as_str().to_owned(),
                    issue_id: session.and_then(|session| session.issue_id.clone()),
                    worker_id: session.and_then(|session| session.worker_id.clone()),
                    path: self.root.workdir(key).display().to_string(),
                    branch: session.and_then(|session| session.branch.clone()),
                    ended: session.is_some_and(|session| session.outcome.is_some()),
                    ended_at: session.and_then(|session| session.ended_at),
                    unknown: session.is_none(),
                }
            })
            .collect();
        views.sort_by_key(|view| (view.ended_at, view.session_id.clone()));
        Ok(views)
    }

    /// Removes workdirs of sessions that are over for longer than `older_than`, and with it their output.
    ///
    /// # Errors
    /// When they cannot be listed; what fails for one of them is said in its place.
    pub fn clean(
        &self,
        service: &dyn Service,
        older_than: Span,
        dry_run: bool,
    ) -> Result<Vec<Cleaned>, Failure> {
        let now = clock::now();
        let sessions = sessions(service)?;
        let mut cleaned = Vec::new();
        let repositories = LazyCell::new(|| Repositories::open(&self.git, &self.config, &self.root));
        for view in self.list(service)? {
            let old = view.ended_at.is_some_and(|at| at.plus(older_than) <= now);
            let Some(session) = sessions.get(view.session_id.as_str()).filter(|_| view.ended && old) else {
                continue;
            };
            let outcome = if dry_run { Ok(None) } else { self.remove(&repositories, session) };
            cleaned.push(match outcome {
                Ok(salvaged) => {
                    Cleaned { id: view.session_id, ok: true, changed: !dry_run, salvaged, error: None }
                }
                Err(error) => Cleaned {
                    id: view.session_id,
                    ok: false,
                    changed: false,
                    salvaged: None,
                    error: Some(error),
                },
            });
        }
        Ok(cleaned)
    }

    /// Saves what is only in a session's workdir, then removes it. Where it was saved to, if anything was.
    fn remove(&self, repositories: &Repositories, session: &SessionView) -> Result<Option<String>, String> {
        let explained = |error: git::Error| explain(&error);
        let key = Key::new(session.id.as_str()).map_err(explained)?;
        let Some(branch) = &session.branch else {
            // That of a role has none: what it gave is elsewhere, and its files are those of a commit.
            if session.workdir.is_some() {
                let (repo, base) = repositories.of(&key)?;
                workdir::remove_closed(repo, &self.root, key.clone(), base.clone()).map_err(explained)?;
            }
            return Ok(None);
        };
        // The base is in the specification of no one; it is pinned under the key while the workdir is there.
        let (repo, base) = repositories.of(&key)?;
        let branch = Branch::new(branch.clone()).map_err(explained)?;
        let workdir = Workdir::at(&self.root, key, Some(branch), base.clone());
        // Before saving, so that whatever it changes is kept as well; what the agent did is on its branch.
        self.before_remove(session, &workdir);
        let who = Identity::new("Convoy", "convoy@convoy.invalid").map_err(explained)?;
        let message = Message::new(&format!("What was left of session {}", session.id));
        let salvage = git::salvage(repo, &self.root, &workdir, &who, &message).map_err(explained)?;
        workdir::remove(repo, &self.root, &workdir).map_err(explained)?;
        Ok(match salvage {
            Salvage::Saved { reference, .. } => Some(reference),
            Salvage::Nothing => None,
        })
    }

    /// Runs the person's hook in a workdir that is about to go.
    fn before_remove(&self, session: &SessionView, workdir: &Workdir) {
        let (Some(worker), Some(issue), Ok(program)) =
            (&session.worker_id, &session.issue_id, std::env::current_exe())
        else {
            return;
        };
        if !workdir.path.is_dir() {
            return;
        }
        let host =
            Host { workspace: &self.workspace, config: &self.config, program, env: self.plain.clone() };
        let of = Of {
            session: &session.id,
            epoch: Epoch(session.epoch),
            worker,
            issue,
            convoy: None,
            workdir: &workdir.path,
        };
        hooks::run_noted(&host, When::BeforeRemove, &of);
    }

    /// Removes the outputs of sessions that are over for longer than their retention, and of gates as old. How many.
    ///
    /// # Errors
    /// When the engine does not answer.
    pub fn clean_outputs(&self, service: &dyn Service) -> Result<usize, Failure> {
        let keep = self.config.span("retention.logs")?;
        let now = clock::now();
        let mut removed = 0;
        for session in sessions(service)?.values() {
            let old = session.outcome.is_some() && session.ended_at.is_some_and(|at| at.plus(keep) <= now);
            let dir = self.workspace.sessions_dir().join(session.id.as_str());
            if old && dir.is_dir() && std::fs::remove_dir_all(&dir).is_ok() {
                removed += 1;
            }
        }
        for entry in std::fs::read_dir(self.workspace.gates_dir()).into_iter().flatten().flatten() {
            let exit = SessionDir::new(entry.path()).exit().ok().flatten();
            let old = exit.is_some_and(|exit| exit.ended_at.plus(keep) <= now);
            if old && std::fs::remove_dir_all(entry.path()).is_ok() {
                removed += 1;
            }
        }
        Ok(removed + self.clean_reports(service)?)
    }

    /// Removes the reports of template convoys that ended longer ago than they are kept. How many convoys' that were.
    /// What a template has written elsewhere is a person's.
    fn clean_reports(&self, service: &dyn Service) -> Result<usize, Failure> {
        let keep = self.config.span("retention.outputs")?;
        let entries: Vec<_> =
            std::fs::read_dir(self.workspace.outputs_dir()).into_iter().flatten().flatten().collect();
        if entries.is_empty() {
            return Ok(0);
        }
        let filter = ConvoyFilter { all: true, ..ConvoyFilter::default() };
        let Answer::Convoys { convoys, .. } = service.ask(Query::Convoys(filter))? else {
            return Err(Failure::new(Code::Unavailable, "the engine gave an answer to another question"));
        };
        let now = clock::now();
        let old = |name: &str| {
            let convoy = convoys.iter().find(|convoy| convoy.id.as_str() == name);
            convoy.and_then(|convoy| convoy.closed_at).is_some_and(|at| at.plus(keep) <= now)
        };
        let gone = entries.iter().filter(|entry| entry.file_name().to_str().is_some_and(old));
        Ok(gone.filter(|entry| std::fs::remove_dir_all(entry.path()).is_ok()).count())
    }

    /// How long workdirs of ended work are kept.
    ///
    /// # Errors
    /// When the configuration is wrong.
    pub fn retention(&self) -> Result<Span, Failure> {
        self.config.span("retention.workdirs")
    }
}

/// What a background engine does when it has come up: what is kept for longer than it should be goes.
pub(crate) fn tidy(workspace: &Workspace, env: &Environment, service: &dyn Service) {
    let cleaned = Housekeeper::new(workspace, env).and_then(|keeper| {
        let workdirs = keeper.clean(service, keeper.retention()?, false)?;
        Ok((workdirs, keeper.clean_outputs(service)?))
    });
    match cleaned {
        Ok((workdirs, outputs)) if !workdirs.is_empty() || outputs > 0 => {
            crate::world::note(&format!("removed {} old workdirs and {outputs} old outputs", workdirs.len()));
        }
        Ok(_) => {}
        Err(failure) => crate::world::note(&format!("housekeeping: {failure}")),
    }
}

/// All sessions that ever were, by id.
pub(crate) fn sessions(service: &dyn Service) -> Result<BTreeMap<SessionId, SessionView>, Failure> {
    match service.ask(Query::Sessions { all: true })? {
        Answer::Sessions { sessions } => {
            Ok(sessions.into_iter().map(|session| (session.id.clone(), session)).collect())
        }
        _ => Err(Failure::new(Code::Unavailable, "the engine gave an answer to another question")),
    }
}
