//! A repository of a test environment.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use super::TestEnv;

/// A real git repository of a test.
pub struct Repo<'a> {
    pub(super) env: &'a TestEnv,
    pub(super) path: PathBuf,
}

impl Repo<'_> {
    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Runs git in it, with fixed dates, and returns what it printed, trimmed at the end.
    ///
    /// # Panics
    /// When git fails.
    #[track_caller]
    pub fn git<A: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = A>) -> String {
        let mut command = self.env.command("git", &self.path);
        command
            .args(args)
            .envs([("GIT_AUTHOR_DATE", "1700000000 +0000"), ("GIT_COMMITTER_DATE", "1700000000 +0000")]);
        self.env.run(command).ok().stdout.trim_end().to_owned()
    }

    /// Writes a file.
    ///
    /// # Panics
    /// When it cannot be written.
    pub fn write(&self, path: &str, content: &str) {
        let path = self.path.join(path);
        fs::create_dir_all(path.parent().unwrap_or(&self.path)).expect("a folder in the repository");
        fs::write(path, content).expect("a file in the repository");
    }

    /// A file's content.
    ///
    /// # Panics
    /// When it cannot be read.
    #[track_caller]
    pub fn read(&self, path: &str) -> String {
        fs::read_to_string(self.path.join(path)).unwrap_or_else(|e| panic!("{path}: {e}"))
    }

    /// Commits everything and returns the commit.
    pub fn commit(&self, message: &str) -> String {
        self.git(["add", "-A"]);
        self.git(["commit", "-q", "--allow-empty", "-m", message]);
        self.git(["rev-parse", "HEAD"])
    }

    /// Subjects of the commits of a revision, newest first.
    pub fn subjects(&self, revision: &str) -> Vec<String> {
        self.git(["log", "--format=%s", revision]).lines().map(str::to_owned).collect()
    }
}
