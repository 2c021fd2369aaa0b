//! A workspace whose agent plays a script, and the means to hurt what runs in it.

use std::fs;
use std::os::fd::AsFd as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use convoy_testkit::env::{Background, Repo, Run, TestEnv, agent_toml};
use convoy_testkit::fake_agent::{Script, Step};
use convoy_testkit::wait;
use rustix::process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open};
use serde_json::Value;

use crate::PATIENCE;

pub(crate) const BIN: &str = env!("CARGO_BIN_EXE_convoy");

/// What every workspace here is set to: pauses are not what is tested.
const CONFIG: &str = "[retry]\nbackoff = \"10ms\"\nbackoff_max = \"20ms\"\n";

/// A test's workspace.
pub(crate) struct Room {
    pub(crate) env: TestEnv,
    /// The process in whose mount namespace commands run, if not in ours.
    pub(crate) inside: Option<u32>,
}

impl Room {
    /// A repository with nothing of Convoy in it.
    pub(crate) fn bare() -> Self {
        let env = TestEnv::new(BIN);
        env.repo();
        Self { env, inside: None }
    }

    /// A workspace whose issues begin with `gt`, with the agent `fake` as the default. `config` is added to the
    /// configuration; a table that is in it replaces the usual one.
    pub(crate) fn new(script: &Script, config: &str) -> Self {
        let room = Self::bare();
        room.init(script, config);
        room
    }

    pub(crate) fn init(&self, script: &Script, config: &str) {
        self.convoy(["init", "--prefix", "gt", "--name", "gastown"]).ok();
        let agent = agent_toml("fake", &self.env.fake_agent(script), "plain", &[]);
        let usual = if config.contains("[retry]") { "" } else { CONFIG };
        let path = self.env.dir().join(".convoy/config.toml");
        let text = fs::read_to_string(&path).unwrap();
        let text = format!("{text}\n[defaults]\nagent = \"fake\"\n\n{agent}\n{usual}\n{config}\n");
        fs::write(path, text).unwrap();
    }

