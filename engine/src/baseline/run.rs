//! Running a baseline.
//!
//! It runs on the files as they are in the checkout, in a workdir of its own: gates neither see nor change the
//! checkout itself. A run that died (its process was killed) is ended and cleared by the next one of the same rig.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use convoy_api::{Code, Failure};
use convoy_core::id::{Epoch, IssueId, RigName, SessionId, WorkerId};

use super::gate::{BaselineGate, detected, ordered};
use super::kept::Kept;
use super::report::{GateReport, Report, Verdict};
use crate::config::{Config, Gate, Sources, When};
use crate::engine::{presets, workdirs_root};
use crate::gates::{self, Ground, Ran};
use crate::git::workdir::{self, Base, Request, Root, Workdir};
use crate::git::{self, Git, Identity, Key, Message, Oid, Repo};
use crate::hooks::{self, Host, Of};
use crate::os::program;
use crate::os::spawn::Environment;
use crate::workspace::Workspace;
use crate::world::World;
use crate::{clock, executor, explain};

pub use crate::gates::Stops;

/// What the keys of workdirs begin with in which baselines run.
const PREFIX: &str = "b-";
/// Gates of a baseline belong to no attempt.
const EPOCH: Epoch = Epoch(0);
/// Where tools lie and keep what they have built or fetched. No secrets.
const TOOLCHAIN: [&str; 16] = [
    "CARGO_HOME",
    "CARGO_TARGET_DIR",
    "RUSTUP_HOME",
    "RUSTUP_TOOLCHAIN",
    "GOPATH",
    "GOCACHE",
    "GOMODCACHE",
    "GOROOT",
    "JAVA_HOME",
    "MAVEN_HOME",
    "GRADLE_USER_HOME",
    "UV_CACHE_DIR",
    "VIRTUAL_ENV",
    "PNPM_HOME",
    "NVM_DIR",
    "XDG_CACHE_HOME",
];
/// What says that nobody looks on: tools that would watch files or ask questions do not.
const UNATTENDED: [(&str, &str); 2] = [("CI", "true"), ("NO_COLOR", "1")];

/// How a baseline is run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Options {
    /// Whether a gate that passed on the same files counts as passed.
    pub cache: bool,
}

/// How far a baseline is.
#[derive(Debug)]
pub enum Progress<'a> {
    /// A gate begins.
    Begins {
        /// Which.
        name: &'a str,
        /// Its number, from 1.
        number: usize,
        /// Of so many.
        of: usize,
    },
    /// A gate has ended, or was not begun.
    Ended(&'a GateReport),
}

/// The means to run baselines in a workspace.
pub struct Baseline {
    workspace: Workspace,
    config: Config,
    git: Git,
    root: Root,
    program: PathBuf,
    path: Option<std::ffi::OsString>,
    /// What programs that are no agents may see.
    plain: BTreeMap<String, String>,
    /// The same, and where tools lie.
    env: BTreeMap<String, String>,
    stops: Arc<Stops>,
}

/// The environment of a repository's own checks.
fn for_checks(mut plain: BTreeMap<String, String>, ours: &Environment) -> BTreeMap<String, String> {
    let known = |name: &&str| ours.text(name).map(|value| ((*name).to_owned(), value.to_owned()));
    plain.extend(TOOLCHAIN.iter().filter_map(known));
    plain.extend(UNATTENDED.map(|(name, value)| (name.to_owned(), value.to_owned())));
    plain
}

/// The detected gates for a merge whose tree is in `folder`, of those whose programs are there.
pub(crate) fn gates_of_merge(
    world: &World,
    ground: &mut Ground<'_>,
    folder: &Path,
) -> Result<Vec<Gate>, Failure> {
    let timeout = world.settings().config.detected_timeout()?;
    ground.env = for_checks(std::mem::take(&mut ground.env), &world.env);
    let there = |gate: &BaselineGate| missing(gate, world.env.get("PATH")).is_none();
    Ok(detected(folder, timeout).into_iter().filter(there).map(|one| one.gate).collect())
}

/// A program that a gate needs and that is not there.
fn missing<'a>(gate: &'a BaselineGate, path: Option<&std::ffi::OsStr>) -> Option<&'a str> {
    gate.tools.iter().map(String::as_str).find(|tool| program::find(tool, path).is_none())
}

