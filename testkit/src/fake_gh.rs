//! A forge beside a test's repository: a bare repository as its remote `origin`, and `gh` on the path.
//!
//! The program is `bin/fake-gh.rs`. Requests, and what they were asked with, are read from the files that it keeps.

use serde_json::Value;

use crate::env::{Run, TestEnv};
use crate::fake_agent::built;

/// See the module.
pub struct Forge<'a> {
    env: &'a TestEnv,
}

impl<'a> Forge<'a> {
    /// Makes it: pushes `main` of the test's repository, and puts `gh` on the path.
    ///
    /// # Panics
    /// When it cannot be made.
    pub fn new(env: &'a TestEnv) -> Self {
        let forge = Self::beside(env);
        forge.install();
        let (repo, bare) = (env.repo_at(&env.dir()), forge.path());
        repo.git(["init", "-q", "--bare", "-b", "main", &bare]);
        repo.git(["remote", "add", "origin", &bare]);
        repo.git(["push", "-q", "origin", "main"]);
        forge
    }

    /// The one that was made in this environment before.
    pub fn beside(env: &'a TestEnv) -> Self {
        Self { env }
    }

    /// Puts `gh` on the path; a remote is for others to make.
    ///
    /// # Panics
    /// When it cannot.
    pub fn install(&self) {
        std::os::unix::fs::symlink(built("fake-gh"), self.env.bin().join("gh")).expect("a link to fake-gh");
    }

    /// The bare repository.
    pub fn path(&self) -> String {
        self.env.root().join("forge.git").to_string_lossy().into_owned()
    }

    /// The requests, oldest first, with `title`, `body`, `headRefName`, `state`.
    pub fn pulls(&self) -> Vec<Value> {
        let text = std::fs::read_to_string(self.env.home().join("fake-gh.json")).unwrap_or_default();
        serde_json::from_str(&text).unwrap_or_default()
    }

    /// What was called, as it was called.
    pub fn calls(&self) -> Vec<Vec<String>> {
        let text = std::fs::read_to_string(self.env.home().join("fake-gh.calls")).unwrap_or_default();
        text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }

    /// What a maintainer does to a request: `merge` or `close`.
    ///
    /// # Panics
    /// When it fails.
    pub fn decide(&self, what: &str, number: u64) -> Run {
        let mut command = self.env.command(self.env.bin().join("gh"), &self.env.dir());
        command.args(["pr", what, &number.to_string()]);
        self.env.run(command).ok()
    }
}
