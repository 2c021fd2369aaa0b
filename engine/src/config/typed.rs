//! The configuration as the engine uses it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use convoy_api::{Code, Failure};
use convoy_core::address::Address;
use convoy_core::convoy::MergeStrategy;
use convoy_core::id::{AgentName, RigName};
use convoy_core::policy::{self, Observers, Policy, Retry};
use convoy_core::time::Span;

use super::keys;
use super::layers::{Entry, Origin, Sources, collect, parse, user_file, variable};
use crate::os::spawn::Environment;
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
}

/// A check that a merged tree has to pass.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Gate {
    /// Its name.
    pub name: String,
    /// Program and arguments.
    pub command: Vec<String>,
    /// The longest that it may take.
    pub timeout: Span,
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
        let mut config = Self { entries: collect(workspace, env, flags)?, rigs: BTreeMap::new() };
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
        // Every typed value is read once, so that a mistake is found before anything is done.
        config.policy(Vec::new(), Vec::new())?;
        config.gates()?;
        for key in [
            "limits.wall_time",
            "limits.silence",
            "retention.workdirs",
            "retention.logs",
            "retention.salvage",
        ] {
            config.span(key)?;
        }
        config.idle_exit()?;
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

    fn wrong(&self, key: &str, expected: &str) -> Failure {
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

    fn texts(&self, key: &str) -> Result<Option<Vec<String>>, Failure> {
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

    fn rig(&self, workspace: &Workspace, name: &str) -> Result<Rig, Failure> {
        let key = |leaf: &str| format!("rigs.{name}.{leaf}");
        let path = self.text(&key("path"))?.unwrap_or(".");
        let prefix = self
            .text(&key("prefix"))?
            .ok_or_else(|| self.wrong(&key("prefix"), "a prefix for its issues"))?;
        check_prefix(prefix)?;
        Ok(Rig {
            path: workspace.root().join(path).components().collect(),
            prefix: prefix.to_owned(),
            default_branch: self.text(&key("default_branch"))?.map(str::to_owned),
            max_parallel: self.number(&key("max_parallel"), 1)?,
        })
    }

    /// The gates that run before a merge, in order of name.
    ///
    /// # Errors
    /// When one has no command or a bad time limit.
    pub fn gates(&self) -> Result<Vec<Gate>, Failure> {
        let mut gates = Vec::new();
        for name in self.names("gates") {
            let key = |leaf: &str| format!("gates.{name}.{leaf}");
            let when = self.texts(&key("when"))?.unwrap_or_else(|| vec!["before-merge".into()]);
            if let Some(bad) = when.iter().find(|when| !matches!(when.as_str(), "before-merge")) {
                return Err(self.wrong(&key("when"), &format!("\"before-merge\", not {bad:?}")));
            }
            let command = self
                .texts(&key("command"))?
                .filter(|command| !command.is_empty())
                .ok_or_else(|| self.wrong(&key("command"), "a program and its arguments"))?;
            let timeout = match self.entries.contains_key(&key("timeout")) {
                true => self.span(&key("timeout"))?,
                false => Span::from_secs(600),
            };
            gates.push(Gate { name, command, timeout });
        }
        Ok(gates)
    }

    /// The rules for the core, with the agents that are known and those of them that are confined.
    ///
    /// # Errors
    /// When a value is not accepted.
    pub fn policy(&self, agents: Vec<AgentName>, sandboxed: Vec<AgentName>) -> Result<Policy, Failure> {
        let merge = match self.text("defaults.merge")? {
            Some("direct") => MergeStrategy::Direct,
            Some("local") => MergeStrategy::Local,
            _ => return Err(self.wrong("defaults.merge", "direct or local")),
        };
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
            (name.clone(), policy::Rig { prefix: rig.prefix.clone(), max_parallel: rig.max_parallel })
        });
        Ok(Policy {
            rigs: rigs.collect(),
            home: self.home_rig().0.clone(),
            agents,
            sandboxed,
            agent,
            model: self.text("defaults.model")?.map(str::to_owned),
            complexity,
            merge,
            max_parallel: self.number("defaults.max_parallel", 1)?.unwrap_or(4),
            notify,
            routes: self.route_policy()?,
            retry: Retry {
                max_attempts: self.number("retry.max_attempts", 1)?.unwrap_or(3),
                backoff: self.span("retry.backoff")?,
                backoff_max: self.span("retry.backoff_max")?,
                ..Retry::default()
            },
            observers: Observers {
                close: self.flag("observers.close")?,
                merger: self.flag("observers.merger")?,
                witness: self.flag("observers.witness")?,
                tracker: self.flag("observers.tracker")?,
                patrol: self.flag("observers.patrol")?,
            },
        })
    }

    /// Writes one value into the workspace's file, keeping what else is there, comments too.
    ///
    /// # Errors
    /// When the key is not known, the value not accepted, or the file cannot be written; nothing is changed then.
    pub fn set(workspace: &Workspace, env: &Environment, key: &str, text: &str) -> Result<(), Failure> {
        if keys::find(key).is_none() {
            let failure = Failure::new(Code::Invalid, format!("unknown key {key:?}"));
            return Err(match keys::nearest(key) {
                Some(near) => failure.hint(format!("did you mean {near:?}?")),
                None => failure.hint("see every key: convoy config show --defaults"),
            });
        }
        let value = parse(text).unwrap_or_else(|_| toml::Value::String(text.to_owned()));
        // With the value as a flag the whole is checked before the file is touched.
        let flags = Sources::from([(key.to_owned(), value.clone())]);
        Self::load(workspace, env, &flags)?;
        let path = workspace.config_file();
        let wrong = |error: String| Failure::new(Code::Unavailable, format!("{}: {error}", path.display()));
        let before = std::fs::read_to_string(&path).unwrap_or_default();
        let mut document: toml_edit::DocumentMut =
            before.parse().map_err(|e: toml_edit::TomlError| wrong(e.to_string()))?;
        let words: Vec<&str> = key.split('.').collect();
        let (leaf, tables) = words.split_last().expect("a known key is not empty");
        let mut at = document.as_table_mut();
        for word in tables {
            let next = at.entry(word).or_insert_with(|| {
                let mut table = toml_edit::Table::new();
                table.set_implicit(true);
                toml_edit::Item::Table(table)
            });
            at = next.as_table_mut().ok_or_else(|| wrong(format!("{word} is not a table")))?;
        }
        let edited: toml_edit::Value =
            value.to_string().parse().map_err(|e: toml_edit::TomlError| wrong(e.to_string()))?;
        at[leaf] = toml_edit::Item::Value(edited);
        replace(&path, &document.to_string()).map_err(|error| wrong(error.to_string()))
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

/// Replaces a file as a whole: a reader sees the old one or the new one.
fn replace(path: &Path, text: &str) -> std::io::Result<()> {
    let dir = path.parent().unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(dir)?;
    std::io::Write::write_all(&mut file, text.as_bytes())?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}

/// `10s`, `5m`, `1h30m`, `7d`: a day has 24 hours.
pub(crate) fn duration(text: &str) -> Option<Span> {
    let span: jiff::Span = text.parse().ok()?;
    let of_day = jiff::SpanRelativeTo::days_are_24_hours();
    let ms = span.total((jiff::Unit::Millisecond, of_day)).ok()?;
    (ms.is_finite() && ms >= 0.0).then(|| Span::from_millis(ms as i64))
}
