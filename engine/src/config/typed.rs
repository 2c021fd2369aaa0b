//! The configuration as the engine uses it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use convoy_api::{Code, Failure};
use convoy_core::address::Address;
use convoy_core::convoy::MergeStrategy;
use convoy_core::id::{AgentName, IssueId, RigName};
use convoy_core::policy::{self, Batches, Checkpoints, Observers, Policy, Retry, Tracker};
use convoy_core::time::Span;

use super::hooks::When;
use super::layers::{Entry, Origin, Sources, collect, user_file, variable};
use crate::os::spawn::Environment;
use crate::runtime::Runtime;
use crate::workspace::{Workspace, check_prefix};

/// A managed repository.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Rig {
    /// Where it is.
    pub path: PathBuf,
    /// The prefix of its issues.
    pub prefix: String,
    /// The branch that work lands in, if the repository is not to say.
    pub default_branch: Option<String>,
    /// How many agents work in it at once.
    pub max_parallel: Option<u32>,
    /// Nothing new is begun in it.
    pub parked: bool,
    /// Who keeps its issues.
    pub tracker: Tracker,
    /// What stands for the tracker's program; empty if it is the usual one.
    pub tracker_command: Vec<String>,
}

/// The configuration of a workspace.
#[derive(Clone, PartialEq, Debug)]
pub struct Config {
    entries: BTreeMap<String, Entry>,
    rigs: BTreeMap<RigName, Rig>,
}

impl Config {
    /// Reads all layers and checks them.
    ///
    /// # Errors
    /// Names the file and key that is wrong, and the accepted form.
    pub fn load(workspace: &Workspace, env: &Environment, flags: &Sources) -> Result<Self, Failure> {
        Self::of(workspace, env, flags, None)
    }

    /// The same, with this text in place of the workspace's file.
    pub(super) fn of(
        workspace: &Workspace,
        env: &Environment,
        flags: &Sources,
        text: Option<&str>,
    ) -> Result<Self, Failure> {
        let entries = collect(workspace, env, flags, text)?;
        let mut config = Self { entries, rigs: BTreeMap::new() };
        for name in config.names("rigs") {
            let rig = config.rig(workspace, &name)?;
            let name = RigName::new(&name).map_err(|error| Failure::new(Code::Invalid, error.to_string()))?;
            config.rigs.insert(name, rig);
        }
        if config.rigs.is_empty() {
            return Err(Failure::new(Code::Invalid, "the configuration names no rig").hint(format!(
                "add a [rigs.NAME] table with path and prefix to {}",
                workspace.config_file().display()
            )));
        }
        config.check_rigs_differ()?;
        // Every typed value is read once, so that a mistake is found before anything is done.
        config.policy(Vec::new(), Vec::new())?;
        config.gates()?;
        config.detects_before_merge()?;
        config.reviews()?;
        for key in [
            "limits.wall_time",
            "limits.silence",
            "baseline.timeout",
            "merge.request_interval",
            "retention.workdirs",
            "retention.logs",
            "retention.outputs",
            "retention.salvage",
        ] {
            config.span(key)?;
        }
        config.remote()?;
        config.idle_exit()?;
        config.mirror(workspace)?;
        config.flag("checkpoint.snapshots")?;
        config.runtime()?;
        for when in When::ALL {
            config.hook(when)?;
        }
        Ok(config)
    }

