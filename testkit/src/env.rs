//! The room that a test lives in: a temporary home, an empty environment, a real repository, the real binary.
//!
//! Nothing is inherited. When the room is dropped, its engine is told to stop and whatever is still alive is ended. Output
//! goes to files, not pipes, so that a background process that keeps stdout open cannot hold a test.

mod repo;
mod toml;

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::os::fd::AsFd as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open};
use serde_json::Value;

use crate::fake_agent;
use crate::normalise::Normaliser;
use crate::terminal::Terminal;
use crate::{processes, wait};

pub use repo::Repo;
pub use toml::{agent_toml, duplex_toml};

/// The longest that one command of a test may take; it is killed then, and the test fails with its output.
const COMMAND_MS_MAX: u64 = 120_000;
/// The longest that `wait_for` waits.
const FILE_MS_MAX: u64 = 60_000;
/// The longest that stopping the engine at the end of a test may take before it is killed.
const DOWN_MS_MAX: u64 = 15_000;

/// Set to keep the folder of a test for looking at.
const KEEP: &str = "CONVOY_TEST_KEEP";

const GITCONFIG: &str = "[user]\n\tname = A Person\n\temail = person@example.com\n[init]\n\tdefaultBranch = main\n\
    [commit]\n\tgpgsign = false\n[gc]\n\tauto = 0\n[maintenance]\n\tauto = false\n[advice]\n\tdetachedHead = false\n";

/// A hermetic place with one `convoy` binary.
pub struct TestEnv {
    binary: PathBuf,
    root: tempfile::TempDir,
    vars: BTreeMap<OsString, OsString>,
    normaliser: Normaliser,
}

impl TestEnv {
    /// A new place. `binary` is `env!("CARGO_BIN_EXE_convoy")` of the calling test.
    ///
    /// # Panics
    /// When the folder cannot be made.
    pub fn new(binary: impl Into<PathBuf>) -> Self {
        let root = tempfile::Builder::new().prefix("convoy-").tempdir().expect("a temporary folder");
        let at = |name: &str| root.path().join(name);
        for name in ["home", "bin", "tmp", "run"] {
            fs::create_dir(at(name)).expect("a folder in the temporary folder");
        }
        fs::write(at("home/.gitconfig"), GITCONFIG).expect("the git configuration");
        let path = format!("{}:/usr/local/bin:/usr/bin:/bin", at("bin").display());
        let vars = [
            ("PATH", path.into()),
            ("HOME", at("home").into()),
            ("TMPDIR", at("tmp").into()),
            ("XDG_RUNTIME_DIR", at("run").into()),
            ("GIT_CONFIG_NOSYSTEM", "1".into()),
            ("LANG", "C.UTF-8".into()),
            ("TZ", "UTC".into()),
        ];
        let vars = vars.map(|(name, value): (&str, OsString)| (name.into(), value)).into();
        let normaliser = Normaliser::new(root.path(), &["gt", "bd"]);
        Self { binary: binary.into(), vars, normaliser, root }
    }

    /// Issues of these prefixes have made-up ids, which are normalised; `gt` and `bd` unless said here.
    #[must_use]
    pub fn with_prefixes(mut self, prefixes: &[&str]) -> Self {
        self.normaliser = Normaliser::new(self.root.path(), prefixes);
        self
    }

    /// Lets every later command, and the engine that it brings up, go by a clock that `advance` moves. Builds with
    /// debug assertions only.
    ///
    /// # Panics
    /// When its file cannot be written.
    pub fn with_clock(&mut self) -> &mut Self {
        let folder = self.root().join("clock");
        fs::create_dir_all(&folder).expect("a folder in the temporary folder");
        fs::write(folder.join("ahead"), "0").expect("a file in the temporary folder");
        self.set("CONVOY_CLOCK", folder.join("ahead"))
    }

