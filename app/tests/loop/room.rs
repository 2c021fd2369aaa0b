//! The room of these tests: a workspace with a fake agent, and short words for what a person does in it.

use std::time::Duration;

use convoy_testkit::env::{Background, Repo, Run, TestEnv, agent_toml};
use convoy_testkit::fake_agent::{Script, Step};
use serde_json::Value;

/// The longest that anything here is waited for.
pub(crate) const SOON: Duration = Duration::from_secs(60);

/// Pauses between attempts that cost a test nothing.
const RETRY: &str = "[retry]\nbackoff = \"10ms\"\nbackoff_max = \"20ms\"\n";

/// A workspace.
pub(crate) struct Room {
    pub(crate) env: TestEnv,
}

impl Room {
    /// In the small repository, with an agent that plays this script.
    pub(crate) fn new(script: &Script) -> Self {
        Self::with("", script)
    }

    /// The same, with more configuration.
    pub(crate) fn with(config: &str, script: &Script) -> Self {
        Self::around(TestEnv::new(env!("CARGO_BIN_EXE_convoy")), config, script)
    }

    /// The same, in an environment that the test has prepared.
    pub(crate) fn around(env: TestEnv, config: &str, script: &Script) -> Self {
        if !env.dir().exists() {
            env.repo();
        }
        let room = Self { env };
        room.convoy("init --prefix gt --name home");
        let agent = agent_toml("fake", &room.env.fake_agent(script), "plain", &[]);
        let defaults = if config.contains("[defaults]") { "" } else { "[defaults]\nagent = \"fake\"\n" };
        room.configure(&format!("{defaults}{RETRY}{agent}{config}"));
        room
    }

    /// Adds to the configuration; an engine reads it when it starts.
    pub(crate) fn configure(&self, toml: &str) {
        let file = self.env.dir().join(".convoy/config.toml");
        let before = std::fs::read_to_string(&file).unwrap();
        std::fs::write(file, format!("{before}\n{toml}")).unwrap();
    }

    /// Has the next agents play another script.
    pub(crate) fn plays(&self, script: &Script) {
        self.env.fake_agent(script);
    }

    /// Runs words that are separated by blanks, and insists on success.
    #[track_caller]
    pub(crate) fn convoy(&self, words: &str) -> Run {
        self.env.convoy(words.split_whitespace()).ok()
    }

    /// The same, for its JSON.
    #[track_caller]
    pub(crate) fn json(&self, words: &str) -> Value {
        self.convoy(&format!("{words} --json")).json()
    }

    /// Makes issues of these ids; `gt-b:gt-a` needs `gt-a`.
    #[track_caller]
    pub(crate) fn issues(&self, ids: &str) {
        for word in ids.split_whitespace() {
            let (id, needs) = word.split_once(':').unwrap_or((word, ""));
            let title = format!("Do {id}");
            let mut words = vec!["issue", "create", &title, "--id", id];
            words.extend(needs.split(',').filter(|id| !id.is_empty()).flat_map(|id| ["--needs", id]));
            self.env.convoy(words).ok();
        }
    }

    /// Makes a convoy of issues and flags, and has it worked on. Its id.
    #[track_caller]
    pub(crate) fn launch(&self, words: &str) -> String {
        let made = self.json(&format!("create Work {words} --run"));
        made["id"].as_str().unwrap().to_owned()
    }

    /// Makes issues and a convoy of them, and has it worked on. Its id.
    #[track_caller]
    pub(crate) fn launch_new(&self, ids: &str, flags: &str) -> String {
        self.issues(ids);
        let ids: Vec<&str> = ids.split_whitespace().filter_map(|id| id.split(':').next()).collect();
        self.launch(&format!("{} {flags}", ids.join(" ")))
    }

