//! Where values come from: flag over environment over workspace over user over default.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use convoy_api::{Code, Failure};

use super::keys;
use crate::os::spawn::Environment;
use crate::workspace::Workspace;

/// Where a value comes from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Origin {
    /// Built in.
    Default,
    /// The user's file.
    User(PathBuf),
    /// The workspace's file.
    Workspace(PathBuf),
    /// A variable of the environment.
    Environment(String),
    /// A flag of this command.
    Flag,
}

impl std::fmt::Display for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::User(path) => write!(f, "user file {}", path.display()),
            Self::Workspace(path) => write!(f, "workspace file {}", path.display()),
            Self::Environment(name) => write!(f, "environment variable {name}"),
            Self::Flag => f.write_str("flag"),
        }
    }
}

/// Values that flags give.
pub type Sources = BTreeMap<String, toml::Value>;

/// One value with its origin.
#[derive(Clone, PartialEq, Debug)]
pub struct Entry {
    /// Dotted path.
    pub key: String,
    /// The value.
    pub value: toml::Value,
    /// Where it comes from.
    pub origin: Origin,
}

fn invalid(message: String) -> Failure {
    Failure::new(Code::Invalid, message)
}

/// All values that hold, by dotted path. Later layers win. A text is taken in place of the workspace's file.
pub(super) fn collect(
    workspace: &Workspace,
    env: &Environment,
    flags: &Sources,
    text: Option<&str>,
) -> Result<BTreeMap<String, Entry>, Failure> {
    let mut entries = BTreeMap::new();
    for key in keys::KEYS {
        if let Some(text) = key.default.filter(|_| !key.path.contains('*')) {
            put(&mut entries, key.path, parse(text)?, Origin::Default);
        }
    }
    if let Some(path) = user_file(env) {
        file(&mut entries, &path, Origin::User(path.clone()))?;
    }
    let path = workspace.config_file();
    let origin = Origin::Workspace(path.clone());
    match text {
        Some(text) => values(&mut entries, &path, text, &origin)?,
        None => file(&mut entries, &path, origin)?,
    }
    for key in keys::KEYS.iter().filter(|key| !key.path.contains('*')) {
        let name = variable(key.path);
        if let Some(text) = env.text(&name) {
            // What is no TOML value is meant as text: CONVOY_DEFAULTS_AGENT=codex.
            let value = parse(text).unwrap_or_else(|_| toml::Value::String(text.to_owned()));
            put(&mut entries, key.path, value, Origin::Environment(name));
        }
    }
    for (key, value) in flags {
        put(&mut entries, key, value.clone(), Origin::Flag);
    }
    Ok(entries)
}

/// The variable that sets a key: `defaults.max_parallel` by `CONVOY_DEFAULTS_MAX_PARALLEL`.
pub(super) fn variable(key: &str) -> String {
    format!("CONVOY_{}", key.replace('.', "_").to_uppercase())
}

/// The user's configuration file.
pub(super) fn user_file(env: &Environment) -> Option<PathBuf> {
    Some(user_dir(env)?.join("config.toml"))
}

/// The user's folder: configuration, templates, agent files.
pub(crate) fn user_dir(env: &Environment) -> Option<PathBuf> {
    let base = match env.text("XDG_CONFIG_HOME") {
        Some(dir) => PathBuf::from(dir),
        None => Path::new(env.text("HOME")?).join(".config"),
    };
    Some(base.join("convoy"))
}

/// A TOML value out of its text.
///
/// # Errors
/// When it is not one.
pub fn parse(text: &str) -> Result<toml::Value, Failure> {
    let table: toml::Table = format!("value = {text}")
        .parse()
        .map_err(|error: toml::de::Error| invalid(error.message().to_owned()))?;
    table.get("value").filter(|_| table.len() == 1).cloned().ok_or_else(|| invalid("not one value".into()))
}

fn put(entries: &mut BTreeMap<String, Entry>, key: &str, value: toml::Value, origin: Origin) {
    entries.insert(key.to_owned(), Entry { key: key.to_owned(), value, origin });
}

fn file(entries: &mut BTreeMap<String, Entry>, path: &Path, origin: Origin) -> Result<(), Failure> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(invalid(format!("cannot read {}: {error}", path.display()))),
    };
    values(entries, path, &text, &origin)
}

/// The values in the text of a file.
fn values(
    entries: &mut BTreeMap<String, Entry>,
    path: &Path,
    text: &str,
    origin: &Origin,
) -> Result<(), Failure> {
    let table: toml::Table =
        text.parse().map_err(|error: toml::de::Error| invalid(format!("{}: {error}", path.display())))?;
    let mut found = Vec::new();
    flatten("", &table, &mut found);
    for (key, value) in found {
        if keys::find(&key).is_none() {
            let failure = invalid(format!("{}: unknown key {key:?}", path.display()));
            return Err(match keys::nearest(&key) {
                Some(near) => failure.hint(format!("did you mean {near:?}?")),
                None => failure.hint("see every key: convoy config show --defaults"),
            });
        }
        put(entries, &key, value, origin.clone());
    }
    Ok(())
}

/// Leaves of a table by dotted path. A table that is itself a value (`set_env`) is a leaf.
fn flatten(prefix: &str, table: &toml::Table, into: &mut Vec<(String, toml::Value)>) {
    for (name, value) in table {
        let key = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
        match value {
            toml::Value::Table(inner) if keys::find(&key).is_none() && keys::is_table(&key) => {
                flatten(&key, inner, into);
            }
            _ => into.push((key, value.clone())),
        }
    }
}
