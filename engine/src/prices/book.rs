//! The book of prices that an engine goes by: the workspace's table, then the user's, then the bundled one.
//!
//! Tables are read when the first usage is priced, and again when their files change. One that cannot be read is told
//! in the engine's log, and the one that was good before it goes on holding.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use convoy_core::money::Money;
use convoy_core::time::Time;
use sha2::{Digest, Sha256};

use super::rates::{Rates, Used};
use super::table::{FILE_BYTES_MAX, Table, Wrong};
use super::{FILE, bundled};
use crate::agent::Output;
use crate::config::Config;
use crate::os::spawn::Environment;
use crate::supervisor::spec::{Long, Price};
use crate::workspace::{DIR, Workspace};
use crate::world::note;

/// Whose models an agent uses.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Vendor {
    /// Claude's.
    Anthropic,
    /// Those of codex.
    OpenAi,
    /// Gemini's.
    Google,
}

impl Vendor {
    /// Whose models answer an agent whose output is of this kind; unknown for others.
    pub fn of(output: Output) -> Option<Self> {
        match output {
            Output::Plain => None,
            Output::Claude => Some(Self::Anthropic),
            Output::Codex => Some(Self::OpenAi),
            Output::Gemini => Some(Self::Google),
        }
    }

    /// Its id in the bundled table.
    pub(super) fn id(self) -> &'static str {
        match self {
            Self::Anthropic => "anthropic",
            Self::OpenAi => "openai",
            Self::Google => "google",
        }
    }
}

/// What a usage costs.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Priced {
    /// In money.
    pub cost: Money,
    /// The version of the price.
    pub price: String,
}

/// A table with the version of it that is recorded.
#[derive(Debug)]
pub(super) struct Written {
    pub(super) version: String,
    pub(super) table: Table,
}

/// What tells a file from what it was before: its modification, length and inode.
type Stamp = Option<(i64, i64, u64, u64)>;

#[derive(Debug)]
struct Slot {
    /// `workspace` or `user`.
    whose: &'static str,
    path: PathBuf,
    stamp: Stamp,
    written: Option<Arc<Written>>,
}

/// See the module.
#[derive(Debug)]
pub struct Prices {
    slots: Mutex<Vec<Slot>>,
}

/// The workspace's table.
pub(super) fn workspace_file(workspace: &Workspace) -> PathBuf {
    workspace.root().join(DIR).join(FILE)
}

/// The tables that people write for this workspace, the first of which goes before the others.
pub(super) fn files(workspace: &Workspace, env: &Environment) -> Vec<(&'static str, PathBuf)> {
    let user = Config::user_file(env).map(|file| ("user", file.with_file_name(FILE)));
    [("workspace", workspace_file(workspace))].into_iter().chain(user).collect()
}

impl Prices {
    /// For a workspace. Nothing is read yet.
    pub fn new(workspace: &Workspace, env: &Environment) -> Self {
        let slot = |(whose, path)| Slot { whose, path, stamp: None, written: None };
        Self { slots: Mutex::new(files(workspace, env).into_iter().map(slot).collect()) }
    }

    /// What a usage of a model costs by the price that holds at a time; none if the model is in no table.
    pub fn cost(&self, vendor: Option<Vendor>, model: &str, used: &Used, at: Time) -> Option<Priced> {
        let name = model.to_lowercase();
        for written in self.tables() {
            if let Some(row) = written.table.find(&name, at) {
                return Some(Priced { cost: row.rates(used).cost(used), price: written.version.clone() });
            }
        }
        let cost = bundled::cost(vendor, model, used, at)?;
        Some(Priced { cost, price: bundled::VERSION.to_owned() })
    }

    /// The prices of the models that may answer, by the beginnings of their names: for a supervisor, which stops its
    /// agent by them whatever becomes of the engine. Replies to long prompts have the highest price that there is.
    pub fn ceilings(&self, vendor: Option<Vendor>, at: Time) -> BTreeMap<String, Price> {
        let mut all = BTreeMap::new();
        if let Some(vendor) = vendor {
            for model in bundled::models(|provider, _| provider == vendor.id(), at) {
                let step = bundled::first_step(&model, at);
                all.insert(model.name.to_owned(), price(model.base, step.map(|above| (above, model.top))));
            }
        }
        // The first table goes before the others, so it is put in last.
        for written in self.tables().into_iter().rev() {
            for (name, row) in written.table.all(at) {
                let step = row.above.first().map(|(above, _)| (*above, row.top()));
                all.insert(name.trim_end_matches('*').to_owned(), price(row.base, step));
            }
        }
        all
    }

    /// The tables that there are, as their files are now.
    pub(super) fn tables(&self) -> Vec<Arc<Written>> {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        slots.iter_mut().filter_map(Slot::current).collect()
    }
}

fn price(base: Rates, long: Option<(u64, Rates)>) -> Price {
    let long = long.map(|(above, top)| {
        let Rates { input, output, cache_read, cache_write, cache_write_1h } = base.max(top);
        Long { above, input, output, cache_read, cache_write, cache_write_1h }
    });
    let Rates { input, output, cache_read, cache_write, cache_write_1h } = base;
    Price { input, output, cache_read, cache_write, cache_write_1h: Some(cache_write_1h), long }
}

impl Slot {
    fn current(&mut self) -> Option<Arc<Written>> {
        let stamp = std::fs::metadata(&self.path)
            .ok()
            .map(|facts| (facts.mtime(), facts.mtime_nsec(), facts.len(), facts.ino()));
        if stamp != self.stamp {
            self.stamp = stamp;
            match read(self.whose, &self.path) {
                Ok(written) => self.written = written.map(Arc::new),
                Err(Wrong(why)) => note(&format!("{}: {why}", self.path.display())),
            }
        }
        self.written.clone()
    }
}

/// The text of a file that people write; none if there is none.
pub(super) fn text(path: &Path) -> Result<Option<String>, Wrong> {
    let nonblock = i32::try_from(rustix::fs::OFlags::NONBLOCK.bits()).unwrap_or_default();
    let file = match std::fs::File::options().read(true).custom_flags(nonblock).open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(Wrong(error.to_string())),
    };
    if !file.metadata().is_ok_and(|facts| facts.is_file()) {
        return Err(Wrong("it is no file".into()));
    }
    let mut text = String::new();
    let read = file.take(FILE_BYTES_MAX + 1).read_to_string(&mut text);
    let read = read.map_err(|error| Wrong(error.to_string()))?;
    if read as u64 > FILE_BYTES_MAX {
        return Err(Wrong(format!("it is larger than {} MiB", FILE_BYTES_MAX >> 20)));
    }
    Ok(Some(text))
}

/// A table of a file, with what its prices are recorded as.
pub(super) fn read(whose: &str, path: &Path) -> Result<Option<Written>, Wrong> {
    let Some(text) = text(path)? else { return Ok(None) };
    let table = Table::parse(&text)?;
    let digest = Sha256::digest(text.as_bytes());
    let hash: String = digest.iter().take(4).map(|byte| format!("{byte:02x}")).collect();
    Ok(Some(Written { version: format!("{whose} {FILE} {hash}"), table }))
}