    /// Lets time pass.
    ///
    /// # Panics
    /// When there is no such clock.
    pub fn advance(&self, by: Duration) {
        let (file, new) = (self.root().join("clock/ahead"), self.root().join("clock/ahead.new"));
        let text = fs::read_to_string(&file).expect("with_clock() before advance()");
        let ahead: i64 = text.trim().parse().expect("milliseconds");
        let by = i64::try_from(by.as_millis()).expect("a duration that a test waits for");
        // At once, so that nobody reads a half.
        fs::write(&new, (ahead + by).to_string()).expect("a file in the temporary folder");
        fs::rename(&new, &file).expect("a file in the temporary folder");
    }

    /// Sets a variable for every later command.
    pub fn set(&mut self, name: &str, value: impl Into<OsString>) -> &mut Self {
        self.vars.insert(name.into(), value.into());
        self
    }

    /// The folder that everything of the test is in; its name is the test's mark.
    pub fn root(&self) -> &Path {
        self.root.path()
    }
    /// The home folder.
    pub fn home(&self) -> PathBuf {
        self.root().join("home")
    }
    /// A folder that is first in `PATH`.
    pub fn bin(&self) -> PathBuf {
        self.root().join("bin")
    }
    /// The folder of `repo()`, where commands run unless said otherwise.
    pub fn dir(&self) -> PathBuf {
        self.root().join("repo")
    }

