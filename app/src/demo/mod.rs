//! The demo: a small real repository, a convoy of five issues, and a built-in agent that needs no model.
//!
//! Nothing of it is played: the agent is a child process that edits, tests and commits; the gate is a program;
//! the merges are git's. One attempt fails and is tried again, and one branch has to be merged a second time
//! because somebody else moved the base branch meanwhile.

pub(crate) mod agent;
pub(crate) mod handbook;
pub(crate) mod report;

use std::path::{Path, PathBuf};
use std::process::Stdio;

use convoy_api::{Code, Failure, Order, Service};
use convoy_core::command::Request;
use convoy_core::issue::IssueType;
use convoy_engine::os::spawn::{self, Environment};
use convoy_engine::workspace::Workspace;

/// Everything of one demo on disk.
pub(crate) struct Stage {
    /// The folder that holds the rest.
    pub(crate) root: PathBuf,
    /// The repository, which is the workspace.
    pub(crate) repository: PathBuf,
    /// What the demo runs in: nothing of the user's own configuration.
    pub(crate) env: Environment,
}

/// The issue whose first attempt fails.
pub(crate) const FLAKY: &str = "hb-faq";
/// The issue during whose gates the base branch moves.
pub(crate) const RACED: &str = "hb-glossary";

/// The issues: id, title, what it needs.
const ISSUES: [(&str, &str, &[&str]); 5] = [
    ("hb-install", "Write the page on installing", &[]),
    (FLAKY, "Write the questions that people ask", &[]),
    (RACED, "Write the glossary", &[]),
    ("hb-start", "Write the page on first steps", &["hb-install"]),
    ("hb-contents", "List every page in the contents", &["hb-install", FLAKY, RACED, "hb-start"]),
];

pub(crate) fn failure(what: &str, error: impl std::fmt::Display) -> Failure {
    Failure::new(Code::Unavailable, format!("{what}: {error}"))
}

/// Runs git in a folder and fails with what it says.
pub(crate) fn git(env: &Environment, dir: &Path, args: &[&str]) -> Result<String, Failure> {
    let output = spawn::command("git")
        .args([
            "-c",
            "user.name=Demo",
            "-c",
            "user.email=demo@convoy.invalid",
            "-c",
            "init.defaultBranch=main",
        ])
        .args(["-c", "core.hooksPath=/dev/null", "-c", "commit.gpgSign=false"])
        .args(args)
        .envs(env.iter())
        .current_dir(dir)
        .stdin(Stdio::null())
        .output()
        .map_err(|error| failure("git could not be run", error).hint("install git 2.38 or later"))?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() {
        return Ok(text);
    }
    Err(failure("git failed", String::from_utf8_lossy(&output.stderr).trim()))
}

impl Stage {
    /// Makes the repository and the workspace below `root`.
    ///
    /// # Errors
    /// When git is missing or the folder cannot be written.
    pub(crate) fn build(root: &Path, env: &Environment) -> Result<(Self, Workspace), Failure> {
        let repository = root.join("handbook");
        let wrong = |error: std::io::Error| failure("cannot make the demo's folder", error);
        std::fs::create_dir_all(repository.join(handbook::PAGES)).map_err(wrong)?;
        // Git and Convoy see what they need to run, and no configuration of the user.
        let mut env = env.filtered(|name| ["PATH", "TMPDIR", "LANG", "TZ"].contains(&name));
        env.set("HOME", root.join("home"));
        env.set("XDG_CONFIG_HOME", root.join("home/.config"));
        std::fs::create_dir_all(root.join("home")).map_err(wrong)?;
        git(&env, &repository, &["init", "-q"])?;
        handbook::write_first(&repository).map_err(wrong)?;
        let workspace = Workspace::init(&repository, Some("handbook"), Some("hb"), &env)?.workspace;
        std::fs::write(workspace.config_file(), configuration(&repository)?).map_err(wrong)?;
        git(&env, &repository, &["add", "--all"])?;
        git(&env, &repository, &["commit", "-q", "-m", "Begin the handbook"])?;
        Ok((Self { root: root.to_owned(), repository, env }, workspace))
    }

    /// Makes the issues and a convoy of them, started. The convoy's id.
    ///
    /// # Errors
    /// When the engine refuses.
    pub(crate) fn order(&self, service: &dyn Service) -> Result<String, Failure> {
        for (id, title, needs) in ISSUES {
            ask(
                service,
                Request::IssueCreate {
                    id: Some(id.to_owned()),
                    rig: None,
                    title: title.to_owned(),
                    body: "Pages begin with a title and lead back home; see the README.".to_owned(),
                    issue_type: IssueType::Task,
                    priority: 2,
                    labels: Vec::new(),
                    parent: None,
                    needs: needs.iter().map(|id| (*id).to_owned()).collect(),
                    acceptance: vec!["the check of the handbook passes".to_owned()],
                },
            )?;
        }
        ask(
            service,
            Request::ConvoyCreate {
                name: "The handbook".to_owned(),
                issues: ISSUES.iter().map(|(id, ..)| (*id).to_owned()).collect(),
                owner: None,
                notify: Vec::new(),
                merge: None,
                base: None,
                max_parallel: None,
                start: true,
                from_epic: None,
                epic: None,
                owned: false,
                due: None,
                budget: None,
            },
        )
    }
}

fn ask(service: &dyn Service, request: Request) -> Result<String, Failure> {
    let outcome =
        service.order(Order { request, actor: "overseer".to_owned(), key: None, dry_run: false })?;
    Ok(outcome.items.into_iter().next().map(|item| item.id).unwrap_or_default())
}

/// The demo's configuration: the built-in agent, and a gate that checks the handbook.
fn configuration(repository: &Path) -> Result<String, Failure> {
    let program = std::env::current_exe().map_err(|error| failure("cannot find this program", error))?;
    let text = |path: &Path| {
        let text = path.to_str().ok_or_else(|| failure("not UTF-8", path.display()))?;
        Ok::<_, Failure>(serde_json::Value::from(text).to_string())
    };
    let (program, repository) = (text(&program)?, text(repository)?);
    Ok(format!(
        "[rigs.handbook]\npath = \".\"\nprefix = \"hb\"\n\n\
         [defaults]\nagent = \"scribe\"\n\n\
         [retry]\nbackoff = \"200ms\"\n\n\
         [workdirs]\nroot = \"../workdirs\"\n\n\
         # An agent is any program that reads a prompt and commits what it did.\n\
         [agents.scribe]\ncommand = [{program}, \"demo-agent\"]\n\n\
         # A gate is any program that says whether a merged tree is good.\n\
         [gates.handbook]\ncommand = [{program}, \"demo-check\", \"--repository\", {repository}]\n"
    ))
}
