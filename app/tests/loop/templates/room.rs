//! A workspace with templates of its own, and reviewers that do as their script says.

use std::path::PathBuf;

use convoy_testkit::env::{Run, TestEnv};
use convoy_testkit::fake_agent::{Script, Step};
use serde_json::{Value, json};

use crate::room::{Room, outside, text};

/// A template with these roles, in TOML: `name`, or `name:needed,needed`. All are made of the agent file `reader`.
pub(crate) fn template(name: &str, roles: &str, config: &str) -> String {
    let mut toml = format!("name = \"{name}\"\ndescription = \"A test\"\n");
    for word in roles.split_whitespace() {
        let (role, needs) = word.split_once(':').unwrap_or((word, ""));
        let needs: Vec<&str> = needs.split(',').filter(|need| !need.is_empty()).collect();
        toml.push_str(&format!(
            "[[agents]]\nrole = \"{role}\"\nsubagent = \"reader\"\ndepends_on = {needs:?}\n"
        ));
    }
    format!("{toml}[config]\n{config}\n")
}

/// The agent file `reader`, whose prompt is this.
pub(crate) fn reader(front: &str, prompt: &str) -> String {
    format!("---\nname: reader\ndescription: Reads\n{front}---\n{prompt}\n")
}

/// The room.
pub(crate) struct Desk {
    pub(crate) room: Room,
}

impl Desk {
    /// With an agent that plays this script in every role.
    pub(crate) fn new(script: &Script) -> Self {
        Self::with("", script)
    }

    /// The same, with more configuration.
    pub(crate) fn with(config: &str, script: &Script) -> Self {
        Self::around(outside(), config, script)
    }

    /// The same, in an environment that the test has prepared.
    pub(crate) fn around(env: TestEnv, config: &str, script: &Script) -> Self {
        // Beside the witness there is a folder in which roles may write, for what they have to tell each other.
        std::fs::create_dir(env.root().join("said")).unwrap();
        let said = format!("{}/", env.root().join("said").display());
        let desk = Self { room: Room::around(env, config, script) };
        let file = desk.room.env.dir().join(".convoy/config.toml");
        let before = std::fs::read_to_string(&file).unwrap();
        let after = before.replacen("writable = [", &format!("writable = [{}, ", json!(said)), 1);
        assert_ne!(before, after);
        std::fs::write(file, after).unwrap();
        desk.room.repo().write("src/lib.txt", "the first line\nthe second line\nthe third line\n");
        desk.room.repo().commit("Lines that can be quoted");
        desk.agent_file("reader", &reader("", "Read. You are asked about: {{ files }}"));
        desk
    }

    /// A file below `.convoy`.
    pub(crate) fn write(&self, path: &str, text: &str) -> PathBuf {
        let path = self.room.env.dir().join(".convoy").join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        path
    }

    /// A template of the workspace.
    pub(crate) fn template(&self, name: &str, roles: &str, config: &str) {
        self.write(&format!("templates/{name}.toml"), &template(name, roles, config));
    }

    /// An agent file of the workspace.
    pub(crate) fn agent_file(&self, name: &str, text: &str) {
        self.write(&format!("agents/{name}.md"), text);
    }

    /// Starts with these words and follows to the end, with the exit status that is expected.
    #[track_caller]
    pub(crate) fn waits(&self, words: &str, status: i32) -> Value {
        let words: Vec<&str> = ["start"].into_iter().chain(words.split_whitespace()).collect();
        self.ends(&words, status)
    }

    /// The same, with words that may have blanks in them.
    #[track_caller]
    pub(crate) fn ends(&self, words: &[&str], status: i32) -> Value {
        let run = self.room.env.convoy(words.iter().copied().chain(["--wait", "--json"]));
        assert_eq!(run.status, status, "{}\n{}", run.shown(), self.told());
        run.json()
    }