    /// Every value with its origin, in order of key.
    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.entries.values()
    }
    /// One value with its origin.
    pub fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries.get(key)
    }
    /// The rigs.
    pub fn rigs(&self) -> &BTreeMap<RigName, Rig> {
        &self.rigs
    }
    /// The rig of the workspace's own folder, else the first.
    pub fn home_rig(&self) -> (&RigName, &Rig) {
        let own = self.entries.iter().find(|(key, entry)| {
            key.starts_with("rigs.") && key.ends_with(".path") && entry.value.as_str() == Some(".")
        });
        own.and_then(|(key, _)| self.rigs.get_key_value(key.split('.').nth(1)?))
            .or_else(|| self.rigs.iter().next())
            .expect("a loaded configuration has a rig")
    }

    /// An issue's rig is read from its prefix, and a branch is moved for one rig only.
    fn check_rigs_differ(&self) -> Result<(), Failure> {
        let real = |rig: &Rig| rig.path.canonicalize().unwrap_or_else(|_| rig.path.clone());
        let rigs: Vec<(&RigName, &Rig, PathBuf)> =
            self.rigs.iter().map(|(name, rig)| (name, rig, real(rig))).collect();
        for (n, (name, rig, path)) in rigs.iter().enumerate() {
            for (other, earlier, there) in &rigs[..n] {
                let same = match () {
                    () if rig.prefix == earlier.prefix => format!("prefix {:?}", rig.prefix),
                    () if path == there => format!("path {}", rig.path.display()),
                    () => continue,
                };
                let text = format!("rigs {other} and {name} have the same {same}");
                return Err(Failure::new(Code::Invalid, text));
            }
        }
        Ok(())
    }

    /// The names below a table.
    pub fn names(&self, table: &str) -> Vec<String> {
        let prefix = format!("{table}.");
        let mut names: Vec<String> = self
            .entries
            .keys()
            .filter_map(|key| key.strip_prefix(&prefix)?.split('.').next().map(str::to_owned))
            .collect();
        names.dedup();
        names
    }

    /// The table of one name, as TOML.
    pub fn table(&self, prefix: &str) -> toml::Table {
        let prefix = format!("{prefix}.");
        let below = self.entries.iter().filter_map(|(key, entry)| Some((key.strip_prefix(&prefix)?, entry)));
        below.map(|(key, entry)| (key.to_owned(), entry.value.clone())).collect()
    }

    pub(super) fn wrong(&self, key: &str, expected: &str) -> Failure {
        let origin = self.entries.get(key).map_or(Origin::Default, |entry| entry.origin.clone());
        let value = self.entries.get(key).map(|entry| entry.value.to_string()).unwrap_or_default();
        Failure::new(Code::Invalid, format!("{key} = {value} ({origin}): expected {expected}"))
    }

    /// A text.
    ///
    /// # Errors
    /// When it is not text.
    pub fn text(&self, key: &str) -> Result<Option<&str>, Failure> {
        match self.entries.get(key) {
            None => Ok(None),
            Some(entry) => entry.value.as_str().map(Some).ok_or_else(|| self.wrong(key, "text")),
        }
    }

    /// What stands for a key, if anything does.
    pub(super) fn value(&self, key: &str) -> Option<&toml::Value> {
        self.entries.get(key).map(|entry| &entry.value)
    }

    pub(super) fn texts(&self, key: &str) -> Result<Option<Vec<String>>, Failure> {
        let Some(entry) = self.entries.get(key) else { return Ok(None) };
        let list: Option<Vec<String>> = entry
            .value
            .as_array()
            .and_then(|list| list.iter().map(|value| value.as_str().map(str::to_owned)).collect());
        list.map(Some).ok_or_else(|| self.wrong(key, "a list of texts"))
    }

    pub(super) fn number(&self, key: &str, least: i64) -> Result<Option<u32>, Failure> {
        let Some(entry) = self.entries.get(key) else { return Ok(None) };
        entry
            .value
            .as_integer()
            .filter(|n| *n >= least)
            .and_then(|n| u32::try_from(n).ok())
            .map(Some)
            .ok_or_else(|| self.wrong(key, &format!("a whole number, {least} or more")))
    }

    /// A number of bytes.
    ///
    /// # Errors
    /// When it is not a whole number.
    pub fn bytes(&self, key: &str) -> Result<u64, Failure> {
        let value = self.entries.get(key).and_then(|entry| entry.value.as_integer());
        value.and_then(|n| u64::try_from(n).ok()).ok_or_else(|| self.wrong(key, "a number of bytes"))
    }

    /// Yes or no.
    ///
    /// # Errors
    /// When it is neither.
    pub fn flag(&self, key: &str) -> Result<bool, Failure> {
        let value = self.entries.get(key).and_then(|entry| entry.value.as_bool());
        value.ok_or_else(|| self.wrong(key, "true or false"))
    }

    /// A length of time.
    ///
    /// # Errors
    /// When it is not a duration such as `10s`, `5m` or `7d`.
    pub fn span(&self, key: &str) -> Result<Span, Failure> {
        let text = self.text(key)?.unwrap_or_default();
        duration(text).ok_or_else(|| self.wrong(key, "a duration such as \"10s\", \"5m\" or \"7d\""))
    }

    /// How agents are hosted that do not say it themselves.
    ///
    /// # Errors
    /// When there is no such runtime.
    pub fn runtime(&self) -> Result<Runtime, Failure> {
        let name = self.text("defaults.runtime")?.unwrap_or_default();
        Runtime::named(name).ok_or_else(|| self.wrong("defaults.runtime", "headless or tmux"))
    }

    /// The remote that requests are made at.
    ///
    /// # Errors
    /// When it is not the name of one: a path or a URL is not accepted, nor what looks like an option.
    pub fn remote(&self) -> Result<&str, Failure> {
        let name = self.text("merge.remote")?.unwrap_or("origin");
        let plain = name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b));
        if plain && !name.is_empty() && !name.starts_with(['-', '.']) {
            Ok(name)
        } else {
            Err(self.wrong("merge.remote", "the name of a remote"))
        }
    }

    /// How long the engine stays with nothing to do; none for ever.
    ///
    /// # Errors
    /// When it is neither a duration nor `never`.
    pub fn idle_exit(&self) -> Result<Option<Span>, Failure> {
        match self.text("daemon.idle_exit")? {
            Some("never") => Ok(None),
            _ => self.span("daemon.idle_exit").map(Some),
        }
    }

    /// When checkpoints are made by themselves.
    ///
    /// # Errors
    /// When the interval is neither `never` nor a duration of a second or more.
    pub fn checkpoints(&self) -> Result<Checkpoints, Failure> {
        let key = "checkpoint.interval";
        let interval = match self.text(key)? {
            Some("never") => None,
            _ => Some(self.span(key)?),
        };
        if interval.is_some_and(|interval| interval < Span::from_secs(1)) {
            return Err(self.wrong(key, "at least 1s, or never"));
        }
        Ok(Checkpoints {
            enabled: self.flag("checkpoint.enabled")?,
            interval,
            on_start: self.flag("checkpoint.on_start")?,
            on_error: self.flag("checkpoint.on_error")?,
            on_issue_complete: self.flag("checkpoint.on_issue_complete")?,
            before_stop: self.flag("checkpoint.before_stop")?,
        })
    }

    /// How often the patrol comes by; none when it is switched off.
    ///
    /// # Errors
    /// When it is no duration, or shorter than a second.
    pub fn patrol_interval(&self) -> Result<Option<Span>, Failure> {
        let key = "observers.patrol_interval";
        let interval = self.span(key)?;
        if interval < Span::from_secs(1) {
            return Err(self.wrong(key, "at least 1s"));
        }
        Ok(self.flag("observers.patrol")?.then_some(interval))
    }

    /// The file that issues are mirrored to.
    ///
    /// # Errors
    /// When it is not the path of a `.jsonl` file: what is there is replaced, and nobody wants that of another file.
    pub fn mirror(&self, workspace: &Workspace) -> Result<Option<PathBuf>, Failure> {
        let Some(text) = self.text("mirror.issues")? else { return Ok(None) };
        let path = workspace.root().join(text);
        if path.extension().is_none_or(|extension| extension != "jsonl")
            || path.starts_with(workspace.state_dir())
        {
            return Err(self.wrong("mirror.issues", "the path of a .jsonl file outside of .convoy/state"));
        }
        Ok(Some(path))
    }

    fn rig(&self, workspace: &Workspace, name: &str) -> Result<Rig, Failure> {
        let key = |leaf: &str| format!("rigs.{name}.{leaf}");
        let path = self.text(&key("path"))?.unwrap_or(".");
        let prefix = self
            .text(&key("prefix"))?
            .ok_or_else(|| self.wrong(&key("prefix"), "a prefix for its issues"))?;
        let tracker = match self.text(&key("tracker"))? {
            None | Some("builtin") => Tracker::Builtin,
            Some("beads") => Tracker::Beads,
            Some(_) => return Err(self.wrong(&key("tracker"), "builtin or beads")),
        };
        match tracker {
            Tracker::Builtin => check_prefix(prefix)?,
            // Its ids are another program's to make.
            Tracker::Beads if IssueId::new(format!("{prefix}-1")).is_ok() => {}
            Tracker::Beads => return Err(self.wrong(&key("prefix"), "letters and digits")),
        }
        Ok(Rig {
            path: place(workspace.root(), path),
            prefix: prefix.to_owned(),
            default_branch: self.text(&key("default_branch"))?.map(str::to_owned),
            max_parallel: self.number(&key("max_parallel"), 1)?,
            parked: self.entries.contains_key(&key("parked")) && self.flag(&key("parked"))?,
            tracker,
            tracker_command: self.texts(&key("tracker_command"))?.unwrap_or_default(),
        })
    }

    /// How branches land when the convoy does not say.
    ///
    /// # Errors
    /// When it is none of the strategies.
    pub fn strategy(&self) -> Result<MergeStrategy, Failure> {
        match self.text("defaults.merge")? {
            Some("direct") => Ok(MergeStrategy::Direct),
            Some("queue") => Ok(MergeStrategy::Queue),
            Some("pr") => Ok(MergeStrategy::Pr),
            Some("local") => Ok(MergeStrategy::Local),
            _ => Err(self.wrong("defaults.merge", "direct, queue, pr or local")),
        }
    }

    /// The rules for the core, with the agents that are known and those of them that are confined.
    ///
    /// # Errors
    /// When a value is not accepted.
    pub fn policy(&self, agents: Vec<AgentName>, sandboxed: Vec<AgentName>) -> Result<Policy, Failure> {
        let agent = AgentName::new(self.text("defaults.agent")?.unwrap_or("claude"))
            .map_err(|error| Failure::new(Code::Invalid, format!("defaults.agent: {error}")))?;
        let notify = self.texts("notify.default")?.unwrap_or_default();
        let notify = notify
            .iter()
            .map(|text| Address::new(text))
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| Failure::new(Code::Invalid, format!("notify.default: {error}")))?;
        let mut complexity = BTreeMap::new();
        for name in self.names("models.complexity") {
            if let Some(model) = self.text(&format!("models.complexity.{name}"))? {
                complexity.insert(name, model.to_owned());
            }
        }
        let rigs = self.rigs.iter().map(|(name, rig)| {
            let rig = policy::Rig {
                prefix: rig.prefix.clone(),
                max_parallel: rig.max_parallel,
                path: rig.path.display().to_string(),
                default_branch: rig.default_branch.clone(),
                tracker: rig.tracker,
                parked: rig.parked,
                trouble: None,
            };
            (name.clone(), rig)
        });
        Ok(Policy {
            rigs: rigs.collect(),
            home: self.home_rig().0.clone(),
            agents,
            sandboxed,
            // That is for the system to say.
            roles_sandboxed: false,
            agent,
            model: self.text("defaults.model")?.map(str::to_owned),
            complexity,
            merge: self.strategy()?,
            batches: Batches {
                max: self.number("merge.batch_max", 1)?.unwrap_or(5),
                wait: self.span("merge.batch_wait")?,
            },
            max_parallel: self.number("defaults.max_parallel", 1)?.unwrap_or(4),
            notify,
            routes: self.route_policy()?,
            retry: Retry {
                max_attempts: self.number("retry.max_attempts", 1)?.unwrap_or(3),
                backoff: self.span("retry.backoff")?,
                backoff_max: self.span("retry.backoff_max")?,
                max_conflicts: self.number("retry.max_conflicts", 1)?.unwrap_or(3),
                max_reviews: self.review_rounds()?,
                max_time: self.entry("retry.max_time").map(|_| self.span("retry.max_time")).transpose()?,
                max_model_failures: self.number("models.escalate_after", 1)?.unwrap_or(2),
                ..Retry::default()
            },
            observers: Observers {
                close: self.flag("observers.close")?,
                merger: self.flag("observers.merger")?,
                witness: self.flag("observers.witness")?,
                tracker: self.flag("observers.tracker")?,
                patrol: self.flag("observers.patrol")?,
            },
            witness: self.thresholds()?,
            tiers: self.tiers(std::iter::empty())?,
            budget: self.budget()?,
            checkpoints: self.checkpoints()?,
            reviews: self.what_is_reviewed()?,
        })
    }

    /// The variable that would set a key.
    pub fn variable(key: &str) -> String {
        variable(key)
    }
    /// The user's file.
    pub fn user_file(env: &Environment) -> Option<PathBuf> {
        user_file(env)
    }
}

/// Where a path leads that begins at the workspace. Leading `..` are undone: the root has no links in it.
fn place(root: &Path, path: &str) -> PathBuf {
    let (mut at, mut rest) = (root, Path::new(path));
    while let (Some(parent), Ok(below)) = (at.parent(), rest.strip_prefix("..")) {
        (at, rest) = (parent, below);
    }
    at.join(rest).components().collect()
}

/// `10s`, `5m`, `1h30m`, `7d`: a day has 24 hours.
pub(crate) fn duration(text: &str) -> Option<Span> {
    let span: jiff::Span = text.parse().ok()?;
    let of_day = jiff::SpanRelativeTo::days_are_24_hours();
    let ms = span.total((jiff::Unit::Millisecond, of_day)).ok()?;
    (ms.is_finite() && ms >= 0.0).then(|| Span::from_millis(ms as i64))
}
