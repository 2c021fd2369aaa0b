//! Taking prices of a file into the workspace's table: checked first, then replaced as a whole.
//!
//! What the table has of other models stays, with its comments. Nothing is fetched: the file comes from a person.

use std::fs::File;
use std::path::Path;

use convoy_api::{Code, Failure};
use toml::{Table as Toml, Value};
use toml_edit::{DocumentMut, Item, TableLike};

use super::book::{text, workspace_file};
use super::litellm;
use super::table::{Table, Wrong};
use crate::config;
use crate::workspace::Workspace;

/// What a table begins with that is made here.
const HEAD: &str = "# What models cost, in US dollars for a million tokens: see docs/costs.md.\n";

/// What an update came to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Updated {
    /// The table.
    pub path: std::path::PathBuf,
    /// Models that it did not have.
    pub added: usize,
    /// Models whose prices are others now.
    pub changed: usize,
    /// Models whose prices were the same.
    pub same: usize,
    /// Entries of the file without a price of text tokens.
    pub skipped: usize,
    /// Models that the table has now.
    pub total: usize,
}

fn wrong(path: &Path, why: impl std::fmt::Display) -> Failure {
    Failure::new(Code::Invalid, format!("{}: {why}", path.display()))
}

/// Takes the prices of a file over: our own table as TOML or JSON, or the one that LiteLLM publishes. With `only`, no
/// more than the models whose names begin so.
///
/// # Errors
/// When the file cannot be read or has anything wrong in it, or the table cannot be written; nothing is changed then.
pub fn update(workspace: &Workspace, file: &Path, only: &[String]) -> Result<Updated, Failure> {
    let given = text(file).map_err(|Wrong(why)| wrong(file, why))?;
    let given = given.ok_or_else(|| Failure::new(Code::NotFound, format!("no file {}", file.display())))?;
    let (mut models, skipped) = models(&given).map_err(|Wrong(why)| wrong(file, why))?;
    let begins = |name: &str| only.iter().any(|start| name.starts_with(start.trim_end_matches('*')));
    models.retain(|name, _| only.is_empty() || begins(name));
    if models.is_empty() {
        return Err(wrong(file, "there is no price of a model in it")
            .hint("a table has [models.\"NAME\"] with input and output; see docs/costs.md"));
    }
    let checked: Toml = [("models".to_owned(), Value::Table(models.clone()))].into_iter().collect();
    Table::of(&checked).map_err(|Wrong(why)| wrong(file, why))?;

    let _lock = lock(workspace)?;
    let path = workspace_file(workspace);
    let there = text(&path).map_err(|Wrong(why)| wrong(&path, why))?;
    let before = there.clone().unwrap_or_default();
    let old: Toml = before.parse().map_err(|error: toml::de::Error| wrong(&path, error))?;
    let old = old.get("models").and_then(Value::as_table).cloned().unwrap_or_default();
    let mut document: DocumentMut = if there.is_some() { before.as_str() } else { HEAD }
        .parse()
        .map_err(|error| wrong(&path, error_text(&error)))?;
    let mut updated = Updated { path: path.clone(), added: 0, changed: 0, same: 0, skipped, total: 0 };
    let table = document.entry("models").or_insert_with(toml_edit::table);
    let table = table.as_table_like_mut().ok_or_else(|| wrong(&path, "models is not a table"))?;
    for (name, value) in &models {
        match old.get(name) {
            Some(before) if before == value => updated.same += 1,
            before => {
                match table.get_mut(name).and_then(Item::as_table_mut) {
                    // Its place and the comment above it stay.
                    Some(there) => {
                        there.clear();
                        fill(there, value);
                    }
                    None => {
                        let mut fresh = toml_edit::Table::new();
                        fill(&mut fresh, value);
                        table.insert(name, Item::Table(fresh));
                    }
                }
                *if before.is_some() { &mut updated.changed } else { &mut updated.added } += 1;
            }
        }
    }
    let after = document.to_string();
    let whole = Table::parse(&after).map_err(|Wrong(why)| wrong(&path, why))?;
    updated.total = whole.len();
    if after != before {
        config::replace(&path, &after)
            .map_err(|error| Failure::new(Code::Unavailable, format!("{}: {error}", path.display())))?;
    }
    Ok(updated)
}

/// The keys of a price, in the order in which they are written.
const ORDER: [&str; 8] =
    ["tokens", "from", "input", "output", "cache_read", "cache_write", "cache_write_1h", "above"];

fn fill(table: &mut dyn TableLike, value: &Value) {
    for (key, value) in ORDER.iter().filter_map(|key| Some((*key, value.get(key)?))) {
        table.insert(key, Item::Value(plain(value)));
    }
}

fn plain(value: &Value) -> toml_edit::Value {
    match value {
        Value::Float(price) => (*price).into(),
        Value::Integer(price) => (*price).into(),
        Value::Array(steps) => steps.iter().map(plain).collect::<toml_edit::Array>().into(),
        Value::Table(_) => {
            let mut inline = toml_edit::InlineTable::new();
            fill(&mut inline, value);
            inline.into()
        }
        Value::String(text) => text.into(),
        // A date; nothing else passes the check.
        Value::Datetime(_) | Value::Boolean(_) => value.to_string().into(),
    }
}

fn error_text(error: &toml_edit::TomlError) -> String {
    error.to_string()
}

/// The models of a table in any of the forms that are understood, and how many of its entries are none.
fn models(text: &str) -> Result<(Toml, usize), Wrong> {
    if !text.trim_start().starts_with('{') {
        let toml: Toml = text.parse().map_err(|error: toml::de::Error| Wrong(error.to_string()))?;
        return Ok((ours(toml)?, 0));
    }
    let json: serde_json::Map<String, serde_json::Value> =
        serde_json::from_str(text).map_err(|error| Wrong(format!("no JSON object: {error}")))?;
    if json.get("models").is_some_and(serde_json::Value::is_object) {
        let toml = Toml::try_from(json).map_err(|error| Wrong(error.to_string()))?;
        return Ok((ours(toml)?, 0));
    }
    Ok(litellm::convert(&json))
}

/// The models of our own form, of which all else is refused.
fn ours(mut toml: Toml) -> Result<Toml, Wrong> {
    Table::of(&toml)?;
    match toml.remove("models") {
        Some(Value::Table(models)) => Ok(models),
        _ => Ok(Toml::new()),
    }
}

/// Held while a file of the configuration is written.
fn lock(workspace: &Workspace) -> Result<File, Failure> {
    workspace.prepare_state()?;
    let path = workspace.state_dir().join("config.lock");
    let opened = File::options().create(true).truncate(false).write(true).open(&path);
    opened
        .and_then(|file| file.lock().map(|()| file))
        .map_err(|error| Failure::new(Code::Unavailable, format!("{}: {error}", path.display())))
}
