//! Staging and slinging, as far as no agent works: the engine down and up must say the same.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do, by panicking")]

use convoy_testkit::env::TestEnv;
use serde_json::{Value, json};

use crate::{both_ways, words, workspace};

/// Two parts of an epic that follow each other, and two that follow nothing.
const EPIC: [&str; 6] = [
    "issue create 'Release 2' --id gt-e --type epic -q",
    "issue create 'Backend' --id gt-f --type epic --parent gt-e -q",
    "issue create 'Add the table' --id gt-a --parent gt-f -q",
    "issue create 'Add the endpoint' --id gt-b --parent gt-f --needs gt-a -q",
    "issue create 'Write the page' --id gt-c --parent gt-e -q",
    "issue create 'Something else' --id gt-x -q",
];

#[test]
fn an_epic_is_staged_looked_at_and_staged_again() {
    let lines = [
        "stage",
        "stage gt-none gt-nor",
        "stage gt-a gt-e",
        "stage gt-e --owner mayor/ --notify --human --max-parallel 1",
        "list",
        "list --status staged",
        "list --status open",
        "status hq-",
        "why hq-",
        "why gt-a",
        "stranded",
        "launch hq-",
        "launch gt-e",
        "run hq-",
        "work assign gt-a hq-",
        "stage hq-",
        "stage hq- --max-parallel 2 --title 'Release 2.1'",
        "check hq-",
        "add hq- gt-x",
        "remove hq- gt-x",
        "close hq- --reason 'another plan'",
        "stage hq-",
        "launch hq-",
        "list --status staged",
    ];
    insta::assert_snapshot!(both_ways(&[&EPIC[..], &lines].concat()));
}

#[test]
fn what_an_open_convoy_tracks_is_not_staged() {
    let lines = [
        "create 'Now' gt-a",
        "stage gt-a gt-b",
        "stage hq-",
        "stage gt-x",
        "issue close gt-x",
        "list --status staged",
        "stage gt-x",
        "sling gt-x",
        "sling gt-e",
    ];
    insta::assert_snapshot!(both_ways(&[&EPIC[..], &lines].concat()));
}

fn made(lines: &[&str]) -> TestEnv {
    let env = workspace();
    lines.iter().for_each(|line| drop(env.convoy(words(line)).ok()));
    env
}

/// Keys of an object, in order.
fn keys(value: &Value) -> Vec<&str> {
    let mut keys: Vec<&str> = value.as_object().unwrap().keys().map(String::as_str).collect();
    keys.sort_unstable();
    keys
}

const KEYS: [&str; 10] =
    ["convoy_id", "errors", "gated", "restaged", "status", "tasks", "title", "tree", "warnings", "waves"];

#[test]
fn json_has_the_whole_analysis_and_nothing_else_on_stdout() {
    let env = made(&EPIC);
    let staged = env.convoy(["stage", "gt-e", "--json"]).ok();
    assert_eq!(staged.stderr, "");
    let view = staged.json();
    assert_eq!(keys(&view), KEYS);
    assert_eq!((&view["status"], &view["restaged"]), (&json!("staged_warnings"), &json!(false)));
    assert_eq!((&view["errors"], &view["gated"]), (&json!([]), &json!([])));
    let orphans = &view["warnings"][0];
    assert_eq!(keys(orphans), ["category", "issue_ids", "message", "suggested_fix"]);
    assert_eq!((&orphans["category"], &orphans["issue_ids"]), (&json!("orphan"), &json!(["gt-c"])));
    let task = json!({
        "id": "gt-b", "title": "Add the endpoint", "type": "task", "rig": "gastown", "blocked_by": ["gt-a"]
    });
    assert_eq!(view["waves"][1], json!({ "number": 2, "tasks": [task] }));
    assert_eq!(keys(&view["tree"][0]), ["children", "id", "rig", "status", "title", "type"]);
    assert_eq!(view["tree"][0]["children"][0]["children"][1]["id"], "gt-b");
    let again = env.convoy(["stage", "gt-e", "--title", "New", "--json"]).ok().json();
    assert_eq!((&again["convoy_id"], &again["restaged"]), (&view["convoy_id"], &json!(true)));
    assert_eq!(env.convoy(["list", "--json"]).ok().json().as_array().unwrap().len(), 1, "in place");
}