/// The files that gates run on.
struct Snapshot {
    /// What is checked out; none before the first commit.
    commit: Option<Oid>,
    /// The commit whose files they are; another than `commit` if something is not committed.
    files: Oid,
    tree: Oid,
}

impl Baseline {
    /// Opens the workspace's folders.
    ///
    /// # Errors
    /// When the configuration is wrong, git is missing, or a folder cannot be read.
    pub fn new(workspace: &Workspace, env: &Environment) -> Result<Self, Failure> {
        let config = Config::load(workspace, env, &Sources::default())?;
        let root =
            Root::open(&workdirs_root(workspace, &config, env)?).map_err(|error| unavailable(&error))?;
        let plain = hooks::plain(&presets(&config)?, env);
        let program = std::env::current_exe().map_err(|error| unavailable(&error))?;
        Ok(Self {
            workspace: workspace.clone(),
            git: Git::new(env).map_err(|error| unavailable(&error))?,
            env: for_checks(plain.clone(), env),
            path: env.get("PATH").map(ToOwned::to_owned),
            config,
            root,
            program,
            plain,
            stops: Arc::default(),
        })
    }

    /// The rig that is meant: the one of this name, else that of the workspace's own folder.
    ///
    /// # Errors
    /// When there is none of this name.
    pub fn rig(&self, name: Option<&str>) -> Result<RigName, Failure> {
        let Some(name) = name else { return Ok(self.config.home_rig().0.clone()) };
        self.config.rigs().get_key_value(name).map(|(name, _)| name.clone()).ok_or_else(|| {
            let known: Vec<&str> = self.config.rigs().keys().map(RigName::as_str).collect();
            let text = format!("there is no rig {name:?}; known are: {}", known.join(", "));
            Failure::new(Code::NotFound, text)
        })
    }

    /// By which a run is ended before its end.
    pub fn stops(&self) -> Arc<Stops> {
        Arc::clone(&self.stops)
    }

    /// The last report of a rig; without one, the gates that would run.
    ///
    /// # Errors
    /// When the rig or its configuration cannot be read.
    pub fn show(&self, rig: &RigName) -> Result<Report, Failure> {
        if let Some(report) = Kept::look(&self.workspace, rig).report().filter(|report| report.rig == *rig) {
            return Ok(report);
        }
        let repo = self.repository(rig)?;
        let folder = repo.work_tree.clone().unwrap_or_else(|| repo.git_dir.clone());
        let gates = self.gates(rig, &folder)?;
        let gates = gates.iter().map(|gate| GateReport::new(gate, Verdict::NotRun)).collect();
        Ok(Report {
            rig: rig.clone(),
            commit: None,
            tree: None,
            uncommitted: false,
            run_at: None,
            passed: None,
            gates,
        })
    }

