//! The doctor: what is missing, damaged or stale, and how to mend it.

mod outbox;

use std::collections::BTreeSet;

use convoy_api::{Answer, Code, Failure, Query, Service};
use convoy_core::convoy::MergeStrategy;
use convoy_core::id::Seq;
use serde::{Deserialize, Serialize};

use crate::agent::Check;
use crate::config::Config;
use crate::door;
use crate::engine::presets;
use crate::explain;
use crate::git::{Git, Repo};
use crate::housekeeping::{Housekeeper, sessions};
use crate::os::confine::{self, Confinement};
use crate::os::process;
use crate::os::spawn::Environment;
use crate::runtime::Runtime;
use crate::runtime::tmux::{INSTALL, Tmux};
use crate::settings;
use crate::supervisor::MARK;
use crate::workspace::Workspace;

/// How many events are verified at a time.
const PAGE: usize = 5000;

/// How something is.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Health {
    /// As it should be.
    Ok,
    /// Worth knowing; nothing is wrong.
    Warning,
    /// To be mended.
    Error,
}

/// One thing that was looked at.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Finding {
    /// What.
    pub check: String,
    /// How it is.
    pub health: Health,
    /// What was found.
    pub detail: String,
    /// What would mend it.
    pub fix: Option<String>,
}

/// What the doctor found.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Report {
    /// The worst of the findings.
    pub health: Health,
    /// In the order of the checks.
    pub findings: Vec<Finding>,
    /// What `--fix` did.
    pub fixed: Vec<String>,
}

struct Doctor<'a> {
    workspace: &'a Workspace,
    env: &'a Environment,
    findings: Vec<Finding>,
    fixed: Vec<String>,
    fix: bool,
}

/// Looks at everything; with `fix`, mends what can be mended without losing anything.
pub fn examine(workspace: &Workspace, env: &Environment, fix: bool) -> Report {
    let mut doctor = Doctor { workspace, env, findings: Vec::new(), fixed: Vec::new(), fix };
    doctor.look();
    let health = doctor.findings.iter().map(|finding| finding.health).max().unwrap_or(Health::Ok);
    Report { health, findings: doctor.findings, fixed: doctor.fixed }
}

/// What work needs and has not, of what can be told at once: programs and repositories.
pub fn quick(workspace: &Workspace, env: &Environment, config: &Config) -> Vec<Finding> {
    let mut doctor = Doctor { workspace, env, findings: Vec::new(), fixed: Vec::new(), fix: false };
    doctor.agents(config);
    doctor.runtimes(config);
    doctor.repositories(config);
    doctor.forge(config);
    // That an agent runs unsandboxed is as it was set up, and is said with every one of its workers.
    doctor.findings.retain(|finding| match finding.health {
        Health::Ok => false,
        Health::Warning => finding.fix.is_some(),
        Health::Error => true,
    });
    doctor.findings
}

