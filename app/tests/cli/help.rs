//! Help, usage errors, completions, schemas.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt as _;

use convoy_testkit::env::TestEnv;

use crate::room;

/// The help of a command and of all below it.
fn help(env: &TestEnv, command: &str, all: &mut String) {
    let run = env.convoy(command.split_whitespace().chain(["-h"])).ok();
    env.convoy(command.split_whitespace().chain(["--help"])).ok();
    let end = run.stdout.find("\nGlobal options:").unwrap_or(run.stdout.len());
    all.push_str(&format!("## convoy {command}\n{}\n", &run.stdout[..end]));
    let below = run.stdout.lines().skip_while(|line| *line != "Commands:").skip(1);
    for line in below.take_while(|line| !line.is_empty()) {
        match line.split_whitespace().next() {
            Some("help") | None => {}
            Some(name) => help(env, format!("{command} {name}").trim(), all),
        }
    }
}

#[test]
fn help_is_the_reference_of_every_command() {
    let mut all = String::new();
    help(&room(), "", &mut all);
    insta::assert_snapshot!(all);
}

#[test]
fn what_is_not_a_command_line_exits_2_and_says_what_is() {
    let env = room();
    for line in [
        "",
        "nonsense",
        "create",
        "create name",
        "create --notify",
        "create a gt-1 --notify --run",
        "create a gt-1 --notify -x",
        "create a gt-1 --max-parallel 0",
        "issue create t --priority 5",
        "issue create t --type saga",
        "issue create t --body a --body-file b",
        "issue create t --body-file /nowhere",
        "issue update gt-1",
        "issue update gt-1 --status open --title x",
        "issue close gt-1 --reason because",
        "wait",
        "wait hq-1 --timeout 5",
        "wait hq-1 --timeout soon",
        "list --status lost",
        "events --since -1",
        "schema nothing",
        "completions tcsh",
        "list -q -v",
        "list --color sometimes",
        "supervise",
    ] {
        let run = env.convoy(crate::words(line)).exits(2);
        assert_eq!(run.stdout, "", "{line}");
        assert!(!run.stderr.is_empty(), "{line}");
        let run = env.convoy(crate::words(line).into_iter().chain(["--json".to_owned()])).exits(2);
        assert_eq!(run.stdout, "", "{line}");
        let error: serde_json::Value = serde_json::from_str(&run.stderr).unwrap();
        assert!(error["error"]["message"].is_string(), "{line}: {error}");
        assert_eq!(error["error"]["code"], "usage", "{line}: {error}");
    }
}

#[test]
fn arguments_that_are_not_text_are_a_usage_error() {
    let env = room();
    let bad = OsString::from_vec(b"gt-\xff".to_vec());
    for before in [&["issue", "create"][..], &["status"], &["create", "name"], &["--as"]] {
        let args = before.iter().map(OsString::from).chain([bad.clone()]);
        let run = env.convoy(args).exits(2);
        assert_eq!(run.stdout, "");
        assert!(run.stderr.contains("UTF-8"), "{}", run.stderr);
    }
}

#[test]
fn completions_know_the_commands() {
    let env = room();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = env.convoy(["completions", shell]).ok().stdout;
        assert!(script.contains("stranded"), "{shell}");
    }
}

#[test]
fn schemas_are_json_and_name_the_fixed_keys() {
    let env = room();
    let names = env.convoy(["schema", "--json"]).ok().json();
    for name in names.as_array().unwrap() {
        let schema = env.convoy(["schema", name.as_str().unwrap()]).ok().json();
        assert!(schema["properties"].is_object(), "{name}");
    }
    let convoy = env.convoy(["schema", "convoy"]).ok().json();
    for key in ["id", "title", "status", "tracked", "spent", "health", "landing_epoch", "duration_s"] {
        assert!(convoy["required"].as_array().unwrap().contains(&key.into()), "{key}");
    }
}

#[test]
fn the_version_is_printed() {
    let run = room().convoy(["--version"]).ok();
    assert_eq!(run.stdout, format!("convoy {}\n", env!("CARGO_PKG_VERSION")));
}
