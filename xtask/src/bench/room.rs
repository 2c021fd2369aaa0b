//! A workspace to measure in: a repository, the release build, an engine of its own.

use std::path::{Path, PathBuf};
use std::process::Command;

use convoy_api::client::Client;
use convoy_api::{Order, Outcome, Service};
use convoy_core::command::Request;
use convoy_core::event::{Envelope, Event};
use convoy_core::id::Seq;
use convoy_core::issue::{CloseReason, IssueType};
use convoy_engine::engine::{Engine, Mode};
use convoy_engine::os::socket;
use convoy_engine::os::spawn::Environment;
use convoy_engine::reach::LOCK_WAIT;
use convoy_engine::workspace::Workspace;
use convoy_testkit::env::TestEnv;

use super::measure::Result;
use crate::chore;

/// How many callers fill a workspace at once: they share commits.
const FILLERS: usize = 32;

/// See the module.
pub(super) struct Room {
    env: TestEnv,
    workspace: Workspace,
}

/// The binary that is measured.
pub(super) fn binary() -> PathBuf {
    let target = std::env::current_exe().ok().and_then(|exe| exe.parent().map(Path::to_owned));
    target.unwrap_or_else(|| chore::root().join("target/release")).join("convoy")
}

pub(super) fn create(title: &str) -> Request {
    Request::IssueCreate {
        id: None,
        rig: None,
        title: title.to_owned(),
        body: "What is to be done, in a line or two, as people write it.".to_owned(),
        issue_type: IssueType::Task,
        priority: 2,
        labels: Vec::new(),
        parent: None,
        needs: Vec::new(),
        acceptance: Vec::new(),
    }
}

pub(super) fn convoy(name: &str, issues: Vec<String>, start: bool) -> Request {
    Request::ConvoyCreate {
        name: name.to_owned(),
        issues,
        owner: None,
        notify: Vec::new(),
        merge: None,
        base: None,
        max_parallel: None,
        start,
        from_epic: None,
        epic: None,
        budget: None,
        owned: false,
        due: None,
    }
}

pub(super) fn close(id: &str) -> Request {
    Request::IssueClose {
        ids: vec![id.to_owned()],
        reason: CloseReason::Completed,
        duplicate_of: None,
        note: None,
    }
}

/// Has something done; the ids that it was done to.
pub(super) fn order(service: &dyn Service, request: Request) -> Result<Vec<String>> {
    let order = Order { request, actor: "overseer".to_owned(), key: None, dry_run: false };
    let Outcome { items, .. } = service.order(order).map_err(|failure| failure.message)?;
    Ok(items.into_iter().map(|item| item.id).collect())
}

/// The same, where one id is expected.
pub(super) fn order_one(service: &dyn Service, request: Request) -> Result<String> {
    order(service, request)?.pop().ok_or_else(|| "nothing was made".into())
}

impl Room {
    /// A workspace where no agent is ever started.
    pub(super) fn new() -> Result<Self> {
        Self::with(|_| String::new())
    }
    /// A workspace with more in its configuration.
    pub(super) fn with(config: impl FnOnce(&TestEnv) -> String) -> Result<Self> {
        let env = TestEnv::new(binary());
        env.repo();
        env.convoy(["init", "--prefix", "gt"]).ok();
        let workspace = Workspace::find(&env.dir()).map_err(|failure| failure.message)?;
        let file = workspace.config_file();
        let text = std::fs::read_to_string(&file)?;
        std::fs::write(file, format!("{text}\n{}", config(&env)))?;
        Ok(Self { env, workspace })
    }

    pub(super) fn env(&self) -> &TestEnv {
        &self.env
    }
    /// A command of the binary in this workspace.
    pub(super) fn command(&self, args: &[&str]) -> Command {
        let mut command = self.env.command(binary(), &self.env.dir());
        command.args(args);
        command
    }
    /// A way to the running engine.
    pub(super) fn client(&self) -> impl Service + Send + Sync + use<> {
        let path = self.workspace.socket();
        Client::new(move || socket::connect(&path))
    }
    /// Brings the background engine up; its process.
    pub(super) fn up(&self) -> Result<u32> {
        let up = self.env.convoy(["up", "--json"]).ok().json();
        let pid = up["pid"].as_u64().ok_or("the engine has no pid")?;
        Ok(u32::try_from(pid)?)
    }
    pub(super) fn down(&self, stop_agents: bool) {
        let args: &[&str] = if stop_agents { &["down", "--stop-agents"] } else { &["down"] };
        self.env.convoy(args).ok();
    }

    /// An engine in this process that starts nothing.
    pub(super) fn engine(&self) -> Result<Engine> {
        Engine::open(&self.workspace, &self.environment(), Mode::Command, LOCK_WAIT)
            .map_err(|failure| failure.message.into())
    }
    fn environment(&self) -> Environment {
        Environment::new([("HOME".into(), self.env.home().into()), ("PATH".into(), "/usr/bin:/bin".into())])
    }

    /// Makes so many issues; their ids. No engine may be up.
    pub(super) fn fill(&self, count: usize) -> Result<Vec<String>> {
        let engine = self.engine()?;
        let share = |filler| (filler..count).step_by(FILLERS);
        let made: Vec<std::result::Result<Vec<String>, String>> = std::thread::scope(|scope| {
            let engine = &engine;
            let fill = move |filler| -> std::result::Result<Vec<String>, String> {
                let make = |n| order_one(engine, create(&format!("Issue number {n} of many")));
                share(filler).map(|n| make(n).map_err(|error| error.to_string())).collect()
            };
            let fillers: Vec<_> = (0..FILLERS).map(|filler| scope.spawn(move || fill(filler))).collect();
            fillers
                .into_iter()
                .map(|filler| filler.join().unwrap_or_else(|_| Err("a filler failed".into())))
                .collect()
        });
        let mut ids = Vec::with_capacity(count);
        for made in made {
            ids.extend(made?);
        }
        Ok(ids)
    }

    /// Waits until so many events fit; all events until then.
    pub(super) fn wait(&self, count: usize, fits: impl Fn(&Event) -> bool) -> Result<Vec<Envelope>> {
        let (mut all, mut seen) = (Vec::new(), 0);
        for event in self.client().watch(Seq(0)).map_err(|failure| failure.message)? {
            let event = event.map_err(|failure| failure.message)?;
            seen += usize::from(fits(&event.event));
            all.push(event);
            if seen >= count {
                return Ok(all);
            }
        }
        Err(format!("the engine left after {seen} of {count} events").into())
    }
}
