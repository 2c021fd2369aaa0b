//! `convoy import gastown|orch|panopticon`.

use std::path::Path;

use convoy_testkit::env::TestEnv;
use serde_json::Value;

use super::trees;
use crate::workspace;

/// Imports with the engine down, and again with it up: the tree is as it was, and again nothing changes.
fn imported(env: &TestEnv, tool: &str, path: &Path) -> (Value, i32) {
    let before = trees::everything(path);
    let path_text = path.to_str().unwrap();
    let dry = env.convoy(["import", tool, path_text, "--dry-run", "--json"]).json();
    let counted = |report: &Value| -> Vec<usize> {
        let changed =
            |key: &str| report[key].as_array().unwrap().iter().filter(|row| row["changed"] == true).count();
        vec![
            changed("convoys"),
            changed("issues"),
            usize::try_from(report["records"]["new"].as_u64().unwrap()).unwrap(),
        ]
    };
    assert_eq!(
        env.convoy(["issue", "list", "--all", "--json"]).ok().stdout,
        "[]\n",
        "a dry run changes nothing"
    );
    let run = env.convoy(["import", tool, path_text, "--json"]);
    let report = run.json();
    assert_eq!(counted(&dry), counted(&report), "what was said would be done was done");
    env.convoy(["up"]).ok();
    let seq = || env.convoy(["events", "--json"]).ok().stdout.lines().count();
    let events = seq();
    let again = env.convoy(["import", tool, path_text, "--json"]).json();
    assert_eq!(counted(&again), [0, 0, 0], "{again:#}");
    assert_eq!(seq(), events);
    assert_eq!(again["unmapped"], report["unmapped"]);
    assert_eq!(trees::everything(path), before, "nothing there was changed");
    (report, run.status)
}

fn convoy(env: &TestEnv, id: &str) -> Value {
    env.convoy(["status", id, "--json"]).ok().json()
}

fn reasons(report: &Value) -> String {
    let line = |one: &Value| format!("{} {}: {}\n", one["kind"], one["id"], one["reason"]).replace('"', "");
    report["unmapped"].as_array().unwrap().iter().map(line).collect()
}

fn has(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "{part}\n{text}");
    }
}

#[test]
fn a_town_of_gastown() {
    let env = workspace();
    let town = trees::gastown(env.root());
    let (report, status) = imported(&env, "gastown", &town);
    assert_eq!(status, 5, "one convoy is not here: {report:#}");
    let open = convoy(&env, "hq-cv-abc12");
    assert_eq!(
        (&open["title"], &open["owner"], &open["status"]),
        (&"Deploy v2.0".into(), &"gastown/joe".into(), &"open".into())
    );
    assert_eq!((&open["owned"], &open["base_branch"]), (&true.into(), &"main".into()));
    assert_eq!(
        (&open["notify"], &open["watchers"]),
        (&serde_json::json!(["mayor/"]), &serde_json::json!(["a/b"]))
    );
    assert_eq!(open["merge"], "queue");
    assert_eq!(open["created_at"], "2025-12-30T18:15:00.000+00:00");
    assert_eq!((&open["total"], &open["created_by"]), (&3.into(), &"mayor/".into()));
    assert_eq!(convoy(&env, "hq-cv-done1")["status"], "landed");
    let gone = convoy(&env, "hq-cv-gone1");
    assert_eq!((&gone["status"], &gone["close_reason"]), (&"abandoned".into(), &"Force closed".into()));
    env.convoy(["status", "hq-cv-other"]).exits(3);
    for staged in ["hq-cv-stage", "hq-cv-warns"] {
        assert_eq!(convoy(&env, staged)["status"], "staged");
    }
    has(
        &reasons(&report),
        &[
            "convoy hq-cv-other: no rig has the prefix zz: add it (convoy rig add NAME PATH --prefix zz)",
            "issue gt-gone: stands in none of the files",
            "field hq-cv-abc12: label mountain",
            "field hq-cv-abc12: molecule mol-1",
            "watchers: address \\c d\\ is not valid",
            "file .events.jsonl",
        ],
    );
    // What is tracked came, and what that waits for; nothing else.
    let issues = env.convoy(["issue", "list", "--all", "--json"]).ok().json();
    let ids: Vec<&str> =
        issues.as_array().unwrap().iter().map(|issue| issue["id"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), 6, "{ids:?}");
    assert!(!ids.contains(&"gt-loose") && ids.contains(&"gt-first"));
    assert_eq!(env.convoy(["issue", "show", "gt-gone", "--json"]).ok().json()["held"], "unknown");
    let costs = env.convoy(["events", "--type", "record.imported"]).ok().stdout;
    has(&costs, &["2 sessions cost $0.7500 (nux)"]);
    let said = reasons(&report);
    for kept in ["staged_", "merge mr"] {
        assert!(!said.contains(kept), "nothing of it is lost: {said}");
    }
    // A rig of that name, or --rig, brings the rest.
    let run = env.convoy(["import", "gastown", town.to_str().unwrap(), "--rig", "gastown"]).ok();
    has(&run.stdout, &["🚚 hq-cv-other: Elsewhere  (open)"]);
    assert!(
        env.convoy(["mail", "inbox", "mayor/"]).ok().stdout.contains("No mail"),
        "nobody is told of the past"
    );
    assert_eq!(env.convoy(["stage", "hq-cv-warns", "--json"]).ok().json()["convoy_id"], "hq-cv-warns");
    env.convoy(["launch", "hq-cv-warns"]).ok();
    assert_eq!(convoy(&env, "hq-cv-warns")["status"], "open");
}

