//! `mirror.issues`: a file that always says what the issues are.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use convoy_testkit::env::TestEnv;
use convoy_testkit::wait;

use crate::workspace;

fn mirrored() -> (TestEnv, PathBuf) {
    let env = workspace();
    env.convoy(["config", "set", "mirror.issues", "issues.jsonl"]).ok();
    let file = env.dir().join("issues.jsonl");
    (env, file)
}

/// Waits until the file holds what an export prints.
#[track_caller]
fn agrees(env: &TestEnv, file: &PathBuf) {
    let expected = env.convoy(["issue", "export"]).ok().stdout;
    let is_so = || fs::read_to_string(file).is_ok_and(|text| text == expected);
    assert!(wait::until(file, Duration::from_secs(30), is_so), "{:?}\n{expected}", fs::read_to_string(file));
}

#[test]
fn each_command_leaves_it_current_with_the_engine_down() {
    let (env, file) = mirrored();
    env.convoy(["issue", "create", "B", "--id", "gt-b"]).ok();
    env.convoy(["issue", "create", "A", "--id", "gt-a"]).ok();
    let text = fs::read_to_string(&file).unwrap();
    assert_eq!(text, env.convoy(["issue", "export"]).ok().stdout);
    assert!(text.find("gt-a") < text.find("gt-b"), "in order of id");
    let written = fs::metadata(&file).unwrap().modified().unwrap();
    env.convoy(["create", "C", "gt-a", "gt-b"]).ok();
    env.convoy(["list"]).ok();
    assert_eq!(fs::metadata(&file).unwrap().modified().unwrap(), written, "only when its content differs");
    env.convoy(["issue", "close", "gt-a"]).ok();
    assert!(fs::read_to_string(&file).unwrap().contains("\"status\":\"closed\""));
    // Whoever finds it gone writes it again, even by asking.
    fs::remove_file(&file).unwrap();
    env.convoy(["list"]).ok();
    agrees(&env, &file);
}

#[test]
fn an_engine_writes_it_when_it_starts_and_after_changes() {
    let (env, file) = mirrored();
    env.convoy(["issue", "create", "A", "--id", "gt-a"]).ok();
    fs::write(&file, "{\"somebody\":\"else\"}\n").unwrap();
    env.convoy(["up"]).ok();
    agrees(&env, &file);
    env.convoy(["issue", "create", "B", "--id", "gt-b"]).ok();
    agrees(&env, &file);
    env.convoy(["issue", "close", "gt-a", "gt-b"]).ok();
    env.convoy(["down"]).ok();
    assert_eq!(fs::read_to_string(&file).unwrap(), env.convoy(["issue", "export"]).ok().stdout);
}

#[test]
fn a_crash_before_it_is_in_place_is_mended_by_the_next_command() {
    let (mut env, file) = mirrored();
    env.convoy(["issue", "create", "A", "--id", "gt-a"]).ok();
    env.set("CONVOY_CRASH", "mirror:rename@1");
    env.convoy(["issue", "create", "B", "--id", "gt-b"]).exits(128 + 9);
    assert!(!fs::read_to_string(&file).unwrap().contains("gt-b"));
    env.set("CONVOY_CRASH", "");
    env.convoy(["issue", "list"]).ok();
    agrees(&env, &file);
    let beside = fs::read_dir(env.dir())
        .unwrap()
        .filter(|entry| entry.as_ref().unwrap().file_name().to_string_lossy().contains("issues.jsonl"));
    assert_eq!(beside.count(), 1, "nothing is left beside it");
}

#[test]
fn a_place_that_cannot_be_is_said() {
    let env = workspace();
    for bad in ["README.md", ".convoy/state/x.jsonl"] {
        let run = env.convoy(["config", "set", "mirror.issues", bad]);
        let next = env.convoy(["issue", "create", "A"]);
        assert!(run.status != 0 || next.status != 0, "{bad}");
    }
    let env = workspace();
    env.convoy(["config", "set", "mirror.issues", "no/such/folder.jsonl"]).ok();
    let run = env.convoy(["issue", "create", "A", "--id", "gt-a"]).ok();
    assert!(run.stderr.contains("the mirror") && run.stderr.contains("cannot be written"), "{}", run.stderr);
}