#[test]
fn what_refuses_it_is_in_the_json_as_well() {
    let env = made(&EPIC);
    // Warnings, and nobody insists.
    for line in ["stage gt-e --launch --json", "launch gt-e --json"] {
        let refused = env.convoy(words(line)).exits(1);
        let view = refused.json();
        assert_eq!(keys(&view), KEYS);
        assert_eq!((&view["status"], &view["convoy_id"]), (&json!("error"), &Value::Null));
        assert_eq!((&view["errors"], &view["warnings"][0]["category"]), (&json!([]), &json!("orphan")));
        let error: Value = serde_json::from_str(&refused.stderr).unwrap();
        assert_eq!(error["error"]["code"], "refused");
        assert!(error["error"]["hint"].as_str().unwrap().contains("--force"), "{error}");
    }
    assert_eq!(env.convoy(["list", "--all", "--json"]).ok().stdout, "[]\n", "all or nothing");
    // Errors.
    env.convoy(["create", "Now", "gt-a"]).ok();
    let refused = env.convoy(["stage", "gt-a", "gt-x", "--json"]).exits(1).json();
    assert_eq!((&refused["status"], &refused["convoy_id"]), (&json!("error"), &Value::Null));
    assert_eq!(refused["errors"][0]["category"], "tracked");
    assert_eq!(refused["errors"][0]["issue_ids"], json!(["gt-a"]));
    // What is not a thing to stage at all is an error as everywhere.
    for (line, status) in [("stage gt-none --json", 3), ("stage gt-a gt-e --json", 2)] {
        let refused = env.convoy(words(line)).exits(status);
        assert_eq!(refused.stdout, "");
        assert!(serde_json::from_str::<Value>(&refused.stderr).is_ok(), "{}", refused.stderr);
    }
}

#[test]
fn rigs_that_nobody_knows_are_errors_and_parked_ones_warnings() {
    let env = made(&EPIC);
    env.repo_named("tools");
    let config = env.dir().join(".convoy/config.toml");
    let home = std::fs::read_to_string(&config).unwrap();
    let with = |more: &str| std::fs::write(&config, format!("{home}\n{more}")).unwrap();
    let tools = "[rigs.tools]\npath = \"../tools\"\nprefix = \"bd\"\n";
    with(tools);
    env.convoy(["issue", "create", "In another rig", "--id", "bd-a"]).ok();
    let categories = |line: &str, of: &str, status: i32| -> Vec<String> {
        let view = env.convoy(words(line)).exits(status).json();
        let all = view[of].as_array().unwrap();
        all.iter().map(|finding| finding["category"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(categories("stage bd-a gt-a --json", "warnings", 0), ["cross_rig"]);
    with(&format!("{tools}parked = true\n"));
    assert_eq!(categories("stage bd-a gt-a --json", "warnings", 0), ["cross_rig", "parked_rig"]);
    let refused = env.convoy(["sling", "bd-a"]).exits(1);
    assert!(refused.stderr.contains("rig tools is parked"), "{}", refused.stderr);
    with("");
    assert_eq!(categories("stage bd-a gt-a --json", "errors", 1), ["unknown_rig"]);
    let launched = env.convoy(["launch", "hq-", "--force"]).exits(1);
    assert!(launched.stderr.contains("rig tools is not known"), "{}", launched.stderr);
    let staged = env.convoy(["list", "--json"]).ok().json();
    assert_eq!(staged[0]["status"], "staged", "nothing was changed");
}

#[test]
fn the_summary_names_the_widest_wave() {
    let env = made(&EPIC);
    let said = env.convoy(["stage", "gt-a", "gt-b", "gt-c", "gt-x"]).ok().stdout;
    assert!(said.contains("4 tasks across 2 waves (max parallelism 3 in wave 1)"), "{said}");
    let hostile = "\u{1b}[2J\u{202e}";
    env.convoy(["issue", "create", hostile, "--id", "gt-h"]).ok();
    let said = env.convoy(["stage", "gt-h"]).ok().stdout;
    assert!(!said.contains('\u{1b}') && !said.contains('\u{202e}') && said.contains("\\x1b[2J"), "{said}");
}