    /// Makes the small repository `repo`: branch `main`, two files, one commit.
    pub fn repo(&self) -> Repo<'_> {
        self.repo_named("repo")
    }

    /// A repository that is there already.
    pub fn repo_at(&self, path: &Path) -> Repo<'_> {
        Repo { env: self, path: path.to_owned() }
    }

    /// Makes another repository, beside `repo`.
    ///
    /// # Panics
    /// When git fails.
    pub fn repo_named(&self, name: &str) -> Repo<'_> {
        let repo = Repo { env: self, path: self.root().join(name) };
        fs::create_dir_all(&repo.path).expect("a folder in the temporary folder");
        repo.git(["init", "-q", "-b", "main"]);
        repo.write("README.md", "# A small repository\n");
        repo.write("src/lib.txt", "one\ntwo\nthree\n");
        repo.commit("Begin");
        repo
    }

    /// A command in this environment, in `dir`, with no stdin.
    #[expect(
        clippy::disallowed_methods,
        reason = "tests start programs; the product starts them in os/spawn.rs"
    )]
    pub fn command(&self, program: impl AsRef<OsStr>, dir: &Path) -> Command {
        let mut command = Command::new(program);
        command.env_clear().envs(&self.vars).stdin(Stdio::null());
        if dir.is_dir() {
            command.current_dir(dir)
        } else {
            command.current_dir(self.root())
        };
        command
    }

    /// Runs `convoy` in the repository.
    pub fn convoy<A: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = A>) -> Run {
        self.convoy_in(&self.dir(), args)
    }

    /// Runs `convoy` in another folder.
    pub fn convoy_in<A: AsRef<OsStr>>(&self, dir: &Path, args: impl IntoIterator<Item = A>) -> Run {
        let mut command = self.command(&self.binary, dir);
        command.args(args);
        self.run(command)
    }

    /// Runs `convoy` with a text on its stdin.
    ///
    /// # Panics
    /// When the text cannot be put aside.
    pub fn convoy_with_stdin<A: AsRef<OsStr>>(&self, text: &str, args: impl IntoIterator<Item = A>) -> Run {
        let mut file = tempfile::tempfile_in(self.root()).expect("a temporary file");
        std::io::Write::write_all(&mut file, text.as_bytes()).expect("a write to a temporary file");
        std::io::Seek::rewind(&mut file).expect("a seek in a temporary file");
        let mut command = self.command(&self.binary, &self.dir());
        command.args(args).stdin(file);
        self.run(command)
    }

    /// Starts `convoy` in the repository on a terminal, which is its own: what is typed there, and its size, come as signals.
    pub fn on_terminal<A: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = A>) -> Terminal {
        let mut command = self.command("setsid", &self.dir());
        command.arg("--ctty").arg(&self.binary).args(args);
        Terminal::start(command)
    }

    /// Starts `convoy` in the repository and goes on, for commands that stay.
    pub fn start<A: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = A>) -> Background {
        let mut command = self.command(&self.binary, &self.dir());
        command.args(args);
        self.spawn(command)
    }

    /// Runs any command of `command()` to its end.
    ///
    /// # Panics
    /// When it cannot be started, or takes longer than a test may wait.
    pub fn run(&self, command: Command) -> Run {
        self.spawn(command).wait(Duration::from_millis(COMMAND_MS_MAX))
    }

    /// Starts any command of `command()`.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn spawn(&self, mut command: Command) -> Background {
        let output =
            || tempfile::NamedTempFile::new_in(self.root()).expect("a temporary file").into_temp_path();
        let (stdout, stderr) = (output(), output());
        let open = |path: &Path| File::options().append(true).open(path).expect("the temporary file");
        command.stdout(open(&stdout)).stderr(open(&stderr));
        let name = Path::new(command.get_program()).file_name().unwrap_or_default();
        let words = std::iter::once(name).chain(command.get_args());
        let words = words.map(|word| word.to_string_lossy().into_owned()).collect();
        let child = command.spawn().unwrap_or_else(|e| panic!("{}: {e}", command.get_program().display()));
        Background { child, words, stdout, stderr, normaliser: self.normaliser.clone() }
    }

    /// Waits until a file exists, given relative to the root of the test.
    ///
    /// # Panics
    /// When it does not come; the message lists what the test has left running.
    pub fn wait_for(&self, file: impl AsRef<Path>) {
        let file = self.root().join(file);
        let came = wait::for_file(&file, Duration::from_millis(FILE_MS_MAX));
        assert!(came, "{} did not appear; running: {:#?}", file.display(), self.processes());
    }

    /// The processes of this test that are alive, the engine and supervisors included.
    pub fn processes(&self) -> Vec<processes::Process> {
        processes::of(self.root())
    }

    /// Text without what differs from run to run.
    pub fn normalise(&self, text: &str) -> String {
        self.normaliser.text(text)
    }

    /// Puts a script for the fake agent into the room and returns the command line that plays it. It says what
    /// it did in `witness()`.
    ///
    /// # Panics
    /// When the script cannot be written.
    pub fn fake_agent(&self, script: &fake_agent::Script) -> Vec<String> {
        let text = serde_json::to_string_pretty(script).expect("a script is plain data");
        let file = self.root().join("fake-agent.json");
        fs::write(&file, text).expect("a file in the temporary folder");
        let witness = self.root().join("witness.ndjson");
        // An agent that is confined can only write to what is there.
        fs::OpenOptions::new()
            .append(true)
            .create(true)
            .open(&witness)
            .expect("a file in the temporary folder");
        let words = [fake_agent::path(), Path::new("--script"), &file, Path::new("--witness"), &witness];
        words.map(|word| word.to_string_lossy().into_owned()).into()
    }

    /// What fake agents have written down, in order.
    pub fn witness(&self) -> Vec<Value> {
        let text = fs::read_to_string(self.root().join("witness.ndjson")).unwrap_or_default();
        text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }

    /// Waits until the witness has `count` entries of an event (`start`, `ran`, `end`, …) and returns them.
    ///
    /// # Panics
    /// When they do not come.
    pub fn wait_witness(&self, event: &str, count: usize) -> Vec<Value> {
        let entries =
            || -> Vec<Value> { self.witness().into_iter().filter(|w| w["event"] == event).collect() };
        let file = self.root().join("witness.ndjson");
        let came = wait::until(&file, Duration::from_millis(FILE_MS_MAX), || entries().len() >= count);
        assert!(came, "{count} × {event} did not come; witness: {:#?}", self.witness());
        entries()
    }
}

impl Drop for TestEnv {
    fn drop(&mut self) {
        let has_workspace = |dir: &Path| dir.join(".convoy").is_dir();
        if !self.processes().is_empty() && has_workspace(&self.dir()) {
            let mut command = self.command(&self.binary, &self.dir());
            command.args(["down", "--stop-agents"]).stdout(Stdio::null()).stderr(Stdio::null());
            if let Ok(mut child) = command.spawn()
                && !ended_within(&child, Duration::from_millis(DOWN_MS_MAX))
            {
                drop(child.kill());
                drop(child.wait());
            }
        }
        processes::kill(self.root());
        #[expect(clippy::disallowed_methods, reason = "a switch for the person who runs the tests")]
        if std::env::var_os(KEEP).is_some() {
            self.root.disable_cleanup(true);
        }
    }
}

