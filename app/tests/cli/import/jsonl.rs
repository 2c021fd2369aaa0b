//! `convoy issue import|export`.

use std::fs;

use serde_json::{Value, json};

use crate::workspace;

fn objects(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn of_beads() -> String {
    let all = [
        json!({"id": "gt-1", "title": "One", "status": "open", "priority": 1, "issue_type": "feature", "design": "d",
               "labels": ["b", "a"], "created_at": "2025-12-30T10:15:00-08:00", "updated_at": "2025-12-30T10:15:00.123456Z",
               "metadata": {"n": [1]},
               "dependencies": [{"issue_id": "gt-1", "depends_on_id": "gt-2", "type": "blocks", "created_at": "2025-12-30T10:15:00Z"}]}),
        json!({"id": "gt-2", "title": "Two", "status": "deferred", "priority": 2, "issue_type": "decision"}),
        json!({"id": "gt-3", "title": "Three \u{1b}[2J", "status": "closed", "close_reason": "by hand", "closed_at": "2025-12-30T10:15:00Z"}),
    ];
    all.iter().map(|issue| format!("{issue}\n")).collect()
}

#[test]
fn there_and_back_with_the_engine_down_and_up() {
    for up in [false, true] {
        let env = workspace();
        if up {
            env.convoy(["up"]).ok();
        }
        let file = env.dir().join("in.jsonl");
        fs::write(&file, of_beads()).unwrap();
        let dry = env.convoy(["issue", "import", "in.jsonl", "--dry-run", "--json"]).ok().json();
        assert_eq!((&dry["new"], &dry["dry_run"]), (&json!(3), &json!(true)));
        assert_eq!(env.convoy(["issue", "list", "--all", "--json"]).ok().stdout, "[]\n");
        let run = env.convoy_with_stdin(&of_beads(), ["issue", "import"]).ok();
        assert!(run.stdout.starts_with("Imported: 3 new, 0 changed, 0 unchanged\n"), "{}", run.stdout);
        let out = env.convoy(["issue", "export"]).ok();
        assert_eq!(objects(&out.stdout), objects(&of_beads()));
        assert!(!out.stdout.contains('\u{1b}'));
        env.convoy(["issue", "export", "out.jsonl"]).ok();
        assert_eq!(objects(&fs::read_to_string(env.dir().join("out.jsonl")).unwrap()), objects(&of_beads()));
        let again = env.convoy(["issue", "import", "out.jsonl", "--json"]).ok().json();
        assert_eq!((&again["unchanged"], &again["items"]), (&json!(3), &json!([])));
        // What is deferred there is not worked on here, and says so.
        env.convoy(["sling", "gt-2"]).exits(1);
        let why = env.convoy(["why", "gt-2"]).ok().stdout;
        assert!(why.contains("deferred") && why.contains("convoy issue reopen gt-2"), "{why}");
        let shown = env.convoy(["issue", "show", "gt-2"]).ok().stdout;
        assert!(shown.contains("Held:") && shown.contains("deferred"), "{shown}");
        env.convoy(["issue", "reopen", "gt-2"]).ok();
        assert_eq!(objects(&env.convoy(["issue", "export"]).ok().stdout)[1]["status"], "open");
    }
}

#[test]
fn an_export_makes_the_same_issues_elsewhere() {
    let env = workspace();
    for line in [
        "issue create 'An epic' --id gt-e --type epic",
        "issue create 'A part' --id gt-p --parent gt-e --needs gt-e --acceptance 'it works' --label x --priority 0",
        "issue create 'Another' --id gt-q",
        "issue dep add gt-q gt-p --type related",
        "issue close gt-q --reason dropped --note 'not needed'",
        "issue close gt-p --reason duplicate --duplicate-of gt-q",
    ] {
        env.convoy(crate::words(line)).ok();
    }
    let text = env.convoy(["issue", "export"]).ok().stdout;
    let other = workspace();
    other.convoy_with_stdin(&text, ["issue", "import", "-"]).ok();
    assert_eq!(other.convoy(["issue", "export"]).ok().stdout, text);
    let list =
        |env: &convoy_testkit::env::TestEnv| env.convoy(["issue", "list", "--all", "--json"]).ok().json();
    assert_eq!(list(&other), list(&env));
}

#[test]
fn a_bad_file_imports_nothing_and_names_the_lines() {
    let env = workspace();
    let bad = "{\"id\":\"gt-1\",\"title\":\"t\"}\nnonsense\n{\"id\":\"gt-2\"}\n{\"id\":\"gt-3\",\"title\":\"t\",\"priority\":9}\n";
    let run = env.convoy_with_stdin(bad, ["issue", "import"]).exits(2);
    assert!(run.stderr.contains("line 2: not a JSON object"), "{}", run.stderr);
    let bad = "{\"id\":\"gt-1\",\"title\":\"t\"}\n{\"id\":\"zz-2\",\"title\":\"t\"}\n{\"id\":\"gt-3\",\"title\":\"t\",\"priority\":9}\n";
    let run = env.convoy_with_stdin(bad, ["issue", "import"]).exits(2);
    for part in [
        "nothing was imported",
        "line 2: zz-2: no rig has the prefix \"zz\"",
        "--rig NAME",
        "line 3: gt-3: priority",
    ] {
        assert!(run.stderr.contains(part), "{part}: {}", run.stderr);
    }
    assert_eq!(env.convoy(["issue", "list", "--all", "--json"]).ok().stdout, "[]\n");
    env.convoy(["issue", "import", "missing.jsonl"]).exits(2);
    let one = "{\"id\":\"zz-2\",\"title\":\"t\"}\n";
    env.convoy_with_stdin(one, ["issue", "import", "--rig", "gastown"]).ok();
    env.convoy_with_stdin(one, ["issue", "import", "--rig", "nowhere"]).ok();
    env.convoy_with_stdin("{\"id\":\"zz-3\",\"title\":\"t\"}\n", ["issue", "import", "--rig", "nowhere"])
        .exits(2);
}

#[test]
fn what_changed_on_both_sides_is_said() {
    let env = workspace();
    let at = |title: &str, at: &str| {
        format!("{{\"id\":\"gt-1\",\"title\":\"{title}\",\"updated_at\":\"{at}\"}}\n")
    };
    env.convoy_with_stdin(&at("theirs", "2025-01-01T00:00:00Z"), ["issue", "import"]).ok();
    env.convoy(["issue", "update", "gt-1", "--title", "ours"]).ok();
    let run =
        env.convoy_with_stdin(&at("theirs again", "2025-01-02T00:00:00Z"), ["issue", "import"]).exits(4);
    assert!(run.stderr.contains("line 1: gt-1 changed here after it changed in the file"), "{}", run.stderr);
    env.convoy_with_stdin(&at("theirs again", "2025-01-02T00:00:00Z"), ["issue", "import", "--force"]).ok();
    let title = env.convoy(["issue", "show", "gt-1", "--json"]).ok().json()["title"].clone();
    assert_eq!(title, "theirs again");
}

#[test]
fn ten_thousand_issues_are_one_step() {
    let env = workspace();
    let line = |n: usize| {
        let needs = if n == 0 {
            json!([])
        } else {
            json!([{"issue_id": format!("gt-{n}"), "depends_on_id": format!("gt-{}", n - 1), "type": "blocks"}])
        };
        json!({"id": format!("gt-{n}"), "title": format!("Issue number {n}"), "description": "x".repeat(100), "status": "open",
               "created_at": "2025-12-30T10:15:00-08:00", "dependencies": needs})
    };
    let text: String = (0..10_000).map(|n| format!("{}\n", line(n))).collect();
    let report = env.convoy_with_stdin(&text, ["issue", "import", "--json"]).ok().json();
    assert_eq!(report["new"], 10_000);
    let out = env.convoy(["issue", "export"]).ok().stdout;
    assert_eq!(out.lines().count(), 10_000);
}
