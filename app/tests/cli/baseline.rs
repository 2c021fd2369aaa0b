//! `convoy baseline`: a repository's own checks, in a clone, once for the same files.

#![expect(clippy::unwrap_used, reason = "clippy counts only functions marked as tests; all of this is one")]

use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use convoy_testkit::env::TestEnv;
use rustix::process::Signal;
use serde_json::Value;

use crate::{both_ways, workspace};

const SOON: Duration = Duration::from_secs(60);

fn configure(env: &TestEnv, toml: &str) {
    let file = env.dir().join(".convoy/config.toml");
    let before = std::fs::read_to_string(&file).unwrap();
    std::fs::write(file, format!("{before}\n{toml}")).unwrap();
}

/// A gate that runs a shell line and says so in `ran`.
fn gate(env: &TestEnv, name: &str, line: &str, more: &str) -> String {
    let ran = env.root().join("ran");
    let line = format!("echo {name} >> {}; {line}", ran.display());
    format!("[gates.{name}]\ncommand = [\"sh\", \"-c\", {line:?}]\n{more}\n")
}

/// Which gates ran since this was asked last.
fn ran(env: &TestEnv) -> Vec<String> {
    let file = env.root().join("ran");
    let text = std::fs::read_to_string(&file).unwrap_or_default();
    let _ = std::fs::remove_file(file);
    text.lines().map(str::to_owned).collect()
}

/// A program on the path of the room.
fn program(env: &TestEnv, name: &str, script: &str) {
    let file = env.bin().join(name);
    std::fs::write(&file, format!("#!/bin/sh\n{script}\n")).unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).unwrap();
}

fn json(env: &TestEnv, args: &[&str], status: i32) -> Value {
    env.convoy([&["baseline"], args, &["--json"]].concat()).exits(status).json()
}

/// Name and result of each gate.
fn results(report: &Value) -> Vec<(String, String)> {
    let text = |gate: &Value, key: &str| gate[key].as_str().unwrap().to_owned();
    let gates = report["gates"].as_array().unwrap();
    gates.iter().map(|gate| (text(gate, "name"), text(gate, "result"))).collect()
}

fn pair(name: &str, result: &str) -> (String, String) {
    (name.to_owned(), result.to_owned())
}

fn issues(env: &TestEnv, label: &str) -> Vec<Value> {
    let found = env.convoy(["issue", "list", "--all", "--label", label, "--json"]).ok().json();
    found.as_array().unwrap().clone()
}

#[test]
fn without_gates_it_says_so_with_the_engine_down_and_up() {
    let said =
        both_ways(&["baseline", "baseline run --json", "baseline show", "baseline show --rig nowhere"]);
    assert!(said.contains("No gates in gastown"), "{said}");
    assert!(said.contains("\"gates\": []") && said.contains("there is no rig"), "{said}");
}

#[test]
fn a_failing_gate_runs_again_and_has_one_open_issue() {
    for up in [false, true] {
        let env = workspace();
        configure(&env, &gate(&env, "good", "test -f src/lib.txt && test ! -e dirt", ""));
        configure(&env, &gate(&env, "bad", "echo some words; echo error: it is broken; exit 7", ""));
        configure(&env, &gate(&env, "other", "exit 1", "when = [\"before-merge\"]"));
        if up {
            env.convoy(["up"]).ok();
        }
        let shown = json(&env, &["show"], 0);
        assert_eq!(results(&shown), [pair("bad", "not_run"), pair("good", "not_run")]);
        let report = json(&env, &["run"], 1);
        assert_eq!(results(&report), [pair("bad", "failed"), pair("good", "passed")]);
        assert_eq!(ran(&env), ["bad", "good"]);
        let bad = &report["gates"][0];
        assert_eq!((&bad["exit_code"], &bad["issue_filed"]), (&7.into(), &true.into()), "{bad:#}");
        let filed = issues(&env, "baseline:bad");
        assert_eq!(filed.len(), 1);
        assert_eq!(
            (&filed[0]["title"], &filed[0]["id"]),
            (&"Fix failing baseline gate: bad".into(), &bad["issue_id"])
        );
        let body = filed[0]["description"].as_str().unwrap();
        assert!(body.contains("Exit status: 7") && body.contains("    error: it is broken"), "{body}");

        let again = env.convoy(["baseline"]).exits(1);
        assert_eq!(ran(&env), ["bad"], "what passed on the same files is not run again");
        for piece in
            ["✗ failed", "passed on the same files before", "    error: it is broken", "is open about it"]
        {
            assert!(again.stdout.contains(piece), "{piece}: {}", again.stdout);
        }
        assert!(!again.stdout.contains("\n    some words"), "{}", again.stdout);
        assert_eq!(json(&env, &["show"], 1)["gates"][1]["cached"], true);
        json(&env, &["run", "--no-cache"], 1);
        assert_eq!((ran(&env).len(), issues(&env, "baseline:bad").len()), (2, 1));

        env.convoy(["issue", "close", bad["issue_id"].as_str().unwrap()]).ok();
        json(&env, &["run", "--no-issue"], 1);
        assert_eq!(issues(&env, "baseline:bad").len(), 1, "none is filed if none is wanted");
        json(&env, &["run"], 1);
        assert_eq!(issues(&env, "baseline:bad").len(), 2, "the closed one is not the open one");
        assert_eq!(
            env.convoy(["workdir", "list", "--json"]).ok().json(),
            serde_json::json!([]),
            "nothing is left"
        );
    }
}

