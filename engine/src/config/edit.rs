//! Writing the workspace's file: one edit at a time, checked as a whole before the file is touched, keeping what else
//! is there, comments too.

use std::fs::File;
use std::path::{Path, PathBuf};

use convoy_api::{Code, Failure};
use toml_edit::{DocumentMut, Item, TableLike, Value};

use super::layers::{Sources, parse};
use super::{Config, keys};
use crate::os::spawn::Environment;
use crate::settings;
use crate::workspace::Workspace;

/// An edit of the workspace's file. Whoever begins another one waits until this is over.
pub struct Edit<'a> {
    workspace: &'a Workspace,
    env: &'a Environment,
    path: PathBuf,
    before: String,
    document: DocumentMut,
    /// What was put, as flags: a value that the environment hides is checked as well.
    flags: Sources,
    _lock: File,
}

fn wrong(path: &Path, error: &dyn std::fmt::Display) -> Failure {
    Failure::new(Code::Unavailable, format!("{}: {error}", path.display()))
}

impl<'a> Edit<'a> {
    /// Begins, when everybody else who edits the file has ended.
    ///
    /// # Errors
    /// When the file cannot be read or is no TOML.
    pub fn begin(workspace: &'a Workspace, env: &'a Environment) -> Result<Self, Failure> {
        workspace.prepare_state()?;
        let lock = workspace.state_dir().join("config.lock");
        let file = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&lock)
            .and_then(|file| file.lock().map(|()| file))
            .map_err(|error| wrong(&lock, &error))?;
        let path = workspace.config_file();
        let before = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(wrong(&path, &error)),
        };
        let document = before.parse().map_err(|error: toml_edit::TomlError| wrong(&path, &error))?;
        Ok(Self { workspace, env, path, before, document, flags: Sources::new(), _lock: file })
    }

    /// Puts a value in place of the one that is there.
    ///
    /// # Errors
    /// When the key is not known, or something else stands where its table should.
    pub fn put(&mut self, key: &str, value: &toml::Value) -> Result<(), Failure> {
        if keys::find(key).is_none() {
            let failure = Failure::new(Code::Invalid, format!("unknown key {key:?}"));
            return Err(match keys::nearest(key) {
                Some(near) => failure.hint(format!("did you mean {near:?}?")),
                None => failure.hint("see every key: convoy config show --defaults"),
            });
        }
        let words: Vec<&str> = key.split('.').collect();
        let (leaf, tables) = words.split_last().expect("a known key is not empty");
        let mut at: &mut dyn TableLike = self.document.as_table_mut();
        for word in tables {
            let next = at.entry(word).or_insert_with(|| {
                let mut table = toml_edit::Table::new();
                table.set_implicit(true);
                Item::Table(table)
            });
            at = next
                .as_table_like_mut()
                .ok_or_else(|| wrong(&self.path, &format!("{word} is not a table")))?;
        }
        let mut edited: Value =
            value.to_string().parse().map_err(|error: toml_edit::TomlError| wrong(&self.path, &error))?;
        // A comment behind the value stays where it is.
        if let Some(old) = at.get(leaf).and_then(Item::as_value) {
            *edited.decor_mut() = old.decor().clone();
        }
        at.insert(leaf, Item::Value(edited));
        self.flags.insert(key.to_owned(), value.clone());
        Ok(())
    }

    /// Takes a value, or a table with all that is in it, out of the file; whether it was there.
    pub fn take(&mut self, key: &str) -> bool {
        let words: Vec<&str> = key.split('.').collect();
        let Some((leaf, tables)) = words.split_last() else { return false };
        let mut at: &mut dyn TableLike = self.document.as_table_mut();
        for word in tables {
            let Some(next) = at.get_mut(word).and_then(Item::as_table_like_mut) else { return false };
            at = next;
        }
        at.remove(leaf).is_some()
    }

    /// Checks what the file would say, and writes it if it differs; whether it does.
    ///
    /// # Errors
    /// When a value is not accepted, or the file cannot be written; nothing is changed then.
    pub fn commit(self) -> Result<bool, Failure> {
        let text = self.document.to_string();
        let config = Config::of(self.workspace, self.env, &self.flags, Some(&text))?;
        settings::agents(&config)?;
        if text == self.before {
            return Ok(false);
        }
        replace(&self.path, &text).map_err(|error| wrong(&self.path, &error))?;
        Ok(true)
    }
}

impl Config {
    /// Writes one value into the workspace's file; whether that changed it.
    ///
    /// # Errors
    /// When the key is not known, the value not accepted, or the file cannot be written; nothing is changed then.
    pub fn set(workspace: &Workspace, env: &Environment, key: &str, text: &str) -> Result<bool, Failure> {
        let value = parse(text).unwrap_or_else(|_| toml::Value::String(text.to_owned()));
        let mut edit = Edit::begin(workspace, env)?;
        edit.put(key, &value)?;
        edit.commit()
    }
}

/// Replaces a file as a whole: a reader sees the old one or the new one.
pub(crate) fn replace(path: &Path, text: &str) -> std::io::Result<()> {
    let dir = path.parent().unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(dir)?;
    if let Ok(facts) = std::fs::metadata(path) {
        file.as_file().set_permissions(facts.permissions())?;
    }
    std::io::Write::write_all(&mut file, text.as_bytes())?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}