    /// Runs the gates of a rig on the files in its checkout, and keeps the report.
    ///
    /// # Errors
    /// When the repository cannot be read, another baseline of the rig is under way, or it was stopped. That a gate
    /// does not pass is no error.
    pub fn run(
        &self,
        rig: &RigName,
        options: Options,
        progress: &mut dyn FnMut(&Progress<'_>),
    ) -> Result<Report, Failure> {
        let kept = Kept::take(&self.workspace, rig)?;
        let repo = self.repository(rig)?;
        self.clear(rig, &kept, &repo)?;
        let snapshot = self.snapshot(&repo, rig)?;
        let key = key_of(rig).map_err(|error| unavailable(&error))?;
        let workdir = self.make(&repo, &key, &snapshot.files)?;
        let ran = self.run_in(rig, options, &kept, &snapshot, &workdir, progress);
        if let Err(error) = workdir::remove(&repo, &self.root, &workdir) {
            crate::world::note(&format!("baseline of {rig}: {}", explain(&error)));
        }
        let report = ran?;
        kept.keep(&report).map_err(|error| unavailable(&error))?;
        Ok(report)
    }

    fn run_in(
        &self,
        rig: &RigName,
        options: Options,
        kept: &Kept,
        snapshot: &Snapshot,
        workdir: &Workdir,
        progress: &mut dyn FnMut(&Progress<'_>),
    ) -> Result<Report, Failure> {
        self.after_create(workdir)?;
        let gates = self.gates(rig, &workdir.path)?;
        let tree = snapshot.tree.as_str();
        let mut known: BTreeMap<&str, i64> = gates
            .iter()
            .filter(|_| options.cache)
            .filter_map(|gate| Some((gate.gate.name.as_str(), kept.passed(tree, gate)?)))
            .collect();
        // Nothing is set up for what will not run.
        let needed: BTreeSet<&str> = gates
            .iter()
            .filter(|gate| !known.contains_key(gate.gate.name.as_str()))
            .filter_map(|gate| gate.after.as_deref())
            .collect();
        known.retain(|name, _| !needed.contains(name));
        let ground = Ground {
            program: &self.program,
            runs: kept.runs(),
            env: self.env.clone(),
            stops: Some(&self.stops),
        };
        let mut reports: Vec<GateReport> = Vec::new();
        for (n, gate) in gates.iter().enumerate() {
            let name = gate.gate.name.as_str();
            let report = match (known.get(name), self.reason_to_skip(gate, &reports)) {
                (Some(duration), _) => GateReport {
                    cached: true,
                    duration_ms: Some(*duration),
                    ..GateReport::new(gate, Verdict::Passed)
                },
                (None, Some(why)) => {
                    GateReport { detail: Some(why), ..GateReport::new(gate, Verdict::Skipped) }
                }
                (None, None) => {
                    progress(&Progress::Begins { name, number: n + 1, of: gates.len() });
                    let report = self.try_one(&ground, gate, workdir)?;
                    if report.result == Verdict::Passed {
                        kept.remember(tree, gate, report.duration_ms.unwrap_or_default());
                    }
                    report
                }
            };
            progress(&Progress::Ended(&report));
            reports.push(report);
        }
        let passed = reports.iter().all(|report| report.result != Verdict::Failed);
        Ok(Report {
            rig: rig.clone(),
            commit: snapshot.commit.as_ref().map(Oid::to_string),
            tree: Some(snapshot.tree.to_string()),
            uncommitted: snapshot.commit.as_ref() != Some(&snapshot.files),
            run_at: Some(clock::now()),
            passed: Some(passed),
            gates: reports,
        })
    }

    fn reason_to_skip(&self, gate: &BaselineGate, before: &[GateReport]) -> Option<String> {
        if let Some(tool) = missing(gate, self.path.as_deref()) {
            return Some(format!("{tool} is not installed"));
        }
        let setup = before.iter().find(|report| gate.after.as_ref() == Some(&report.name))?;
        match setup.result {
            Verdict::Failed | Verdict::Skipped => Some(format!("{} did not pass", setup.name)),
            Verdict::Passed | Verdict::NotRun => None,
        }
    }

    fn try_one(
        &self,
        ground: &Ground<'_>,
        gate: &BaselineGate,
        workdir: &Workdir,
    ) -> Result<GateReport, Failure> {
        let (worker, issue) = nobody();
        let ran = gates::run(ground, &gate.gate, "baseline", EPOCH, (&worker, &issue), &workdir.path);
        match ran {
            Ok(Ran { result, output, timed_out }) => {
                let verdict = if result.passed { Verdict::Passed } else { Verdict::Failed };
                Ok(GateReport {
                    exit_code: result.code,
                    duration_ms: Some(result.duration.as_millis()),
                    detail: timed_out.then(|| format!("it ran longer than {}", gate.gate.timeout)),
                    output: (!result.passed).then_some(output),
                    ..GateReport::new(gate, verdict)
                })
            }
            Err(gates::Error::Interrupted) => Err(Failure::new(
                Code::Unavailable,
                "the baseline was interrupted; nothing of it runs any more",
            )),
            Err(error) => {
                Ok(GateReport { detail: Some(explain(&error)), ..GateReport::new(gate, Verdict::Failed) })
            }
        }
    }

    fn gates(&self, rig: &RigName, folder: &Path) -> Result<Vec<BaselineGate>, Failure> {
        Ok(ordered(&self.config.gates()?, rig, folder, self.config.detected_timeout()?))
    }

    fn repository(&self, rig: &RigName) -> Result<Repo, Failure> {
        let rig = self.config.rigs().get(rig).ok_or_else(|| {
            Failure::new(Code::NotFound, format!("there is no rig {rig} in the configuration"))
        })?;
        Repo::open_at(&self.git, &rig.path).map_err(|error| unavailable(&error))
    }

    /// The files as they are in the checkout, committed or not; of a repository without one, those of its commit.
    fn snapshot(&self, repo: &Repo, rig: &RigName) -> Result<Snapshot, Failure> {
        let scratch = self.root.path().join(".engine").join(format!("baseline-{rig}"));
        let message = Message::new("The files that a baseline runs on");
        let wip = git::state::of_checkout(repo, &scratch, &message, git::state::Dated::AsHead)
            .map_err(|error| unavailable(&error))?;
        let files = wip.commit.or_else(|| wip.head.clone()).ok_or_else(|| {
            let text =
                format!("rig {rig} has neither a commit nor files, so there is nothing to run gates on");
            Failure::new(Code::Refused, text).hint("commit something first")
        })?;
        let tree = match wip.tree {
            Some(tree) => tree,
            None => repo.tree_of(&files).map_err(|error| unavailable(&error))?,
        };
        Ok(Snapshot { commit: wip.head, files, tree })
    }

    /// As an agent's workdir is made ready: what the person includes, and their own hook.
    fn make(&self, repo: &Repo, key: &Key, files: &Oid) -> Result<Workdir, Failure> {
        let made = || -> git::Result<Workdir> {
            let request = Request {
                key: key.clone(),
                base: Base::Commit(files.clone()),
                base_branch: None,
                branch: None,
                onto: None,
                continue_from: None,
                wip: None,
                identity: Identity::new("Convoy", "convoy@convoy.invalid")?,
            };
            let workdir = workdir::create(repo, &self.root, &request)?;
            git::include(repo, &workdir)?;
            Ok(workdir)
        };
        made().map_err(|error| unavailable(&error))
    }

    fn after_create(&self, workdir: &Workdir) -> Result<(), Failure> {
        let host = Host {
            workspace: &self.workspace,
            config: &self.config,
            program: self.program.clone(),
            env: self.plain.clone(),
        };
        let (worker, issue) = nobody();
        let session = SessionId::new(workdir.key.as_str()).map_err(|error| unavailable(&error))?;
        let of = Of {
            session: &session,
            epoch: EPOCH,
            worker: &worker,
            issue: &issue,
            convoy: None,
            workdir: &workdir.path,
        };
        hooks::run(&host, When::AfterCreate, &of).map_err(|error| Failure::new(Code::Refused, error))
    }

    /// Ends and clears what an earlier run left that died. Nobody else runs a baseline of this rig now.
    fn clear(&self, rig: &RigName, kept: &Kept, repo: &Repo) -> Result<(), Failure> {
        executor::end_all(&kept.runs(), "a baseline that nobody waits for is stopped");
        let cleared = || -> git::Result<()> {
            for key in self.root.keys()?.into_iter().filter(|key| is_of(key, rig)) {
                let Some(base) = repo.pinned(&key)? else { continue };
                workdir::remove(repo, &self.root, &Workdir::at(&self.root, key, None, base))?;
            }
            Ok(())
        };
        cleared().map_err(|error| unavailable(&error))?;
        // The outputs of the last run are in its report, as far as anybody needs them.
        for entry in std::fs::read_dir(kept.runs()).into_iter().flatten().flatten() {
            let _ = std::fs::remove_dir_all(entry.path());
        }
        Ok(())
    }
}

fn unavailable(error: &dyn std::error::Error) -> Failure {
    Failure::new(Code::Unavailable, explain(error))
}

/// Gates of a baseline are nobody's work.
fn nobody() -> (WorkerId, IssueId) {
    let worker = WorkerId::new("baseline-0").expect("a valid id");
    (worker, IssueId::new("baseline-0").expect("a valid id"))
}

/// `b-<rig>-<8 hex digits>`.
fn key_of(rig: &RigName) -> git::Result<Key> {
    Key::new(format!("{PREFIX}{rig}-{:08x}", crate::entropy::seed() as u32))
}

fn is_of(key: &Key, rig: &RigName) -> bool {
    let rest =
        key.as_str().strip_prefix(PREFIX).and_then(|rest| rest.strip_prefix(rig.as_str())?.strip_prefix('-'));
    rest.is_some_and(|rest| rest.len() == 8 && rest.bytes().all(|b| b.is_ascii_hexdigit()))
}
