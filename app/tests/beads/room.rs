//! The room of these tests: a workspace with a rig of its own, and one whose issues beads keeps.

use std::path::PathBuf;
use std::time::Duration;

use convoy_testkit::env::{Run, TestEnv, agent_toml};
use convoy_testkit::fake_agent::Script;
use convoy_testkit::fake_bd::Bd;
use convoy_testkit::wait;
use serde_json::Value;

/// The longest that anything here is waited for.
pub(crate) const SOON: Duration = Duration::from_secs(60);

pub(crate) struct Room {
    pub(crate) env: TestEnv,
}

impl Room {
    /// A workspace `repo` with the rig `home`, and the repository `tools` with beads, whose prefix is `MIN`.
    pub(crate) fn new() -> Self {
        let env = TestEnv::new(env!("CARGO_BIN_EXE_convoy"));
        env.repo();
        let tools = env.repo_named("tools").path().to_owned();
        Bd::init(&env, &tools, "MIN");
        let room = Self { env };
        room.convoy("init --prefix gt --name home");
        let agent = agent_toml("fake", &room.env.fake_agent(&Script::works()), "plain", &[]);
        room.configure(&format!(
            "[defaults]\nagent = \"fake\"\n[retry]\nbackoff = \"10ms\"\nbackoff_max = \"20ms\"\n{agent}\
             [rigs.tools]\npath = \"../tools\"\nprefix = \"MIN\"\ntracker = \"beads\"\n"
        ));
        room
    }

    pub(crate) fn tools(&self) -> PathBuf {
        self.env.root().join("tools")
    }

    /// Beads, as somebody else uses it.
    pub(crate) fn bd(&self) -> Bd<'_> {
        Bd::at(&self.env, &self.tools())
    }

    pub(crate) fn configure(&self, toml: &str) {
        let file = self.env.dir().join(".convoy/config.toml");
        let before = std::fs::read_to_string(&file).unwrap();
        std::fs::write(file, format!("{before}\n{toml}")).unwrap();
    }

    /// Runs words that are separated by blanks, and insists on success.
    #[track_caller]
    pub(crate) fn convoy(&self, words: &str) -> Run {
        self.env.convoy(words.split_whitespace()).ok()
    }

    #[track_caller]
    pub(crate) fn json(&self, words: &str) -> Value {
        self.convoy(&format!("{words} --json")).json()
    }

    /// Makes a convoy of issues. Its id.
    #[track_caller]
    pub(crate) fn create(&self, issues: &[&str]) -> String {
        self.json(&format!("create Work {}", issues.join(" ")))["id"].as_str().unwrap().to_owned()
    }

    #[track_caller]
    pub(crate) fn issue(&self, id: &str) -> Value {
        let shown = self.json(&format!("issue show {id}"));
        shown.as_array().map_or(shown.clone(), |all| all[0].clone())
    }

    /// Waits until a convoy lands, and says who noticed.
    #[track_caller]
    pub(crate) fn landed_by(&self, convoy: &str) -> String {
        let run = self.env.convoy(["wait", convoy, "--timeout", "60s"]);
        assert_eq!(run.status, 0, "{}\n{}", run.shown(), self.convoy("events").stdout);
        self.json(&format!("status {convoy}"))["landed_by"].as_str().unwrap().to_owned()
    }

    /// Waits until beads' data fulfils a condition.
    #[track_caller]
    pub(crate) fn until(&self, holds: impl Fn(&Bd<'_>) -> bool) {
        let data = self.tools().join(".beads/embeddeddolt/issues.json");
        let came = wait::until(&data, SOON, || holds(&self.bd()));
        assert!(came, "{:#?}\n{}", self.bd().calls(), self.convoy("events").stdout);
    }

    /// Takes beads' data away, and gives it back.
    pub(crate) fn hide(&self, hidden: bool) {
        let (there, away) = (self.tools().join(".beads"), self.tools().join("hidden"));
        let (from, to) = if hidden { (there, away) } else { (away, there) };
        std::fs::rename(from, to).unwrap();
    }
}