#[test]
fn a_repository_of_orch() {
    let env = workspace();
    let repo = trees::orch(env.root());
    let (report, status) = imported(&env, "orch", &repo);
    assert_eq!(status, 0, "{report:#}");
    let active = convoy(&env, "convoy-xyz789");
    assert_eq!((&active["status"], &active["epic_id"]), (&"open".into(), &"epic-1".into()));
    assert_eq!((&active["completed"], &active["total"]), (&1.into(), &2.into()));
    assert_eq!(convoy(&env, "convoy-end-0")["status"], "abandoned");
    let done = env.convoy(["issue", "show", "gt-a", "--json"]).ok().json();
    assert_eq!(
        (&done["status"], &done["closed_at"]),
        (&"closed".into(), &"2026-01-09T22:11:56.602+00:00".into())
    );
    let taken = env.convoy(["issue", "show", "gt-b", "--json"]).ok().json();
    assert_eq!((&taken["title"], &taken["held"]), (&"Settings".into(), &"in_progress".into()));
    has(
        &reasons(&report),
        &[
            "file convoy-bad.json: cannot be read: EOF",
            "field convoy-end-: an id may not end so here: it is called convoy-end-0",
            "issue gt-a: stands in no .beads/issues.jsonl: made with its id only, closed",
            "field convoy-xyz789: its budget",
            "file reflections",
        ],
    );
    let history = env.convoy(["events", "--type", "record.imported"]).ok().stdout;
    has(
        &history,
        &[
            "ckpt-1, session 2: Manual pause",
            "worker-2 said",
            "tests fail",
            "cost $0.5000 of a budget of $10.0000",
        ],
    );
    assert!(!history.contains('\u{1b}'), "{history:?}");
}

#[test]
fn a_home_of_panopticon() {
    let env = workspace();
    let home = trees::panopticon(env.root());
    let (report, status) = imported(&env, "panopticon", &home);
    assert_eq!(status, 0, "{report:#}");
    assert_eq!(convoy(&env, "convoy-code-review-1")["status"], "landed");
    assert_eq!(convoy(&env, "convoy-code-review-2")["status"], "abandoned");
    let running = convoy(&env, "convoy-planning-3");
    assert_eq!((&running["status"], &running["tracked"][0]["issue_type"]), (&"open".into(), &"step".into()));
    let failed = env.convoy(["issue", "show", "hq-code-review-2-security", "--json"]).ok().json();
    assert_eq!((&failed["close_reason"], &failed["title"]), (&"failed".into(), &"security".into()));
    has(
        &reasons(&report),
        &[
            "status running: its tmux sessions",
            "file lightweight-review.json: templates are not there yet",
            "names no cost",
        ],
    );
    let history = env.convoy(["events", "--type", "record.imported"]).ok().stdout;
    has(
        &history,
        &["agent agent-min-123 (sonnet), stopped, branch feature/min-123, $1.5000", "issue MIN-123"],
    );
}

#[test]
fn a_folder_of_nothing_says_what_is_expected() {
    let env = workspace();
    let empty = env.home();
    for (tool, hint) in
        [("gastown", "bd export"), ("orch", ".orchestration"), ("panopticon", "~/.panopticon")]
    {
        let run = env.convoy(["import", tool, empty.to_str().unwrap()]).exits(3);
        has(&run.stderr, &[hint]);
        env.convoy(["import", tool, "/does/not/exist"]).exits(3);
    }
}