#[test]
fn other_files_are_looked_at_again_and_missing_tools_are_skipped() {
    let env = workspace();
    let repo = env.repo_at(&env.dir());
    program(&env, "go", "echo go \"$@\" >> \"$HOME/../ran\"; test \"$CI\" = true && test -f go.mod");
    repo.write("go.mod", "module x\n");
    repo.write("justfile", "check:\n\ttrue\n");
    repo.commit("Two ecosystems");
    let report = json(&env, &[], 0);
    assert_eq!(
        results(&report),
        [pair("just-check", "skipped"), pair("go-vet", "passed"), pair("go-test", "passed")]
    );
    assert_eq!(report["gates"][0]["detail"], "just is not installed");
    assert_eq!(ran(&env), ["go vet ./...", "go test ./..."]);
    json(&env, &[], 0);
    assert_eq!(ran(&env), [""; 0]);
    repo.write("more.go", "package x\n");
    repo.commit("More");
    json(&env, &[], 0);
    assert_eq!(ran(&env), ["go vet ./...", "go test ./..."]);
    let said = env.convoy(["baseline", "run"]).ok().stdout;
    assert!(
        said.contains("2 passed") && said.contains("1 skipped") && said.contains("just is not installed"),
        "{said}"
    );
}

#[test]
fn what_is_not_committed_counts_and_nothing_of_the_checkout_changes() {
    let env = workspace();
    let repo = env.repo_at(&env.dir());
    repo.write(".gitignore", "/.convoy/\n/built\n");
    repo.commit("Ignore");
    configure(&env, &gate(&env, "clean", "touch built; test ! -e bad.txt", ""));
    let report = json(&env, &["run"], 0);
    assert_eq!(report["uncommitted"], false, "{report:#}");
    repo.write("bad.txt", "bad\n");
    repo.git(["add", "bad.txt"]);
    repo.write("src/lib.txt", "changed\n");
    let before = repo.git(["status", "--porcelain"]);
    let report = json(&env, &["run", "--no-issue"], 1);
    assert_eq!(report["uncommitted"], true, "{report:#}");
    assert_eq!(ran(&env), ["clean", "clean"]);
    assert_eq!(repo.git(["status", "--porcelain"]), before);
    assert!(!repo.path().join("built").exists());
    repo.git(["rm", "-qf", "bad.txt"]);
    repo.write("src/lib.txt", "one\ntwo\nthree\n");
    json(&env, &["run"], 0);
    assert_eq!(ran(&env), [""; 0], "these files passed before");
}

#[test]
fn what_comes_first_and_fails_skips_what_needs_it() {
    let env = workspace();
    let repo = env.repo_at(&env.dir());
    program(&env, "npm", "echo npm \"$@\" >> \"$HOME/../ran\"; test \"$1\" = run");
    repo.write("package.json", r#"{"scripts": {"test": "x"}, "dependencies": {"y": "1"}}"#);
    repo.commit("A package");
    let report = json(&env, &["run", "--no-issue"], 1);
    assert_eq!(results(&report), [pair("npm-install", "failed"), pair("npm-test", "skipped")]);
    assert_eq!(ran(&env), ["npm install --no-audit --no-fund"]);
    program(&env, "npm", "echo npm \"$@\" >> \"$HOME/../ran\"");
    json(&env, &["run"], 0);
    assert_eq!(ran(&env), ["npm install --no-audit --no-fund", "npm run test"]);
    json(&env, &["run"], 0);
    assert_eq!(ran(&env), [""; 0]);
}

#[test]
fn time_runs_out_for_the_whole_tree_and_ctrl_c_ends_it() {
    let env = workspace();
    configure(&env, &gate(&env, "slow", "sleep 300 & sleep 300", "timeout = \"300ms\""));
    let report = json(&env, &["run", "--no-issue"], 1);
    let detail = report["gates"][0]["detail"].as_str().unwrap();
    assert!(detail.starts_with("it ran longer than"), "{detail}");
    let sleeping = || env.processes().iter().filter(|one| one.command.contains("sleep 300")).count();
    assert_eq!(sleeping(), 0);

    let env = workspace();
    let held = env.root().join("held");
    configure(&env, &gate(&env, "slow", &format!("touch {}; sleep 300 & sleep 300", held.display()), ""));
    let run = env.start(["baseline"]);
    env.wait_for(&held);
    let busy = env.convoy(["baseline", "run"]).exits(4);
    assert!(busy.stderr.contains("is under way"), "{}", busy.stderr);
    run.signal(Signal::INT);
    assert_eq!(run.wait(SOON).status, 130);
    let sleeping = || env.processes().iter().filter(|one| one.command.contains("sleep 300")).count();
    assert_eq!(sleeping(), 0);

    std::fs::remove_file(&held).unwrap();
    let run = env.start(["baseline"]);
    env.wait_for(&held);
    run.signal(Signal::KILL);
    run.wait(SOON);
    assert!(sleeping() > 0, "its supervisor outlives it");
    let config = env.dir().join(".convoy/config.toml");
    let text = std::fs::read_to_string(&config).unwrap();
    std::fs::write(config, text.replace("sleep 300 & sleep 300", "true")).unwrap();
    json(&env, &[], 0);
    assert_eq!(sleeping(), 0, "the next run ends what it left");
}

#[test]
fn a_hostile_name_or_output_is_shown_and_never_executed() {
    let env = workspace();
    configure(&env, &gate(&env, "bad", "printf 'error \\033[2J\\033]0;x\\007\\n'; exit 1", ""));
    let said = env.convoy(["baseline", "--color", "never"]).exits(1);
    assert!(said.stdout.contains("\\x1b[2J") && !said.stdout.contains('\u{1b}'), "{}", said.stdout);
}
