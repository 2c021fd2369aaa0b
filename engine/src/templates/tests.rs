//! Templates as users write them, what is said about those that are wrong, and prompts.

mod files;
mod prompts;
mod starting;

use std::fs;
use std::path::{Path, PathBuf};

use super::*;
use crate::os::spawn::Environment;
use crate::workspace::Workspace;

/// A user's folder and a workspace, with nothing in them.
struct Home {
    dir: tempfile::TempDir,
}

impl Home {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        for part in
            ["user/convoy/templates", "user/convoy/agents", "ws/.convoy/templates", "ws/.convoy/agents"]
        {
            fs::create_dir_all(dir.path().join(part)).unwrap();
        }
        fs::create_dir_all(dir.path().join("ws/.convoy/state")).unwrap();
        Self { dir }
    }

    fn path(&self, path: &str) -> PathBuf {
        let base = match path.starts_with("user/") {
            true => "user/convoy",
            false => "ws/.convoy",
        };
        self.dir.path().join(base).join(path.trim_start_matches("user/"))
    }

    /// Writes a file: `templates/x.toml`, or `user/agents/y.md`.
    fn put(&self, path: &str, text: impl AsRef<[u8]>) -> &Self {
        fs::write(self.path(path), text).unwrap();
        self
    }

    fn library(&self) -> Library {
        let mut env = Environment::default();
        env.set("XDG_CONFIG_HOME", self.dir.path().join("user"));
        let workspace = Workspace::find(&self.dir.path().join("ws")).unwrap();
        Library::open(Some(&workspace), &env)
    }

    /// What is wrong with a template, a problem a line, with the home folder cut off.
    fn wrong(&self, name: &str) -> Vec<String> {
        let home = self.dir.path().canonicalize().unwrap();
        let prefix = format!("{}/", home.display());
        match self.library().plan(name) {
            Ok(_) => Vec::new(),
            Err(Error::Invalid(problems)) => {
                problems.iter().map(|problem| problem.to_string().replace(&prefix, "")).collect()
            }
            Err(error) => vec![error.to_string()],
        }
    }
}

fn at(path: &Path) -> String {
    path.display().to_string()
}

/// An agent file with this prompt.
fn agent(name: &str, prompt: &str) -> String {
    format!("---\nname: {name}\ndescription: d\n---\n{prompt}\n")
}

/// A template with these roles, each with what it depends on.
fn template(name: &str, roles: &[(&str, &[&str])]) -> String {
    let mut text = format!("name = '{name}'\ndescription = 'd'\n");
    for (role, needs) in roles {
        text.push_str(&format!("[[agents]]\nrole = '{role}'\nsubagent = 'a'\ndepends_on = {needs:?}\n"));
    }
    text
}

#[test]
fn what_is_built_in_is_whole() {
    let library = Library::built_in();
    for looked in library.look_at_all() {
        assert_eq!(looked.problems, Vec::new(), "{}", looked.source.name);
    }
    let review = library.plan("code-review").unwrap();
    let phases: Vec<Vec<&str>> =
        review.graph.phases().iter().map(|phase| phase.iter().map(|role| role.as_str()).collect()).collect();
    assert_eq!(phases, [vec!["correctness", "security", "performance"], vec!["synthesis"]]);
    let models: Vec<Option<String>> = review
        .lanes
        .iter()
        .map(|lane| match lane.runner() {
            convoy_core::template::Runner::Agent { model, .. } => model,
            other => panic!("{other:?}"),
        })
        .collect();
    let models: Vec<&str> = models.iter().flatten().map(String::as_str).collect();
    assert_eq!(models, ["haiku", "sonnet", "haiku", "sonnet"]);
    assert_eq!(review.template.config.max_parallel, Some(3));
    assert_eq!(review.report, convoy_core::template::ReportKind::Review);
    assert_eq!(library.plan("triage").unwrap().report, convoy_core::template::ReportKind::Triage);
    assert_eq!(library.agent_files().len(), 10);
}

/// The names of roles of each phase.
fn phases(home: &Home, name: &str) -> Vec<String> {
    let plan = home.library().plan(name).unwrap();
    let text = |phase: &Vec<&convoy_core::id::RoleName>| {
        phase.iter().map(|role| role.as_str()).collect::<Vec<_>>().join(" ")
    };
    plan.graph.phases().iter().map(text).collect()
}

#[test]
fn phases_are_those_of_the_graph_whatever_the_order_in_the_file() {
    let home = Home::new();
    home.put("agents/a.md", agent("a", "x"));
    home.put(
        "templates/late.toml",
        template("late", &[("c", &["a", "b"]), ("a", &[]), ("b", &["a"]), ("d", &[])]),
    );
    assert_eq!(phases(&home, "late"), ["a d", "b", "c"]);
    // One between two parallel ones, which the program that this replaces dropped.
    home.put("templates/mixed.toml", template("mixed", &[("p1", &[]), ("x", &["p1"]), ("p2", &[])]));
    assert_eq!(phases(&home, "mixed"), ["p1 p2", "x"]);
    home.put(
        "templates/diamond.toml",
        template("diamond", &[("t", &[]), ("l", &["t"]), ("r", &["t"]), ("b", &["l", "r"])]),
    );
    assert_eq!(phases(&home, "diamond"), ["t", "l r", "b"]);
}

#[test]
fn one_that_is_not_parallel_waits_for_those_before_it_but_never_in_a_circle() {
    let home = Home::new();
    home.put("agents/a.md", agent("a", "x"));
    let json = |roles: &str| format!("{{\"name\":\"t\",\"description\":\"d\",\"agents\":[{roles}]}}");
    let role = |name: &str, parallel: bool, needs: &str| {
        format!("{{\"role\":\"{name}\",\"subagent\":\"a\",\"parallel\":{parallel},\"dependsOn\":[{needs}]}}")
    };
    let three = [role("a", false, ""), role("b", false, ""), role("c", false, "")].join(",");
    home.put("templates/t.json", json(&three));
    assert_eq!(phases(&home, "t"), ["a", "b", "c"]);
    let waits = [role("a", true, "\"b\""), role("b", false, ""), role("c", true, "")].join(",");
    home.put("templates/t.json", json(&waits));
    assert_eq!(phases(&home, "t"), ["b c", "a"]);
}
