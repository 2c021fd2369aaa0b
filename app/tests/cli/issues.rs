//! Issues, with the engine down and up.

use crate::{both_ways, workspace};

#[test]
fn issues_from_their_making_to_their_end() {
    insta::assert_snapshot!(both_ways(&[
        "init",
        "issue list",
        "issue create 'Update API endpoint' --id gt-xyz --label api --priority 1",
        "issue create 'Add validation' --id gt-def --needs gt-xyz --type bug --acceptance 'all tests pass' --body 'Why: it hurts.'",
        "issue create 'Again' --id gt-xyz",
        "issue list",
        "issue list --ready",
        "issue list --limit 1",
        "issue show gt-def",
        "issue dep add gt-xyz gt-def",
        "issue dep add gt-xyz gt-nope",
        "issue dep add gt-def gt-xyz",
        "issue update gt-def --priority 0 --add-label urgent",
        "issue update gt-def --priority 0",
        "issue close gt-x gt-def --note done",
        "issue close gt-xyz",
        "issue update gt-xyz --status open",
        "issue reopen gt-xyz",
        "issue update gt-xyz --status=closed",
        "issue list --all --status closed",
        "issue dep remove gt-def gt-xyz",
        "issue dep remove gt-def gt-xyz",
        "issue show gt-nope",
        "why gt-def",
    ]));
}

#[test]
fn a_body_comes_from_a_file_or_stdin_and_has_a_limit() {
    let env = workspace();
    let make =
        |text: &str| env.convoy_with_stdin(text, ["issue", "create", "t", "--body-file", "-", "--json"]);
    assert_eq!(make("first\nsecond\n").ok().json()["description"], "first\nsecond\n");
    assert_eq!(
        make(&"x".repeat(1024 * 1024)).ok().json()["description"].as_str().unwrap().len(),
        1024 * 1024
    );
    assert!(make(&"x".repeat(1024 * 1024 + 1)).exits(2).stderr.contains("too long"));
    std::fs::write(env.dir().join("bad"), b"a\xff").unwrap();
    let run = env.convoy(["issue", "create", "t", "--body-file", "bad"]).exits(2);
    assert!(run.stderr.contains("not UTF-8"), "{}", run.stderr);
    env.convoy(["issue", "create", "t", "--body-file", "README.md"]).ok();
}

#[test]
fn a_key_makes_a_repeated_command_the_same_command() {
    let env = workspace();
    let make = || env.convoy(["issue", "create", "once", "--key", "k1", "-q"]).ok().stdout;
    assert_eq!(make(), make());
    assert_eq!(env.convoy(["issue", "list", "--json"]).ok().json().as_array().unwrap().len(), 1);
}

#[test]
fn every_folder_of_the_workspace_will_do() {
    let env = workspace();
    env.convoy(["issue", "create", "t", "--id", "gt-1"]).ok();
    env.convoy_in(&env.dir().join("src"), ["issue", "show", "gt-1"]).ok();
    env.convoy_in(env.root(), ["-C", "repo", "issue", "show", "gt-1"]).ok();
    env.convoy_in(env.root(), ["issue", "show", "gt-1"]).exits(3);
}
