//! What can go wrong with git, with its context as data.

use std::path::PathBuf;

use super::run::Version;

/// The result of everything in this module.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// How many lines of git's own words an error keeps.
const STDERR_LINES_MAX: usize = 6;
/// How many characters of each of those lines are kept.
const STDERR_CHARS_MAX: usize = 300;

/// Why a repository cannot be worked on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unsupported {
    /// The tree has submodules.
    Submodules,
    /// The tree has files kept by git LFS.
    Lfs,
    /// Objects are fetched on demand, so that a clone which shares them is incomplete.
    PartialClone,
}

impl std::fmt::Display for Unsupported {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Submodules => "submodules",
            Self::Lfs => "git LFS",
            Self::PartialClone => "partial clones",
        })
    }
}

/// Why a git operation failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No git on the PATH.
    #[error("git was not found on the PATH")]
    NotFound,
    /// Git is older than what we need.
    #[error("git {found} is too old: {needed} or later is needed")]
    TooOld {
        /// The version found.
        found: Version,
        /// The oldest that works.
        needed: Version,
    },
    /// The process could not be started or talked to.
    #[error("git {command} could not be run")]
    Spawn {
        /// The git command.
        command: String,
        /// Why.
        source: std::io::Error,
    },
    /// Git said no.
    #[error("git {command} failed ({status}): {stderr}")]
    Failed {
        /// The git command.
        command: String,
        /// Its exit status, or the signal that ended it.
        status: String,
        /// What it said, cut and with control characters escaped.
        stderr: String,
    },
    /// Git took too long and was killed.
    #[error("git {command} did not end within {limit_s} s and was killed")]
    TimedOut {
        /// The git command.
        command: String,
        /// The limit, in seconds.
        limit_s: u64,
    },
    /// Git printed more than we read.
    #[error("git {command} printed more than {limit_bytes} bytes")]
    OutputTooLarge {
        /// The git command.
        command: String,
        /// The limit.
        limit_bytes: usize,
    },
    /// Git printed something that we do not understand.
    #[error("git {command} printed something unexpected: {text}")]
    Output {
        /// The git command.
        command: String,
        /// The beginning of what it printed, escaped.
        text: String,
    },
    /// A file or folder could not be read or written.
    #[error("{action} {}", path.display())]
    Io {
        /// What was being done, as in "cannot read".
        action: &'static str,
        /// To which path.
        path: PathBuf,
        /// Why it failed.
        source: std::io::Error,
    },
    /// There is no repository at the path.
    #[error("{} is not in a git repository: {why}", path.display())]
    NotARepository {
        /// The path.
        path: PathBuf,
        /// What git said.
        why: String,
    },
    /// A text that is no object name.
    #[error("{text:?} is not an object name: expected 40 or 64 lower-case hex digits")]
    BadOid {
        /// The text.
        text: String,
    },
    /// A text that cannot be a branch, key, identity or trailer.
    #[error("{kind} {text:?} is not valid: {why}")]
    BadName {
        /// What it should have been.
        kind: &'static str,
        /// The text.
        text: String,
        /// The rule that it breaks.
        why: &'static str,
    },
    /// HEAD is detached and nothing says which branch is meant.
    #[error("{} has no default branch: HEAD is detached and there are several branches", path.display())]
    NoDefaultBranch {
        /// The repository.
        path: PathBuf,
    },
    /// The commit is not in the repository.
    #[error("commit {oid} is not in {}", path.display())]
    NoSuchCommit {
        /// The repository.
        path: PathBuf,
        /// The object name.
        oid: super::Oid,
    },
    /// The repository uses something that agents' workdirs cannot have.
    #[error("{what} are not supported: {}", paths.join(", "))]
    Unsupported {
        /// What it uses.
        what: Unsupported,
        /// Where, at most a few, escaped.
        paths: Vec<String>,
    },
    /// The workdir or its git directory is not there any more, or is not what we made.
    #[error("the workdir {} is gone: {why}", path.display())]
    WorkdirGone {
        /// The workdir.
        path: PathBuf,
        /// What is missing or wrong.
        why: &'static str,
    },
    /// A path that we were asked to make or remove is not directly inside the workdirs' root.
    #[error("{} is not a plain folder inside {}: {why}", path.display(), root.display())]
    OutsideRoot {
        /// The path.
        path: PathBuf,
        /// The root.
        root: PathBuf,
        /// What is wrong.
        why: &'static str,
    },
    /// The workdirs' root is inside the repository's work tree.
    #[error("workdirs cannot be inside the repository: {} is in {}", root.display(), repository.display())]
    InsideRepository {
        /// The root.
        root: PathBuf,
        /// The work tree.
        repository: PathBuf,
    },
    /// The agent left more uncommitted files than are taken into a commit.
    #[error("{files} uncommitted files with {bytes} bytes in {} are too much to commit", path.display())]
    LeftoversTooLarge {
        /// The workdir.
        path: PathBuf,
        /// How many files.
        files: usize,
        /// Their size.
        bytes: u64,
    },
    /// More references in a workdir than can be kept.
    #[error("{} has more than {limit} references or stashes", path.display())]
    TooManyHeads {
        /// The workdir.
        path: PathBuf,
        /// The limit.
        limit: usize,
    },
    /// The person's checkout includes what is not copied into a workdir.
    #[error(".worktreeinclude names {what}")]
    Included {
        /// What, and how much would be.
        what: String,
    },
    /// Others moved the state's reference each time that it was to be moved.
    #[error("refs/convoy/state of {} was moved by others {rounds} times in a row; try again", path.display())]
    StateBusy {
        /// The repository.
        path: PathBuf,
        /// How often it was tried.
        rounds: u32,
    },
    /// The state's reference stayed locked.
    #[error("refs/convoy/state of {} is locked; if no git is at work there, remove refs/convoy/state.lock", path.display())]
    StateLocked {
        /// The repository's git directory.
        path: PathBuf,
    },
    /// A file is too large for the state's reference.
    #[error("{path} has {bytes} bytes; refs/convoy/state takes files of up to {limit}")]
    StateFile {
        /// Its name.
        path: String,
        /// Its size.
        bytes: u64,
        /// The limit.
        limit: u64,
    },
    /// Something is where something new was to be made.
    #[error("{} is there already, and is not touched", path.display())]
    Exists {
        /// Where.
        path: PathBuf,
    },
    /// There is no commit to begin from.
    #[error("there is no commit yet in {}", path.display())]
    Unborn {
        /// The repository.
        path: PathBuf,
    },
    /// A branch is there already.
    #[error("there is a branch {branch} already")]
    BranchExists {
        /// Which.
        branch: super::Branch,
    },
    /// A remote did not take what was pushed.
    #[error("{remote} did not take refs/convoy/state: {why}")]
    Rejected {
        /// The remote.
        remote: String,
        /// What it said.
        why: String,
    },
    /// The workdir holds work that is nowhere else.
    #[error("{} holds work that was not saved: {what}", path.display())]
    Unsaved {
        /// The workdir.
        path: PathBuf,
        /// What kind of work.
        what: &'static str,
    },
}

impl Error {
    /// Whether a workdir vanished under its agent.
    pub fn is_workdir_gone(&self) -> bool {
        matches!(self, Self::WorkdirGone { .. })
    }
}

/// Bytes as one line of text with control characters escaped, at most `max` characters.
pub(super) fn printable(bytes: &[u8], max: usize) -> String {
    let text = String::from_utf8_lossy(&bytes[..bytes.len().min(max.saturating_mul(4))]).into_owned();
    let mut out = String::new();
    for c in text.chars().take(max) {
        if c.is_control() {
            out.extend(c.escape_default());
        } else {
            out.push(c);
        }
    }
    out
}

/// The first lines of what git said.
pub(super) fn said(stderr: &[u8]) -> String {
    let lines = stderr.split(|b| *b == b'\n').filter(|l| !l.trim_ascii().is_empty());
    let lines: Vec<_> =
        lines.take(STDERR_LINES_MAX).map(|l| printable(l.trim_ascii(), STDERR_CHARS_MAX)).collect();
    if lines.is_empty() { "no message".to_owned() } else { lines.join("; ") }
}

/// Wraps an I/O error with what was being done.
pub(super) fn io(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Error {
    let path = path.into();
    move |source| Error::Io { action, path, source }
}
