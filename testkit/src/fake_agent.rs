//! What a fake agent does: the script that tests write and `bin/fake-agent.rs` plays.
//!
//! The program is an agent of the `plain` kind, real but small: it does exactly its steps and writes down what
//! it saw, so that a test can hold it, kill it, or have it misbehave in a named way.

use std::path::PathBuf;
use std::sync::OnceLock;

use serde::{Deserialize, Serialize};

/// The first case that fits is played; none fitting, the agent fails with status 91.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Script {
    /// The cases, in order.
    pub cases: Vec<Case>,
}

/// Steps, and when to play them. What is not set fits everything.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Case {
    /// `$CONVOY_ISSUE`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub issue: Option<String>,
    /// `$CONVOY_ROLE`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// How many agents the witness has seen start for the same issue, this one included.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attempt: Option<usize>,
    /// A piece of the prompt.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prompt: Option<String>,
    /// What it then does.
    pub steps: Vec<Step>,
}

/// One deed. Paths are relative to the agent's directory; a path or word that begins with `$NAME` has the
/// variable's value in its place.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Step {
    /// Writes a file, with its folders.
    Write {
        /// Where.
        path: String,
        /// What.
        content: String,
    },
    /// Adds to a file in one write.
    Append {
        /// Where.
        path: String,
        /// What.
        content: String,
    },
    /// `git add -A`, then `git commit -q -m`.
    Commit(String),
    /// Runs a command line; the agent fails with status 90 when that fails.
    Run(Vec<String>),
    /// Runs a command line, whatever comes of it. The outcome is in the witness (`ran`).
    Try(Vec<String>),
    /// Runs `$CONVOY_BIN`, or `convoy`, as `Try` does.
    Convoy(Vec<String>),
    /// Prints a line.
    Print(String),
    /// Complains a line.
    Complain(String),
    /// Prints so many bytes of text, as fast as they are taken.
    Flood(u64),
    /// Prints so many bytes that are not text: zeros, escapes, broken UTF-8, no end of line.
    Garbage(usize),
    /// Closes stdout, and works on.
    CloseStdout,
    /// From now on these signals (`INT`, `TERM`, `HUP`) do nothing.
    Ignore(Vec<String>),
    /// Starts a process in a session of its own that plays steps and outlives the agent. It has started, and
    /// is in the witness (`orphan`), when the next step begins.
    Orphan {
        /// What it does.
        steps: Vec<Step>,
        /// It keeps the agent's stdout open.
        #[serde(default)]
        keep_stdout: bool,
    },
    /// Waits until a file exists.
    WaitFor(String),
    /// Waits for the next message on stdin and writes its text to a file. Only with `--duplex`.
    Hear(String),
    /// Waits.
    SleepMs(u64),
    /// Never goes on.
    Hang,
    /// Writes the prompt, as it came by stdin, to a file.
    SavePrompt(String),
    /// Writes a value to `$CONVOY_SIGNAL_FILE`, atomically, with its own worker and issue if it names none.
    SignalFile(serde_json::Value),
    /// Writes a text to `$CONVOY_OUTPUT_FILE`.
    Output(String),
    /// Writes these findings beside it, as a reviewer does: `<role>.findings.json`.
    Findings(Vec<serde_json::Value>),
    /// Kills itself by a signal (`KILL`, `TERM`, `SEGV`).
    Die(String),
    /// Ends with this status. After the last step the status is 0.
    Exit(i32),
}

impl Script {
    /// The same steps for whoever comes.
    pub fn always(steps: impl IntoIterator<Item = Step>) -> Self {
        Self::default().or(Case { steps: steps.into_iter().collect(), ..Case::default() })
    }
    /// Writes a file named after the issue and commits it: an agent that does its work.
    pub fn works() -> Self {
        let write = Step::Write { path: "$CONVOY_ISSUE.txt".to_owned(), content: "done\n".to_owned() };
        Self::always([write, Step::Commit("Do the work".to_owned())])
    }
    /// With another case at the end.
    #[must_use]
    pub fn or(mut self, case: Case) -> Self {
        self.cases.push(case);
        self
    }
    /// With steps for one issue at the end.
    #[must_use]
    pub fn issue(self, issue: &str, steps: impl IntoIterator<Item = Step>) -> Self {
        self.or(Case { issue: Some(issue.to_owned()), steps: steps.into_iter().collect(), ..Case::default() })
    }
    /// With steps for one role of a template convoy at the end.
    #[must_use]
    pub fn role(self, role: &str, steps: impl IntoIterator<Item = Step>) -> Self {
        self.or(Case { role: Some(role.to_owned()), steps: steps.into_iter().collect(), ..Case::default() })
    }
    /// With steps for the nth attempt of any issue at the end.
    #[must_use]
    pub fn attempt(self, attempt: usize, steps: impl IntoIterator<Item = Step>) -> Self {
        self.or(Case { attempt: Some(attempt), steps: steps.into_iter().collect(), ..Case::default() })
    }
}

/// The built program. A test of another crate builds it when it is not there.
///
/// # Panics
/// When it cannot be built.
pub fn path() -> &'static std::path::Path {
    static PATH: OnceLock<PathBuf> = OnceLock::new();
    PATH.get_or_init(|| built("fake-agent"))
}

/// The clock of its stamps, in nanoseconds.
pub fn monotonic() -> i128 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    i128::from(now.tv_sec) * 1_000_000_000 + i128::from(now.tv_nsec)
}

/// A built program of the test kit.
pub(crate) fn built(name: &str) -> PathBuf {
    let test = std::env::current_exe().expect("the running test has a path");
    // target/debug/deps/test-hash or target/debug/program
    let folder = test.ancestors().skip(1).find(|dir| !dir.ends_with("deps")).expect("a target folder");
    let program = folder.join(name);
    if !program.exists() {
        build(name, folder);
    }
    program
}

#[expect(clippy::disallowed_methods, reason = "builds a program of the test kit")]
fn build(name: &str, folder: &std::path::Path) {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = std::process::Command::new(cargo);
    command.args(["build", "--quiet", "--package", "convoy-testkit", "--bin", name]);
    if folder.ends_with("release") {
        command.arg("--release");
    }
    let status = command.current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/..")).status();
    assert!(status.is_ok_and(|s| s.success()), "{name} cannot be built");
}
