//! What is made of a start: the commit, the files, the change, the roles.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use convoy_api::{Code, Failure};
use convoy_core::id::{AgentName, IssueId};
use convoy_core::template::{ReportKind, Runner};

use super::agent;
use crate::os::spawn::{self, Environment};
use crate::templates::{Resolved, Start, resolve};
use crate::workspace::Workspace;

/// A workspace in a repository on `main` with one commit.
struct Room {
    _temp: tempfile::TempDir,
    at: PathBuf,
    env: Environment,
    workspace: Workspace,
}

impl Room {
    fn new() -> Self {
        let temp = tempfile::tempdir().unwrap();
        let home = temp.path().canonicalize().unwrap();
        let path = std::env::vars_os().find(|(name, _)| name == "PATH").unwrap();
        let env = Environment::new([path, ("HOME".into(), home.clone().into())]);
        let at = home.join("repo");
        fs::create_dir(&at).unwrap();
        git(&env, &at, &["init", "-q", "--initial-branch=main"]);
        let workspace = Workspace::init(&at, Some("repo"), Some("gt"), &env).unwrap().workspace;
        let room = Self { _temp: temp, at, env, workspace };
        room.write("src/a.rs", "a\n").write("src/deep/b.rs", "b\n").write("docs/c d.md", "c\n");
        room.git(&["add", "-A"]);
        room.git(&["commit", "-q", "-m", "first"]);
        room
    }

    fn git(&self, args: &[&str]) -> String {
        git(&self.env, &self.at, args)
    }

    fn write(&self, path: &str, text: &str) -> &Self {
        let path = self.at.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
        self
    }

    fn start(&self, start: &Start) -> Result<Resolved, Failure> {
        resolve(&self.workspace, &self.env, start)
    }
}