    /// Waits until a convoy lands.
    #[track_caller]
    pub(crate) fn lands(&self, convoy: &str) -> Value {
        let run = self.env.convoy(["wait", convoy, "--timeout", "60s", "--json"]);
        assert_eq!(run.status, 0, "{}\n{}\n{}", run.shown(), self.story(), self.convoy("daemon logs").stdout);
        run.json()
    }

    /// Follows a convoy until nothing in it can move, and returns what it says.
    #[track_caller]
    pub(crate) fn stalls(&self, convoy: &str) -> String {
        let run = self.env.convoy(["run", convoy]);
        assert_eq!(run.status, 1, "{}\n{}", run.shown(), self.story());
        run.stdout
    }

    /// The worker that an issue has or had last.
    #[track_caller]
    pub(crate) fn worker(&self, issue: &str) -> Value {
        self.json(&format!("work status {issue}"))
    }

    /// An issue.
    #[track_caller]
    pub(crate) fn issue(&self, id: &str) -> Value {
        let shown = self.json(&format!("issue show {id}"));
        shown.as_array().map_or(shown.clone(), |all| all[0].clone())
    }

    /// What happened, an event a line.
    pub(crate) fn story(&self) -> String {
        self.convoy("events --json").stdout
    }

    /// The events of a type, oldest first.
    #[track_caller]
    pub(crate) fn events(&self, kind: &str) -> Vec<Value> {
        let text = self.convoy(&format!("events --type {kind} --json")).stdout;
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// Follows events of a type.
    pub(crate) fn follow(&self, kind: &str) -> Background {
        self.env.start(["events", "--follow", "--json", "--type", kind])
    }

    /// Waits until an event of a type has come that contains a text.
    #[track_caller]
    pub(crate) fn until(&self, kind: &str, text: &str) {
        let came = self.follow(kind).printed(text, SOON);
        assert!(came, "no {kind} with {text}\n{}\n{}", self.story(), self.convoy("daemon logs").stdout);
    }

    /// The repository.
    pub(crate) fn repo(&self) -> Repo<'_> {
        self.env.repo_at(&self.env.dir())
    }

    /// A step that holds an agent until `open` of the same name.
    pub(crate) fn hold(env: &TestEnv, gate: &str) -> Step {
        Step::WaitFor(env.root().join(gate).to_string_lossy().into_owned())
    }

    /// Lets go what is held.
    pub(crate) fn open(&self, gate: &str) {
        std::fs::write(self.env.root().join(gate), "").unwrap();
    }

    /// The prompts that agents have saved by `save_prompt`, by name.
    #[track_caller]
    pub(crate) fn saved(&self, name: &str) -> String {
        std::fs::read_to_string(self.env.root().join(name)).unwrap_or_else(|why| panic!("{name}: {why}"))
    }
}

/// A room's environment before its workspace is made.
pub(crate) fn outside() -> TestEnv {
    TestEnv::new(env!("CARGO_BIN_EXE_convoy"))
}

/// A step that saves the prompt in the room.
pub(crate) fn save_prompt(env: &TestEnv, name: &str) -> Step {
    Step::SavePrompt(env.root().join(name).to_string_lossy().into_owned())
}

/// A file and a commit of it.
pub(crate) fn commit(path: &str, content: &str) -> [Step; 2] {
    let write = Step::Write { path: path.to_owned(), content: content.to_owned() };
    [write, Step::Commit(format!("Write {path}"))]
}

/// A command line as a step that has to succeed.
pub(crate) fn shell(line: &str) -> Step {
    Step::Run(vec!["sh".to_owned(), "-c".to_owned(), line.to_owned()])
}

/// One of convoy's own commands as a step.
pub(crate) fn says(words: &[&str]) -> Step {
    Step::Convoy(words.iter().map(|word| (*word).to_owned()).collect())
}

/// The text of a field.
#[track_caller]
pub(crate) fn text<'a>(value: &'a Value, path: &str) -> &'a str {
    value.pointer(path).and_then(Value::as_str).unwrap_or_else(|| panic!("no text at {path}: {value:#}"))
}