    /// Its repository.
    pub(crate) fn repo(&self) -> Repo<'_> {
        self.env.repo_at(&self.env.dir())
    }

    /// A command that is about the workspace.
    pub(crate) fn command<A: AsRef<std::ffi::OsStr>>(&self, args: impl IntoIterator<Item = A>) -> Command {
        let dir = self.env.dir();
        let mut command = match self.inside {
            None => self.env.command(BIN, &dir),
            Some(pid) => {
                let mut command = self.env.command("nsenter", &dir);
                command.args(["-m", "-t", &pid.to_string(), "--", BIN, "-C"]).arg(&dir);
                command
            }
        };
        command.args(args);
        command
    }
    pub(crate) fn convoy<A: AsRef<std::ffi::OsStr>>(&self, args: impl IntoIterator<Item = A>) -> Run {
        self.env.run(self.command(args))
    }
    pub(crate) fn start<A: AsRef<std::ffi::OsStr>>(&self, args: impl IntoIterator<Item = A>) -> Background {
        self.env.spawn(self.command(args))
    }

    /// Issues with these ids; their titles say which.
    pub(crate) fn issues(&self, ids: &[&str]) {
        for id in ids {
            self.convoy(["issue", "create", &format!("Issue {id}"), "--id", id]).ok();
        }
    }
    /// A convoy of these issues that is worked on in the background; its id.
    pub(crate) fn launch(&self, ids: &[&str]) -> String {
        let args = ["create", "Convoy", "--run", "-q", "--notify", "mayor/"];
        self.convoy(args.iter().chain(ids)).ok().stdout.trim().to_owned()
    }
    /// Waits until a convoy has landed.
    pub(crate) fn land(&self, convoy: &str) {
        let run = self.convoy(["wait", convoy, "--timeout", "60s"]);
        let log = || fs::read_to_string(self.state().join("engine.log")).unwrap_or_default();
        assert_eq!(run.status, 0, "{}\n{:#?}\n{}", run.shown(), self.brief(), log());
    }

    /// Where the state is, seen from here.
    pub(crate) fn state(&self) -> PathBuf {
        let state = self.env.dir().join(".convoy/state");
        match self.inside {
            None => state,
            Some(pid) => {
                Path::new("/proc").join(pid.to_string()).join("root").join(state.strip_prefix("/").unwrap())
            }
        }
    }
    /// A file in the room, outside of the repository.
    pub(crate) fn at(&self, name: &str) -> String {
        self.env.root().join(name).display().to_string()
    }
    /// Makes a file that an agent waits for.
    pub(crate) fn release(&self, name: &str) {
        fs::write(self.at(name), "").unwrap();
    }

    /// All events.
    pub(crate) fn events(&self) -> Vec<Value> {
        let run = self.convoy(["events", "--json"]).ok();
        run.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
    pub(crate) fn events_of(&self, kind: &str) -> Vec<Value> {
        self.events().into_iter().filter(|event| event["type"] == kind).collect()
    }
    /// Waits until so many events of a type were seen, and returns them.
    pub(crate) fn wait_events(&self, kind: &str, count: usize) -> Vec<Value> {
        let follow = self.start(["events", "-f", "--json", "--type", kind]);
        let mark = format!("\"type\":\"{kind}\"");
        let came = follow.until(PATIENCE, |text| text.matches(&mark).count() >= count);
        assert!(came, "{count} × {kind} did not come: {:#?}", self.brief());
        let text = follow.stdout();
        text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }
    /// Every event in a line, for messages.
    pub(crate) fn brief(&self) -> Vec<String> {
        let line = |event: Value| format!("{} {} {}", event["seq"], event["type"], event["data"]);
        self.events().into_iter().map(line).collect()
    }

    pub(crate) fn issue(&self, id: &str) -> Value {
        self.convoy(["issue", "show", id, "--json"]).ok().json()
    }
    /// The worker of an issue, with its sessions.
    pub(crate) fn worker(&self, issue: &str) -> Value {
        self.convoy(["work", "status", issue, "--json"]).ok().json()
    }
    pub(crate) fn engine_pid(&self) -> u32 {
        let view = self.convoy(["daemon", "status", "--json"]).ok().json();
        assert_eq!(view["running"], true, "no engine: {view}");
        u32::try_from(view["pid"].as_u64().unwrap()).unwrap()
    }
    /// The folders of all sessions.
    pub(crate) fn sessions(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.state().join("sessions")).into_iter().flatten().flatten();
        entries.map(|entry| entry.path()).collect()
    }
    /// The process of a session's supervisor.
    pub(crate) fn supervisor_pid(&self, session: &str) -> u32 {
        let record = fs::read(self.state().join("sessions").join(session).join("run.json")).unwrap();
        let record: Value = serde_json::from_slice(&record).unwrap();
        u32::try_from(record["pid"].as_u64().unwrap()).unwrap()
    }
    /// Kills the engine as nobody expects it, and waits until it is gone.
    pub(crate) fn kill_engine(&self) {
        kill(self.engine_pid());
    }

    /// One life of an engine: until it is killed at the crash point, or has nothing left to do. Whether it was
    /// killed.
    pub(crate) fn life(&self, crash: Option<&str>) -> bool {
        let mut command = self.command(["daemon", "serve"]);
        if let Some(crash) = crash {
            command.env("CONVOY_CRASH", crash);
        }
        let run = self.env.spawn(command).wait(PATIENCE);
        match run.status {
            0 => false,
            137 if crash.is_some() => true,
            _ => panic!("{crash:?}: {}", run.shown()),
        }
    }
}

/// What a fake agent writes in the witness when it is asked for its commit.
pub(crate) fn tell_commit() -> Step {
    Step::Run(["git", "rev-parse", "HEAD"].map(str::to_owned).into())
}
pub(crate) fn write(path: &str, content: &str) -> Step {
    Step::Write { path: path.to_owned(), content: content.to_owned() }
}
/// Writes `<issue>.txt`, commits it and tells the commit.
pub(crate) fn work() -> Vec<Step> {
    vec![write("$CONVOY_ISSUE.txt", "done\n"), Step::Commit("Do the work".to_owned()), tell_commit()]
}
/// The same after something else.
pub(crate) fn then_work(steps: impl IntoIterator<Item = Step>) -> Vec<Step> {
    steps.into_iter().chain(work()).collect()
}

/// Kills one process, and waits until it is gone.
pub(crate) fn kill(pid: u32) {
    let number = Pid::from_raw(pid.cast_signed()).unwrap();
    let Ok(fd) = pidfd_open(number, PidfdFlags::empty()) else { return };
    kill_process(number, Signal::KILL).unwrap();
    assert!(wait::readable(fd.as_fd(), PATIENCE), "{pid} does not die");
}
/// Waits until a process is gone.
pub(crate) fn gone(pid: u32, patience: Duration) -> bool {
    let Some(number) = Pid::from_raw(pid.cast_signed()) else { return true };
    pidfd_open(number, PidfdFlags::empty()).map_or(true, |fd| wait::readable(fd.as_fd(), patience))
}
/// Whether a process is there; a zombie is not.
pub(crate) fn lives(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with('Z'))
}
pub(crate) fn pid_of(entry: &Value) -> u32 {
    u32::try_from(entry["pid"].as_u64().unwrap()).unwrap()
}
/// Everything below a folder that is a file.
pub(crate) fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => folders.push(entry.path()),
                Ok(kind) if kind.is_file() => found.push(entry.path()),
                _ => {}
            }
        }
    }
    found
}