fn git(env: &Environment, at: &Path, args: &[&str]) -> String {
    let output = spawn::command("git")
        .envs(env.iter())
        .args(["-c", "user.name=a", "-c", "user.email=a@b"])
        .args(args)
        .current_dir(at)
        .output()
        .unwrap();
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

fn review(files: &[&str]) -> Start {
    let files = files.iter().map(|&text| text.to_owned()).collect();
    Start { template: "code-review".into(), files, ..Start::default() }
}

fn of(template: &str, issues: &[&str]) -> Start {
    let issues = issues.iter().map(|id| IssueId::new(id).unwrap()).collect();
    Start { template: template.into(), issues, ..Start::default() }
}

fn error(result: Result<Resolved, Failure>) -> (String, String) {
    let failure = result.unwrap_err();
    (failure.message, failure.hint.unwrap_or_default())
}

#[test]
fn globs_become_the_files_of_the_commit() {
    let room = Room::new();
    let head = room.git(&["rev-parse", "HEAD"]);
    for (globs, expected) in [
        (&["src/**/*.rs"] as &[&str], &["src/a.rs", "src/deep/b.rs"] as &[&str]),
        (&["src/*.rs"], &["src/a.rs"]),
        (&["src"], &["src/a.rs", "src/deep/b.rs"]),
        (&["./docs/", "src/a.rs"], &["docs/c d.md", "src/a.rs"]),
        (&["**/*.{rs,md}"], &["docs/c d.md", "src/a.rs", "src/deep/b.rs"]),
    ] {
        let resolved = room.start(&review(globs)).unwrap();
        assert_eq!(resolved.run.files, expected, "{globs:?}");
        assert_eq!((resolved.run.commit.as_deref(), &resolved.run.diff_base), (Some(head.as_str()), &None));
    }
    let (message, _) = error(room.start(&review(&["src/**", "lib/**"])));
    assert!(message.contains("--files: \"lib/**\" matches no file in repo"), "{message}");
    for bad in ["../x", "/etc/*", "[", ""] {
        assert_eq!(room.start(&review(&[bad])).unwrap_err().code, Code::Invalid, "{bad}");
    }
    // What is ignored is not there.
    room.write(".gitignore", "/out/\n").write("out/x.rs", "x\n");
    assert_eq!(room.start(&review(&["out/**"])).unwrap_err().code, Code::NotFound);
}

#[test]
fn what_is_not_committed_is_read_and_neither_index_nor_files_are_touched() {
    let room = Room::new();
    room.write("src/a.rs", "changed\n").write("new.rs", "new\n").write("staged.rs", "s\n");
    room.git(&["add", "staged.rs"]);
    let before = room.git(&["status", "--porcelain=v1"]);
    let resolved = room.start(&review(&[])).unwrap();
    assert_eq!(resolved.run.files, ["new.rs", "src/a.rs", "staged.rs"]);
    let commit = resolved.run.commit.clone().unwrap();
    assert_eq!(resolved.run.diff_base.as_deref(), Some(room.git(&["rev-parse", "HEAD"]).as_str()));
    assert_eq!(room.git(&["show", &format!("{commit}:src/a.rs")]), "changed");
    assert_eq!(room.git(&["status", "--porcelain=v1"]), before);
    assert_eq!(room.git(&["for-each-ref", "--contains", &commit]), "", "nothing leads to it");
    assert_eq!(resolved.name, "code-review of 3 files changed since main");
    assert_eq!(resolved.run.report, ReportKind::Review);
    assert_eq!((resolved.steps.len(), resolved.max_parallel), (4, Some(3)));
}

#[test]
fn a_change_begins_where_it_left_the_default_branch() {
    let room = Room::new();
    let first = room.git(&["rev-parse", "HEAD"]);
    let (message, hint) = error(room.start(&review(&[])));
    assert!(message.contains("nothing has changed") && hint.contains("--base REF"), "{message}; {hint}");
    room.git(&["switch", "-q", "-c", "topic"]);
    room.write("src/a.rs", "topic\n").git(&["commit", "-q", "-am", "topic"]);
    room.git(&["rm", "-q", "src/deep/b.rs"]);
    room.git(&["commit", "-q", "-m", "gone"]);
    room.git(&["switch", "-q", "main"]);
    room.write("later.rs", "l\n").git(&["add", "-A"]);
    room.git(&["commit", "-q", "-m", "later"]);
    room.git(&["switch", "-q", "topic"]);
    let resolved = room.start(&review(&[])).unwrap();
    assert_eq!(resolved.run.diff_base.as_deref(), Some(first.as_str()));
    assert_eq!(resolved.run.files, ["src/a.rs"], "what is gone is in the diff, and no file to read");
    for base in ["main", "HEAD~2", &first[..12]] {
        let start = Start { base: Some(base.into()), ..review(&[]) };
        assert_eq!(room.start(&start).unwrap().run.diff_base.as_deref(), Some(first.as_str()), "{base}");
    }
    let narrowed = Start { base: Some("main".into()), ..review(&["docs/**"]) };
    assert!(error(room.start(&narrowed)).0.contains("matches no file that changed"));
    let elsewhere = Start { commit: Some("main".into()), base: Some("HEAD~2".into()), ..review(&[]) };
    assert_eq!(room.start(&elsewhere).unwrap().run.files, ["later.rs"]);
    for (bad, code) in [
        ("nowhere", Code::NotFound),
        ("--all", Code::NotFound),
        ("a\nb", Code::NotFound),
        ("", Code::NotFound),
    ] {
        let start = Start { base: Some(bad.into()), ..review(&[]) };
        assert_eq!(room.start(&start).unwrap_err().code, code, "{bad:?}");
    }
    let apart = room.git(&["commit-tree", "HEAD^{tree}", "-m", "apart"]);
    let start = Start { commit: Some(apart), base: Some("main".into()), ..review(&[]) };
    assert!(error(room.start(&start)).0.contains("no commit in common"));
}

#[test]
fn triage_has_a_role_for_each_issue() {
    let room = Room::new();
    let (message, hint) = error(room.start(&of("triage", &[])));
    assert!(message.contains("looks at issues") && hint.contains("--issue"), "{message}");
    let resolved = room.start(&of("triage", &["gt-1", "gt-b.c"])).unwrap();
    let roles: Vec<&str> = resolved.steps.iter().map(|step| step.step.role.as_str()).collect();
    assert_eq!(roles, ["triage-gt-1", "triage-gt-b.c"]);
    assert_eq!(resolved.steps[1].step.about.as_ref().map(IssueId::as_str), Some("gt-b.c"));
    assert!(
        matches!(&resolved.steps[0].step.runner, Runner::Agent { model: Some(model), .. } if model == "haiku")
    );
    assert_eq!((resolved.run.report, resolved.max_parallel), (ReportKind::Triage, Some(5)));
    assert_eq!(resolved.name, "triage of gt-1, gt-b.c");
    let many: Vec<String> = (0..101).map(|n| format!("gt-{n}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    assert!(error(room.start(&of("triage", &many))).0.contains("101 roles"));
    assert!(error(room.start(&Start { apply: true, ..of("planning", &[]) })).0.contains("nothing to apply"));
}

#[test]
fn roles_after_those_of_issues_wait_for_all_of_them_or_for_their_own() {
    let room = Room::new();
    room.write(".convoy/agents/a.md", &agent("a", "x"));
    room.write(
        ".convoy/templates/fan.toml",
        "name='fan'\ndescription='d'\n[[agents]]\nrole='look'\nsubagent='a'\nper='issue'\n\
         [[agents]]\nrole='check'\nsubagent='a'\nper='issue'\ndepends_on=['look']\n\
         [[agents]]\nrole='end'\nsubagent='a'\ndepends_on=['check']\n",
    );
    let resolved = room.start(&of("fan", &["gt-1", "gt-2"])).unwrap();
    let needs: Vec<(String, Vec<String>)> = resolved
        .steps
        .iter()
        .map(|step| (step.step.role.to_string(), step.needs.iter().map(ToString::to_string).collect()))
        .collect();
    let expected: BTreeMap<&str, Vec<&str>> = [
        ("look-gt-1", vec![]),
        ("look-gt-2", vec![]),
        ("check-gt-1", vec!["look-gt-1"]),
        ("check-gt-2", vec!["look-gt-2"]),
        ("end", vec!["check-gt-1", "check-gt-2"]),
    ]
    .into();
    assert_eq!(needs.len(), expected.len());
    for (role, needs) in needs {
        assert_eq!(needs, expected[role.as_str()], "{role}");
    }
}

#[test]
fn what_a_person_says_is_over_what_files_say() {
    let room = Room::new();
    let agent = AgentName::new("codex").unwrap();
    let start = Start { agent: Some(agent.clone()), model: Some("big".into()), ..review(&["src"]) };
    for step in room.start(&start).unwrap().steps {
        let Runner::Agent { agent: Some(found), model: Some(model), .. } = step.step.runner else { panic!() };
        assert_eq!((found, model.as_str()), (agent.clone(), "big"));
    }
    // The facts are the report, until somebody names who is to tell what they mean.
    assert_eq!(room.start(&of("health-monitor", &[])).unwrap().steps[0].step.runner, Runner::Nobody);
    let told = room.start(&Start { agent: Some(agent), ..of("health-monitor", &[]) }).unwrap();
    assert!(
        matches!(&told.steps[0].step.runner, Runner::Agent { model: Some(model), .. } if model == "haiku")
    );
    let planned = room.start(&of("planning", &["gt-1"])).unwrap();
    assert_eq!((planned.steps[0].step.role.as_str(), planned.run.report), ("planner", ReportKind::None));
}

#[test]
fn a_variable_that_a_prompt_wants_has_to_be_given() {
    let room = Room::new();
    room.write(".convoy/agents/a.md", &agent("a", "{{ vars.goal }}"));
    room.write(".convoy/templates/t.toml", "name='t'\ndescription='d'\n[[agents]]\nrole='r'\nsubagent='a'\n");
    let (message, hint) = error(room.start(&of("t", &[])));
    assert_eq!(message, "role r asks for the variable \"goal\", and it was not given");
    assert_eq!(hint, "pass it: --var goal=…");
    let vars: BTreeMap<String, String> =
        [("goal".to_owned(), "x".to_owned()), ("gaol".to_owned(), "y".to_owned())].into();
    let resolved = room.start(&Start { vars, ..of("t", &[]) }).unwrap();
    assert_eq!(resolved.notes, ["no prompt asks for: gaol"]);
    assert_eq!(resolved.run.vars["goal"], "x");
    let bad = Start { vars: [("a-b".to_owned(), String::new())].into(), ..of("t", &[]) };
    assert_eq!(room.start(&bad).unwrap_err().code, Code::Invalid);
    let bad = Start { pr_url: Some("javascript:alert(1)".into()), ..review(&["src"]) };
    assert!(error(room.start(&bad)).0.contains("is no address"));
}

#[test]
fn a_linked_worktree_is_read_as_it_is() {
    let room = Room::new();
    let other = room.at.parent().unwrap().join("other");
    room.git(&["worktree", "add", "-q", "-b", "side", other.to_str().unwrap()]);
    fs::write(other.join("side.rs"), "side\n").unwrap();
    for start in [
        Start { project_path: Some(other.clone()), ..review(&[]) },
        Start { dir: Some(other), ..review(&[]) },
    ] {
        assert_eq!(room.start(&start).unwrap().run.files, ["side.rs"]);
    }
    assert!(room.start(&review(&[])).is_err(), "nothing has changed in the checkout itself");
    let outside = Start { project_path: Some(room.at.parent().unwrap().to_owned()), ..review(&[]) };
    assert!(room.start(&outside).is_err());
}