    /// Starts in the background. Its id.
    #[track_caller]
    pub(crate) fn starts(&self, words: &str) -> String {
        text(&self.room.json(&format!("start {words}")), "/id").to_owned()
    }

    /// A convoy.
    #[track_caller]
    pub(crate) fn status(&self, id: &str) -> Value {
        self.room.json(&format!("status {id}"))
    }

    /// Waits until a convoy is over, however that came.
    #[track_caller]
    pub(crate) fn over(&self, id: &str) -> Value {
        self.room.env.convoy(["wait", id, "--timeout", "60s"]);
        let view = self.status(id);
        assert!(!view["closed_at"].is_null(), "{view:#}\n{}", self.told());
        view
    }

    /// What a role wrote, with `--json`.
    #[track_caller]
    pub(crate) fn output(&self, id: &str, role: &str) -> Value {
        self.room.json(&format!("output {id} {role}"))
    }

    /// The text that a role wrote.
    #[track_caller]
    pub(crate) fn report_of(&self, id: &str, role: &str) -> String {
        text(&self.output(id, role), "/content").to_owned()
    }

    /// The report, as people read it.
    #[track_caller]
    pub(crate) fn report(&self, id: &str) -> String {
        self.room.convoy(&format!("output {id}")).stdout
    }

    /// What the command prints, whatever its status.
    pub(crate) fn tries(&self, words: &[&str]) -> Run {
        self.room.env.convoy(words)
    }

    /// What happened, for messages.
    pub(crate) fn told(&self) -> String {
        format!("{}\n{}", self.room.story(), self.room.convoy("daemon logs").stdout)
    }
}

/// The states of the roles of a convoy, in order: `a completed, b failed`.
pub(crate) fn states(convoy: &Value) -> String {
    let roles = convoy["roles"].as_array().unwrap();
    let all = roles.iter().map(|role| format!("{} {}", text(role, "/role"), text(role, "/status")));
    all.collect::<Vec<_>>().join(", ")
}

/// A role of a convoy.
#[track_caller]
pub(crate) fn role<'a>(convoy: &'a Value, name: &str) -> &'a Value {
    let roles = convoy["roles"].as_array().unwrap();
    roles.iter().find(|role| role["role"] == name).unwrap_or_else(|| panic!("no role {name}: {convoy:#}"))
}

/// A finding of this line of `src/lib.txt`, which has three.
pub(crate) fn finding(severity: &str, title: &str, line: usize) -> Value {
    json!({
        "severity": severity, "category": "logic", "title": title, "file": "src/lib.txt", "line": line,
        "end_line": null, "quote": (["the first line", "the second line", "the third line"][line - 1]), "problem": format!("{title} is wrong"),
        "impact": "All", "fix": "Mend it", "confidence": "high",
    })
}

/// What whoever puts so many findings in order answers with.
pub(crate) fn ranks(findings: usize) -> Step {
    let order: Vec<String> = (1..=findings).map(|n| format!("F{n}")).collect();
    let ranking = json!({ "order": order, "summary": "In short: mend it", "top": order });
    Step::Output(format!("# In short\n\n```json synthesis\n{ranking}\n```\n"))
}

/// What a reviewer does that finds this.
pub(crate) fn reviews(report: &str, findings: impl IntoIterator<Item = Value>) -> Vec<Step> {
    vec![Step::Output(format!("# {report}\n")), Step::Findings(findings.into_iter().collect())]
}

/// Writes a file of this name in the room, so that others can wait for it.
pub(crate) fn tells(env: &TestEnv, name: &str) -> Step {
    Step::Write { path: said(env, name), content: String::new() }
}

/// Waits for it.
pub(crate) fn hears(env: &TestEnv, name: &str) -> Step {
    Step::WaitFor(said(env, name))
}

/// Where roles may write in the room, beside their own folder.
pub(crate) fn said(env: &TestEnv, name: &str) -> String {
    env.root().join("said").join(name).to_string_lossy().into_owned()
}
