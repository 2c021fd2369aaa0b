//! A stand-in for beads' `bd`: what tests tell it, and what the program `fake-bd` keeps.
//!
//! It answers as the real one does: both forms of JSON, its default limits, its names of fields, its hooks, one
//! writer at a time. What tests want of it beyond that stands in `.beads/fake-bd.json`.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::env::{Run, TestEnv};

/// How the program is to behave.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Manners {
    /// Every answer is in an envelope, as `BD_JSON_ENVELOPE=1` asks for.
    pub envelope: bool,
    /// What it says is its version.
    pub version: String,
    /// It thinks for so long before it does anything.
    pub slow_ms: u64,
    /// It waits so long for the lock before it refuses.
    pub lock_wait_ms: u64,
    /// It refuses every command, with this complaint.
    pub refuse: Option<String>,
    /// It refuses commands of this name only.
    pub refuse_only: Option<String>,
    /// It prints this instead of JSON.
    pub garbage: Option<String>,
    /// It prints so many bytes instead of JSON.
    pub flood: usize,
    /// It writes into its folder whenever it is asked something.
    pub noisy: bool,
    /// It starts a process that outlives it, in its own group, and waits for it.
    pub lingers: bool,
}

impl Default for Manners {
    fn default() -> Self {
        Self {
            envelope: false,
            version: "1.0.3".to_owned(),
            slow_ms: 0,
            lock_wait_ms: 2000,
            refuse: None,
            refuse_only: None,
            garbage: None,
            flood: 0,
            noisy: false,
            lingers: false,
        }
    }
}

/// Where a folder's manners are written down.
pub fn manners_file(dir: &Path) -> PathBuf {
    dir.join(".beads/fake-bd.json")
}

/// The file that whoever works on a folder's data holds a lock on.
pub fn lock_file(dir: &Path) -> PathBuf {
    dir.join(".beads/embeddeddolt/lock")
}

/// The file that lists every call: its words, one call a line.
pub fn calls_file(dir: &Path) -> PathBuf {
    dir.join(".beads-calls")
}

/// The built program.
///
/// # Panics
/// When it cannot be built.
pub fn path() -> &'static Path {
    static PATH: OnceLock<PathBuf> = OnceLock::new();
    PATH.get_or_init(|| crate::fake_agent::built("fake-bd"))
}

/// Beads in one folder of a test.
pub struct Bd<'a> {
    env: &'a TestEnv,
    dir: PathBuf,
}

impl<'a> Bd<'a> {
    /// Puts `bd` on the PATH of the room, and makes its data in `dir`.
    ///
    /// # Panics
    /// When it cannot be made.
    pub fn init(env: &'a TestEnv, dir: &Path, prefix: &str) -> Self {
        let link = env.bin().join("bd");
        if !link.is_symlink() {
            std::os::unix::fs::symlink(path(), link).expect("a link in the temporary folder");
        }
        let bd = Self { env, dir: dir.to_owned() };
        bd.run(["init", "--prefix", prefix]).ok();
        bd
    }

    /// What `init` made in `dir`.
    pub fn at(env: &'a TestEnv, dir: &Path) -> Self {
        Self { env, dir: dir.to_owned() }
    }

    /// Runs `bd … --json`, as somebody else would.
    pub fn run<'w>(&self, words: impl IntoIterator<Item = &'w str>) -> Run {
        let mut command = self.env.command(path(), &self.dir);
        command.args(words).arg("--json");
        self.env.run(command)
    }

    /// Makes an issue.
    ///
    /// # Panics
    /// When it is refused.
    #[track_caller]
    pub fn create(&self, title: &str, more: &[&str]) -> String {
        let run = self.run(["create", title].into_iter().chain(more.iter().copied())).ok();
        inside(&run.json())["id"].as_str().expect("an id").to_owned()
    }

    /// One issue.
    ///
    /// # Panics
    /// When it is not there.
    #[track_caller]
    pub fn show(&self, id: &str) -> Value {
        let value = inside(&self.run(["show", id]).ok().json());
        value.as_array().and_then(|all| all.first()).cloned().unwrap_or(value)
    }

    /// Changes how it behaves from now on.
    ///
    /// # Panics
    /// When that cannot be written.
    pub fn behave(&self, manners: &Manners) {
        let text = serde_json::to_string(manners).expect("plain data");
        fs::write(manners_file(&self.dir), text).expect("a file in the temporary folder");
    }

    /// The calls that were made of it, in order.
    pub fn calls(&self) -> Vec<String> {
        let text = fs::read_to_string(calls_file(&self.dir)).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    /// The folder that it is in.
    pub fn dir(&self) -> &Path {
        &self.dir
    }
}

/// What is in the envelope, if there is one.
pub fn inside(value: &Value) -> Value {
    value.get("data").unwrap_or(value).clone()
}
