//! The room of a test keeps its promises; a shell script stands in for the binary.

use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use convoy_testkit::env::{TestEnv, agent_toml};
use convoy_testkit::processes;

/// A room whose `convoy` is this script.
fn room(script: &str) -> (tempfile::TempDir, TestEnv) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let program = folder.path().join("convoy");
    // Written by another process: a descriptor of ours that is open for writing while another test forks
    // would make the script busy.
    let text = folder.path().join("text");
    std::fs::write(&text, format!("#!/bin/sh\n{script}\n")).expect("a file in the temporary folder");
    std::fs::set_permissions(&text, std::fs::Permissions::from_mode(0o755)).expect("its mode");
    let env = TestEnv::new(&program);
    let mut copy = env.command("cp", folder.path());
    copy.args(["-p", "text", "convoy"]);
    env.run(copy).ok();
    (folder, env)
}

#[test]
fn nothing_is_inherited_and_all_is_captured() {
    let (_folder, mut env) = room("env | sort; cat; echo oops >&2; exit 3");
    env.repo();
    env.set("EXTRA", "1");
    let run = env.convoy_with_stdin("from stdin\n", ["a", "b"]).exits(3);
    let names: Vec<&str> = run.stdout.lines().filter_map(|line| Some(line.split_once('=')?.0)).collect();
    let expected =
        ["EXTRA", "GIT_CONFIG_NOSYSTEM", "HOME", "LANG", "PATH", "PWD", "TMPDIR", "TZ", "XDG_RUNTIME_DIR"];
    assert_eq!(names, expected);
    assert!(run.stdout.ends_with("from stdin\n"));
    let shown = run.shown();
    assert!(shown.starts_with("$ convoy a b\nEXTRA=1\n") && shown.contains("HOME=[root]/home\n"), "{shown}");
    assert!(shown.ends_with("--- stderr\noops\n--- exit 3\n"), "{shown}");
}

#[test]
fn a_process_that_keeps_stdout_open_holds_nobody_and_is_ended() {
    let (_folder, env) =
        room(r#"echo "$*" >> "$HOME/calls"; [ "$1" = up ] && { sleep 600 & echo begun; }; true"#);
    let repo = env.repo();
    std::fs::create_dir(repo.path().join(".convoy")).unwrap();
    assert_eq!(env.convoy(["up"]).ok().stdout, "begun\n");
    assert_eq!(env.processes().len(), 1);
    let calls = std::fs::File::open(env.home().join("calls")).unwrap();
    let root = env.root().to_owned();
    drop(env);
    let calls = std::io::read_to_string(calls).unwrap();
    assert_eq!(calls, "up\ndown --stop-agents\n", "the engine is told first");
    assert_eq!(processes::of(&root), []);
    assert!(!root.exists());
}

#[test]
fn what_a_test_started_and_forgot_is_ended() {
    let (_folder, env) = room("echo ready; exec sleep 600");
    env.repo();
    let run = env.start(["run"]);
    assert!(run.printed("ready", Duration::from_secs(10)));
    drop(run);
    assert_eq!(env.processes(), []);
}

#[test]
#[should_panic(expected = "did not end in")]
fn a_command_that_does_not_end_is_killed_and_shown() {
    let (_folder, env) = room("echo partial; exec sleep 600");
    env.repo();
    env.start(["x"]).wait(Duration::from_millis(200));
}

#[test]
fn repositories_are_the_same_every_time() {
    let (_folder, env) = room("true");
    let (one, two) = (env.repo(), env.repo_named("other"));
    assert_eq!(one.git(["rev-parse", "HEAD"]), two.git(["rev-parse", "HEAD"]));
    assert_eq!(one.git(["status", "--short"]), "");
    assert_eq!(one.subjects("main"), ["Begin"]);
}

#[test]
fn an_agent_is_configured_by_a_table() {
    let toml = agent_toml("fake", &["/a b".to_owned(), "--x\"y".to_owned()], "plain", &["KEY"]);
    let expected = "[agents.fake]\ncommand = [\"/a b\",\"--x\\\"y\"]\nprompt = \"stdin\"\noutput = \"plain\"\nenv = [\"KEY\"]\nwritable = []\n";
    assert_eq!(toml, expected);
}