fn ended_within(child: &Child, timeout: Duration) -> bool {
    let Some(pid) = Pid::from_raw(child.id().cast_signed()) else { return true };
    // The child is not collected yet, so the number is still its own.
    pidfd_open(pid, PidfdFlags::empty()).map_or(true, |fd| wait::readable(fd.as_fd(), timeout))
}

/// A command that has ended.
#[derive(Clone, Debug)]
pub struct Run {
    /// Exit status; 128 + number when a signal ended it.
    pub status: i32,
    /// Everything it printed.
    pub stdout: String,
    /// Everything it complained.
    pub stderr: String,
    words: Vec<String>,
    normaliser: Normaliser,
}

impl Run {
    /// Insists on success.
    ///
    /// # Panics
    /// On any other status.
    #[track_caller]
    pub fn ok(self) -> Self {
        self.exits(0)
    }

    /// Insists on a status.
    ///
    /// # Panics
    /// On any other.
    #[track_caller]
    pub fn exits(self, status: i32) -> Self {
        assert_eq!(self.status, status, "{}", self.shown());
        self
    }

    /// Its stdout as one JSON value.
    ///
    /// # Panics
    /// When it is not.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|e| panic!("not JSON: {e}\n{}", self.shown()))
    }

    /// Command, output and status as a normalised transcript, for snapshots.
    pub fn shown(&self) -> String {
        let mut text = format!("$ {}\n{}", self.words.join(" "), self.stdout);
        if !self.stderr.is_empty() {
            text.push_str("--- stderr\n");
            text.push_str(&self.stderr);
        }
        if self.status != 0 {
            text.push_str(&format!("--- exit {}\n", self.status));
        }
        self.normaliser.text(&text)
    }
}

/// A command that runs. Dropping this ends it, if it has not ended.
pub struct Background {
    child: Child,
    words: Vec<String>,
    stdout: tempfile::TempPath,
    stderr: tempfile::TempPath,
    normaliser: Normaliser,
}

impl Background {
    /// Its process number.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What it has printed so far.
    pub fn stdout(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.stdout).unwrap_or_default()).into_owned()
    }

    /// Waits until it has printed a text. False when the time is over first.
    pub fn printed(&self, text: &str, timeout: Duration) -> bool {
        wait::for_text(&self.stdout, text, timeout)
    }

    /// Waits until what it has printed fulfils a condition. False when the time is over first.
    pub fn until(&self, timeout: Duration, holds: impl Fn(&str) -> bool) -> bool {
        wait::until(&self.stdout, timeout, || holds(&self.stdout()))
    }

    /// Sends a signal to this process alone.
    ///
    /// # Panics
    /// When it has been collected already.
    pub fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(self.child.id().cast_signed()).expect("a child has a process number");
        rustix::process::kill_process(pid, signal).expect("the child is not collected yet");
    }

    /// Waits for its end.
    ///
    /// # Panics
    /// When it has not ended in time; it is killed then.
    pub fn wait(mut self, timeout: Duration) -> Run {
        let in_time = ended_within(&self.child, timeout);
        if !in_time {
            drop(self.child.kill());
        }
        let status = self.child.wait().expect("the child was not collected before");
        let stderr = String::from_utf8_lossy(&fs::read(&self.stderr).unwrap_or_default()).into_owned();
        let run = Run {
            status: status_of(status),
            stdout: self.stdout(),
            stderr,
            words: self.words.clone(),
            normaliser: self.normaliser.clone(),
        };
        assert!(in_time, "did not end in {timeout:?}\n{}", run.shown());
        run
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn status_of(status: ExitStatus) -> i32 {
    let signal = std::os::unix::process::ExitStatusExt::signal(&status).unwrap_or_default();
    status.code().unwrap_or(128 + signal)
}