impl Doctor<'_> {
    fn say(&mut self, check: &str, health: Health, detail: impl Into<String>, fix: Option<&str>) {
        self.findings.push(Finding {
            check: check.to_owned(),
            health,
            detail: detail.into(),
            fix: fix.map(str::to_owned),
        });
    }

    fn failed(&mut self, check: &str, failure: &Failure) {
        self.say(check, Health::Error, failure.message.clone(), failure.hint.as_deref());
    }

    fn look(&mut self) {
        match Git::new(self.env) {
            Ok(git) => {
                let crate::git::Version(major, minor) = git.version();
                self.say("git", Health::Ok, format!("git {major}.{minor}"), None);
            }
            Err(error) => self.say("git", Health::Error, explain(&error), Some("install git 2.38 or later")),
        }
        // All that an engine asks of it, so that what one refuses to take up is found here.
        let config = match settings::load(self.workspace, self.env) {
            Ok(loaded) => loaded.settings.config,
            Err(failure) => {
                self.failed("configuration", &failure);
                if crate::reach::remote(self.workspace).is_some() {
                    let detail = "the engine that runs goes by the last one that was accepted";
                    self.say("engine", Health::Warning, detail, None);
                }
                return;
            }
        };
        self.say("configuration", Health::Ok, self.workspace.config_file().display().to_string(), None);
        self.agents(&config);
        self.routes(&config);
        self.runtimes(&config);
        self.repositories(&config);
        self.forge(&config);
        self.mend_snapshot();
        let door = match door::open(self.workspace, self.env) {
            Ok(door) => door,
            Err(failure) => {
                let damaged = failure.code == Code::Corrupt;
                self.failed("log", &failure);
                if damaged {
                    let detail = "nothing was changed, and nothing is started from a log with a hole in it; \
                                  branches, workdirs and outputs are not touched";
                    let fix = "restore log.db, log.db-wal and log.ack in .convoy/state from a backup, all three of \
                               the same moment; or move .convoy/state away and begin with an empty log";
                    self.say("log", Health::Warning, detail, Some(fix));
                }
                return;
            }
        };
        let up = if door.is_remote() { "it runs" } else { "it does not run" };
        self.say("engine", Health::Ok, up, None);
        self.verify(&door);
        self.leftovers(&door);
        self.trackers(&door);
        self.attention(&door);
        self.undelivered(&door);
        // The command's own engine has nothing to hand over here.
        drop(door);
    }

    fn trackers(&mut self, service: &dyn Service) {
        let trackers = match service.ask(Query::Trackers) {
            Ok(Answer::Trackers { trackers }) => trackers,
            Ok(_) => return,
            Err(failure) => return self.failed("tracker", &failure),
        };
        for tracker in trackers {
            let rig = &tracker.rig;
            match (&tracker.why, tracker.refused.first()) {
                (Some(why), _) => {
                    let detail = format!("{rig}: it cannot be read, and its issues are unknown: {why}");
                    self.say("tracker", Health::Error, detail, Some("convoy tracker status"));
                }
                (None, Some(refused)) => {
                    let (id, error) = (&refused.issue_id, &refused.error);
                    let detail = format!("{rig}: it was not told of {id}: {error}");
                    self.say("tracker", Health::Warning, detail, Some("convoy tracker status"));
                }
                (None, None) => {
                    let version = tracker.version.as_deref().unwrap_or("of a version not asked for yet");
                    self.say("tracker", Health::Ok, format!("{rig}: bd {version}"), None);
                }
            }
        }
    }

    fn confinement(&mut self) {
        let (health, detail) = match confine::support() {
            Confinement::Full => (Health::Ok, "roles of templates can write only in their own folders"),
            Confinement::Partial => (
                Health::Ok,
                "roles of templates can write only in their own folders; an older kernel does not keep all of it",
            ),
            Confinement::None => (
                Health::Warning,
                "this kernel has no Landlock: roles of templates run unsandboxed, with your rights",
            ),
        };
        self.say("confinement", health, detail, None);
    }

    fn agents(&mut self, config: &Config) {
        let presets = match presets(config) {
            Ok(presets) => presets,
            Err(failure) => return self.failed("agents", &failure),
        };
        self.confinement();
        let wanted = config.text("defaults.agent").ok().flatten().unwrap_or_default().to_owned();
        for preset in presets.iter() {
            let default = preset.name == wanted;
            match preset.check(self.env) {
                Check::Installed { path, version } => {
                    let version = version.map(|version| format!(" ({version})")).unwrap_or_default();
                    let sandbox = if preset.sandboxed() { "" } else { "; it runs unsandboxed" };
                    let detail = format!("{}: {}{version}{sandbox}", preset.name, path.display());
                    self.say(
                        "agent",
                        if preset.sandboxed() { Health::Ok } else { Health::Warning },
                        detail,
                        None,
                    );
                }
                Check::NotInstalled { program } if default => {
                    let detail =
                        format!("{}: the default agent's program {program:?} is not installed", preset.name);
                    self.say(
                        "agent",
                        Health::Warning,
                        detail,
                        Some("install it, or set defaults.agent to another"),
                    );
                }
                Check::NoCommand if default => {
                    let fix = format!("set agents.{}.command", preset.name);
                    self.say(
                        "agent",
                        Health::Warning,
                        format!("{}: the default agent has no command", preset.name),
                        Some(&fix),
                    );
                }
                Check::NotInstalled { .. } | Check::NoCommand => {}
            }
        }
    }

    fn runtimes(&mut self, config: &Config) {
        let hosted = |runtime| runtime == Some(Runtime::Tmux);
        let of_agents =
            presets(config).is_ok_and(|presets| presets.iter().any(|preset| hosted(preset.runtime)));
        if !of_agents && !hosted(config.runtime().ok()) {
            return;
        }
        match Tmux::find(self.workspace, self.env) {
            Ok(tmux) => self.say("runtime", Health::Ok, tmux.version(), None),
            Err(error) => {
                let detail = format!("agents are to run in tmux: {}", explain(&error));
                self.say("runtime", Health::Error, detail, Some(INSTALL));
            }
        }
    }

    fn repositories(&mut self, config: &Config) {
        let Ok(git) = Git::new(self.env) else { return };
        for (name, rig) in config.rigs() {
            let looked = Repo::open_at(&git, &rig.path).and_then(|repo| {
                let branch = repo.default_branch()?;
                if let Some(oid) = repo.resolve(&branch)? {
                    repo.refuse_unsupported(&oid)?;
                }
                Ok(branch)
            });
            match looked {
                Ok(branch) => {
                    let parked = if rig.parked { ", parked" } else { "" };
                    let path = rig.path.display();
                    let detail = format!("{name}: {path} on branch {}{parked}", branch.as_str());
                    self.say("rig", Health::Ok, detail, None);
                }
                Err(error) => {
                    let fix = format!("mend it, or: convoy rig remove {name}");
                    self.say("rig", Health::Error, format!("{name}: {}", explain(&error)), Some(&fix));
                }
            }
        }
    }

    fn forge(&mut self, config: &Config) {
        match crate::forge::find(self.env) {
            Ok(path) => self.say("forge", Health::Ok, format!("gh: {}", path.display()), None),
            Err(error) if matches!(config.strategy(), Ok(MergeStrategy::Pr)) => {
                self.say("forge", Health::Error, explain(&error), Some("install gh, then: gh auth login"));
            }
            // Only merge = "pr" needs it.
            Err(_) => {}
        }
    }

    /// A snapshot is only a cache; `--fix` drops it, and it is made again from the log.
    fn mend_snapshot(&mut self) {
        if self.fix && crate::reach::remote(self.workspace).is_none() {
            let snapshot = self.workspace.state_dir().join("snapshot");
            if std::fs::remove_file(&snapshot).is_ok() {
                self.fixed.push("dropped the snapshot; it is made again from the log".to_owned());
            }
            if std::fs::remove_file(self.workspace.socket()).is_ok() {
                self.fixed.push("removed the socket of an engine that is gone".to_owned());
            }
        }
    }

    /// Reads every event; each record is checked against the hash chain as it is read.
    fn verify(&mut self, service: &dyn Service) {
        let mut at = Seq(0);
        loop {
            match service.ask(Query::Events { after: at, limit: PAGE, kind: None }) {
                Ok(Answer::Events { events, seq }) => {
                    let mut expected = at.0;
                    for event in &events {
                        expected += 1;
                        if event.seq.0 != expected {
                            let detail = format!("event {expected} is missing");
                            return self.say("log", Health::Error, detail, None);
                        }
                    }
                    if events.is_empty() {
                        return self.say(
                            "log",
                            Health::Ok,
                            format!("{} events, whole and in order", at.0),
                            None,
                        );
                    }
                    at = seq;
                }
                Ok(_) => return self.say("log", Health::Error, "the engine answered another question", None),
                Err(failure) => return self.failed("log", &failure),
            }
        }
    }

    /// Workdirs, references and processes that belong to nothing that lives.
    fn leftovers(&mut self, service: &dyn Service) {
        let (keeper, known) = match (Housekeeper::new(self.workspace, self.env), sessions(service)) {
            (Ok(keeper), Ok(known)) => (keeper, known),
            (Err(failure), _) | (_, Err(failure)) => return self.failed("workdirs", &failure),
        };
        match keeper.list(service) {
            Ok(views) => {
                let unknown =
                    views.iter().filter(|view| view.unknown && !view.session_id.starts_with("g-")).count();
                let ended = views.iter().filter(|view| view.ended).count();
                let detail =
                    format!("{} workdirs, {ended} of ended work, {unknown} of no known session", views.len());
                let health = if unknown > 0 { Health::Warning } else { Health::Ok };
                self.say("workdirs", health, detail, (ended > 0).then_some("convoy workdir clean"));
            }
            Err(failure) => self.failed("workdirs", &failure),
        }
        let live: BTreeSet<&str> = known
            .values()
            .filter(|session| session.outcome.is_none())
            .map(|session| session.id.as_str())
            .collect();
        let mut stray = 0;
        for session in known.values().filter(|session| !live.contains(session.id.as_str())) {
            // Only sessions that ended a while ago and here; each look reads all of /proc, so only the latest are.
            if session.ended_at.is_some_and(|at| crate::clock::now().since(at).as_secs() < 3600) {
                stray += process::marked(MARK, session.id.as_str()).len();
            }
        }
        match stray {
            0 => self.say("processes", Health::Ok, "none without a live session", None),
            n => self.say(
                "processes",
                Health::Error,
                format!("{n} processes of ended sessions are alive"),
                None,
            ),
        }
    }

    fn attention(&mut self, service: &dyn Service) {
        if let Ok(Answer::Stranded { stranded }) = service.ask(Query::Stranded) {
            for convoy in stranded {
                let detail = format!("{} ({}): {}", convoy.convoy_id, convoy.category.name(), convoy.detail);
                self.say("stranded", Health::Warning, detail, Some(&convoy.command));
            }
        }
    }
}
