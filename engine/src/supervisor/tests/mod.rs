//! Supervisors as processes, with shell scripts for agents. Nothing here sleeps: tests wait for pipes, processes and
//! the supervisor's own messages.

mod duplex;
mod ends;
mod faults;
mod signal;
mod talk;

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::Child;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use convoy_core::id::{Epoch, IssueId, SessionId, WorkerId};
use convoy_core::report::{Exit, Observation, Report};

use super::client::{Message, Subscription};
use super::files::SessionDir;
use super::launch::{Launched, launch};
use super::spec::{self, Limits, PromptVia, Spec, Step, StopSignal};
use crate::agent::Output;
use crate::os::process::{self, Process};
use crate::os::spawn::Environment;
use crate::runtime::Runtime;

/// No test takes this long unless something hangs.
const PATIENCE: Duration = Duration::from_secs(30);

/// The program that tests launch is this one: the harness takes `supervise DIR` for two filters, and finds this
/// test by the first.
#[test]
fn supervise() {
    let arguments: Vec<_> = std::env::args_os().collect();
    if let [_, verb, dir] = arguments.as_slice()
        && verb == "supervise"
    {
        let code = super::run(Path::new(dir));
        std::process::exit(if code == std::process::ExitCode::SUCCESS { 0 } else { status(code) });
    }
}

/// An exit code tells nobody its number but the system.
fn status(code: std::process::ExitCode) -> i32 {
    let known = [super::STATUS_CLAIMED, super::STATUS_SPEC, super::STATUS_FAILED];
    known.into_iter().find(|known| std::process::ExitCode::from(*known) == code).map_or(99, i32::from)
}

/// A session that was not launched yet.
struct Session {
    root: tempfile::TempDir,
    dir: SessionDir,
    spec: Spec,
    prompt: String,
}

/// A session whose agent is a shell script.
fn script(text: &str) -> Session {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let root = tempfile::tempdir().unwrap();
    let workdir = root.path().join("work");
    std::fs::create_dir(&workdir).unwrap();
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    let session = SessionId::new(format!("s-test{}x{number}", std::process::id())).unwrap();
    let spec = Spec {
        version: spec::VERSION,
        session: session.clone(),
        epoch: Epoch(7),
        worker: WorkerId::new("w-1").unwrap(),
        issue: IssueId::new("gt-1").unwrap(),
        convoy: None,
        argv: ["/bin/sh", "-c", text].map(str::to_owned).into(),
        workdir,
        env: [("PATH".to_owned(), "/usr/bin:/bin".to_owned())].into(),
        prompt: PromptVia::Stdin,
        translator: Output::Plain,
        asked: crate::agent::Asked::default(),
        limits: Limits::default(),
        stop: [StopSignal::Int, StopSignal::Term].map(|signal| Step { signal, wait_ms: 40 }).into(),
        runtime: Runtime::Headless,
        prices: [].into(),
        confine: None,
        stdout_bytes: None,
    };
    let dir = SessionDir::new(root.path().join("sessions").join(session.as_str()));
    Session { root, dir, spec, prompt: "do it".to_owned() }
}

/// A session whose supervisor was launched.
struct Running {
    session: Session,
    child: Child,
    messages: Subscription,
}

fn program() -> PathBuf {
    std::env::current_exe().unwrap()
}

fn environment() -> Environment {
    let mut environment = Environment::default();
    // With one thread the harness runs a test on the main thread, as the real program does.
    environment.set("RUST_TEST_THREADS", "1");
    environment
}

impl Session {
    /// A named pipe in the workdir, by which the agent can tell the test something.
    fn fifo(&self, name: &str) -> PathBuf {
        let path = self.spec.workdir.join(name);
        rustix::fs::mknodat(rustix::fs::CWD, &path, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
        path
    }
    fn create(&self) {
        self.dir.create(&self.spec, &self.prompt).unwrap();
    }
    fn launch_created(self) -> Running {
        let Launched { child, client } = launch(&program(), &self.dir, &environment()).unwrap();
        Running { session: self, child, messages: client.subscribe(0).unwrap() }
    }
    fn launch(self) -> Running {
        self.create();
        self.launch_created()
    }
    fn finish(self) -> Finished {
        self.launch().finish()
    }
    fn marked(&self) -> Vec<Process> {
        process::marked(super::MARK, self.spec.session.as_str())
    }
}

impl Running {
    fn finish(mut self) -> Finished {
        let (mut observations, mut exit) = (Vec::new(), None);
        for message in self.messages.by_ref() {
            match message.unwrap() {
                Message::Observation(observation) => observations.push(observation),
                Message::Exit(end) => exit = Some(end),
            }
        }
        let status = self.child.wait().unwrap();
        let log = std::fs::read_to_string(self.session.dir.supervisor_log()).unwrap();
        let exit = exit.unwrap_or_else(|| panic!("no exit, status {status}, log {log}"));
        assert_eq!(self.session.dir.exit().unwrap().as_ref(), Some(&exit));
        assert_eq!(self.session.dir.observations_after(0).unwrap(), observations);
        assert_eq!(exit.last_n, observations.len() as u64);
        assert_eq!(self.session.marked(), []);
        assert!(status.success());
        Finished { session: self.session, observations, exit }
    }
    /// Reads what the agent writes into a named pipe, up to its end.
    fn hear(&self, fifo: &Path) -> String {
        let mut text = String::new();
        std::fs::File::open(fifo).unwrap().read_to_string(&mut text).unwrap();
        text
    }
}

/// A session that has ended.
struct Finished {
    session: Session,
    observations: Vec<Observation>,
    exit: Exit,
}

impl Finished {
    fn output(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(self.session.dir.output()).unwrap()).into_owned()
    }
    fn reports(&self) -> Vec<&Report> {
        self.observations.iter().map(|observation| &observation.report).collect()
    }
}
